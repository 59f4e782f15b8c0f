// Checks counts, plurals and sizes.

import { expect, it } from 'vitest';
import { formatBytes, formatCount, plural } from './text';

it('groups thousands', () => {
  expect(formatCount(0)).toBe('0');
  expect(formatCount(1_204)).toBe('1,204');
  expect(formatCount(10_000_000)).toBe('10,000,000');
});

it('picks the noun', () => {
  expect(plural(1, 'span')).toBe('1 span');
  expect(plural(2, 'query', 'queries')).toBe('2 queries');
});

it('picks the unit', () => {
  expect(formatBytes(512)).toBe('512 B');
  expect(formatBytes(1_536)).toBe('1.5 KiB');
  expect(formatBytes(20 * 1024 * 1024)).toBe('20 MiB');
});
