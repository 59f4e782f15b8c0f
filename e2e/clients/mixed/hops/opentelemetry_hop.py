"""The fourth hop and the sixth: OpenTelemetry, which translates headers. Usage: opentelemetry_hop.py OTLP READS SENDS SERVICE."""

import sys

import hop
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.propagators.aws import AwsXRayPropagator
from opentelemetry.propagators.jaeger import JaegerPropagator
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

PROPAGATORS = {"tracecontext": TraceContextTextMapPropagator, "jaeger": JaegerPropagator, "xray": AwsXRayPropagator}


def main():
    endpoint, reads, sends, service = sys.argv[1:]
    provider = TracerProvider(resource=Resource({"service.name": service}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint, insecure=True)))
    caller = PROPAGATORS[reads]().extract(hop.headers())
    tracer = provider.get_tracer("hops")
    with tracer.start_as_current_span(f"{service} writes", context=caller, kind=SpanKind.SERVER) as span:
        carried = {}
        PROPAGATORS[sends]().inject(carried)
        names = {service: f"{span.get_span_context().span_id:016x}", **hop.call(carried)}
    provider.shutdown()
    hop.tell(names)


main()
