"""The last hop: the X-Ray SDK, which reads Amazon's header."""

import sys

import hop
from aws_xray_sdk.core import xray_recorder
from aws_xray_sdk.core.models.trace_header import TraceHeader


def main():
    xray_recorder.configure(service="lambda", sampling=False, daemon_address=sys.argv[1], context_missing="RUNTIME_ERROR")
    header = TraceHeader.from_header_str(hop.headers()["X-Amzn-Trace-Id"])
    with xray_recorder.in_segment("lambda", traceid=header.root, parent_id=header.parent, sampling=True) as segment:
        names = {"lambda": segment.id}
    hop.tell(names)


main()
