"""The first hop: py_zipkin, which begins the trace and sends B3 headers."""

import sys

import hop
import requests
from py_zipkin import Encoding, Kind
from py_zipkin.request_helpers import create_http_headers
from py_zipkin.transport import BaseTransportHandler
from py_zipkin.util import ZipkinAttrs, generate_random_64bit_string, generate_random_128bit_string
from py_zipkin.zipkin import zipkin_client_span, zipkin_span


class Http(BaseTransportHandler):
    def get_max_payload_bytes(self):
        return None

    def send(self, payload):
        url, headers = f"http://{sys.argv[1]}/api/v2/spans", {"Content-Type": "application/json"}
        requests.post(url, data=payload, headers=headers, timeout=30).raise_for_status()


def main():
    service = sys.argv[2]
    attributes = ZipkinAttrs(generate_random_128bit_string(), generate_random_64bit_string(), None, "0", True)
    names = {"trace": attributes.trace_id, "checkout": attributes.span_id}
    with zipkin_span(
        service_name=service,
        span_name="checkout",
        zipkin_attrs=attributes,
        transport_handler=Http(),
        encoding=Encoding.V2_JSON,
        kind=Kind.SERVER,
        report_root_timestamp=True,
    ):
        with zipkin_client_span(service_name=service, span_name="ask the bank") as call:
            names["ask"] = call.zipkin_attrs.span_id
            names.update(hop.call(create_http_headers()))
    hop.tell(names)


main()
