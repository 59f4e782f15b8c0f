// Fixture traces, made from a seed: the same every run. As plain spans, which the e2e test posts as OTLP and
// the fixture server answers as the native API does.

/** Deterministic numbers in 0 … 1. */
export function seeded(seed) {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** `bytes` random bytes as hex. */
export function hex(random, bytes) {
  return Array.from({ length: bytes }, () => Math.floor(random() * 256).toString(16).padStart(2, '0')).join('');
}

const KINDS = { internal: 1, server: 2, client: 3, producer: 4, consumer: 5 };

/** Starts a trace; `add` returns the index of the span, to be given as the parent of others. Times in µs. */
function builder(seed, startNanos) {
  const random = seeded(seed);
  const trace = { traceId: hex(random, 16), spans: [] };
  const add = (parent, service, name, kind, startMicros, durationMicros, more = {}) => {
    trace.spans.push({
      spanId: hex(random, 8),
      parent,
      service,
      name,
      kind: KINDS[kind],
      start: startNanos + BigInt(Math.round(startMicros * 1000)),
      end: startNanos + BigInt(Math.round((startMicros + durationMicros) * 1000)),
      attributes: [],
      events: [],
      links: [],
      status: 0,
      statusMessage: '',
      ...more,
    });
    return trace.spans.length - 1;
  };
  return { trace, add, random };
}

export const text = (key, value) => ({ key, value: { stringValue: value } });
export const int = (key, value) => ({ key, value: { intValue: String(value) } });
export const bool = (key, value) => ({ key, value: { boolValue: value } });
export const float = (key, value) => ({ key, value: { doubleValue: value } });
export const bytes = (key, base64) => ({ key, value: { bytesValue: base64 } });
export const list = (key, ...values) => ({ key, value: { arrayValue: { values } } });
export const map = (key, ...values) => ({ key, value: { kvlistValue: { values } } });
export const empty = (key) => ({ key, value: {} });

/** An order in a shop: about 40 spans over 5 services, with errors, events, a link and every type of attribute. */
export function shopTrace(seed, startNanos) {
  const { trace, add } = builder(seed, startNanos);
  const root = add(-1, 'shop-web', 'POST /checkout', 'server', 0, 1_820_334.112, {
    attributes: [
      text('http.request.method', 'POST'),
      text('http.route', '/checkout'),
      int('http.response.status_code', 200),
      bool('cart.is_gift', true),
      float('cart.total', 129.95),
      bytes('cart.signature', 'AAECA/8='),
      list('cart.items', { stringValue: 'lamp' }, { stringValue: 'wick' }, { intValue: '3' }),
      map('customer', text('tier', 'gold'), int('orders', 42)),
      empty('coupon'),
      int('order.sequence', '9223372036854775807'),
    ],
    status: 1,
  });
  const cart = add(root, 'shop-cart', 'GET /cart/{id}', 'server', 12_000, 210_000, { attributes: [text('cart.id', 'c-81f2')] });
  add(cart, 'shop-cart', 'decode session', 'internal', 13_000, 0.3);
  for (let item = 0; item < 18; item += 1) {
    add(cart, 'shop-db', 'SELECT item', 'client', 18_000 + item * 10_400, 8_200 + (item % 5) * 700, {
      attributes: [text('db.system.name', 'postgresql'), text('db.query.text', 'SELECT name, price, stock FROM item WHERE id = $1'), int('db.response.rows', 1)],
    });
  }
  const payment = add(root, 'shop-payment', 'Charge', 'client', 240_000, 1_100_000, { attributes: [float('payment.amount', 129.95), text('payment.currency', 'EUR')] });
  for (let attempt = 0; attempt < 3; attempt += 1) {
    const call = add(payment, 'shop-payment', 'POST bank.example/charge', 'client', 250_000 + attempt * 350_000, attempt < 2 ? 300_000 : 340_000, {
      attributes: [text('server.address', 'bank.example'), int('retry.attempt', attempt), int('http.response.status_code', attempt < 2 ? 504 : 201)],
      status: attempt < 2 ? 2 : 1,
      statusMessage: attempt < 2 ? 'deadline exceeded after 300 ms' : '',
      events:
        attempt < 2
          ? [
              {
                name: 'exception',
                time: startNanos + BigInt((550_000 + attempt * 350_000) * 1000),
                attributes: [
                  text('exception.type', 'GatewayTimeout'),
                  text('exception.message', 'bank.example did not answer within 300 ms'),
                  text('exception.stacktrace', 'GatewayTimeout: bank.example did not answer within 300 ms\n    at charge (payment.js:81)\n    at retry (retry.js:17)'),
                ],
              },
            ]
          : [],
    });
    add(call, 'shop-payment', 'TLS handshake', 'internal', 252_000 + attempt * 350_000, 41_000);
    add(call, 'shop-payment', 'read response', 'internal', 300_000 + attempt * 350_000, attempt < 2 ? 249_000 : 288_000);
  }
  const stock = add(root, 'shop-stock', 'reserve', 'server', 1_350_000, 260_000);
  for (let item = 0; item < 4; item += 1) add(stock, 'shop-db', 'UPDATE stock', 'client', 1_360_000 + item * 60_000, 48_000);
  const send = add(root, 'shop-web', 'publish order.placed', 'producer', 1_640_000, 22_000, {
    attributes: [text('messaging.destination.name', 'order.placed')],
  });
  add(send, 'shop-mailer', 'process order.placed', 'consumer', 1_690_000, 190_000, {
    links: [{ traceId: 'a1'.repeat(16), spanId: 'b2'.repeat(8), attributes: [text('link.reason', 'same batch')] }],
    events: [{ name: 'template rendered', time: startNanos + 1_700_000_000n, attributes: [text('template', 'order-placed.html')] }],
  });
  add(root, 'shop-web', 'render receipt', 'internal', 1_700_000, 112_000);
  return trace;
}

/** A small request; `slowness` scales it. */
export function smallTrace(seed, startNanos, service, name, slowness, isError = false) {
  const { trace, add, random } = builder(seed, startNanos);
  const whole = (2_000 + random() * 30_000) * slowness;
  const root = add(-1, service, name, 'server', 0, whole, {
    attributes: [text('http.route', name.split(' ')[1] ?? '/'), int('http.response.status_code', isError ? 500 : 200)],
    status: isError ? 2 : 0,
    statusMessage: isError ? 'upstream gave up' : '',
  });
  const children = 1 + Math.floor(random() * 5);
  for (let child = 0; child < children; child += 1) {
    add(root, child % 2 === 0 ? 'shop-db' : service, child % 2 === 0 ? 'SELECT session' : 'validate', child % 2 === 0 ? 'client' : 'internal', (whole * child) / children, (whole / children) * 0.9);
  }
  return trace;
}

/** A trace of `count` spans, several levels deep. */
export function bigTrace(seed, startNanos, count) {
  const { trace, add, random } = builder(seed, startNanos);
  const services = ['batch-runner', 'batch-reader', 'batch-index', 'batch-store', 'batch-cache', 'batch-audit'];
  const names = ['read page', 'decode', 'merge', 'put', 'get', 'check', 'hash', 'write page'];
  const total = count * 900;
  const open = [{ index: add(-1, services[0], 'nightly run', 'internal', 0, total), from: 0, to: total }];
  while (trace.spans.length < count) {
    const index = trace.spans.length;
    const from = (total * index) / count;
    while (open.length > 1 && (from >= open.at(-1).to || open.length > 2 + Math.floor(random() * 18))) open.pop();
    const parent = open.at(-1);
    const duration = Math.max(1, Math.min(parent.to - from, (parent.to - from) * (0.05 + random() * 0.9)));
    const isError = index % 997 === 500;
    const child = add(parent.index, services[Math.floor(random() * services.length)], names[Math.floor(random() * names.length)], 'internal', from, duration, {
      attributes: [int('page', index)],
      status: isError ? 2 : 0,
      statusMessage: isError ? 'page is torn' : '',
    });
    open.push({ index: child, from, to: from + duration });
  }
  return trace;
}

/** The traces as OTLP requests in JSON, each of at most `spansMax` spans of one trace. */
export function toOtlpRequests(trace, spansMax = 2_000) {
  const requests = [];
  for (let from = 0; from < trace.spans.length; from += spansMax) {
    requests.push(toOtlp([{ trace, spans: trace.spans.slice(from, from + spansMax) }]));
  }
  return requests;
}

/** Parts of traces as one OTLP request in JSON. */
function toOtlp(parts) {
  const byService = new Map();
  for (const { trace, spans } of parts) {
    for (const span of spans) {
      if (!byService.has(span.service)) byService.set(span.service, []);
      byService.get(span.service).push(otlpSpan(trace, span));
    }
  }
  return {
    resourceSpans: [...byService].map(([service, spans]) => ({
      resource: { attributes: [text('service.name', service), text('host.name', `${service}-1`), text('telemetry.sdk.language', 'rust')] },
      scopeSpans: [{ scope: { name: 'fixture', version: '1.0' }, spans }],
    })),
  };
}

function otlpSpan(trace, span) {
  return {
    traceId: trace.traceId,
    spanId: span.spanId,
    ...(span.parent >= 0 ? { parentSpanId: trace.spans[span.parent].spanId } : {}),
    name: span.name,
    kind: span.kind,
    startTimeUnixNano: span.start.toString(),
    endTimeUnixNano: span.end.toString(),
    attributes: span.attributes,
    events: span.events.map((event) => ({ timeUnixNano: event.time.toString(), name: event.name, attributes: event.attributes })),
    links: span.links,
    status: { code: span.status, message: span.statusMessage },
  };
}
