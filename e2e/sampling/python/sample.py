"""Tells what jaeger-client for Python samples, again and again. Usage: sample.py HOST PORT SERVICE."""

import json
import sys
import time

from jaeger_client import Config

SPANS = 1000
PAUSE_SECONDS = 0.1


def main():
    host, port, service = sys.argv[1:]
    config = Config(
        {
            "local_agent": {"reporting_host": host, "sampling_port": int(port)},
            "sampling_refresh_interval": 0.1,
        },
        service_name=service,
        validate=True,
    )
    tracer = config.new_tracer()
    while True:
        # Spans that are not finished are not sent.
        count = lambda name: sum(tracer.start_span(name).is_sampled() for _ in range(SPANS))
        print(json.dumps({name: count(name) for name in ["one", "two"]}), flush=True)
        time.sleep(PAUSE_SECONDS)


main()
