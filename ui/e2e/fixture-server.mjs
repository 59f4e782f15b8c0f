// A stand-in for the server while the UI is worked on: serves `dist` under the real content security policy and
// answers the native API from seeded fixtures. `node e2e/fixture-server.mjs [port] [--empty] [--slow=ms]`.

import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bigTrace, shopTrace, smallTrace } from './fixtures.mjs';
import { Palette, skeletonOf, spanDetailOf, summaryOf } from './native-answers.mjs';

const DIST = fileURLToPath(new URL('../dist', import.meta.url));
const CSP = "default-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'";
const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.woff2': 'font/woff2' };
const port = Number(process.argv[2] ?? 0);
const isEmpty = process.argv.includes('--empty');
const slowMs = Number(process.argv.find((argument) => argument.startsWith('--slow='))?.slice(7) ?? 0);

const palette = new Palette();
const traces = new Map();
/** Spans as posted, by trace. */
const received = new Map();
const ingest = { requests: 0, accepted_spans: 0, rejected_spans: 0, rejected_requests: 0, recent_rejections: [] };
let newest;

function store(trace) {
  traces.set(trace.traceId, { trace, summary: summaryOf(trace, palette) });
  newest = trace.traceId;
}

function seedStore() {
  const now = BigInt(Date.now()) * 1_000_000n;
  const ago = (seconds) => now - BigInt(Math.round(seconds * 1000)) * 1_000_000n;
  const operations = [['shop-web', 'GET /products'], ['shop-web', 'GET /login'], ['shop-cart', 'PUT /cart/{id}'], ['shop-stock', 'GET /stock'], ['shop-mailer', 'POST /bounce']];
  for (let index = 0; index < 64; index += 1) {
    const [service, name] = operations[(index * 7) % operations.length];
    store(smallTrace(1000 + index, ago(3_500 - index * 53 + (index % 7) * 11), service, name, 1 + (index % 9) ** 2, index % 11 === 3));
  }
  store(bigTrace(10_000, ago(2_000), 10_000));
  store(bigTrace(100_000, ago(1_500), 100_000));
  store(shopTrace(1, ago(95)));
  store(shopTrace(2, ago(600)));
}

function matches(summary, trace, params) {
  const nanos = (text) => (text === null ? null : parseNanos(text));
  const service = params.get('service');
  const operation = params.get('operation');
  const min = nanos(params.get('min_duration'));
  const max = nanos(params.get('max_duration'));
  return trace.spans.some(
    (span) =>
      (service === null || span.service === service) &&
      (operation === null || span.name === operation) &&
      (params.get('status') !== 'error' || span.status === 2) &&
      (min === null || span.end - span.start >= min) &&
      (max === null || span.end - span.start <= max) &&
      params.getAll('tag').every((tag) => span.attributes.some((attribute) => tag === attribute.key || tag === `${attribute.key}=${Object.values(attribute.value)[0]}`)),
  );
}

function parseNanos(text) {
  const [, number, unit] = /^([\d.]+)(ns|us|ms|s|m|h)$/.exec(text) ?? [null, '0', 'ns'];
  return BigInt(Math.round(Number(number) * { ns: 1, us: 1e3, ms: 1e6, s: 1e9, m: 6e10, h: 3.6e12 }[unit]));
}

function search(params) {
  const limit = Number(params.get('limit') ?? 20);
  const from = Number(params.get('cursor') ?? 0);
  const found = [...traces.values()].filter(({ trace, summary }) => matches(summary, trace, params)).map(({ summary }) => summary);
  found.sort((left, right) => (BigInt(left.start_unix_nano) < BigInt(right.start_unix_nano) ? 1 : -1));
  const isCut = params.get('service') === 'batch-runner';
  return {
    traces: found.slice(from, from + limit),
    ...(found.length > from + limit ? { next_cursor: String(from + limit) } : {}),
    complete: !isCut,
    warnings: isCut ? ['one block could not be read: checksum of block 7 does not match, its traces are missing here'] : [],
    scanned: { spans: 112_340, granules_read: 3, granules_total: 17 },
  };
}

function answer(path, params) {
  const parts = path.split('/').slice(3).map(decodeURIComponent);
  if (parts[0] === 'status') return status();
  if (parts[0] === 'services' && parts.length === 1) return { services: palette.names().map((name) => ({ name, color_slot: palette.slot(name) })) };
  if (parts[0] === 'services') return { operations: operationsOf(parts[1]) };
  if (parts[0] === 'search') return search(params);
  const held = parts[0] === 'trace' ? traces.get(parts[1]) : undefined;
  if (held === undefined) return null;
  if (parts[2] === 'span') return spanDetailOf(held.trace, parts[3]);
  return skeletonOf(held.trace, palette);
}

