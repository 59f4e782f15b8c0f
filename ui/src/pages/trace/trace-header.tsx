// The totals of the trace at a glance, what is odd about it, and what can be taken away: link, id, JSON.

import { tracePath } from '../../app/routes';
import { withBase } from '../../lib/base';
import { formatDateTime, formatUtcExact } from '../../lib/clock';
import { formatDuration, formatDurationExact } from '../../lib/duration';
import { formatCount, plural } from '../../lib/text';
import { CopyButton } from '../../parts/copy-button';
import { Icon } from '../../parts/icon';
import { ServiceDot } from '../../parts/service';
import type { Trace } from '../../trace/columns';
import type { TraceView } from '../../trace/view';
import { DownloadMenu } from './download-menu';
import styles from './trace.module.css';

export function TraceHeader({ view, spanId }: { view: TraceView; spanId: string | undefined }) {
  const { trace } = view;
  const rootSlot = trace.services.find((service) => service.name === trace.rootService)?.color_slot ?? 0;
  return (
    <>
      <div class={styles.head}>
        <div class={styles.title}>
          <ServiceDot slot={rootSlot} />
          <h1>
            {trace.rootService !== undefined && <span class={styles.rootService}>{trace.rootService} </span>}
            {trace.rootName ?? 'Root span has not arrived'}
          </h1>
        </div>
        <div class={styles.actions}>
          <CopyButton text={() => window.location.origin + withBase(tracePath(trace.id, spanId))} label="Copy link" caption="Link" />
          <CopyButton text={trace.id} label="Copy trace id" caption="Id" />
          <DownloadMenu traceId={trace.id} />
        </div>
      </div>
      <Facts trace={trace} />
      {trace.warnings.length > 0 && (
        <details class={styles.warnings}>
          <summary>
            <Icon name="alert" size={14} /> {plural(trace.warnings.length, 'thing')} to know about this trace
          </summary>
          <ul>
            {trace.warnings.map((warning) => (
              <li key={warning}>{warning}</li>
            ))}
          </ul>
        </details>
      )}
    </>
  );
}

function Facts({ trace }: { trace: Trace }) {
  return (
    <dl class={styles.facts} aria-label="Totals">
      <div title={formatDurationExact(trace.durationNanos)}>
        <dt>long</dt>
        <dd>{formatDuration(trace.durationNanos)}</dd>
      </div>
      <Fact count={trace.spanCount} noun="span" />
      <Fact count={trace.services.length} noun="service" />
      <div>
        <dt>{trace.errorCount === 1 ? 'error' : 'errors'}</dt>
        <dd class={trace.errorCount > 0 ? styles.bad : ''}>
          {trace.errorCount > 0 && <Icon name="alert" size={13} />}
          {formatCount(trace.errorCount)}
        </dd>
      </div>
      <div>
        <dt>deep</dt>
        <dd>{plural(trace.depthMax, 'level')}</dd>
      </div>
      <div title={formatUtcExact(trace.startUnixNano)}>
        <dt class="visually-hidden">start</dt>
        <dd class={styles.plain}>{formatDateTime(trace.startUnixNano)}</dd>
      </div>
    </dl>
  );
}

function Fact({ count, noun }: { count: number; noun: string }) {
  return (
    <div>
      <dt>{count === 1 ? noun : `${noun}s`}</dt>
      <dd>{formatCount(count)}</dd>
    </div>
  );
}
