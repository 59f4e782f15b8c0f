"""Sends one trace with libhoney, as hand-made events. Usage: libhoney_send.py HOST SERVICE."""

import json
import sys
import time
from datetime import datetime, timezone

import libhoney

TRACE = "0af7651916cd43dd8448eb211c80319c"


def main():
    host, service = sys.argv[1:]
    libhoney.init(writekey="shop-key", dataset="shop till", api_host=host, sample_rate=1)
    whole = int(time.time())
    names = {f"t{quarters}": str(whole * 1_000_000_000 + quarters * 250_000_000) for quarters in range(7)}

    def event(quarters, fields):
        one = libhoney.new_event()
        one.created_at = datetime.fromtimestamp(whole + quarters / 4, timezone.utc).replace(tzinfo=None)
        one.add({"trace.trace_id": TRACE, "service_name": service, **fields})
        return one

    checkout = {"trace.span_id": "checkout-1", "name": "checkout", "duration_ms": 1500.0, "span.kind": "server"}
    pay = {"trace.span_id": "b7ad6b7169203331", "trace.parent_id": "checkout-1", "name": "pay", "duration_ms": 500}
    events = [
        event(0, {**checkout, "shop.note": "grüße ☕"}),
        event(1, {**pay, "span.kind": "client", "shop.items": 3, "shop.ratio": 0.25, "shop.paid": True, "error": "card refused"}),
        event(2, {"trace.parent_id": "b7ad6b7169203331", "name": "charged", "meta.annotation_type": "span_event", "amount": 12.5}),
        event(
            2,
            {
                "trace.parent_id": "b7ad6b7169203331",
                "meta.annotation_type": "link",
                "trace.link.trace_id": f"{7:032x}",
                "trace.link.span_id": f"{9:016x}",
                "why": "retry",
            },
        ),
    ]
    events[0].sample_rate = 4
    for one in events:
        one.send_presampled()
    libhoney.flush()
    answers = [libhoney.responses().get(timeout=30) for _ in events]
    libhoney.close()
    refused = [answer for answer in answers if answer["status_code"] != 202]
    if refused:
        sys.exit(f"refused: {refused}")
    print(json.dumps(names))


main()
