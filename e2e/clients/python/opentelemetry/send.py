"""Sends one trace with OpenTelemetry's SDK. Usage: send.py EXPORTER ENDPOINT SERVICE."""

import json
import sys

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState


def exporter(kind, endpoint):
    if kind == "otlp-grpc":
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import Compression, OTLPSpanExporter

        return OTLPSpanExporter(endpoint=endpoint, insecure=True, compression=Compression.Gzip)
    if kind == "otlp-http":
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        return OTLPSpanExporter(endpoint=f"http://{endpoint}/v1/traces")
    if kind == "jaeger-grpc":
        from opentelemetry.exporter.jaeger.proto.grpc import JaegerExporter

        return JaegerExporter(collector_endpoint=endpoint, insecure=True)
    if kind == "jaeger-udp":
        from opentelemetry.exporter.jaeger.thrift import JaegerExporter

        host, port = endpoint.split(":")
        return JaegerExporter(agent_host_name=host, agent_port=int(port))
    if kind == "zipkin-json":
        from opentelemetry.exporter.zipkin.json import ZipkinExporter
    else:
        from opentelemetry.exporter.zipkin.proto.http import ZipkinExporter
    return ZipkinExporter(endpoint=f"http://{endpoint}/api/v2/spans")


class Told(SpanProcessor):
    """What the SDK recorded of ids and times, the latter as its exporter writes them."""

    def __init__(self, kind):
        self.names = {}
        self.kind = kind

    def rounded(self, nanoseconds):
        if self.kind.startswith("otlp"):
            return nanoseconds
        if self.kind == "jaeger-grpc":
            # Seconds in a double.
            seconds = nanoseconds / 1e9
            return int(seconds) * 1_000_000_000 + int((seconds - int(seconds)) * 1e9)
        return (nanoseconds + 500) // 1000 * 1000

    def on_end(self, span):
        self.names["trace"] = f"{span.context.trace_id:032x}"
        self.names[span.name] = f"{span.context.span_id:016x}"
        start = self.rounded(span.start_time)
        self.names[f"{span.name}.start"] = str(start)
        end = start + self.rounded(span.end_time - span.start_time)
        self.names[f"{span.name}.end"] = str(self.rounded(span.end_time) if self.kind == "jaeger-grpc" else end)
        for event in span.events:
            self.names[event.name] = str(self.rounded(event.timestamp))


def shop(tracer):
    with tracer.start_as_current_span("checkout", kind=SpanKind.SERVER) as checkout:
        checkout.set_attributes({"shop.tags": ["new", "gift"], "shop.note": "grüße ☕", "shop.counts": [1, 2]})
        state = TraceState([("rojo", "00f067aa0ba902b7")])
        other = SpanContext(7 << 64 | 7, 9, is_remote=True, trace_flags=TraceFlags(1), trace_state=state)
        with tracer.start_as_current_span("pay", kind=SpanKind.CLIENT, links=[Link(other, {"why": "retry"})]) as pay:
            pay.set_attributes({"shop.items": 3, "shop.ratio": 0.25, "shop.paid": True, "shop.user": "ann"})
            pay.add_event("charged", {"amount": 12.5, "tries": 2})
            pay.set_status(Status(StatusCode.ERROR, "card refused"))
        with tracer.start_as_current_span("receipt", kind=SpanKind.PRODUCER) as receipt:
            receipt.set_status(Status(StatusCode.OK))


def main():
    kind, endpoint, service = sys.argv[1:]
    told = Told(kind)
    provider = TracerProvider(resource=Resource({"service.name": service, "shop.floor": 2}))
    provider.add_span_processor(told)
    provider.add_span_processor(BatchSpanProcessor(exporter(kind, endpoint)))
    trace.set_tracer_provider(provider)
    shop(trace.get_tracer("shop", "1.2.3"))
    provider.shutdown()
    print(json.dumps(told.names))


main()
