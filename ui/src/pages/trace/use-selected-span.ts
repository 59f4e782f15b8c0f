// The details of the selected row, and its place in the URL: `?span=` holds a span id, which the server turns
// into a row on load.

import { useEffect, useRef } from 'preact/hooks';
import { fetchSpan, type ApiFailure } from '../../api/client';
import type { SpanDetail } from '../../api/types';
import { useAnswer } from '../../api/use-answer';
import { place, rewriteQuery } from '../../app/place';
import { isSpanId } from '../../lib/ids';
import { Lru } from '../../lib/lru';
import { announce } from '../../parts/announcer';
import { isSynthetic } from '../../trace/columns';
import type { TraceView } from '../../trace/view';

const KEPT_DETAILS = 200;
/** Fast walks through rows ask only for the row they stop at. */
const SETTLE_MS = 60;

const kept = new Lru<SpanDetail>(KEPT_DETAILS);

export interface SelectedSpan {
  /** Of the selected row only; undefined while it loads. */
  detail: SpanDetail | undefined;
  error: ApiFailure | undefined;
  retry: () => void;
}

export function useSelectedSpan(view: TraceView): SelectedSpan {
  const { trace } = view;
  const ordinal = view.selected.value;
  const key = ordinal < 0 || isSynthetic(trace, ordinal) ? null : `${trace.id}/${ordinal}`;
  const answer = useAnswer(key, (signal) => loadDetail(trace.id, ordinal, signal));
  const detail = key === null ? undefined : answer.data?.ordinal === ordinal ? answer.data : kept.get(key);
  useFromUrl(view);
  const wasSelected = useRef(false);
  useEffect(() => {
    if (ordinal < 0 && wasSelected.current) rewriteQuery('');
    wasSelected.current ||= ordinal >= 0;
  }, [ordinal]);
  useEffect(() => {
    if (detail !== undefined) rewriteQuery(`?span=${detail.span_id}`);
  }, [detail]);
  return { detail, error: answer.error, retry: answer.reload };
}

/** Selects the row that the URL names, when the page opens and when the browser goes back to it. */
function useFromUrl(view: TraceView): void {
  const { visit } = place.value;
  useEffect(() => {
    const spanId = new URLSearchParams(place.value.query).get('span') ?? '';
    if (!isSpanId(spanId)) return undefined;
    const controller = new AbortController();
    fetchSpan(view.trace.id, spanId.toLowerCase(), controller.signal).then(
      (detail) => {
        kept.set(`${view.trace.id}/${detail.ordinal}`, detail);
        view.select(detail.ordinal);
        view.goTo(detail.ordinal);
      },
      () => {
        if (!controller.signal.aborted) announce(`Span ${spanId} is not in this trace`);
      },
    );
    return () => controller.abort();
  }, [view, visit]);
}

async function loadDetail(traceId: string, ordinal: number, signal: AbortSignal): Promise<SpanDetail> {
  const key = `${traceId}/${ordinal}`;
  const present = kept.get(key);
  if (present !== undefined) return present;
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  signal.throwIfAborted();
  const detail = await fetchSpan(traceId, ordinal, signal);
  kept.set(key, detail);
  return detail;
}
