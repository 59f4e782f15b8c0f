// What happened during the span, and the spans it points at.

import type { Event, Link, SpanDetail } from '../../api/types';
import { tracePath } from '../../app/routes';
import { withBase } from '../../lib/base';
import { formatUtcExact } from '../../lib/clock';
import { formatDuration } from '../../lib/duration';
import { plural } from '../../lib/text';
import { Icon } from '../../parts/icon';
import type { TraceView } from '../../trace/view';
import { AttributeList } from './attribute-list';
import styles from './panel.module.css';

export function EventList({ view, detail }: { view: TraceView; detail: SpanDetail }) {
  return (
    <>
      <ul>
        {detail.events.map((event, index) => (
          <EventItem key={`${index} ${event.name}`} event={event} view={view} />
        ))}
      </ul>
      {detail.dropped_events_count > 0 && <p class={styles.note}>{plural(detail.dropped_events_count, 'more event')} dropped by the sender.</p>}
    </>
  );
}

function EventItem({ event, view }: { event: Event; view: TraceView }) {
  const time = BigInt(event.time_unix_nano);
  return (
    <li class={`${styles.event} ${event.name === 'exception' ? styles.exception : ''}`}>
      <div class={styles.eventHead}>
        <b>{event.name}</b>
        <span title={formatUtcExact(time)}>+{formatDuration(time - view.trace.startUnixNano)}</span>
      </div>
      <AttributeList attributes={event.attributes} dropped={event.dropped_attributes_count} />
    </li>
  );
}

export function LinkList({ detail }: { detail: SpanDetail }) {
  return (
    <>
      <ul>
        {detail.links.map((link, index) => (
          <LinkItem key={`${index} ${link.span_id}`} link={link} isOwnTrace={link.trace_id === detail.trace_id} />
        ))}
      </ul>
      {detail.dropped_links_count > 0 && <p class={styles.note}>{plural(detail.dropped_links_count, 'more link')} dropped by the sender.</p>}
    </>
  );
}

function LinkItem({ link, isOwnTrace }: { link: Link; isOwnTrace: boolean }) {
  return (
    <li class={styles.event}>
      <a href={withBase(tracePath(link.trace_id, link.span_id))}>
        <Icon name="link" size={13} /> {isOwnTrace ? `Span ${link.span_id} of this trace` : `Trace ${link.trace_id.slice(0, 8)}…, span ${link.span_id}`}
      </a>
      {link.trace_state !== '' && <p class={styles.note}>trace state {link.trace_state}</p>}
      {(link.attributes.length > 0 || link.dropped_attributes_count > 0) && <AttributeList attributes={link.attributes} dropped={link.dropped_attributes_count} />}
    </li>
  );
}
