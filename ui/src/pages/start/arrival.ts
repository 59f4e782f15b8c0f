// Watches the store from the start page: what the first answer held, and whether something new has landed
// since. Pure, so that the moment of opening a trace is tested without a clock.

import type { StatusResponse } from '../../api/types';

export interface Arrival {
  /** True when the store was empty at the first answer. */
  wasEmpty: boolean;
  /** Newest trace at the first answer. */
  first: string | undefined;
  /** Newest trace since, when it is another one. */
  landed: string | undefined;
}

export function follow(previous: Arrival | null, status: StatusResponse): Arrival {
  const newest = status.storage.newest_trace_id;
  if (previous === null) return { wasEmpty: newest === undefined, first: newest, landed: undefined };
  const isNew = newest !== undefined && newest !== previous.first;
  return isNew ? { ...previous, landed: newest } : previous;
}

/** The trace to open by itself: only from a store that was empty, so that a busy one does not pull people away. */
export function traceToOpen(arrival: Arrival | null): string | null {
  return arrival !== null && arrival.wasEmpty && arrival.landed !== undefined ? arrival.landed : null;
}
