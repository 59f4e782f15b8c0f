"""Sends spans slowly with OpenTelemetry's Python SDK, with its retries, and prints the trace id of each.

Usage: sender.py grpc|http ENDPOINT SECONDS
"""

import json
import sys
import time

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

SPANS_PER_SECOND = 20
# An application that must not lose spans gives its exporter time to try again.
EXPORT_SECONDS_MAX = 300


def exporter(protocol, endpoint):
    if protocol == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

        return OTLPSpanExporter(endpoint=endpoint, insecure=True, timeout=EXPORT_SECONDS_MAX)
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter(endpoint=endpoint, timeout=EXPORT_SECONDS_MAX)


def main():
    protocol, endpoint, seconds = sys.argv[1:]
    provider = TracerProvider(resource=Resource.create({"service.name": f"slow-{protocol}"}))
    provider.add_span_processor(
        BatchSpanProcessor(exporter(protocol, endpoint), max_queue_size=65_536, schedule_delay_millis=500)
    )
    tracer = provider.get_tracer("overload")
    sent = []
    end = time.monotonic() + float(seconds)
    while time.monotonic() < end:
        with tracer.start_as_current_span("tick") as span:
            sent.append(f"{span.get_span_context().trace_id:032x}")
        # A pace, not a wait for something.
        time.sleep(1 / SPANS_PER_SECOND)
    provider.force_flush(EXPORT_SECONDS_MAX * 1000)
    provider.shutdown()
    print(json.dumps(sent))


if __name__ == "__main__":
    main()
