"""Sends one trace with py_zipkin in one of its encodings. Usage: send.py URL SERVICE V1_JSON|V2_JSON|V2_PROTO3."""

import json
import sys
import time

import requests
from py_zipkin import Encoding, Kind
from py_zipkin.transport import BaseTransportHandler
from py_zipkin.util import ZipkinAttrs, generate_random_64bit_string, generate_random_128bit_string
from py_zipkin.zipkin import zipkin_span


class Http(BaseTransportHandler):
    """Transport as py_zipkin's documents show it: one POST for each batch."""

    def __init__(self, url, encoding):
        super().__init__()
        self.url = url
        self.encoding = encoding

    def get_max_payload_bytes(self):
        return None

    def send(self, payload):
        kind = "x-protobuf" if self.encoding == Encoding.V2_PROTO3 else "json"
        headers = {"Content-Type": f"application/{kind}"}
        requests.post(self.url, data=payload, headers=headers, timeout=30).raise_for_status()


def main():
    url, service, name = sys.argv[1:]
    encoding = Encoding[name]
    start = int(time.time() * 1000) / 1000
    attributes = ZipkinAttrs(
        trace_id=generate_random_128bit_string(),
        span_id=generate_random_64bit_string(),
        parent_span_id=None,
        flags="0",
        is_sampled=True,
    )
    names = {"trace": attributes.trace_id.zfill(32), "checkout": attributes.span_id}
    with zipkin_span(
        service_name=service,
        span_name="checkout",
        zipkin_attrs=attributes,
        transport_handler=Http(url, encoding),
        encoding=encoding,
        kind=Kind.SERVER,
        host="10.1.2.3",
        port=8080,
        binary_annotations={"shop.note": "grüße ☕"},
        report_root_timestamp=True,
    ) as checkout:
        with zipkin_span(
            service_name=service,
            span_name="pay",
            kind=Kind.CLIENT,
            binary_annotations={"shop.items": "3", "error": "card refused"},
            annotations={"charged": start + 0.5},
            timestamp=start + 0.25,
            duration=0.5,
        ) as pay:
            pay.add_sa_binary_annotation(port=5432, service_name="bank", host="10.9.8.7")
            names["pay"] = pay.zipkin_attrs.span_id
        with zipkin_span(
            service_name=service, span_name="receipt", kind=Kind.LOCAL, timestamp=start + 1, duration=0.25
        ) as receipt:
            names["receipt"] = receipt.zipkin_attrs.span_id
        checkout.add_annotation("closing", timestamp=start + 1.25)
    whole = round(start * 1000) * 1_000_000
    names.update({f"t{quarters}": str(whole + quarters * 250_000_000) for quarters in range(7)})
    print(json.dumps(names))


main()
