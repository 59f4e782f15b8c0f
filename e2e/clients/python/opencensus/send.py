"""Sends one trace with OpenCensus through its agent exporter. Usage: send.py HOST:PORT SERVICE."""

import json
import os
import sys
from datetime import datetime, timezone

from opencensus.ext.ocagent.trace_exporter import TraceExporter
from opencensus.trace import attributes, link, span as span_module, status, time_event
from opencensus.trace.samplers import AlwaysOnSampler
from opencensus.trace.tracer import Tracer


def nanoseconds(text):
    """OpenCensus keeps times as texts with microseconds."""
    moment = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)
    since = moment - datetime(1970, 1, 1, tzinfo=timezone.utc)
    return str(((since.days * 86400 + since.seconds) * 1_000_000 + since.microseconds) * 1000)


def main():
    endpoint, service = sys.argv[1:]
    exporter = TraceExporter(service_name=service, host_name="till-7", endpoint=endpoint)
    tracer = Tracer(exporter=exporter, sampler=AlwaysOnSampler())
    names = {}
    with tracer.span(name="checkout") as checkout:
        checkout.span_kind = span_module.SpanKind.SERVER
        checkout.add_attribute("shop.note", "grüße ☕")
        with tracer.span(name="pay") as pay:
            pay.span_kind = span_module.SpanKind.CLIENT
            for key, value in {"shop.items": 3, "shop.ratio": 0.25, "shop.paid": True, "shop.user": "ann"}.items():
                pay.add_attribute(key, value)
            pay.add_annotation("charged", amount=12.5, tries=2)
            pay.add_message_event(
                time_event.MessageEvent(
                    datetime(2026, 1, 2, 3, 4, 5, 678901), 42, time_event.Type.SENT, 512, 128
                )
            )
            why = attributes.Attributes({"why": "retry"})
            pay.add_link(link.Link(f"{7:032x}", f"{9:016x}", link.Type.PARENT_LINKED_SPAN, why))
            pay.set_status(status.Status(2, "card refused"))
    for one in [checkout, pay]:
        names[one.name] = one.span_id
        names[f"{one.name}.start"] = nanoseconds(one.start_time)
        names[f"{one.name}.end"] = nanoseconds(one.end_time)
    names["charged"] = nanoseconds(pay.annotations[0].timestamp)
    names.update(trace=tracer.span_context.trace_id, pid=os.getpid())
    print(json.dumps(names))


main()
