// Fixture traces in the shape of the native API's answers. A stand-in for the server while the UI is worked on;
// how it orders and counts is the server's business and only imitated here.

const KIND_NAMES = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'];
const STATUS_NAMES = ['unset', 'ok', 'error'];

/** Palette slots, given in first-seen order. */
export class Palette {
  #slots = new Map();

  slot(service) {
    if (!this.#slots.has(service)) this.#slots.set(service, this.#slots.size);
    return this.#slots.get(service);
  }

  names() {
    return [...this.#slots.keys()].toSorted();
  }
}

function bounds(trace) {
  let [start, end] = [trace.spans[0].start, trace.spans[0].end];
  for (const span of trace.spans) {
    if (span.start < start) start = span.start;
    if (span.end > end) end = span.end;
  }
  return { start, end };
}

function servicesOf(trace, palette) {
  const counts = new Map();
  for (const span of trace.spans) {
    const count = counts.get(span.service) ?? { name: span.service, color_slot: palette.slot(span.service), span_count: 0, error_count: 0 };
    count.span_count += 1;
    count.error_count += span.status === 2 ? 1 : 0;
    counts.set(span.service, count);
  }
  return [...counts.values()].toSorted((left, right) => right.span_count - left.span_count);
}

export function summaryOf(trace, palette) {
  const { start, end } = bounds(trace);
  const root = trace.spans.find((span) => span.parent < 0);
  return {
    trace_id: trace.traceId,
    start_unix_nano: start.toString(),
    duration_nanos: (end - start).toString(),
    root_service: root?.service,
    root_name: root?.name,
    span_count: trace.spans.length,
    error_count: trace.spans.filter((span) => span.status === 2).length,
    services: servicesOf(trace, palette),
  };
}

/** Indices of the spans in display order, and the depth of each. */
function displayOrder(trace) {
  const children = new Map();
  trace.spans.forEach((span, index) => {
    if (!children.has(span.parent)) children.set(span.parent, []);
    children.get(span.parent).push(index);
  });
  const byStart = (left, right) => (trace.spans[left].start < trace.spans[right].start ? -1 : 1);
  const rows = [];
  const stack = (children.get(-1) ?? []).toSorted(byStart).toReversed().map((index) => ({ index, depth: 0, parent: -1 }));
  while (stack.length > 0) {
    const row = stack.pop();
    const ordinal = rows.push(row) - 1;
    for (const index of (children.get(row.index) ?? []).toSorted(byStart).toReversed()) stack.push({ index, depth: row.depth + 1, parent: ordinal });
  }
  return rows;
}

export function skeletonOf(trace, palette) {
  const { start } = bounds(trace);
  const rows = displayOrder(trace);
  const summary = summaryOf(trace, palette);
  const names = [...new Set(trace.spans.map((span) => span.name))];
  const nameIndex = new Map(names.map((name, index) => [name, index]));
  const serviceIndex = new Map(summary.services.map((service, index) => [service.name, index]));
  const subtreeEnd = rows.map(() => rows.length);
  const open = [];
  rows.forEach((row, ordinal) => {
    while (open.length > 0 && rows[open.at(-1)].depth >= row.depth) subtreeEnd[open.pop()] = ordinal;
    open.push(ordinal);
  });
  const column = (read) => rows.map((row) => read(trace.spans[row.index]));
  return {
    ...summary,
    depth: rows.reduce((most, row) => Math.max(most, row.depth + 1), 0),
    names,
    warnings: [],
    columns: {
      depth: rows.map((row) => row.depth),
      subtree_end: subtreeEnd,
      parent: rows.map((row) => row.parent),
      start: column((span) => Number(span.start - start)),
      duration: column((span) => Number(span.end - span.start)),
      service: column((span) => serviceIndex.get(span.service)),
      name: column((span) => nameIndex.get(span.name)),
      kind: column((span) => span.kind),
      status: column((span) => span.status),
      events: column((span) => span.events.length),
      links: column((span) => span.links.length),
      flags: column(() => 0),
    },
  };
}

/** `key` is an ordinal or a span id; null when there is no such span. */
export function spanDetailOf(trace, key) {
  const rows = displayOrder(trace);
  const ordinal = /^[0-9a-f]{16}$/.test(key) ? rows.findIndex((row) => trace.spans[row.index].spanId === key) : Number(key);
  const row = rows[ordinal];
  if (row === undefined) return null;
  const span = trace.spans[row.index];
  return {
    ordinal,
    trace_id: trace.traceId,
    span_id: span.spanId,
    ...(span.parent >= 0 ? { parent_span_id: trace.spans[span.parent].spanId } : {}),
    name: span.name,
    service: span.service,
    kind: KIND_NAMES[span.kind],
    status: STATUS_NAMES[span.status],
    status_message: span.statusMessage,
    start_unix_nano: span.start.toString(),
    end_unix_nano: span.end.toString(),
    duration_nanos: (span.end - span.start).toString(),
    trace_state: '',
    flags: 1,
    attributes: span.attributes.map(attribute),
    dropped_attributes_count: 0,
    events: span.events.map((event) => ({ time_unix_nano: event.time.toString(), name: event.name, attributes: event.attributes.map(attribute), dropped_attributes_count: 0 })),
    dropped_events_count: 0,
    links: span.links.map((link) => ({ trace_id: link.traceId, span_id: link.spanId, trace_state: '', flags: 0, attributes: link.attributes.map(attribute), dropped_attributes_count: 0 })),
    dropped_links_count: 0,
    resource: {
      attributes: ['service.name', 'host.name', 'process.runtime.name'].map((name, index) => ({ key: name, value: { type: 'string', value: [span.service, `${span.service}-1`, 'rust'][index] } })),
      dropped_attributes_count: 0,
      schema_url: 'https://opentelemetry.io/schemas/1.26.0',
    },
    scope: { name: 'fixture', version: '1.0', attributes: [], dropped_attributes_count: 0, schema_url: '' },
    warnings: [],
  };
}

function attribute({ key, value }) {
  return { key, value: typed(value) };
}

function typed(value) {
  if ('stringValue' in value) return { type: 'string', value: value.stringValue };
  if ('boolValue' in value) return { type: 'bool', value: value.boolValue };
  if ('intValue' in value) return { type: 'int', value: value.intValue };
  if ('doubleValue' in value) return { type: 'float', value: String(value.doubleValue) };
  if ('bytesValue' in value) return { type: 'bytes', value: value.bytesValue };
  if ('arrayValue' in value) return { type: 'array', value: value.arrayValue.values.map(typed) };
  if ('kvlistValue' in value) return { type: 'map', value: value.kvlistValue.values.map(attribute) };
  return { type: 'empty' };
}
