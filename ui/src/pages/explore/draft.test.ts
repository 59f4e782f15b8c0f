// Checks reading the form: whole searches back, and a problem for each field that cannot be read.

import { describe, expect, it } from 'vitest';
import { EMPTY_SEARCH, type SearchState } from '../../query/search-state';
import { draftOf, readDraft, type Draft } from './draft';

describe('draft', () => {
  const states: Partial<SearchState>[] = [
    {},
    { service: 'cart', operation: 'GET /x', tags: ['a=1', 'm="two words"'], status: 'error', kind: 'client' },
    { minDuration: '10us', maxDuration: '1.5s', limit: 100 },
    { time: { kind: 'relative', seconds: 7 } },
    { time: { kind: 'absolute', startMs: 1_700_000_000_123, endMs: 1_700_000_600_000 } },
  ];
  it.each(states)('reads back %j', (part) => {
    const state = { ...EMPTY_SEARCH, ...part };
    expect(readDraft(draftOf(state))).toEqual({ state, problems: {} });
  });

  const bad: [Partial<Draft>, string][] = [
    [{ tags: '=5' }, 'tags'],
    [{ minDuration: 'soon' }, 'minDuration'],
    [{ maxDuration: '5' }, 'maxDuration'],
    [{ minDuration: '2s', maxDuration: '1s' }, 'maxDuration'],
    [{ time: 'custom', from: '', to: '2026-01-01T00:00' }, 'time'],
  ];
  it.each(bad)('refuses %j', (part, field) => {
    const { state, problems } = readDraft({ ...draftOf(EMPTY_SEARCH), ...part });
    expect(state).toBeNull();
    expect(Object.keys(problems)).toEqual([field]);
  });
});
