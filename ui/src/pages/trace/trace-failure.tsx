// A trace that cannot be shown, and why. One that is not stored may still be on its way, so the page goes on
// asking for half a minute.

import { useEffect, useState } from 'preact/hooks';
import type { ApiFailure } from '../../api/client';
import { fetchTrace } from '../../api/client';
import { withBase } from '../../lib/base';
import button from '../../parts/button.module.css';
import { CopyButton } from '../../parts/copy-button';
import { EmptyPane } from '../../parts/notice';

const INTERVAL_MS = 2_000;
const ATTEMPTS = 15;

interface Properties {
  traceId: string;
  error: ApiFailure;
  onRetry: () => void;
}

export function TraceFailure({ traceId, error, onRetry }: Properties) {
  if (error.kind === 'not_found') return <NotStored traceId={traceId} onRetry={onRetry} />;
  const isUnreachable = error.kind === 'unreachable';
  return (
    <EmptyPane
      icon="alert"
      title={isUnreachable ? 'The server does not answer' : 'This trace cannot be shown'}
      actions={<button type="button" class={`${button.button} ${button.primary}`} onClick={onRetry}>Try again</button>}
    >
      <p>{isUnreachable ? 'Is Fanal still running?' : error.message}</p>
    </EmptyPane>
  );
}

function NotStored({ traceId, onRetry }: { traceId: string; onRetry: () => void }) {
  const [attempt, setAttempt] = useState(0);
  const isAsking = attempt < ATTEMPTS;
  useEffect(() => {
    if (!isAsking) return undefined;
    const controller = new AbortController();
    const timer = setTimeout(() => {
      fetchTrace(traceId, controller.signal).then(onRetry, () => {
        if (!controller.signal.aborted) setAttempt((previous) => previous + 1);
      });
    }, INTERVAL_MS);
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, [attempt, traceId]);
  return (
    <EmptyPane
      icon="search"
      title="This trace is not stored"
      actions={
        <>
          <button type="button" class={`${button.button} ${button.primary}`} onClick={onRetry}>Try again</button>
          <a class={button.button} href={withBase('/explore')}>Explore traces</a>
          <a class={button.button} href={withBase('/start')}>What came in?</a>
        </>
      }
    >
      <p>
        <code>{traceId}</code> <CopyButton text={traceId} label="Copy trace id" />
      </p>
      <p>No span of it is here: it was never sent to this server, was rejected, was sampled away by the sender, or has passed its retention.</p>
      <p>{isAsking ? 'It may still be arriving: asking again every two seconds.' : 'It did not arrive within half a minute.'}</p>
    </EmptyPane>
  );
}
