// One trace: loads the skeleton once, then everything happens in its TraceView.

import { useMemo, useState } from 'preact/hooks';
import { fetchTrace } from '../../api/client';
import type { TraceSkeleton } from '../../api/types';
import { useAnswer } from '../../api/use-answer';
import { useTitle } from '../../app/use-title';
import { Skeleton } from '../../parts/notice';
import { useDelayed } from '../../parts/use-delayed';
import { decodeTrace } from '../../trace/columns';
import { TraceView } from '../../trace/view';
import { OpenTrace } from './open-trace';
import { TraceFailure } from './trace-failure';
import { useGrowth } from './use-growth';
import styles from './trace.module.css';

export function TracePage({ traceId }: { traceId: string }) {
  const answer = useAnswer(traceId, (signal) => fetchTrace(traceId, signal));
  const [longer, setLonger] = useState<TraceSkeleton>();
  const skeleton = longer ?? answer.data;
  const view = useMemo(() => (skeleton === undefined ? null : new TraceView(decodeTrace(skeleton))), [skeleton]);
  const { offered } = useGrowth(view, setLonger);
  const isSlow = useDelayed(answer.isLoading);
  useTitle(view === null ? 'Trace' : `${view.trace.rootService ?? ''} ${view.trace.rootName ?? `trace ${traceId.slice(0, 8)}`}`.trim());
  if (answer.error !== undefined) return <TraceFailure traceId={traceId} error={answer.error} onRetry={answer.reload} />;
  if (view !== null) {
    const onShow = offered === undefined ? undefined : () => setLonger(offered);
    return <OpenTrace key={view.trace.spanCount} view={view} more={offered === undefined ? 0 : offered.span_count - view.trace.spanCount} onShowMore={onShow} />;
  }
  if (!isSlow) return <h1 class="visually-hidden">Loading trace</h1>;
  return (
    <div class={styles.loading} aria-busy="true">
      <h1 class="visually-hidden">Loading trace</h1>
      <Skeleton height={24} width="40%" />
      <Skeleton height={56} />
      {Array.from({ length: 12 }, (_, index) => (
        <Skeleton key={index} height={16} width={`${90 - ((index * 37) % 60)}%`} />
      ))}
    </div>
  );
}
