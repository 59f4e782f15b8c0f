// Everything about the selected span, beside the rows and never between them.

import { useState } from 'preact/hooks';
import type { SpanDetail } from '../../api/types';
import { formatDuration, formatDurationExact } from '../../lib/duration';
import { formatCount } from '../../lib/text';
import button from '../../parts/button.module.css';
import { CopyButton } from '../../parts/copy-button';
import { Icon } from '../../parts/icon';
import { Notice, Skeleton } from '../../parts/notice';
import { ServiceDot } from '../../parts/service';
import { useDelayed } from '../../parts/use-delayed';
import { isSynthetic, KIND_NAMES, STATUS_ERROR } from '../../trace/columns';
import { serviceName, serviceSlot, spanName } from '../../trace/labels';
import { filterAttributes } from '../../trace/values';
import type { TraceView } from '../../trace/view';
import { AttributeList } from './attribute-list';
import { EventList, LinkList } from './event-list';
import { Section } from './section';
import { Identity } from './identity';
import type { SelectedSpan } from './use-selected-span';
import styles from './panel.module.css';

export function SpanPanel({ view, span }: { view: TraceView; span: SelectedSpan }) {
  const ordinal = view.selected.value;
  return (
    <aside class={styles.panel} aria-label="Span details">
      <PanelHead view={view} ordinal={ordinal} />
      <div class={styles.body} tabIndex={0} role="region" aria-label="Details" key={ordinal}>
        <PanelBody view={view} span={span} ordinal={ordinal} />
      </div>
    </aside>
  );
}

function PanelHead({ view, ordinal }: { view: TraceView; ordinal: number }) {
  const { trace } = view;
  const isMissing = isSynthetic(trace, ordinal);
  const isError = trace.status[ordinal] === STATUS_ERROR;
  return (
    <div class={styles.head}>
      <div class={styles.titleLine}>
        <h2>{spanName(trace, ordinal)}</h2>
        <CopyButton text={spanName(trace, ordinal)} label="Copy span name" />
        <button type="button" class={`${button.button} ${button.quiet} ${button.small} ${button.icon}`} aria-label="Close span details" title="Close (Esc)" onClick={() => view.deselect()}>
          <Icon name="close" size={14} />
        </button>
      </div>
      {!isMissing && (
        <>
          <div class={styles.service}>
            <ServiceDot slot={serviceSlot(trace, ordinal)} /> {serviceName(trace, ordinal)}
          </div>
          <dl class={styles.facts}>
            <PanelFact label="took" value={formatDuration(trace.duration[ordinal])} hint={formatDurationExact(trace.duration[ordinal])} />
            <PanelFact label="started at" value={`+${formatDuration(trace.start[ordinal])}`} hint={formatDurationExact(trace.start[ordinal])} />
            <PanelFact label="kind" value={KIND_NAMES[trace.kind[ordinal]] ?? 'unspecified'} />
            <PanelFact label="status" value={['unset', 'ok', 'error'][trace.status[ordinal]] ?? 'unset'} isBad={isError} />
          </dl>
        </>
      )}
    </div>
  );
}

function PanelFact({ label, value, hint, isBad = false }: { label: string; value: string; hint?: string; isBad?: boolean }) {
  return (
    <div title={hint}>
      <dt>{label}</dt>
      <dd class={isBad ? styles.bad : ''}>{value}</dd>
    </div>
  );
}

function PanelBody({ view, span, ordinal }: { view: TraceView; span: SelectedSpan; ordinal: number }) {
  const isSlow = useDelayed(span.detail === undefined);
  if (isSynthetic(view.trace, ordinal)) {
    return <Notice tone="warn" title="This span never arrived">Its children name it as their parent. It may still be on its way, may have been dropped or sampled away, or its service may not report here.</Notice>;
  }
  if (span.error !== undefined) {
    return (
      <Notice tone="error" title="The details could not be loaded">
        <p>{span.error.message}</p>
        <button type="button" class={`${button.button} ${button.small}`} onClick={span.retry}>Try again</button>
      </Notice>
    );
  }
  if (span.detail !== undefined) return <Detail view={view} detail={span.detail} />;
  return isSlow ? <Skeleton height={160} /> : null;
}

function Detail({ view, detail }: { view: TraceView; detail: SpanDetail }) {
  const [filter, setFilter] = useState('');
  const attributes = filterAttributes(detail.attributes, filter);
  const resource = filterAttributes(detail.resource.attributes, filter);
  const total = detail.attributes.length + detail.resource.attributes.length;
  const found = filter.trim() === '' ? '' : `${formatCount(attributes.length + resource.length)} of ${formatCount(total)} shown`;
  return (
    <>
      <div class={styles.stack}>
        {detail.status_message !== '' && <Notice tone={detail.status === 'error' ? 'error' : 'info'} title={detail.status === 'error' ? 'Error' : 'Status'}>{detail.status_message}</Notice>}
        {detail.warnings.map((warning) => <Notice key={warning} tone="warn">{warning}</Notice>)}
      </div>
      <input class={styles.filter} type="text" aria-label="Filter attributes" placeholder="Filter attributes …" autocomplete="off" spellcheck={false} value={filter} onInput={(event) => setFilter(event.currentTarget.value)} />
      <div role="status" class={found === '' ? 'visually-hidden' : styles.note}>{found}</div>
      <Section title="Attributes" count={detail.attributes.length} isOpen>
        <AttributeList attributes={attributes} dropped={detail.dropped_attributes_count} service={detail.service} />
      </Section>
      <Section title="Events" count={detail.events.length} isOpen isHidden={detail.events.length + detail.dropped_events_count === 0}>
        <EventList view={view} detail={detail} />
      </Section>
      <Section title="Links" count={detail.links.length} isOpen isHidden={detail.links.length + detail.dropped_links_count === 0}>
        <LinkList detail={detail} />
      </Section>
      <Section title="Process" count={detail.resource.attributes.length} isOpen>
        <AttributeList attributes={resource} dropped={detail.resource.dropped_attributes_count} service={detail.service} />
      </Section>
      <Identity detail={detail} />
    </>
  );
}
