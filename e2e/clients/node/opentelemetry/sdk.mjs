// OpenTelemetry's SDK with one exporter, and what it recorded of ids and times.
import { OTLPTraceExporter as Grpc } from "@opentelemetry/exporter-trace-otlp-grpc";
import { OTLPTraceExporter as HttpJson } from "@opentelemetry/exporter-trace-otlp-http";
import { OTLPTraceExporter as HttpProtobuf } from "@opentelemetry/exporter-trace-otlp-proto";
import { ZipkinExporter } from "@opentelemetry/exporter-zipkin";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BatchSpanProcessor, NodeTracerProvider } from "@opentelemetry/sdk-trace-node";

const exporters = {
  "otlp-grpc": (endpoint) => new Grpc({ url: `http://${endpoint}` }),
  "otlp-http-json": (endpoint) => new HttpJson({ url: `http://${endpoint}/v1/traces`, compression: "gzip" }),
  "otlp-http-protobuf": (endpoint) => new HttpProtobuf({ url: `http://${endpoint}/v1/traces` }),
  zipkin: (endpoint) => new ZipkinExporter({ url: `http://${endpoint}/api/v2/spans` }),
};

export function start(kind, endpoint, service) {
  const names = {};
  // Zipkin's times are whole microseconds, to which the exporter rounds.
  const unit = kind === "zipkin" ? 1000n : 1n;
  const time = ([seconds, nanoseconds]) => {
    const exact = BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds);
    return ((exact + unit / 2n) / unit) * unit;
  };
  const told = {
    onStart() {},
    onEnd(span) {
      names.trace = span.spanContext().traceId;
      names[span.name] = span.spanContext().spanId;
      const start = time(span.startTime);
      names[`${span.name}.start`] = String(start);
      names[`${span.name}.end`] = String(start + time(span.duration));
      for (const event of span.events) names[event.name] = String(time(event.time));
    },
    async forceFlush() {},
    async shutdown() {},
  };
  const provider = new NodeTracerProvider({
    resource: resourceFromAttributes({ "service.name": service, "shop.floor": 2 }),
    spanProcessors: [told, new BatchSpanProcessor(exporters[kind](endpoint))],
  });
  provider.register();
  return { provider, names };
}
