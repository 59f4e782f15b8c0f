// Checks that the test trace is one whole trace: unique ids, parents that exist, times inside their bounds.

import { expect, it } from 'vitest';
import { makeTestTrace } from './test-trace';

interface Sent {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
}

it('makes one whole trace', () => {
  let counter = 0;
  const randomHex = (bytes: number) => (counter += 1).toString(16).padStart(bytes * 2, 'a');
  const { traceId, body } = makeTestTrace(1_700_000_000_000, randomHex);
  const { resourceSpans } = body as { resourceSpans: { scopeSpans: { spans: Sent[] }[] }[] };
  const spans = resourceSpans.flatMap((group) => group.scopeSpans.flatMap((scope) => scope.spans));
  const ids = new Set(spans.map((span) => span.spanId));
  expect(ids.size).toBe(spans.length);
  expect(spans.filter((span) => span.parentSpanId === undefined)).toHaveLength(1);
  for (const span of spans) {
    expect(span.traceId).toBe(traceId);
    expect(span.parentSpanId === undefined || ids.has(span.parentSpanId)).toBe(true);
    expect(BigInt(span.endTimeUnixNano) > BigInt(span.startTimeUnixNano)).toBe(true);
  }
});
