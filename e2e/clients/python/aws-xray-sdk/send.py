"""Sends one trace with the X-Ray SDK over UDP. Usage: send.py HOST:PORT SERVICE."""

import json
import platform
import sys

from aws_xray_sdk.core import xray_recorder


def main():
    address, service = sys.argv[1:]
    xray_recorder.configure(service=service, sampling=False, daemon_address=address, context_missing="RUNTIME_ERROR")
    with xray_recorder.in_segment(service) as checkout:
        checkout.set_user("ann")
        checkout.put_annotation("note", "grüße ☕")
        checkout.put_http_meta("method", "GET")
        checkout.put_http_meta("url", "http://shop.test/checkout")
        checkout.put_http_meta("status", 200)
        with xray_recorder.in_subsegment("pay", namespace="remote") as pay:
            pay.put_annotation("items", 3)
            pay.put_annotation("ratio", 0.25)
            pay.put_annotation("paid", True)
            pay.put_metadata("basket", {"apples": 2, "names": ["red", "green"]}, "shop")
            pay.put_http_meta("status", 500)
            pay.add_exception(ValueError("card refused"), [], False)
        with xray_recorder.in_subsegment("query") as query:
            query.set_sql({"url": "db.test/shop", "database_type": "PostgreSQL", "sanitized_query": "select ?"})
    _, seconds, rest = checkout.trace_id.split("-")
    names = {"trace": seconds + rest, "python": platform.python_version()}
    for name, span in {"checkout": checkout, "pay": pay, "query": query}.items():
        names[name] = span.id
        # Seconds in a double, which Fanal rounds to microseconds.
        names[f"{name}.start"] = f"{span.start_time:.6f}000".replace(".", "")
        names[f"{name}.end"] = f"{span.end_time:.6f}000".replace(".", "")
    print(json.dumps(names))


main()
