// Checks what counts as a reference to a trace.

import { expect, it } from 'vitest';
import { readTraceReference } from './ids';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';

const rows: [string, string, ReturnType<typeof readTraceReference>][] = [
  ['bare id', TRACE, { traceId: TRACE }],
  ['upper case and blanks', `  ${TRACE.toUpperCase()} `, { traceId: TRACE }],
  ['64-bit id', 'a3ce929d0e0e4736', { traceId: `0000000000000000a3ce929d0e0e4736` }],
  ['uuid form', '4bf92f35-77b3-4da6-a3ce-929d0e0e4736', { traceId: TRACE }],
  ['traceparent', `00-${TRACE}-${SPAN}-01`, { traceId: TRACE, spanId: SPAN }],
  ['traceparent header', `traceparent: 00-${TRACE}-${SPAN}-01`, { traceId: TRACE, spanId: SPAN }],
  ['address', `http://host:16686/x/trace/${TRACE}?span=${SPAN}`, { traceId: TRACE, spanId: SPAN }],
  ['address without span', `/trace/${TRACE}`, { traceId: TRACE }],
  ['all zero', '0'.repeat(32), null],
  ['zero span', `00-${TRACE}-${'0'.repeat(16)}-01`, { traceId: TRACE }],
  ['words', 'checkout', null],
  ['too short', 'abc123', null],
  ['a tag', 'http.status_code=500', null],
  ['empty', '', null],
];

it.each(rows)('%s', (_name, text, expected) => expect(readTraceReference(text)).toEqual(expected));
