// Checks that absolute times keep every digit and that no instant makes the formatter throw.

import { expect, it } from 'vitest';
import { formatAgo, formatDateTime, formatUtcExact } from './clock';

it('prints every nanosecond in UTC', () => {
  expect(formatUtcExact(1_795_239_662_118_000_300n)).toBe('2026-11-21T05:41:02.118000300Z');
  expect(formatUtcExact(0n)).toBe('1970-01-01T00:00:00.000000000Z');
});

it('survives the largest 64-bit time', () => {
  expect(formatUtcExact((1n << 64n) - 1n)).toContain('2554');
  expect(formatDateTime(10n ** 30n)).toBe(`${10n ** 30n} ns`);
});

it('says how long ago', () => {
  const now = 1_000_000_000_000;
  const at = (secondsAgo: number) => BigInt(now - secondsAgo * 1000) * 1_000_000n;
  const rows: [number, string][] = [
    [0, 'just now'],
    [12, '12 s ago'],
    [200, '3 min ago'],
    [7_300, '2 h ago'],
    [500_000, '5 d ago'],
    [-5, ''],
  ];
  for (const [seconds, text] of rows) expect(formatAgo(at(seconds), now)).toBe(text);
});
