// The trace behind the "Send a test trace" button, as an OTLP/JSON request. Time and randomness are given in.

export interface TestTrace {
  traceId: string;
  body: unknown;
}

interface Step {
  service: string;
  name: string;
  kind: number;
  /** Index of the parent step, -1 for the root. */
  parent: number;
  startMs: number;
  durationMs: number;
  attributes?: Record<string, string | number | boolean>;
  error?: string;
  event?: { name: string; atMs: number; attributes: Record<string, string> };
}

const [INTERNAL, SERVER, CLIENT, PRODUCER, CONSUMER] = [1, 2, 3, 4, 5];

const STEPS: readonly Step[] = [
  { service: 'test-shop', name: 'POST /order', kind: SERVER, parent: -1, startMs: 0, durationMs: 412, attributes: { 'http.request.method': 'POST', 'http.route': '/order', 'http.response.status_code': 200, 'fanal.test': true } },
  { service: 'test-shop', name: 'read basket', kind: INTERNAL, parent: 0, startMs: 4, durationMs: 61, attributes: { 'basket.items': 3 } },
  { service: 'test-shop', name: 'SELECT basket', kind: CLIENT, parent: 1, startMs: 9, durationMs: 48, attributes: { 'db.system.name': 'postgresql', 'db.query.text': 'SELECT * FROM basket WHERE customer = $1' } },
  { service: 'test-payment', name: 'POST /charge', kind: SERVER, parent: 0, startMs: 74, durationMs: 242, attributes: { 'payment.amount': 59.9, 'payment.currency': 'EUR' } },
  { service: 'test-payment', name: 'call bank', kind: CLIENT, parent: 3, startMs: 81, durationMs: 104, attributes: { 'server.address': 'bank.example' }, error: 'timeout after 100 ms', event: { name: 'exception', atMs: 184, attributes: { 'exception.type': 'TimeoutError', 'exception.message': 'no answer from bank.example within 100 ms' } } },
  { service: 'test-payment', name: 'call bank', kind: CLIENT, parent: 3, startMs: 196, durationMs: 109, attributes: { 'server.address': 'bank.example', 'retry.attempt': 1 } },
  { service: 'test-shop', name: 'send order.placed', kind: PRODUCER, parent: 0, startMs: 322, durationMs: 12, attributes: { 'messaging.destination.name': 'order.placed' } },
  { service: 'test-mailer', name: 'process order.placed', kind: CONSUMER, parent: 6, startMs: 338, durationMs: 131, attributes: { 'messaging.system': 'kafka' } },
];

/** `randomHex` gives as many bytes as asked, as hex; `nowMs` is the end of the root span. */
export function makeTestTrace(nowMs: number, randomHex: (bytes: number) => string): TestTrace {
  const traceId = randomHex(16);
  const spanIds = STEPS.map(() => randomHex(8));
  const originMs = Math.floor(nowMs) - STEPS[0].durationMs;
  const services = [...new Set(STEPS.map((step) => step.service))];
  const resourceSpans = services.map((service) => ({
    resource: { attributes: attributes({ 'service.name': service, 'telemetry.sdk.language': 'webjs' }) },
    scopeSpans: [
      {
        scope: { name: 'fanal-test-trace', version: '1' },
        spans: STEPS.flatMap((step, index) => (step.service === service ? [span(step, index, traceId, spanIds, originMs)] : [])),
      },
    ],
  }));
  return { traceId, body: { resourceSpans } };
}

function span(step: Step, index: number, traceId: string, spanIds: string[], originMs: number): unknown {
  return {
    traceId,
    spanId: spanIds[index],
    ...(step.parent >= 0 ? { parentSpanId: spanIds[step.parent] } : {}),
    name: step.name,
    kind: step.kind,
    startTimeUnixNano: nanos(originMs + step.startMs),
    endTimeUnixNano: nanos(originMs + step.startMs + step.durationMs),
    attributes: attributes(step.attributes ?? {}),
    events: step.event === undefined ? [] : [{ timeUnixNano: nanos(originMs + step.event.atMs), name: step.event.name, attributes: attributes(step.event.attributes) }],
    status: step.error === undefined ? { code: 1 } : { code: 2, message: step.error },
  };
}

function attributes(values: Record<string, string | number | boolean>): unknown[] {
  return Object.entries(values).map(([key, value]) => ({ key, value: anyValue(value) }));
}

function anyValue(value: string | number | boolean): unknown {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  return Number.isInteger(value) ? { intValue: value.toString() } : { doubleValue: value };
}

function nanos(ms: number): string {
  return (BigInt(ms) * 1_000_000n).toString();
}
