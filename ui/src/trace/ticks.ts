// Where the ruler has marks, and what they say. Steps are 1, 2 or 5 times a power of ten below a minute, and
// round parts of a clock above it.

import { formatDuration } from '../lib/duration';
import type { Viewport } from './viewport';

export interface Tick {
  /** Nanoseconds after the start of the trace. */
  at: number;
  label: string;
}

const SECOND = 1e9;
const CLOCK_STEPS = [60, 120, 300, 600, 1_800, 3_600, 7_200, 21_600, 43_200, 86_400].map((seconds) => seconds * SECOND);
const UNITS: readonly [string, number][] = [
  ['ns', 1],
  ['µs', 1e3],
  ['ms', 1e6],
  ['s', SECOND],
];

/** Marks inside the window, about `wanted` of them. */
export function rulerTicks(view: Viewport, wanted: number): Tick[] {
  const step = tickStep((view.to - view.from) / Math.max(1, wanted));
  const ticks: Tick[] = [];
  for (let index = Math.ceil(view.from / step); index * step <= view.to; index += 1) {
    const at = index * step;
    ticks.push({ at, label: tickLabel(at, step, view.to) });
  }
  return ticks;
}

/** The smallest round step that is not below `least` nanoseconds. */
export function tickStep(least: number): number {
  if (least > 30 * SECOND) {
    const days = Math.ceil(least / (86_400 * SECOND));
    return CLOCK_STEPS.find((step) => step >= least) ?? days * 86_400 * SECOND;
  }
  const power = 10 ** Math.floor(Math.log10(Math.max(least, 1)));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= least * 0.999_999) ?? 10;
  return Math.max(1, step * power);
}

function tickLabel(at: number, step: number, largest: number): string {
  if (at === 0) return '0';
  if (largest >= 60 * SECOND && step >= SECOND) return formatDuration(at);
  const [unit, size] = UNITS.findLast(([, candidate]) => largest >= candidate) ?? UNITS[0];
  const digits = Math.max(0, Math.ceil(-Math.log10(step / size) - 1e-9));
  return `${(at / size).toFixed(digits)} ${unit}`;
}
