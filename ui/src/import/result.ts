// What came of an imported file, in words, and where its traces are. Pure, so that it is tested without a browser.

import type { ImportResponse } from '../api/types';
import { tracePath } from '../app/routes';
import { plural } from '../lib/text';
import { EMPTY_SEARCH, formatSearch } from '../query/search-state';

const NANOS_PER_MILLI = 1_000_000n;

/** `Jaeger JSON: 1,204 spans of 31 traces` */
export function summaryOf(result: ImportResponse): string {
  if (result.format === '') return 'The file holds no span';
  const more = result.has_more_traces ? 'more than ' : '';
  return `${result.format}: ${plural(result.accepted_spans, 'span')} of ${more}${plural(result.trace_count, 'trace')}`;
}

/** Address of the trace, or of a search whose range covers them all; `null` where nothing was stored. */
export function placeOf(result: ImportResponse): string | null {
  if (result.trace_id === undefined) return null;
  if (result.trace_count === 1) return tracePath(result.trace_id);
  const { start_min_unix_nano: min, start_max_unix_nano: max } = result;
  if (min === undefined || max === undefined) return '/explore';
  const startMs = Number(BigInt(min) / NANOS_PER_MILLI);
  const endMs = Number((BigInt(max) + NANOS_PER_MILLI - 1n) / NANOS_PER_MILLI);
  return `/explore${formatSearch({ ...EMPTY_SEARCH, time: { kind: 'absolute', startMs, endMs } })}`;
}

/** Whether the whole file is stored. */
export function isWhole(result: ImportResponse): boolean {
  return result.problem === undefined && result.rejected_spans === 0 && result.accepted_spans > 0;
}
