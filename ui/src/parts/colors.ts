// The tokens as canvas colours, read once a theme through a hidden probe (custom properties do not resolve
// `light-dark()` by themselves).

import { slotToken } from './service';

export interface Colors {
  background: string;
  text: string;
  muted: string;
  faint: string;
  grid: string;
  line: string;
  error: string;
  warn: string;
  accent: string;
  selected: string;
  hover: string;
  match: string;
  /** Colour of a palette slot. */
  slot: (slot: number) => string;
  /** For labels inside a canvas. */
  font: string;
}

const TOKENS = {
  background: '--bg',
  text: '--text',
  muted: '--muted',
  faint: '--faint',
  grid: '--grid',
  line: '--line',
  error: '--error',
  warn: '--warn',
  accent: '--accent',
  selected: '--selected',
  hover: '--hover',
  match: '--match',
} as const;

const read = new Map<string, Colors>();

/** `theme` must be the one that is shown. */
export function readColors(theme: string): Colors {
  const present = read.get(theme);
  if (present !== undefined) return present;
  const probe = document.createElement('span');
  probe.hidden = true;
  document.body.append(probe);
  const resolve = (token: string) => {
    probe.style.color = `var(${token})`;
    return getComputedStyle(probe).color;
  };
  const named = Object.fromEntries(Object.entries(TOKENS).map(([name, token]) => [name, resolve(token)])) as Record<keyof typeof TOKENS, string>;
  const slots = Array.from({ length: 21 }, (_, slot) => resolve(slotToken(slot)));
  probe.remove();
  const colors: Colors = { ...named, slot: (slot) => slots[Math.min(slot, 20)], font: "11px 'Inter Variable', system-ui, sans-serif" };
  read.set(theme, colors);
  return colors;
}
