// What a person has chosen for this browser: theme, single-key shortcuts, width of the name column. Kept in
// local storage where there is one; never needed for anything to work.

import { effect, signal, type Signal } from '@preact/signals';

export type Theme = 'system' | 'light' | 'dark';

export const theme = stored<Theme>('fanal.theme', 'system', (value) => (value === 'light' || value === 'dark' ? value : 'system'));
export const areShortcutsOn = stored<boolean>('fanal.shortcuts', true, (value) => value !== false);
/** Width of the name column of the waterfall, pixels. */
export const nameWidth = stored<number>('fanal.name-width', 340, (value) => clampNameWidth(Number(value) || 340));

/** What is shown now: the system's theme resolved. */
export const shownTheme = signal<'light' | 'dark'>('light');

export function clampNameWidth(width: number): number {
  return Math.round(Math.min(Math.max(width, 160), 720));
}

/** Switches between light and dark, whatever the system says. */
export function toggleTheme(): void {
  theme.value = shownTheme.value === 'dark' ? 'light' : 'dark';
}

/** Call once at start, before the first paint. */
export function followTheme(): void {
  const system = window.matchMedia('(prefers-color-scheme: dark)');
  const isSystemDark = signal(system.matches);
  system.addEventListener('change', () => {
    isSystemDark.value = system.matches;
  });
  effect(() => {
    const isDark = theme.value === 'dark' || (theme.value === 'system' && isSystemDark.value);
    document.documentElement.dataset.theme = isDark ? 'dark' : 'light';
    shownTheme.value = isDark ? 'dark' : 'light';
  });
}

function stored<T>(key: string, fallback: T, check: (value: unknown) => T): Signal<T> {
  const held = signal(readStored(key, fallback, check));
  let isFirst = true;
  effect(() => {
    const text = JSON.stringify(held.value);
    if (isFirst) {
      isFirst = false;
      return;
    }
    try {
      localStorage.setItem(key, text);
    } catch {
      // A browser that refuses storage keeps the choice for this visit only.
    }
  });
  return held;
}

function readStored<T>(key: string, fallback: T, check: (value: unknown) => T): T {
  try {
    const text = localStorage.getItem(key);
    return text === null ? fallback : check(JSON.parse(text));
  } catch {
    return fallback;
  }
}
