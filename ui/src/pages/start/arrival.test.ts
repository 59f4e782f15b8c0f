// Checks when the start page opens a trace by itself.

import { expect, it } from 'vitest';
import type { StatusResponse } from '../../api/types';
import { follow, traceToOpen, type Arrival } from './arrival';

const status = (newest?: string) => ({ storage: newest === undefined ? {} : { newest_trace_id: newest } }) as StatusResponse;
const after = (...newest: (string | undefined)[]) => newest.reduce<Arrival | null>((arrival, id) => follow(arrival, status(id)), null);

it('opens the first trace of an empty store', () => {
  expect(traceToOpen(after(undefined))).toBeNull();
  expect(traceToOpen(after(undefined, undefined, 'a'))).toBe('a');
});

it('only points at new traces of a store in use', () => {
  const arrival = after('a', 'a', 'b');
  expect(traceToOpen(arrival)).toBeNull();
  expect(arrival?.landed).toBe('b');
});
