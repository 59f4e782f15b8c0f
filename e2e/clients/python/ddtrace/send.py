"""Sends one trace with Datadog's tracer, which is set by its environment."""

import json
import os
import platform

from ddtrace.trace import tracer


def main():
    with tracer.trace("web.request", resource="GET /checkout", span_type="web") as checkout:
        checkout.set_tag("span.kind", "server")
        checkout.set_tag("shop.note", "grüße ☕")
        with tracer.trace("pay", resource="bank", span_type="http") as pay:
            pay.set_tag("span.kind", "client")
            pay.set_tag("shop.user", "ann")
            pay.set_metric("shop.items", 3)
            pay.set_metric("shop.ratio", 0.25)
            pay.error = 1
            pay.set_tag("error.type", "Refused")
            pay.set_tag("error.message", "card refused")
            pay.set_tag("error.stack", "at till 7")
            pay.set_link(trace_id=7 << 64 | 7, span_id=9, attributes={"why": "retry"})
        with tracer.trace("receipt", service="printer") as receipt:
            receipt.set_tag("span.kind", "producer")
    names = {"trace": f"{checkout.trace_id:032x}", "pid": float(os.getpid()), "python": platform.python_version()}
    for name, span in {"checkout": checkout, "pay": pay, "receipt": receipt}.items():
        names[name] = f"{span.span_id:016x}"
        names[f"{name}.start"] = str(span.start_ns)
        names[f"{name}.end"] = str(span.start_ns + span.duration_ns)
    tracer.flush()
    tracer.shutdown()
    print(json.dumps(names))


main()
