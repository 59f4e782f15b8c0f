// How to send a first span, language by language, with the addresses of this server already inside. Pure.

import type { Listener } from '../../api/types';

export interface Endpoints {
  /** `http://host:4318` */
  http: string;
  /** `http://host:4317` */
  grpc: string;
}

export interface Snippet {
  id: string;
  label: string;
  /** One sentence above the code. */
  intro: string;
  code: string;
}

/** Addresses as a client of this page's host reaches them; wildcard binds become that host. */
export function endpointsOf(listeners: readonly Listener[], pageHost: string): Endpoints {
  const address = (name: string, fallbackPort: string) => {
    const bound = listeners.find((listener) => listener.name === name)?.address;
    return `http://${clientAddress(bound ?? `0.0.0.0:${fallbackPort}`, pageHost)}`;
  };
  return { http: address('otlp_http', '4318'), grpc: address('otlp_grpc', '4317') };
}

/** `0.0.0.0:4318` → `pagehost:4318`; a bind to one address keeps it unless it is loopback, as the page is. */
export function clientAddress(bound: string, pageHost: string): string {
  const colon = bound.lastIndexOf(':');
  const [host, port] = [bound.slice(0, colon), bound.slice(colon + 1)];
  const isAnyHost = ['0.0.0.0', '[::]', '127.0.0.1', '[::1]', 'localhost', ''].includes(host);
  return `${isAnyHost ? pageHost : host}:${port}`;
}

export function snippetsFor({ http, grpc }: Endpoints): Snippet[] {
  return [
    { id: 'curl', label: 'curl', intro: 'One span, no library. It starts now and takes 250 ms.', code: curl(http) },
    { id: 'python', label: 'Python', intro: 'Instruments an existing program without changing it.', code: python(http) },
    { id: 'node', label: 'Node.js', intro: 'Instruments an existing program without changing it.', code: node(http) },
    { id: 'go', label: 'Go', intro: 'Add the exporter at the top of main.', code: go(http) },
    { id: 'java', label: 'Java', intro: 'The agent instruments an existing program without changing it.', code: java(http) },
    { id: 'rust', label: 'Rust', intro: 'With the opentelemetry and opentelemetry-otlp crates.', code: rust(http) },
    { id: 'collector', label: 'Collector', intro: 'Add Fanal as one more exporter of an OpenTelemetry Collector.', code: collector(grpc) },
  ];
}

function curl(http: string): string {
  return `now=$(date +%s)
curl -i ${http}/v1/traces -H 'content-type: application/json' -d '{
  "resourceSpans": [{
    "resource": {"attributes": [
      {"key": "service.name", "value": {"stringValue": "my-service"}}]},
    "scopeSpans": [{"spans": [{
      "traceId": "'$(od -An -N16 -tx1 /dev/urandom | tr -d ' \\n')'",
      "spanId": "'$(od -An -N8 -tx1 /dev/urandom | tr -d ' \\n')'",
      "name": "GET /hello", "kind": 2,
      "startTimeUnixNano": "'$now'000000000",
      "endTimeUnixNano": "'$now'250000000"}]}]}]}'`;
}

function environment(http: string): string {
  return `export OTEL_SERVICE_NAME=my-service
export OTEL_EXPORTER_OTLP_ENDPOINT=${http}
export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf`;
}

function python(http: string): string {
  return `pip install opentelemetry-distro opentelemetry-exporter-otlp-proto-http
opentelemetry-bootstrap -a install

${environment(http)}
opentelemetry-instrument python app.py`;
}

function node(http: string): string {
  return `npm install @opentelemetry/api @opentelemetry/auto-instrumentations-node

${environment(http)}
node --require @opentelemetry/auto-instrumentations-node/register app.js`;
}

function go(http: string): string {
  return `// go get go.opentelemetry.io/otel go.opentelemetry.io/otel/sdk \\
//   go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp
// OTEL_SERVICE_NAME=my-service go run .
ctx := context.Background()
exporter, err := otlptracehttp.New(ctx,
    otlptracehttp.WithEndpointURL("${http}/v1/traces"))
if err != nil {
    log.Fatal(err)
}
provider := trace.NewTracerProvider(trace.WithBatcher(exporter))
defer provider.Shutdown(ctx)
otel.SetTracerProvider(provider)

_, span := otel.Tracer("my-service").Start(ctx, "hello")
span.End()`;
}

function java(http: string): string {
  return `# opentelemetry-javaagent.jar: github.com/open-telemetry/opentelemetry-java-instrumentation
${environment(http)}
java -javaagent:opentelemetry-javaagent.jar -jar app.jar`;
}

function rust(http: string): string {
  return `let exporter = opentelemetry_otlp::SpanExporter::builder()
    .with_http()
    .with_endpoint("${http}/v1/traces")
    .build()?;
let provider = opentelemetry_sdk::trace::SdkTracerProvider::builder()
    .with_batch_exporter(exporter)
    .build();
opentelemetry::global::set_tracer_provider(provider.clone());

opentelemetry::global::tracer("my-service").in_span("hello", |_| {});
provider.shutdown()?;`;
}

function collector(grpc: string): string {
  return `exporters:
  otlp/fanal:
    endpoint: ${grpc.replace(/^http:\/\//, '')}
    tls:
      insecure: true

service:
  pipelines:
    traces:
      receivers: [otlp]
      exporters: [otlp/fanal]`;
}
