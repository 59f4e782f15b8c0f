// Keyboard shortcuts: pages register what they answer to, the dialog lists what is registered. Keys typed into
// a field or a dialog are never shortcuts, and arrows and Enter belong to whatever has the focus.

import { signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { areShortcutsOn } from './settings';

export interface Shortcut {
  /** As `KeyboardEvent.key`, or two of them with a blank for a sequence (`g e`). */
  keys: readonly string[];
  /** What it does, for the dialog. */
  label: string;
  run: (event: KeyboardEvent) => void;
}

export interface ShortcutGroup {
  title: string;
  shortcuts: readonly Shortcut[];
}

const SEQUENCE_MS = 1_000;

/** Groups in force, the page's last. */
export const shortcutGroups = signal<readonly ShortcutGroup[]>([]);

let pending = { key: '', atMs: 0 };

/** Keeps the group in force while the component lives. */
export function useShortcuts(makeGroup: () => ShortcutGroup, dependencies: readonly unknown[]): void {
  useEffect(() => {
    const group = makeGroup();
    shortcutGroups.value = [...shortcutGroups.value, group];
    return () => {
      shortcutGroups.value = shortcutGroups.value.filter((other) => other !== group);
    };
  }, dependencies);
}

/** Call once at start. */
export function listenForShortcuts(): void {
  document.addEventListener('keydown', (event) => {
    if (!isShortcutEvent(event)) return;
    const nowMs = event.timeStamp;
    const sequence = nowMs - pending.atMs < SEQUENCE_MS ? `${pending.key} ${event.key}` : '';
    const found = find(sequence) ?? find(event.key);
    pending = { key: event.key, atMs: nowMs };
    if (found === undefined) return;
    event.preventDefault();
    found.run(event);
  });
}

function find(keys: string): Shortcut | undefined {
  const groups = shortcutGroups.peek().toReversed();
  return groups.flatMap((group) => group.shortcuts).find((shortcut) => shortcut.keys.includes(keys));
}

function isShortcutEvent(event: KeyboardEvent): boolean {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return false;
  if (!areShortcutsOn.value && event.key.length === 1) return false;
  const target = event.target instanceof HTMLElement ? event.target : null;
  if (document.querySelector('dialog[open]') !== null) return false;
  if (/^(Arrow|Enter)/.test(event.key) && target !== null && !/^(HTML|BODY|MAIN)$/.test(target.tagName)) return false;
  return target === null || !(target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}
