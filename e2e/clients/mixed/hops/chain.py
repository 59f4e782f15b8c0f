"""One trace through services of six dialects, each with the real client of its own, each caring for its own headers.

Usage: chain.py INSTALLED ZIPKIN DATADOG OPENCENSUS OTLP JAEGER XRAY SERVICE. A hop gets its headers and the hops that follow
from its environment; it waits for them as for an answer, and tells the ids of all of them.
"""

import os
import sys
from pathlib import Path

import hop


def main():
    installed, zipkin, datadog, opencensus, otlp, jaeger, xray, service = sys.argv[1:]

    def python(client, program, *arguments):
        return [str(Path(installed) / "python" / client / "venv/bin/python"), program, *arguments]

    hops = [
        python("py-zipkin", "zipkin.py", zipkin, service),
        python("ddtrace", "datadog.py"),
        python("opencensus", "opencensus_hop.py", opencensus),
        python("opentelemetry", "opentelemetry_hop.py", otlp, "tracecontext", "jaeger", "ledger"),
        ["node", "jaeger.mjs", str(Path(installed) / "node/jaeger-client"), *jaeger.split(":")],
        python("opentelemetry", "opentelemetry_hop.py", otlp, "jaeger", "xray", "printer"),
        python("aws-xray-sdk", "xray.py", xray),
    ]
    os.environ["DD_TRACE_AGENT_URL"] = f"http://{datadog}"
    print(hop.run(hops, {}))


main()
