"""The suite of Zipkin's query side: the same spans are posted to Zipkin's own server and to Fanal, and every call of the
query API must answer the same; then Zipkin's own UI (Lens) is served beside Fanal and used in a browser.

Zipkin's server comes from Maven (its version and checksum are pinned below), runs on Java 17 with its store in memory,
and has the files of Lens inside.
"""

import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import harness
from traces import ENVIRONMENTS, INTERVAL_MICROS, LEAVES, NAMES, REGIONS, SERVICES, Traces

ZIPKIN = "io.zipkin:zipkin-server:3.5.1:jar:exec"
ZIPKIN_SHA256 = "7ac633a6832647e71e50012a5e3e91fbc7054414955261724526030faf271d8d"
COPY_GOAL = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy"

TRACES = 10_000
TRACES_A_POST = 500
SEARCHES = 150
TRACES_COMPARED = 300
START_SECONDS_MAX = 120
ANSWER_SECONDS_MAX = 60


def zipkin_jar(folder):
    """The path of Zipkin's server, fetched by Maven, which keeps what it fetched once."""
    if not shutil.which("mvn") or not shutil.which("java"):
        raise SystemExit("Zipkin's server needs Java 17 and Maven: install openjdk-17-jre-headless and maven")
    command = ["mvn", "-q", "-B", COPY_GOAL, f"-Dartifact={ZIPKIN}", f"-DoutputDirectory={folder}"]
    subprocess.run(command, check=True, cwd=folder, stdin=subprocess.DEVNULL)
    (jar,) = Path(folder).glob("zipkin-server-*-exec.jar")
    found = hashlib.sha256(jar.read_bytes()).hexdigest()
    if found != ZIPKIN_SHA256:
        raise SystemExit(f"{jar.name} has checksum {found}, pinned is {ZIPKIN_SHA256}")
    return jar


def unpack_lens(jar, folder):
    """The files of Lens, out of the jar within Zipkin's jar."""
    with zipfile.ZipFile(jar) as whole:
        (inner,) = [name for name in whole.namelist() if "/zipkin-lens-" in name]
        whole.extract(inner, folder)
    with zipfile.ZipFile(Path(folder) / inner) as lens:
        lens.extractall(folder)
    return Path(folder) / "zipkin-lens"


def free_port():
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return door.getsockname()[1]