function operationsOf(service) {
  const names = new Set([...traces.values()].flatMap(({ trace }) => (trace.spans.length > 1000 ? [] : trace.spans.filter((span) => span.service === service).map((span) => span.name))));
  return [...names].toSorted().map((name) => ({ name, kind: 'server' }));
}

function status() {
  let spans = 0;
  for (const { trace } of traces.values()) spans += trace.spans.length;
  return {
    version: '0.1.0',
    uptime_seconds: Math.round(process.uptime()),
    sampling: { file_services: 0, adaptive_services: 0, adaptive_operations: 0 },
    consumers: [],
    listeners: [
      { name: 'otlp_grpc', title: 'OTLP over gRPC', address: '127.0.0.1:4317' },
      { name: 'otlp_http', title: 'OTLP over HTTP', address: `127.0.0.1:${server.address().port}` },
      { name: 'ui', title: 'This page and its API', address: `127.0.0.1:${server.address().port}` },
    ],
    ingest,
    storage: { spans, head_spans: spans, blocks: 0, block_bytes: 0, disk_bytes: spans * 90, ...(newest === undefined ? {} : { newest_trace_id: newest }) },
  };
}

function receive(body) {
  ingest.requests += 1;
  try {
    const request = JSON.parse(body);
    for (const trace of tracesOf(request)) store(trace);
    return { code: 200, value: {} };
  } catch (error) {
    ingest.rejected_requests += 1;
    const message = `invalid JSON in an OTLP request: ${error.message}`;
    ingest.recent_rejections.unshift({ time_unix_nano: `${Date.now()}000000`, receiver: 'otlp_http', message });
    return { code: 400, value: { code: 3, message } };
  }
}

/** The traces that the request adds to, each with all its spans so far. */
function tracesOf(request) {
  const touched = new Set();
  for (const group of request.resourceSpans) {
    const service = group.resource.attributes.find((attribute) => attribute.key === 'service.name')?.value.stringValue ?? 'unknown_service';
    for (const span of group.scopeSpans.flatMap((scope) => scope.spans)) {
      if (!received.has(span.traceId)) received.set(span.traceId, []);
      received.get(span.traceId).push({ ...span, service });
      touched.add(span.traceId);
      ingest.accepted_spans += 1;
    }
  }
  return [...touched].map((traceId) => {
    const spans = received.get(traceId);
    const index = new Map(spans.map((span, at) => [span.spanId, at]));
    return {
      traceId,
      spans: spans.map((span) => ({
        ...span,
        parent: index.get(span.parentSpanId) ?? -1,
        start: BigInt(span.startTimeUnixNano),
        end: BigInt(span.endTimeUnixNano),
        attributes: span.attributes ?? [],
        events: (span.events ?? []).map((event) => ({ ...event, time: BigInt(event.timeUnixNano) })),
        links: span.links ?? [],
        status: span.status?.code ?? 0,
        statusMessage: span.status?.message ?? '',
      })),
    };
  });
}

async function handle(request, response) {
  const address = new URL(request.url, 'http://localhost');
  const sendJson = (code, value) => {
    response.writeHead(code, { 'content-type': 'application/json', 'access-control-allow-origin': '*' });
    response.end(JSON.stringify(value));
  };
  if (request.method === 'POST' && address.pathname === '/v1/traces') {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const { code, value } = receive(Buffer.concat(chunks).toString());
    return sendJson(code, value);
  }
  if (address.pathname.startsWith('/fanal/v1/')) {
    if (slowMs > 0) await new Promise((resolve) => setTimeout(resolve, slowMs));
    const value = answer(address.pathname, address.searchParams);
    return value === null ? sendJson(404, { error: { kind: 'not_found', message: 'no span of this trace is stored' } }) : sendJson(200, value);
  }
  return sendFile(address.pathname, response);
}

async function sendFile(path, response) {
  const wanted = join(DIST, normalize(path));
  const body = extname(path) === '' ? null : await readFile(wanted).catch(() => null);
  const type = body === null ? '.html' : extname(path);
  response.writeHead(200, { 'content-type': TYPES[type] ?? 'application/octet-stream', 'content-security-policy': CSP });
  response.end(body ?? (await readFile(join(DIST, 'index.html'))));
}

if (!isEmpty) seedStore();
const server = createServer((request, response) => {
  handle(request, response).catch((error) => {
    response.writeHead(500);
    response.end(String(error));
  });
});
server.listen(port, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}`));
