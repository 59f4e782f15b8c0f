// A trace that ended a moment ago may still be arriving. For half a minute the server is asked again, ever more
// rarely; more spans are shown at once while nobody has touched the view, and offered otherwise.

import { useEffect, useState } from 'preact/hooks';
import { fetchTrace } from '../../api/client';
import type { TraceSkeleton } from '../../api/types';
import type { TraceView } from '../../trace/view';
import { isYoung } from '../../trace/youth';

const DELAYS_MS = [2_500, 2_500, 4_000, 8_000, 13_000];
/** Larger traces are not fetched again and again. */
const SPANS_MAX = 20_000;

/** `onGrown` gets the longer trace; `offered` is one that waits for the user. */
export function useGrowth(view: TraceView | null, onGrown: (skeleton: TraceSkeleton) => void): { offered: TraceSkeleton | undefined } {
  const [offered, setOffered] = useState<TraceSkeleton>();
  useEffect(() => {
    setOffered(undefined);
    if (view === null || view.trace.count > SPANS_MAX || !isYoung(view.trace, Date.now())) return undefined;
    const controller = new AbortController();
    void watch(view, controller.signal, (skeleton) => (view.isUntouched() ? onGrown(skeleton) : setOffered(skeleton)));
    return () => controller.abort();
  }, [view]);
  return { offered };
}

async function watch(view: TraceView, signal: AbortSignal, onGrown: (skeleton: TraceSkeleton) => void): Promise<void> {
  let known = view.trace.spanCount;
  for (const delayMs of DELAYS_MS) {
    await new Promise((resolve) => setTimeout(resolve, delayMs));
    if (signal.aborted) return;
    const skeleton = await fetchTrace(view.trace.id, signal).catch(() => null);
    if (signal.aborted) return;
    if (skeleton === null || skeleton.span_count <= known) continue;
    known = skeleton.span_count;
    onGrown(skeleton);
  }
}
