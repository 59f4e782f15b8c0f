"""Sends one trace with Honeycomb's beeline. Usage: beeline_send.py HOST SERVICE."""

import json
import sys
from datetime import timezone

import beeline


def main():
    host, service = sys.argv[1:]
    beeline.init(writekey="shop-key", dataset="shop", service_name=service, api_host=host)
    with beeline.tracer("checkout") as checkout:
        beeline.add_context({"shop.note": "grüße ☕"})
        with beeline.tracer("pay") as pay:
            beeline.add_context({"shop.items": 3, "shop.ratio": 0.25, "shop.paid": True})
            beeline.add_trace_field("user", "ann")
    beeline.close()
    names = {"trace": checkout.trace_id}
    for name, span in {"checkout": checkout, "pay": pay}.items():
        names[name] = span.id
        start = int(span.event.created_at.replace(tzinfo=timezone.utc).timestamp() * 1e6 + 0.5)
        names[f"{name}.start"] = f"{start}000"
        names[f"{name}.end"] = f"{start + round(span.event.fields()['duration_ms'] * 1000)}000"
    print(json.dumps(names))


main()
