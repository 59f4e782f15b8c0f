"""The third hop: OpenCensus, which reads and sends W3C's headers."""

import sys

import hop
from opencensus.ext.ocagent.trace_exporter import TraceExporter
from opencensus.trace import span as span_module
from opencensus.trace.propagation.trace_context_http_header_format import TraceContextPropagator
from opencensus.trace.samplers import AlwaysOnSampler
from opencensus.trace.tracer import Tracer


def main():
    propagator = TraceContextPropagator()
    tracer = Tracer(
        span_context=propagator.from_headers(hop.headers()),
        sampler=AlwaysOnSampler(),
        exporter=TraceExporter(service_name="stock", endpoint=sys.argv[1]),
        propagator=propagator,
    )
    with tracer.span(name="reserve") as reserve:
        reserve.span_kind = span_module.SpanKind.SERVER
        names = {"reserve": reserve.span_id, **hop.call(propagator.to_headers(tracer.span_context))}
    hop.tell(names)


main()
