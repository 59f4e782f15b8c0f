"""The suite of files: files as other tools write them, imported by the real binary and over HTTP, and traces downloaded and
imported again.

Every file is told by its content. What is stored is asked back; what cannot be read is told with words and an exit code; and a
trace that goes out and into an empty server is the same trace.
"""

import gzip
import json
import os
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import harness

SAMPLES = Path(os.environ["FANAL_REPO"]) / "crates/fanal-formats/tests/files"
JAEGER_TRACE = "0af7651916cd43dd8448eb211c80319c"
COLLECTOR_TRACE = "1" * 32
ZIPKIN_TRACE = "5982fe77008310cc80f1da5e10147519"
# A command that takes longer hangs.
COMMAND_SECONDS_MAX = 120
LONG_SPANS = 200_000


def fanal(*words, folder, given=None):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("FANAL_")}
    return subprocess.run(
        [os.environ["FANAL_BIN"], *map(str, words)],
        cwd=folder,
        env=environment,
        input=given if given is not None else b"",
        capture_output=True,
        timeout=COMMAND_SECONDS_MAX,
    )


def url(server):
    return f"http://{server.addresses['ui']}"


def post(server, body):
    request = urllib.request.Request(f"{url(server)}/fanal/v1/import", data=body, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=harness.ANSWER_SECONDS_MAX) as response:
            return response.status, json.loads(response.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def download(server, trace, form):
    with urllib.request.urlopen(f"{url(server)}/fanal/v1/trace/{trace}/download?format={form}") as response:
        return response.read(), response.headers["content-disposition"]


def spans_of(server, trace):
    """Every span of a trace with its resource and scope, in a fixed order, as stored."""
    found = []
    for resource in json.loads(download(server, trace, "otlp-json")[0])["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            owner = [resource.get("resource"), resource.get("schemaUrl"), scope.get("scope"), scope.get("schemaUrl")]
            found += [json.dumps([owner, span], sort_keys=True) for span in scope["spans"]]
    return sorted(found)


def stored(server):
    return server.get("/fanal/v1/status")[1]["storage"]["spans"]


def imports(tally, folder):
    """Each sample by the command, told apart and counted."""
    server = harness.Server(folder)
    try:
        samples = [
            ("jaeger-ui.json", "Jaeger JSON", 2, 1, 0),
            ("zipkin-v2-traces.json", "Zipkin v2 JSON", 3, 2, 0),
            ("zipkin-v1.json", "Zipkin v1 JSON", 2, 1, 0),
            ("collector.jsonl", "OTLP JSON", 2, 1, 1),
            ("jaeger-v3.json", "OTLP JSON", 1, 1, 0),
        ]
        for name, kind, spans, traces, rejected in samples:
            done = fanal("import", SAMPLES / name, "--to", url(server), "--output", "json", folder=folder)
            report = json.loads(done.stdout)
            found = [report[key] for key in ("format", "accepted_spans", "trace_count", "rejected_spans")]
            tally.equal(f"{name} is imported", found, [kind, spans, traces, rejected])
            tally.equal(f"{name}: exit code", done.returncode, 3 if rejected else 0)
        tally.equal("all spans are stored", stored(server), 10)
        words = fanal("import", SAMPLES / "collector.jsonl", "--to", url(server), folder=folder).stdout.decode()
        tally.check("a rejected span is told with its reason", "1 span rejected, zero_span_id: span id is all zeros" in words, words)
        tally.check("the command says where to look", f"{url(server)}/trace/{COLLECTOR_TRACE}" in words, words)
        before = server.get(f"/fanal/v1/trace/{JAEGER_TRACE}")[1]["span_count"]
        packed = gzip.compress((SAMPLES / "jaeger-ui.json").read_bytes())
        done = fanal("import", "-", "--to", url(server), folder=folder, given=packed)
        tally.check("standard input is imported, compressed", done.returncode == 0 and b"2 spans of 1 trace" in done.stdout, done)
        tally.equal("a trace that is imported again is shown once", server.get(f"/fanal/v1/trace/{JAEGER_TRACE}")[1]["span_count"], before)
        several = fanal("import", SAMPLES / "zipkin-v2-traces.json", "--to", url(server), folder=folder).stdout.decode()
        tally.check("several traces are a search", f"{url(server)}/explore?t=2023-11-14T" in several, several)
        refusals(tally, server, folder)
        over_http(tally, server)
        tally.equal("the server stops cleanly", server.stop(), 0)
    finally:
        server.kill()


def refusals(tally, server, folder):
    """Files that are none, or end early."""
    half = Path(folder) / "half.json"
    half.write_bytes((SAMPLES / "zipkin-v2-traces.json").read_bytes()[:-3])
    other = Path(folder) / "other.json"
    other.write_text('{"traceEvents":[]}')
    page = Path(folder) / "page.json"
    page.write_text("<!DOCTYPE html><html>")
    cases = [
        (half, "damaged or cut off at byte"),
        (other, "a recording of a browser's profiler"),
        (page, "a page of HTML"),
        (Path(folder) / "none.json", "cannot open the file"),
        (Path(folder), "is a folder"),
    ]
    for file, words in cases:
        done = fanal("import", file, "--to", url(server), folder=folder)
        told = done.stderr.decode()
        tally.check(f"{file.name} fails with words", done.returncode == 1 and words in told and str(file) in told, done)
    both = fanal("import", other, SAMPLES / "jaeger-ui.json", "--to", url(server), folder=folder)
    tally.check("a bad file does not keep the next one out", both.returncode == 1 and b"2 spans of 1 trace" in both.stdout, both)
    gone = fanal("import", half, "--to", "http://127.0.0.1:9", folder=folder)
    tally.check("a server that is not there is told", gone.returncode == 1 and b"cannot reach a Fanal server" in gone.stderr, gone)


def over_http(tally, server):
    status, answer = post(server, (SAMPLES / "jaeger-ui.json").read_bytes())
    found = [status, answer["format"], answer["accepted_spans"], answer["trace_id"], answer.get("problem")]
    tally.equal("a file is imported over HTTP", found, [200, "Jaeger JSON", 2, JAEGER_TRACE, None])
    status, answer = post(server, b"hello")
    tally.check("what is no file of traces is refused", status == 400 and "`hello`" in answer["error"]["message"], answer)
    status, answer = post(server, (SAMPLES / "collector.jsonl").read_bytes()[:-40])
    found = [status, answer["accepted_spans"], "damaged or cut off" in answer["problem"]]
    tally.equal("a file that breaks off keeps what came before", found, [200, 2, True])


def long_file(tally, folder):
    """A file of many pieces, through the command and through HTTP, without its length in memory."""
    path = Path(folder) / "long.json"
    with path.open("w") as file:
        file.write("[")
        for number in range(LONG_SPANS):
            span = {"traceId": f"{number // 10 + 1:032x}", "id": f"{number + 1:016x}", "name": "step", "timestamp": 1_700_000_000_000_000 + number}
            span |= {"duration": 5, "localEndpoint": {"serviceName": "long"}, "tags": {"text": "x" * 200}}
            file.write(("," if number else "") + json.dumps(span))
        file.write("]")
    server = harness.Server(folder)
    try:
        done = fanal("import", path, "--to", url(server), "--output", "json", folder=folder)
        report = json.loads(done.stdout or b"{}")
        found = [done.returncode, report.get("accepted_spans"), report.get("trace_count")]
        tally.equal("every span of a long file is stored", found, [0, LONG_SPANS, LONG_SPANS // 10])
        status, answer = post(server, path.read_bytes())
        tally.equal("the same over HTTP", [status, answer.get("accepted_spans"), answer.get("trace_count")], [200, LONG_SPANS, LONG_SPANS // 10])
        tally.equal("the server stops cleanly", server.stop(), 0)
    finally:
        server.kill()


def round_trips(tally, folder):
    """What was downloaded and imported into an empty server is the same trace."""
    source = harness.Server(folder)
    try:
        for name in ("jaeger-ui.json", "collector.jsonl", "zipkin-v2-traces.json"):
            fanal("import", SAMPLES / name, "--to", url(source), folder=folder)
        # Each with the traces that its form can carry without a loss.
        forms = {
            "otlp-json": [JAEGER_TRACE, COLLECTOR_TRACE, ZIPKIN_TRACE],
            "otlp-protobuf": [JAEGER_TRACE, COLLECTOR_TRACE, ZIPKIN_TRACE],
            "jaeger-json": [JAEGER_TRACE],
            "zipkin-json": [ZIPKIN_TRACE],
        }
        for form, traces in forms.items():
            with tempfile.TemporaryDirectory(prefix="fanal-files-") as other:
                target = harness.Server(other)
                try:
                    for trace in traces:
                        body, disposition = download(source, trace, form)
                        status, answer = post(target, body)
                        tally.equal(f"{form}: the download is imported", [status, answer.get("rejected_spans")], [200, 0])
                        tally.equal(f"{form}: it is the same trace", spans_of(target, trace), spans_of(source, trace))
                        tally.check(f"{form}: the file has a name", f"trace-{trace}." in disposition, disposition)
                finally:
                    target.kill()
    finally:
        source.kill()


def main():
    harness.exit_on_sigterm()
    tally = harness.Tally()
    for part in (imports, long_file, round_trips):
        with tempfile.TemporaryDirectory(prefix="fanal-files-") as folder:
            part(tally, folder)
    return tally.close()


if __name__ == "__main__":
    sys.exit(main())
