// The list of traces found: when, what, which services, how long.

import type { TraceSummary } from '../../api/types';
import { tracePath } from '../../app/routes';
import { withBase } from '../../lib/base';
import { formatAgo, formatDateTime, formatTimeOfDay } from '../../lib/clock';
import { formatDuration } from '../../lib/duration';
import { formatCount, plural } from '../../lib/text';
import { Icon } from '../../parts/icon';
import { ServiceBlock, ServiceDot, slotToken } from '../../parts/service';
import explore from './explore.module.css';
import styles from './results.module.css';

const SERVICES_SHOWN = 6;

export function ResultList({ traces, nowMs }: { traces: readonly TraceSummary[]; nowMs: number }) {
  const longest = traces.reduce((most, trace) => Math.max(most, Number(trace.duration_nanos)), 1);
  return (
    <ol class={explore.list} aria-label="Traces, newest first">
      {traces.map((trace) => (
        <Result key={trace.trace_id} trace={trace} longest={longest} nowMs={nowMs} />
      ))}
    </ol>
  );
}

function Result({ trace, longest, nowMs }: { trace: TraceSummary; longest: number; nowMs: number }) {
  const start = BigInt(trace.start_unix_nano);
  const rootSlot = trace.services.find((service) => service.name === trace.root_service)?.color_slot ?? trace.services[0]?.color_slot ?? 0;
  const duration = formatDuration(BigInt(trace.duration_nanos));
  return (
    <li class={styles.row}>
      <div class={styles.when} title={formatDateTime(start)}>
        {formatTimeOfDay(start)}
        <span class={styles.small}>{formatAgo(start, nowMs) || formatDateTime(start).slice(0, 10)}</span>
      </div>
      <div class={styles.what}>
        <a class={styles.link} href={withBase(tracePath(trace.trace_id))}>
          <ServiceDot slot={rootSlot} />
          {trace.root_service !== undefined && <span class={styles.service}>{trace.root_service}</span>}{' '}
          <span class={`${styles.name} ${trace.root_name === undefined ? styles.rootless : ''}`}>{trace.root_name ?? 'root span has not arrived'}</span>
          <span class="visually-hidden">{`, ${duration}, ${plural(trace.span_count, 'span')}, ${plural(trace.error_count, 'error')}`}</span>
        </a>
        <Services trace={trace} />
      </div>
      <div class={styles.took}>
        <div class={styles.duration}>
          <b>{duration}</b>
          <div class={styles.track} aria-hidden="true">
            <div class={styles.bar} style={{ width: `${(Number(trace.duration_nanos) / longest) * 100}%`, '--slot': `var(${slotToken(rootSlot)})` }} />
          </div>
        </div>
        <div class={styles.totals}>
          <span>{plural(trace.span_count, 'span')}</span>
          {trace.error_count > 0 && (
            <span class={styles.errors}>
              <Icon name="alert" size={12} /> {plural(trace.error_count, 'error')}
            </span>
          )}
        </div>
      </div>
    </li>
  );
}

function Services({ trace }: { trace: TraceSummary }) {
  const hidden = trace.services.length - SERVICES_SHOWN;
  return (
    <div class={styles.summary}>
      <div class={styles.block}>
        <ServiceBlock services={trace.services} />
      </div>
      <div class={styles.services}>
        {trace.services.slice(0, SERVICES_SHOWN).map((service) => (
          <span key={service.name} class={styles.count}>
            <ServiceDot slot={service.color_slot} /> {service.name} {formatCount(service.span_count)}
            {service.error_count > 0 && (
              <span class={styles.errors} title={plural(service.error_count, 'error')}>
                <Icon name="alert" size={11} />
                {formatCount(service.error_count)}
              </span>
            )}
          </span>
        ))}
        {hidden > 0 && <span>and {plural(hidden, 'more service')}</span>}
      </div>
    </div>
  );
}
