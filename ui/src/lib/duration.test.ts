// Checks duration text in both directions: table rows, rounding carries, and a seeded round trip.

import { describe, expect, it } from 'vitest';
import { formatDuration, formatDurationExact, normalizeDuration, parseDuration, spokenDuration } from './duration';

describe('formatDuration', () => {
  const rows: [bigint | number, string][] = [
    [0n, '0 ns'],
    [300n, '300 ns'],
    [999n, '999 ns'],
    [1_000n, '1 µs'],
    [1_500n, '1.50 µs'],
    [999_600n, '1.00 ms'],
    [90_000_000n, '90 ms'],
    [412_000_000n, '412 ms'],
    [412_300_000n, '412 ms'],
    [12_340_000n, '12.3 ms'],
    [1_820_334_112n, '1.82 s'],
    [1_100_400_000n, '1.10 s'],
    [59_999_999_999n, '1 m'],
    [125_000_000_000n, '2 m 5 s'],
    [7_500_000_000_000n, '2 h 5 m'],
    [90_000_000_000_000n, '1 d 1 h'],
    [-300n, '−300 ns'],
    [1_500, '1.50 µs'],
  ];
  it.each(rows)('%s → %s', (nanos, text) => expect(formatDuration(nanos)).toBe(text));
});

describe('formatDurationExact', () => {
  const rows: [bigint, string][] = [
    [0n, '0 ns'],
    [300n, '300 ns'],
    [1_820_334_112n, '1.820334112 s'],
    [412_000_300n, '412.0003 ms'],
    [2_000_000_000n, '2 s'],
    [90_000_000_000n, '90 s'],
  ];
  it.each(rows)('%s → %s', (nanos, text) => expect(formatDurationExact(nanos)).toBe(text));
});

describe('parseDuration', () => {
  const rows: [string, bigint | null][] = [
    ['250ms', 250_000_000n],
    ['1.5s', 1_500_000_000n],
    [' 1.5 S ', 1_500_000_000n],
    ['2m', 120_000_000_000n],
    ['10µs', 10_000n],
    ['0', 0n],
    ['5', null],
    ['', null],
    ['fast', null],
    ['1.2.3s', null],
    ['-1s', null],
  ];
  it.each(rows)('%j → %s', (text, nanos) => expect(parseDuration(text)).toBe(nanos));

  it('reads back every exact print', () => {
    let seed = 7n;
    for (let step = 0; step < 2_000; step += 1) {
      seed = (seed * 6364136223846793005n + 1442695040888963407n) % (1n << 64n);
      const nanos = seed >> BigInt(8 + (step % 56));
      const text = formatDurationExact(nanos);
      expect(parseDuration(text), text).toBe(nanos);
    }
  });
});

it('normalizes for the server', () => {
  expect(normalizeDuration(' 10 µs')).toBe('10us');
  expect(normalizeDuration('nonsense')).toBe('');
});

it('speaks units', () => {
  expect(spokenDuration(1_820_000_000n)).toBe('1.82 seconds');
  expect(spokenDuration(300n)).toBe('300 nanoseconds');
});
