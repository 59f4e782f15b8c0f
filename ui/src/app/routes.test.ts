// Checks the path of every page.

import { expect, it } from 'vitest';
import { routeOf, tracePath } from './routes';

const ID = '4bf92f3577b34da6a3ce929d0e0e4736';

it.each([
  ['/', { page: 'home' }],
  ['/index.html', { page: 'home' }],
  ['/start', { page: 'start' }],
  ['/explore/', { page: 'explore' }],
  [`/trace/${ID}`, { page: 'trace', traceId: ID }],
  [`/trace/${ID.toUpperCase()}`, { page: 'trace', traceId: ID }],
  ['/trace/a3ce929d0e0e4736', { page: 'trace', traceId: '0000000000000000a3ce929d0e0e4736' }],
  ['/trace/xyz', { page: 'unknown' }],
  ['/trace', { page: 'unknown' }],
  ['/nowhere', { page: 'unknown' }],
])('%s', (path, route) => expect(routeOf(path)).toEqual(route));

it('writes the path of a trace', () => {
  expect(tracePath(ID)).toBe(`/trace/${ID}`);
  expect(routeOf(tracePath(ID))).toEqual({ page: 'trace', traceId: ID });
});
