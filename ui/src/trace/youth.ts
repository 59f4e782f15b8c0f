// Whether a trace ended so recently that more of its spans may be on their way.

import type { Trace } from './columns';

const YOUNG_MS = 60_000;

/** `nowMs` is the browser's clock; a sender's clock may run a little ahead of it. */
export function isYoung(trace: Pick<Trace, 'startUnixNano' | 'durationNanos'>, nowMs: number): boolean {
  const endMs = Number((trace.startUnixNano + trace.durationNanos) / 1_000_000n);
  return Math.abs(nowMs - endMs) < YOUNG_MS;
}
