// The foot of the span panel: instrumentation scope, ids, raw times.

import type { Attribute, SpanDetail } from '../../api/types';
import { formatUtcExact } from '../../lib/clock';
import { formatDurationExact } from '../../lib/duration';
import { AttributeList } from './attribute-list';
import { Section } from './section';

export function Identity({ detail }: { detail: SpanDetail }) {
  const { scope } = detail;
  const scopeLines = [...texts([['name', scope.name], ['version', scope.version], ['schema', scope.schema_url]]), ...scope.attributes];
  return (
    <>
      <Section title="Scope" isHidden={scopeLines.length === 0}>
        <AttributeList attributes={scopeLines} dropped={scope.dropped_attributes_count} />
      </Section>
      <Section title="Ids and raw times">
        <AttributeList attributes={rawLines(detail)} dropped={0} />
      </Section>
    </>
  );
}

function rawLines(detail: SpanDetail): Attribute[] {
  return texts([
    ['span id', detail.span_id],
    ['parent span id', detail.parent_span_id ?? ''],
    ['trace id', detail.trace_id],
    ['start', formatUtcExact(BigInt(detail.start_unix_nano))],
    ['end', formatUtcExact(BigInt(detail.end_unix_nano))],
    ['start, ns since 1970', detail.start_unix_nano],
    ['end, ns since 1970', detail.end_unix_nano],
    ['duration', formatDurationExact(BigInt(detail.duration_nanos))],
    ['trace state', detail.trace_state],
    ['flags', detail.flags === 0 ? '' : `0x${detail.flags.toString(16)}`],
    ['resource schema', detail.resource.schema_url],
  ]);
}

/** Lines for the texts that are there. */
function texts(lines: readonly [string, string][]): Attribute[] {
  return lines.filter(([, text]) => text !== '').map(([key, text]) => ({ key, value: { type: 'string', value: text } }));
}
