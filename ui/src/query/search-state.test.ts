// Checks the URL codec of the search form: round trips over generated states, totality over noise, and the
// parameters sent to the server.

import { describe, expect, it } from 'vitest';
import { EMPTY_SEARCH, formatSearch, KINDS, parseSearch, searchParams, STATUSES, type SearchState } from './search-state';
import { formatTimeRange, parseTimeRange, type TimeRange } from './time-range';
import { isTag, joinTags, makeTag, splitTags } from './tags';

function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

function pick<T>(random: () => number, values: readonly T[]): T {
  return values[Math.floor(random() * values.length)];
}

function anyTime(random: () => number): TimeRange {
  const startMs = 1_700_000_000_000 + Math.floor(random() * 1e9);
  return pick<TimeRange>(random, [
    { kind: 'any' },
    { kind: 'relative', seconds: 1 + Math.floor(random() * 1e6) },
    { kind: 'absolute', startMs, endMs: startMs + Math.floor(random() * 1e7) },
  ]);
}

function anyState(random: () => number): SearchState {
  const words = ['', 'checkout', 'a b', 'GET /x?y=1&z#é', '100%', '+plus+', '☃', 'a=b'];
  const tags = ['error', 'k=v', 'http.status_code>=500', 'msg="two words"', 'a!=b', 'p<0.5'];
  return {
    service: pick(random, words),
    operation: pick(random, words),
    tags: tags.filter(() => random() < 0.4),
    status: pick(random, STATUSES),
    kind: pick(random, KINDS),
    minDuration: pick(random, ['', '250ms', '1.5s', '10us']),
    maxDuration: pick(random, ['', '2m', '300ns']),
    time: anyTime(random),
    limit: pick(random, [1, 20, 100, 1000]),
  };
}

describe('search codec', () => {
  it('reads back every state it writes', () => {
    const random = randomFrom(1);
    for (let step = 0; step < 2_000; step += 1) {
      const state = anyState(random);
      expect(parseSearch(formatSearch(state))).toEqual(state);
    }
  });

  it('reads any text and settles after one pass', () => {
    const random = randomFrom(2);
    const parts = ['service=', '&', 'limit=', '-1', '1e9', 'tag=', '=', '%', '%zz', 't=', '..', '1h', 'min=', '5', 'ms', 'é', '?'];
    for (let step = 0; step < 2_000; step += 1) {
      const noise = Array.from({ length: 12 }, () => pick(random, parts)).join('');
      const once = formatSearch(parseSearch(noise));
      expect(formatSearch(parseSearch(once))).toBe(once);
    }
  });

  it('writes nothing for the empty search', () => {
    expect(formatSearch(EMPTY_SEARCH)).toBe('');
    expect(parseSearch('')).toEqual(EMPTY_SEARCH);
  });

  it('drops what it cannot read', () => {
    expect(parseSearch('?limit=0&min=quick&status=sad&t=soon&tag=%22')).toEqual(EMPTY_SEARCH);
  });
});

it('asks the server in its own words', () => {
  const state: SearchState = {
    ...EMPTY_SEARCH,
    service: 'pay',
    tags: ['a=1', 'b'],
    minDuration: '250ms',
    time: { kind: 'relative', seconds: 60 },
  };
  expect(searchParams(state, 100_000, 'c1').toString()).toBe(
    'service=pay&tag=a%3D1&tag=b&min_duration=250ms&start=40000000000&limit=20&cursor=c1',
  );
});

describe('time range', () => {
  const rows: [string, string][] = [
    ['60m', '1h'],
    ['90s', '90s'],
    ['7d', '1w'],
    ['0h', ''],
    ['tomorrow', ''],
    ['2026-11-21T06:00:00Z..2026-11-21T05:00:00Z', ''],
    ['2026-11-21T05:00:00Z..2026-11-21T06:00:00Z', '2026-11-21T05:00:00.000Z..2026-11-21T06:00:00.000Z'],
  ];
  it.each(rows)('%j → %j', (text, canonical) => expect(formatTimeRange(parseTimeRange(text))).toBe(canonical));
});

describe('tags', () => {
  it('splits at blanks outside quotes', () => {
    expect(splitTags('  a=1 msg="two words"  b>=5 ')).toEqual(['a=1', 'msg="two words"', 'b>=5']);
    expect(splitTags('')).toEqual([]);
    expect(splitTags('a="it \\" is"')).toEqual(['a="it \\" is"']);
  });

  it('joins back', () => {
    const tags = ['a=1', 'msg="two words"', 'b'];
    expect(splitTags(joinTags(tags))).toEqual(tags);
  });

  it.each(['error', '"a key"', '"a key"="two words"', 'a=b', 'a!=b', 'a>5', 'a="x y"'])('accepts %s', (clause) => expect(isTag(clause)).toBe(true));
  it.each(['', '=b', 'a=', '""', 'a="open'])('refuses %j', (clause) => expect(isTag(clause)).toBe(false));

  it('quotes where needed', () => {
    expect(makeTag('a', 'b')).toBe('a=b');
    expect(makeTag('a', 'b c')).toBe('a="b c"');
    expect(makeTag('a key', 'say "hi"')).toBe('"a key"="say \\"hi\\""');
    expect(makeTag('a', '5', 'always')).toBe('a="5"');
  });
});
