// The words for an imported file and the place where its traces are.

import { expect, test } from 'vitest';
import type { ImportResponse } from '../api/types';
import { parseSearch } from '../query/search-state';
import { boundsOf } from '../query/time-range';
import { isWhole, placeOf, summaryOf } from './result';

const ID = '0af7651916cd43dd8448eb211c80319c';
const ONE: ImportResponse = {
  format: 'Jaeger JSON',
  accepted_spans: 1204,
  rejected_spans: 0,
  rejects: [],
  trace_count: 1,
  has_more_traces: false,
  trace_id: ID,
  start_min_unix_nano: '1700000000000000001',
  start_max_unix_nano: '1700000000000000002',
};

test('a file is summed up in a line', () => {
  expect(summaryOf(ONE)).toBe('Jaeger JSON: 1,204 spans of 1 trace');
  expect(summaryOf({ ...ONE, trace_count: 1_000_000, has_more_traces: true })).toBe('Jaeger JSON: 1,204 spans of more than 1,000,000 traces');
  expect(summaryOf({ ...ONE, format: '' })).toBe('The file holds no span');
});

test('one trace is opened, several are searched in a range that holds them all', () => {
  expect(placeOf(ONE)).toBe(`/trace/${ID}`);
  const place = placeOf({ ...ONE, trace_count: 2 }) ?? '';
  expect(place.startsWith('/explore?')).toBe(true);
  const bounds = boundsOf(parseSearch(place.slice('/explore'.length)).time, 0);
  expect(bounds).toEqual({ start: 1_700_000_000_000_000_000n, end: 1_700_000_000_001_000_000n });
  expect(placeOf({ ...ONE, trace_id: undefined })).toBe(null);
});

test('a file is whole when nothing was rejected or left out', () => {
  expect(isWhole(ONE)).toBe(true);
  expect(isWhole({ ...ONE, rejected_spans: 1 })).toBe(false);
  expect(isWhole({ ...ONE, problem: 'cut off' })).toBe(false);
  expect(isWhole({ ...ONE, accepted_spans: 0 })).toBe(false);
});
