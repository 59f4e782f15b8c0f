// A search taken apart: each thing it asks for in words, with the search that asks for everything else. Used
// for the chips above a result list and for what to drop when nothing was found.

import { EMPTY_SEARCH, type SearchState } from './search-state';
import { describeTimeRange } from './time-range';

export interface Clause {
  label: string;
  /** The same search without this clause. */
  without: SearchState;
}

export function clausesOf(state: SearchState): Clause[] {
  const clauses: Clause[] = [];
  const add = (isSet: boolean, label: string, reset: Partial<SearchState>) => {
    if (isSet) clauses.push({ label, without: { ...state, ...reset } });
  };
  add(state.service !== '', `service ${state.service}`, { service: EMPTY_SEARCH.service, operation: EMPTY_SEARCH.operation });
  add(state.operation !== '', `operation ${state.operation}`, { operation: EMPTY_SEARCH.operation });
  add(state.status !== '', `status ${state.status}`, { status: EMPTY_SEARCH.status });
  add(state.kind !== '', `kind ${state.kind}`, { kind: EMPTY_SEARCH.kind });
  add(state.minDuration !== '', `at least ${state.minDuration}`, { minDuration: EMPTY_SEARCH.minDuration });
  add(state.maxDuration !== '', `at most ${state.maxDuration}`, { maxDuration: EMPTY_SEARCH.maxDuration });
  for (const tag of state.tags) add(true, tag, { tags: state.tags.filter((other) => other !== tag) });
  add(state.time.kind !== 'any', describeTimeRange(state.time), { time: EMPTY_SEARCH.time });
  return clauses;
}
