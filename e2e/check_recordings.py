"""Sends a folder of recorded OTLP protobuf bodies to a fresh server and compares all that comes back with what went in.

Usage: FANAL_BIN=target/release/fanal PYTHON e2e/check_recordings.py FOLDER, with the Python of the end-to-end tests.
No suite runs it, because recordings are large; the figures of docs/benchmarks.md on recorded data come from here.
"""

import sys
import tempfile
import time
import urllib.request
from collections import defaultdict
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

import harness


def without_order(attributes):
    """Attributes are a map: the order does not count, the last of equal keys does."""
    return sorted({item.key: item.value.SerializeToString(deterministic=True) for item in attributes}.items())


def flat(message):
    """Every span with its resource and scope, by (trace id, span id)."""
    spans = defaultdict(list)
    for resource_spans in message.resource_spans:
        resource = (
            without_order(resource_spans.resource.attributes),
            resource_spans.resource.dropped_attributes_count,
            resource_spans.schema_url,
        )
        for scope_spans in resource_spans.scope_spans:
            scope = (
                scope_spans.scope.name,
                scope_spans.scope.version,
                without_order(scope_spans.scope.attributes),
                scope_spans.schema_url,
            )
            for span in scope_spans.spans:
                spans[span.trace_id, span.span_id].append((resource, scope, *flat_span(span)))
    return spans


def flat_span(span):
    events = [(e.time_unix_nano, e.name, without_order(e.attributes), e.dropped_attributes_count) for e in span.events]
    links = [
        (k.trace_id, k.span_id, k.trace_state, k.flags, without_order(k.attributes), k.dropped_attributes_count)
        for k in span.links
    ]
    counts = (span.dropped_attributes_count, span.dropped_events_count, span.dropped_links_count)
    status = (span.status.code, span.status.message)
    times = (span.start_time_unix_nano, span.end_time_unix_nano)
    fixed = (span.parent_span_id, span.trace_state, span.flags, span.name, span.kind)
    return (*fixed, times, status, counts, without_order(span.attributes), events, links)


def compare(tally, server, sent, when):
    received = defaultdict(list)
    for trace_id in {trace_id for trace_id, _ in sent}:
        url = f"http://{server.addresses['ui']}/fanal/v1/trace/{trace_id.hex()}/otlp"
        request = urllib.request.Request(url, headers={"Accept": "application/x-protobuf"})
        with urllib.request.urlopen(request) as response:
            for key, spans in flat(TracesData.FromString(response.read())).items():
                received[key] += spans
    differing = [key for key in sent if sorted(map(repr, sent[key])) != sorted(map(repr, received[key]))]
    tally.check(f"{when}: every field of every span", not differing, f"{len(differing)} differ, such as {differing[:1]}")
    tally.equal(f"{when}: spans", sum(map(len, received.values())), sum(map(len, sent.values())))


def summary(server):
    ids, cursor = [], ""
    while cursor is not None:
        _, page = server.get(f"/fanal/v1/search?limit=1000{cursor}")
        ids += [trace["trace_id"] for trace in page["traces"]]
        cursor = f"&cursor={page['next_cursor']}" if "next_cursor" in page else None
    return len(ids), len(set(ids)), len(server.get("/fanal/v1/services")[1]["services"])


def main():
    tally = harness.Tally()
    sent = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="fanal-recordings-") as folder:
        server = harness.Server(folder, "--storage-merge-after-seconds", "1")
        try:
            bodies = sorted(Path(sys.argv[1]).glob("*.bin"))
            for path in bodies:
                body = path.read_bytes()
                url = f"http://{server.addresses['otlp_http']}/v1/traces"
                request = urllib.request.Request(url, body, {"Content-Type": "application/x-protobuf"})
                with urllib.request.urlopen(request) as response:
                    response.read()
                for key, spans in flat(ExportTraceServiceRequest.FromString(body)).items():
                    sent[key] += spans
            traces = len({trace_id for trace_id, _ in sent})
            print(f"{len(bodies)} bodies, {sum(map(len, sent.values()))} spans, {traces} traces sent")
            compare(tally, server, sent, "from the head")
            found, distinct, services = summary(server)
            tally.equal("search pages through every trace once", (found, distinct), (traces, traces))
            print(f"{services} services")
            while server.get("/fanal/v1/status")[1]["storage"]["head_spans"]:
                time.sleep(0.1)
            compare(tally, server, sent, "from blocks")
            tally.equal("search over blocks", summary(server)[:2], (traces, traces))
            storage = server.get("/fanal/v1/status")[1]["storage"]
            print(f"{storage['block_bytes'] / storage['spans']:.1f} bytes a span in {storage['blocks']} blocks")
            tally.equal("the server stops cleanly", server.stop(), 0)
        finally:
            server.kill()
    return tally.close()


if __name__ == "__main__":
    sys.exit(main())
