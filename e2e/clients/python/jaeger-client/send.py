"""Sends one trace with Jaeger's own client, over UDP. Usage: send.py HOST PORT SERVICE 64|128."""

import json
import sys
import time

import opentracing
from jaeger_client import Config


def main():
    host, port, service, bits = sys.argv[1:]
    config = Config(
        {
            "sampler": {"type": "const", "param": 1},
            "local_agent": {"reporting_host": host, "reporting_port": int(port)},
            "generate_128bit_trace_id": bits == "128",
            "tags": {"shop.floor": 2},
            "max_tag_value_length": 2048,
        },
        service_name=service,
        validate=True,
    )
    tracer = config.new_tracer()
    names = shop(tracer)
    closed = tracer.close()
    while not closed.done():
        time.sleep(0.01)
    print(json.dumps(names))


def shop(tracer):
    # Milliseconds, so that the client's own conversion of a float to microseconds has nothing to round.
    start = int(time.time() * 1000) / 1000
    checkout = tracer.start_span("checkout", start_time=start, tags={"span.kind": "server", "shop.note": "grüße ☕"})
    checkout.set_baggage_item("user", "ann")
    pay = tracer.start_span("pay", child_of=checkout, start_time=start + 0.25)
    tags = {"span.kind": "client", "error": True, "shop.items": 3, "shop.ratio": 0.25, "shop.paid": True, "shop.user": "ann"}
    for key, value in tags.items():
        pay.set_tag(key, value)
    pay.log_kv({"event": "charged", "amount": 12.5, "tries": 2}, timestamp=start + 0.5)
    pay.finish(finish_time=start + 0.75)
    follows = opentracing.follows_from(checkout.context)
    receipt = tracer.start_span("receipt", references=[follows, opentracing.child_of(pay.context)], start_time=start + 1)
    receipt.set_tag("span.kind", "producer")
    receipt.finish(finish_time=start + 1.25)
    checkout.finish(finish_time=start + 1.5)
    spans = {"checkout": checkout, "pay": pay, "receipt": receipt}
    names = {name: f"{span.span_id:016x}" for name, span in spans.items()}
    times = {f"t{quarters}": str(round(start * 1e6) * 1000 + quarters * 250_000_000) for quarters in range(7)}
    return {**names, **times, "trace": f"{checkout.trace_id:032x}"}


main()
