// Checks that a search taken apart names every part and can lose each of them.

import { expect, it } from 'vitest';
import { clausesOf } from './clauses';
import { EMPTY_SEARCH, formatSearch, isEmptySearch, type SearchState } from './search-state';

const full: SearchState = {
  service: 'cart',
  operation: 'Get',
  tags: ['a=1', 'b'],
  status: 'error',
  kind: 'server',
  minDuration: '1s',
  maxDuration: '2s',
  time: { kind: 'relative', seconds: 3600 },
  limit: 20,
};

it('names every clause', () => {
  expect(clausesOf(full).map((clause) => clause.label)).toEqual([
    'service cart', 'operation Get', 'status error', 'kind server', 'at least 1s', 'at most 2s', 'a=1', 'b', 'in the last 1 h',
  ]);
  expect(clausesOf(EMPTY_SEARCH)).toEqual([]);
});

it('drops one clause at a time until nothing is asked', () => {
  let state = full;
  for (let left = clausesOf(state).length; left > 0; left = clausesOf(state).length) {
    const next = clausesOf(state)[left - 1].without;
    expect(formatSearch(next).length).toBeLessThan(formatSearch(state).length);
    state = next;
  }
  expect(isEmptySearch(state)).toBe(true);
});
