// Sends one trace with OpenTelemetry's JavaScript SDK over HTTP with JSON bodies, and prints what the SDK
// recorded, in normal form. Usage: node send.mjs ENDPOINT SERVICE
import { context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';

const [endpoint, service] = process.argv.slice(2);
const spans = [];
const recorder = {
  onStart() {},
  onEnd: (span) => spans.push(span),
  forceFlush: async () => {},
  shutdown: async () => {},
};
const exporter = new OTLPTraceExporter({ url: endpoint });
const failures = [];
const checked = {
  export: (batch, done) =>
    exporter.export(batch, (result) => {
      if (result.code !== 0) failures.push(result.error);
      done(result);
    }),
  shutdown: () => exporter.shutdown(),
  forceFlush: () => exporter.forceFlush(),
};
const provider = new NodeTracerProvider({
  resource: resourceFromAttributes({ 'service.name': service, 'shop.floor': 2 }),
  spanProcessors: [recorder, new BatchSpanProcessor(checked)],
});

const tracer = provider.getTracer('shop', '1.2.3');
const root = tracer.startSpan('checkout', { kind: SpanKind.SERVER });
root.setAttribute('shop.tags', ['new', 'gift']);
root.setAttribute('shop.note', 'grüße ☕');
const other = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', traceFlags: 1 };
const links = [{ context: other, attributes: { why: 'retry' } }];
const inRoot = trace.setSpan(context.active(), root);
const pay = tracer.startSpan('pay', { kind: SpanKind.CLIENT, links }, inRoot);
pay.setAttributes({ 'shop.items': 3, 'shop.ratio': 0.25, 'shop.paid': true, 'shop.user': 'ann' });
pay.addEvent('charged', { amount: 12.5, tries: 2 });
pay.recordException(new Error('card refused'));
pay.setStatus({ code: SpanStatusCode.ERROR, message: 'card refused' });
pay.end();
root.end();
await provider.forceFlush();
await provider.shutdown();
if (failures.length > 0) {
  console.error(failures);
  process.exit(1);
}

const nanos = ([seconds, rest]) => (BigInt(seconds) * 1_000_000_000n + BigInt(rest)).toString();

function anyValue(value) {
  if (Array.isArray(value)) return { arrayValue: value.map(anyValue) };
  if (typeof value === 'boolean') return { boolValue: value };
  if (typeof value === 'string') return { stringValue: value };
  return Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value };
}

const attributes = (items) =>
  Object.fromEntries(Object.entries(items ?? {}).map(([key, value]) => [key, anyValue(value)]));

const normal = (span) => ({
  trace_id: span.spanContext().traceId,
  span_id: span.spanContext().spanId,
  parent_span_id: span.parentSpanContext?.spanId ?? '',
  name: span.name,
  kind: span.kind + 1,
  start: nanos(span.startTime),
  end: nanos(span.endTime),
  trace_state: '',
  attributes: attributes(span.attributes),
  events: span.events.map((event) => ({
    time: nanos(event.time),
    name: event.name,
    attributes: attributes(event.attributes),
  })),
  links: span.links.map((link) => ({
    trace_id: link.context.traceId,
    span_id: link.context.spanId,
    attributes: attributes(link.attributes),
  })),
  status: { code: span.status.code, message: span.status.message ?? '' },
  resource: attributes(span.resource.attributes),
  scope: { name: span.instrumentationScope.name, version: span.instrumentationScope.version ?? '' },
});
console.log(JSON.stringify(spans.map(normal)));
