"""The second hop: ddtrace, which reads B3 and sends W3C's headers."""

import os

os.environ.update(
    DD_SERVICE="bank",
    DD_TRACE_PROPAGATION_STYLE_EXTRACT="b3multi",
    DD_TRACE_PROPAGATION_STYLE_INJECT="tracecontext",
    DD_INSTRUMENTATION_TELEMETRY_ENABLED="false",
    DD_REMOTE_CONFIGURATION_ENABLED="false",
)

import hop
from ddtrace.propagation.http import HTTPPropagator
from ddtrace.trace import tracer


def main():
    tracer.context_provider.activate(HTTPPropagator.extract(hop.headers()))
    with tracer.trace("charge") as charge:
        charge.set_tag("span.kind", "server")
        carried = {}
        HTTPPropagator.inject(charge.context, carried)
        names = {"charge": f"{charge.span_id:016x}", **hop.call(carried)}
    tracer.flush()
    tracer.shutdown()
    hop.tell(names)


main()
