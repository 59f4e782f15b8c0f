// Checks what the box at the top makes of a text.

import { expect, it } from 'vitest';
import { readBox, type BoxTarget } from './box';
import { EMPTY_SEARCH, type SearchState } from './search-state';

const ID = '4bf92f3577b34da6a3ce929d0e0e4736';
const search = (state: Partial<SearchState>): BoxTarget => ({ kind: 'search', state: { ...EMPTY_SEARCH, ...state } });

it.each<[string, BoxTarget]>([
  [ID, { kind: 'trace', traceId: ID }],
  [`00-${ID}-00f067aa0ba902b7-01`, { kind: 'trace', traceId: ID, spanId: '00f067aa0ba902b7' }],
  ['', search({})],
  ['service=cart', search({ service: 'cart' })],
  ['service.name="my cart" duration>=250ms', search({ service: 'my cart', minDuration: '250ms' })],
  ['status=error kind=server', search({ status: 'error', kind: 'server' })],
  ['http.response.status_code>=500 error', search({ tags: ['http.response.status_code>=500', 'error'] })],
  ['status=odd', search({ tags: ['status=odd'] })],
  ['exception', search({ tags: ['exception'] })],
])('%j', (text, target) => expect(readBox(text)).toEqual(target));

it('says what it cannot read', () => {
  expect(readBox('a= b').kind).toBe('problem');
});
