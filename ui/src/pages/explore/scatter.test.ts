// Checks the geometry of the picture above the result list.

import { expect, it } from 'vitest';
import type { TraceSummary } from '../../api/types';
import { dotAt, scatterOf } from './scatter';

const trace = (start: string, duration: string, errors = 0): TraceSummary => ({
  trace_id: start.padStart(32, '0'),
  start_unix_nano: start,
  duration_nanos: duration,
  root_service: 'web',
  root_name: 'GET',
  span_count: 10,
  error_count: errors,
  services: [{ name: 'web', color_slot: 4, span_count: 10, error_count: errors }],
});

it('spreads over time and the logarithm of duration', () => {
  const { dots, levels } = scatterOf([trace('300', '1000000'), trace('200', '10000000', 1), trace('100', '100000000')]);
  expect(dots.map((dot) => [dot.x, dot.y])).toEqual([[1, 0], [0.5, 0.5], [0, 1]]);
  expect(dots[1]).toMatchObject({ isError: true, slot: 4 });
  expect(levels.map((level) => level.nanos)).toEqual([1e6, 1e7, 1e8]);
});

it('finds the dot under the pointer', () => {
  const scatter = scatterOf([trace('100', '1000'), trace('200', '10000')]);
  expect(dotAt(scatter, 2, 98, 100, 100, 10)?.index).toBe(0);
  expect(dotAt(scatter, 50, 50, 100, 100, 10)).toBeNull();
});

it('survives one trace and none', () => {
  expect(scatterOf([]).dots).toEqual([]);
  expect(scatterOf([trace('100', '0')]).dots[0]).toMatchObject({ x: 0.5, y: 0 });
});