class Api:
    """One server of Zipkin's API."""

    def __init__(self, address):
        self.root = f"http://{address}"

    def get(self, path, **parameters):
        """Status and JSON (or text)."""
        query = urllib.parse.urlencode({k: v for k, v in parameters.items() if v is not None})
        url = f"{self.root}{path}" + (f"?{query}" if query else "")
        try:
            with urllib.request.urlopen(url, timeout=ANSWER_SECONDS_MAX) as response:
                status, body = response.status, response.read()
        except urllib.error.HTTPError as error:
            status, body = error.code, error.read()
        try:
            return status, json.loads(body)
        except ValueError:
            return status, body.decode(errors="replace")

    def post(self, spans):
        body = json.dumps(spans).encode()
        request = urllib.request.Request(f"{self.root}/api/v2/spans", body, {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=ANSWER_SECONDS_MAX) as response:
            assert response.status == 202, response.status


@contextlib.contextmanager
def zipkin_server(jar, folder):
    """Zipkin's own server, ready."""
    port = free_port()
    environment = os.environ | {
        "QUERY_PORT": str(port),
        "STORAGE_TYPE": "mem",
        "MEM_MAX_SPANS": "1000000",
        "SELF_TRACING_ENABLED": "false",
        "AUTOCOMPLETE_KEYS": "environment,region",
    }
    log_path = Path(folder) / "zipkin.log"
    with log_path.open("wb") as log:
        command = ["java", "-Xmx1g", "-jar", str(jar)]
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    try:
        api = Api(f"127.0.0.1:{port}")
        wait_until("Zipkin's server is up", START_SECONDS_MAX, lambda: is_up(api), log_path)
        yield api
    finally:
        process.kill()
        process.wait()


def is_up(api):
    with contextlib.suppress(OSError):
        return api.get("/health")[0] == 200
    return False


def wait_until(what, seconds, holds, log_path=None):
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            log = log_path.read_text(errors="replace")[-4000:] if log_path else ""
            raise SystemExit(f"not within {seconds} s: {what}\n{log}")
        time.sleep(0.1)


def in_order(spans):
    return sorted(spans, key=lambda span: json.dumps(span, sort_keys=True))


class Comparison:
    """The same questions to both servers."""

    def __init__(self, tally, zipkin, fanal, traces):
        self.tally, self.zipkin, self.fanal, self.traces = tally, zipkin, fanal, traces
        self.random = random.Random(5)

    def same(self, name, path, prepare=lambda answer: answer, **parameters):
        expected = self.zipkin.get(path, **parameters)
        found = self.fanal.get(path, **parameters)
        if expected[0] >= 400:
            # Texts differ.
            return self.tally.equal(name, found[0], expected[0])
        return self.tally.equal(name, (found[0], prepare(found[1])), (expected[0], prepare(expected[1])))

    def names(self):
        self.same("services", "/api/v2/services")
        for path in ["spans", "remoteServices"]:
            for service in [*SERVICES, "FRONT", "nobody", ""]:
                # Zipkin knows services on the other side of spans of every age.
                self.same(f"{path} of {service!r}", f"/api/v2/{path}", serviceName=service)
            self.same(f"{path} of nothing", f"/api/v2/{path}")
        self.same("keys to complete", "/api/v2/autocompleteKeys")
        for key in ["region", "environment", "error", ""]:
            self.same(f"values of {key!r}", "/api/v2/autocompleteValues", key=key)

    def dependencies(self, begin_millis, end_millis):
        links = lambda answer: sorted(json.dumps(link, sort_keys=True) for link in answer)
        windows = [(end_millis, end_millis - begin_millis)]
        for _ in range(10):
            # Between two traces, so that none lies across a border.
            first, last = sorted(self.random.sample(range(TRACES), 2))
            at = lambda number: begin_millis + number * INTERVAL_MICROS // 1000 - 1
            windows.append((at(last), at(last) - at(first)))
        for end, lookback in windows:
            what = f"dependencies of {lookback // 1000} s"
            self.same(what, "/api/v2/dependencies", links, endTs=end, lookback=lookback)
        self.same("dependencies without an end", "/api/v2/dependencies")

    def whole_traces(self):
        for trace in self.random.sample(self.traces, TRACES_COMPARED):
            self.same("trace", f"/api/v2/trace/{trace[0]['traceId']}", in_order)
        ids = [trace[0]["traceId"] for trace in self.traces[:20]]
        many = lambda answer: sorted(map(in_order, answer), key=lambda trace: trace[0]["traceId"])
        self.same("many traces", "/api/v2/traceMany", many, traceIds=",".join(ids))
        for wrong in ["0", "xyz", "a" * 33, "a"]:
            self.same(f"trace {wrong}", f"/api/v2/trace/{wrong}")
        for wrong in ["", "a", "a,a", "a,x"]:
            self.same(f"traces {wrong!r}", "/api/v2/traceMany", traceIds=wrong)

    def searches(self, begin_millis, end_millis):
        ids = lambda answer: sorted(trace[0]["traceId"] for trace in answer)
        for number in range(SEARCHES):
            question = self.question(begin_millis, end_millis)
            self.same(f"search {number} {question}", "/api/v2/traces", ids, **question)
        for wrong in [{"limit": 0}, {"limit": "x"}, {"maxDuration": 5}, {"minDuration": 0}, {"lookback": 0}]:
            self.same(f"search {wrong}", "/api/v2/traces", ids, **wrong)

    def question(self, begin_millis, end_millis):
        chance, pick = self.random.random, self.random.choice
        # Few enough traces to compare all of them.
        end = self.random.randrange(begin_millis + 1_000_000, end_millis)
        question = {"endTs": end, "lookback": self.random.randrange(1_000, 900_000), "limit": 5_000}
        if chance() < 0.7:
            question["serviceName"] = pick(SERVICES)
        if chance() < 0.3:
            question["spanName"] = pick([*NAMES, "all"])
        if chance() < 0.2:
            question["remoteServiceName"] = pick(SERVICES + LEAVES)
        if chance() < 0.3:
            question["minDuration"] = self.random.randrange(1, 400_000)
            if chance() < 0.5:
                question["maxDuration"] = question["minDuration"] + self.random.randrange(100_000)
        if chance() < 0.5:
            terms = [f"region={pick(REGIONS)}", "error", "error=no room", "cache.miss", "retry", "environment"]
            terms += [f"environment={pick(ENVIRONMENTS)}", "region=mars"]
            question["annotationQuery"] = " and ".join(self.random.sample(terms, self.random.randrange(1, 3)))
        return question


def use_lens(tally, fanal, traces, end_millis, folder):
    """Zipkin's own UI against Fanal: it finds a trace, shows it, and draws the graph of services."""
    if not os.environ.get("CHROMIUM"):
        raise SystemExit("Lens needs a browser: install chromium")
    # Lens makes only the rows that fit its window.
    trace = max((it for it in traces[-200:] if len(it) <= 10), key=len)
    trace_id = trace[0]["traceId"]
    services = {span["localEndpoint"]["serviceName"].lower() for span in trace if "localEndpoint" in span}
    query = urllib.parse.urlencode({"endTs": end_millis, "lookback": "1d", "limit": 100, "serviceName": "front"})
    text = harness.page(f"{fanal.root}/zipkin/?{query}", folder)
    recent = {t[0]["traceId"] for t in traces[-400:]}
    tally.check("Lens lists traces that it found", any(f"traces/{one}" in text for one in recent), text[-3000:])
    text = harness.page(f"{fanal.root}/zipkin/traces/{trace_id}", folder)
    missing = [service for service in services if service not in text.lower()]
    tally.equal("Lens shows the services of a trace", missing, [])
    tally.check("Lens names the trace", trace_id in text, text[-3000:])
    window = {"startTime": end_millis - 86_400_000, "endTime": end_millis}
    text = harness.page(f"{fanal.root}/zipkin/dependency?{urllib.parse.urlencode(window)}", folder)
    tally.check("Lens draws dependencies", "<canvas" in text, text[-3000:])


def main():
    harness.exit_on_sigterm()
    tally = harness.Tally()
    with tempfile.TemporaryDirectory(prefix="fanal-zipkin-") as folder:
        jar = zipkin_jar(folder)
        lens = unpack_lens(jar, folder)
        flags = ["--zipkin-autocomplete-keys", "environment,region", "--zipkin-lens-dir", str(lens)]
        server = harness.Server(folder, *flags)
        try:
            with zipkin_server(jar, folder) as zipkin:
                fanal = Api(server.addresses["zipkin"])
                now_micros = int(time.time() * 1_000_000)
                # Whole milliseconds, all within the last three hours.
                begin = (now_micros - TRACES * INTERVAL_MICROS) // 1000 * 1000
                source = Traces(7, begin)
                traces = [source.next() for _ in range(TRACES)]
                for first in range(0, TRACES, TRACES_A_POST):
                    spans = [span for trace in traces[first : first + TRACES_A_POST] for span in trace]
                    zipkin.post(spans)
                    fanal.post(spans)
                last = traces[-1][0]["traceId"]
                wait_until("Zipkin has stored everything", 60, lambda: zipkin.get(f"/api/v2/trace/{last}")[0] == 200)
                begin_millis, end_millis = begin // 1000, now_micros // 1000 + 1
                comparison = Comparison(tally, zipkin, fanal, traces)
                comparison.dependencies(begin_millis, end_millis)
                comparison.whole_traces()
                comparison.searches(begin_millis, end_millis)
                comparison.names()
            use_lens(tally, fanal, traces, end_millis, folder)
            tally.equal("the server stops cleanly", server.stop(), 0)
        finally:
            server.kill()
    return tally.close()


if __name__ == "__main__":
    sys.exit(main())
