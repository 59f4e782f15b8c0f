"""Sends one trace with OpenTelemetry's Python SDK and prints what the SDK recorded, in normal form.

Usage: send.py grpc|http ENDPOINT SERVICE
"""

import json
import sys

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor


class Recorder(SpanProcessor):
    """Keeps every ended span."""

    def __init__(self):
        self.spans = []

    def on_end(self, span):
        self.spans.append(span)


def exporter(protocol, endpoint):
    if protocol == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

        return OTLPSpanExporter(endpoint=endpoint, insecure=True, compression=None)
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter(endpoint=endpoint, compression=Compression.Gzip)


def any_value(value):
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, str):
        return {"stringValue": value}
    return {"arrayValue": [any_value(item) for item in value]}


def attributes(items):
    return {key: any_value(value) for key, value in (items or {}).items()}


def normal(span):
    context, parent = span.get_span_context(), span.parent
    return {
        "trace_id": f"{context.trace_id:032x}",
        "span_id": f"{context.span_id:016x}",
        "parent_span_id": f"{parent.span_id:016x}" if parent else "",
        "name": span.name,
        "kind": span.kind.value + 1,
        "start": str(span.start_time),
        "end": str(span.end_time),
        "trace_state": context.trace_state.to_header(),
        "attributes": attributes(span.attributes),
        "events": [
            {"time": str(event.timestamp), "name": event.name, "attributes": attributes(event.attributes)}
            for event in span.events
        ],
        "links": [
            {
                "trace_id": f"{link.context.trace_id:032x}",
                "span_id": f"{link.context.span_id:016x}",
                "attributes": attributes(link.attributes),
            }
            for link in span.links
        ],
        "status": {"code": span.status.status_code.value, "message": span.status.description or ""},
        "resource": attributes(span.resource.attributes),
        "scope": {"name": span.instrumentation_scope.name, "version": span.instrumentation_scope.version or ""},
    }


def main():
    protocol, endpoint, service = sys.argv[1:]
    recorder = Recorder()
    provider = TracerProvider(resource=Resource.create({"service.name": service, "shop.floor": 2}))
    provider.add_span_processor(recorder)
    provider.add_span_processor(BatchSpanProcessor(exporter(protocol, endpoint)))
    tracer = provider.get_tracer("shop", "1.2.3")
    other = trace.SpanContext(0xA11CE, 0xB0B, is_remote=True)
    with tracer.start_as_current_span("checkout", kind=trace.SpanKind.SERVER) as root:
        root.set_attribute("shop.tags", ["new", "gift"])
        root.set_attribute("shop.note", "grüße ☕")
        link = trace.Link(other, {"why": "retry"})
        with tracer.start_as_current_span("pay", kind=trace.SpanKind.CLIENT, links=[link]) as pay:
            pay.set_attributes({"shop.items": 3, "shop.ratio": 0.25, "shop.paid": True, "shop.user": "ann"})
            pay.add_event("charged", {"amount": 12.5, "tries": 2})
            pay.record_exception(ValueError("card refused"))
            pay.set_status(trace.Status(trace.StatusCode.ERROR, "card refused"))
    if not provider.force_flush(30_000):
        sys.exit("the spans were not accepted in time")
    provider.shutdown()
    print(json.dumps([normal(span) for span in recorder.spans]))


main()
