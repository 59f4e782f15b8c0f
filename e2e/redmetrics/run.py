"""Metrics from spans: asked as Grafana asks Prometheus, scraped from /metrics, and sent by remote write to Prometheus' own
database and query engine. Every figure is worked out from the spans by `expect`. Needs Go.
"""

import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]
import expect  # noqa: E402
import harness  # noqa: E402
from shop import SECOND, Shop  # noqa: E402

BUILD_SECONDS_MAX = 840
# A window of 15 s, 10 s until it is counted, and a machine that has other work.
COUNTED_SECONDS_MAX = 120
GRAPH = "traces_service_graph_request"
HISTORY_SECONDS = 600


def fetch(url, body=None, headers=()):
    """Status and body."""
    request = urllib.request.Request(url, body, dict(headers))
    try:
        with urllib.request.urlopen(request, timeout=harness.ANSWER_SECONDS_MAX) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def send(server, shop):
    body = json.dumps(shop.request()).encode()
    status, answer = fetch(f"http://{server.addresses['otlp_http']}/v1/traces", body, [("content-type", "application/json")])
    assert (status, json.loads(answer).get("partialSuccess") or {}) == (200, {}), answer


class Asked:
    """Prometheus' API at an address."""

    def __init__(self, address):
        self.url = f"http://{address}/api/v1"

    def get(self, path, **parameters):
        status, body = fetch(f"{self.url}/{path}?{urllib.parse.urlencode(parameters, doseq=True)}")
        return status, json.loads(body)

    def data(self, path, **parameters):
        status, answer = self.get(path, **parameters)
        assert status == 200 and answer["status"] == "success" and not answer.get("warnings"), answer
        return answer["data"]

    def vector(self, query, at=None):
        """By labels: the number."""
        form = urllib.parse.urlencode({"query": query, **({} if at is None else {"time": at})}).encode()
        status, body = fetch(f"{self.url}/query", form, [("content-type", "application/x-www-form-urlencoded")])
        assert status == 200, (query, body)
        return {key_of(one["metric"]): float(one["value"][1]) for one in json.loads(body)["data"]["result"]}

    def matrix(self, query, start, end, step):
        """By labels: numbers by time."""
        found = self.data("query_range", query=query, start=start, end=end, step=step)["result"]
        return {key_of(one["metric"]): {at: float(value) for at, value in one["values"]} for one in found}


def key_of(labels):
    return tuple(sorted(labels.items()))


def is_close(found, expected):
    if isinstance(expected, dict):
        return found.keys() == expected.keys() and all(is_close(found[key], expected[key]) for key in expected)
    return math.isclose(found, expected, rel_tol=1e-9, abs_tol=1e-12)


def agree(tally, name, found, expected):
    """Checks numbers by key, to nine digits."""
    show = {str(key): [found.get(key), expected.get(key)] for key in found.keys() | expected.keys()}
    wrong = {key: pair for key, pair in show.items() if None in pair or not is_close(*pair)}
    tally.check(name, found and not wrong, f"\n  found and expected: {harness.shown(wrong or show)}")


def check_graph(tally, asked, told, at):
    """The queries of Grafana's service graph."""
    window = f"[{HISTORY_SECONDS}s]"
    for name in [f"{GRAPH}_server_seconds_sum", f"{GRAPH}_total", f"{GRAPH}_failed_total", f"{GRAPH}_server_seconds_bucket"]:
        sums = expect.sums(told, name, ["client", "server"])
        rates = {key: number / HISTORY_SECONDS for key, number in sums.items()}
        agree(tally, f"graph: rates of {name}", asked.vector(f"sum by (client, server) (rate({name}{window}))", at), rates)
        groups = expect.sums(told, name, ["client", "server", "connection_type"])
        found = asked.vector(f"group by (client, connection_type, server) ({name})", at)
        agree(tally, f"graph: connections of {name}", found, {key: 1.0 for key in groups})
    name = f"{GRAPH}_total"
    query = f'sum by (client, server) (rate({name}{{client="pay"}}{window})) OR sum by (client, server) (rate({name}{{server="pay"}}{window}))'
    sums = expect.sums(told, name, ["client", "server"], lambda labels: "pay" in (labels["client"], labels["server"]))
    agree(tally, "graph: filters with OR", asked.vector(query, at), {key: it / HISTORY_SECONDS for key, it in sums.items()})


def check_table(tally, asked, told, at):
    """The queries of the table of rates, errors and durations."""
    window = f"[{HISTORY_SECONDS}s]"
    calls, latency = "traces_spanmetrics_calls_total", "traces_spanmetrics_latency_bucket"
    sums = expect.sums(told, calls, ["span_name"], lambda labels: labels["span_kind"] == "SPAN_KIND_SERVER")
    expected = {key: number / HISTORY_SECONDS for key, number in sums.items()}
    query = f'topk(5, sum(rate({calls}{{span_kind="SPAN_KIND_SERVER"}}{window})) by (span_name))'
    agree(tally, "table: rates", asked.vector(query, at), expected)
    first = asked.vector(f"topk(1, sum(rate({calls}{window})) by (span_kind))", at)
    sums = expect.sums(told, calls, ["span_kind"])
    top = max(sums, key=sums.get)
    agree(tally, "table: the first of all", first, {top: sums[top] / HISTORY_SECONDS})
    names = "|".join(dict(key)["span_name"].replace("/", "\\\\/") for key in expected)
    query = f'topk(5, sum(rate({calls}{{status_code="STATUS_CODE_ERROR",span_name=~"{names}"}}{window})) by (span_name))'
    failed = expect.sums(told, calls, ["span_name"], lambda labels: (
        labels["status_code"] == "STATUS_CODE_ERROR" and labels["span_name"] in ("GET /buy", "POST /charge")))
    agree(tally, "table: errors", asked.vector(query, at), {key: it / HISTORY_SECONDS for key, it in failed.items()})
    for name in ["GET /buy", "POST /charge", "mail"]:
        buckets = expect.sums(told, latency, ["le"], lambda labels: labels["span_name"] == name)
        buckets = {dict(key)["le"]: number for key, number in buckets.items()}
        for rank in [0.5, 0.9, 0.99]:
            query = f'histogram_quantile({rank}, sum(rate({latency}{{span_name=~"{name}"}}{window})) by (le))'
            agree(tally, f"table: quantile {rank} of {name}", asked.vector(query, at), {(): expect.quantile(rank, buckets)})


def check_links(tally, asked, shop, at):
    """The range queries behind an edge of the graph: each point by the calls of its window."""
    start, step, window = at - HISTORY_SECONDS + 60, 30, 45
    labels = {"client": "web", "server": "pay"}
    calls = [call for call in shop.calls if call[1:3] == ("web", "pay")]
    rates, quantiles = {}, {}
    for point in range(start, at + 1, step):
        inside = [call for call in calls if (point - window) * SECOND <= call[0] < point * SECOND]
        if inside:
            rates[float(point)] = len(inside) / window
            told = expect.series([], inside)
            buckets = expect.sums(told, f"{GRAPH}_server_seconds_bucket", ["le"])
            quantiles[float(point)] = expect.quantile(0.9, {dict(key)["le"]: it for key, it in buckets.items()})
    matchers = '{client="web",server="pay"}'
    found = asked.matrix(f"sum by (client, server)(rate({GRAPH}_total{matchers}[{window}s]))", start, at, step)
    agree(tally, "links: rates over time", found, {key_of(labels): rates})
    query = f"histogram_quantile(0.9, sum(rate({GRAPH}_server_seconds_bucket{matchers}[{window}s])) by (le, client, server))"
    agree(tally, "links: durations over time", asked.matrix(query, start, at, step), {key_of(labels): quantiles})


def check_lists(tally, asked, shop, at):
    time_range = {"start": at - HISTORY_SECONDS, "end": at}
    tally.equal("health", asked.data("query", query="1+1", time=at)["result"][1], "2")
    native = asked.data("series", **{"match[]": f"{GRAPH}_server_seconds"}, limit=1, **time_range)
    tally.equal("no native histograms", native, [])
    named = '{__name__=~"traces_service_graph_request_total|traces_spanmetrics_calls_total"}'
    labels = {"__name__", "client", "server", "connection_type", "service", "span_name", "span_kind", "status_code"}
    tally.equal("labels", set(asked.data("labels", **{"match[]": named}, **time_range)), labels)
    values = asked.data("label/server/values", **{"match[]": named}, **time_range)
    tally.equal("values of server", values, sorted({call[2] for call in shop.calls}))
    values = asked.data("label/span_name/values", **{"match[]": named}, **time_range)
    tally.equal("values of span_name", values, sorted({span[2] for span in shop.spans}))
    found = asked.data("series", **{"match[]": f"{GRAPH}_total"}, **time_range)
    tally.equal("series", len(found), len({call[1:4] for call in shop.calls}))
    tally.equal("metadata", asked.data("metadata")["traces_spanmetrics_latency"][0]["type"], "histogram")
    tally.check("buildinfo", asked.data("status/buildinfo")["version"], "no version")
    tally.equal("rules", asked.data("rules"), {"groups": []})
    query = 'histogram_quantile(.9, sum(rate(traces_spanmetrics_latency_bucket{span_name="mail"}[5m])) by (le))'
    found = asked.data("query_exemplars", query=query, **time_range)
    told = {(float(it["value"]), round(it["timestamp"], 3)) for one in found for it in one["exemplars"]}
    expected = {(span[5] / SECOND, round(span[0] // 1_000_000 / 1e3, 3)) for span in shop.spans if span[2] == "mail"}
    tally.equal("exemplars", sorted(told), sorted(expected))
    status, answer = asked.get("query", query="irate(x[5m])")
    tally.equal("what is not answered", (status, answer["errorType"]), (400, "bad_data"))


def counters(text):
    """By name and labels, of a page in Prometheus' text format: the numbers of metrics from spans."""
    from prometheus_client.parser import text_string_to_metric_families

    samples = (sample for family in text_string_to_metric_families(text) for sample in family.samples)
    return {(it.name, key_of(it.labels)): it.value for it in samples if it.name.startswith("traces_")}


def wait_for_counters(server, expected):
    """The page once it has as many spans and calls, or as it is after the longest time."""
    deadline = time.monotonic() + COUNTED_SECONDS_MAX
    names = ["traces_spanmetrics_calls_total", f"{GRAPH}_total"]
    wanted = [sum(expect.sums(expected, name, []).values()) for name in names]
    while True:
        text = server.get("/metrics")[1]
        found = counters(text)
        if [sum(expect.sums(found, name, []).values()) for name in names] == wanted or time.monotonic() > deadline:
            return text, found
        time.sleep(0.2)


def check_scrape(tally, server, receiver, shop):
    from prometheus_client.openmetrics.parser import text_string_to_metric_families

    expected = expect.series(shop.spans, shop.calls)
    text, found = wait_for_counters(server, expected)
    # A histogram without a duration is told too.
    found = {key: it for key, it in found.items() if key in expected or it}
    agree(tally, "/metrics: every counter of every series", found, expected)
    accept = [("accept", "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5")]
    body = fetch(f"http://{server.addresses['ui']}/metrics", headers=accept)[1]
    families = list(text_string_to_metric_families(body.decode()))
    samples = [sample for family in families for sample in family.samples]
    exemplars = [sample.exemplar for sample in samples if sample.exemplar]
    traces = {span["traceId"] for spans in shop.resources.values() for span in spans}
    tally.check("OpenMetrics: exemplars name traces", exemplars and all(
        it.labels["traceID"] in traces and it.timestamp for it in exemplars), exemplars[:3])
    if receiver:
        for name, page, kind in [
            ("OpenMetrics", body, "application/openmetrics-text; version=1.0.0; charset=utf-8"),
            ("text", text.encode(), "text/plain; version=0.0.4; charset=utf-8"),
        ]:
            status, answer = fetch(f"http://{receiver.address}/parse", page, [("content-type", kind)])
            tally.check(f"Prometheus' parser reads {name}", status == 200, answer[:500])
            if status == 200 and name == "OpenMetrics":
                answer = json.loads(answer)
                tally.equal("Prometheus' parser: series, exemplars", (answer["series"], answer["exemplars"]), (len(samples), len(exemplars)))


def check_remote_write(tally, server, receiver, shop, start):
    """Prometheus' engine over what was sent says what Fanal says of the same spans."""
    deadline = time.monotonic() + COUNTED_SECONDS_MAX
    prometheus, fanal = Asked(receiver.address), Asked(server.addresses["prometheus"])
    query = "sum(traces_spanmetrics_calls_total)"
    while prometheus.vector(query).get((), 0) < len(shop.spans) and time.monotonic() < deadline:
        time.sleep(0.2)
    now = time.time()
    window = f"[{math.ceil(now - start)}s]"
    queries = [
        "sum by (client, server) (traces_service_graph_request_total WINDOW)",
        "sum by (client, server) (traces_service_graph_request_failed_total WINDOW)",
        "sum by (client, server, connection_type) (traces_service_graph_request_client_seconds_sum WINDOW)",
        "topk(5, sum(traces_spanmetrics_calls_total WINDOW) by (span_name))",
        "histogram_quantile(.9, sum(traces_spanmetrics_latency_bucket WINDOW) by (le, service))",
        "histogram_quantile(.5, sum(traces_service_graph_request_server_seconds_bucket WINDOW) by (le, client, server))",
        "sum(traces_service_graph_request_failed_total WINDOW) / sum(traces_service_graph_request_total WINDOW) * 100",
    ]
    for query in queries:
        own = query
        for name in sorted({word.strip("(") for word in query.split() if "traces_" in word}):
            name = name[name.index("traces_"):]
            own = own.replace(f"{name} WINDOW", f"increase({name}{window})")
        agree(tally, f"as Prometheus says: {query.replace(' WINDOW', '')}", fanal.vector(own, now), prometheus.vector(query.replace(" WINDOW", "")))
    sent = {key[0]: value for key, value in all_counters(server).items() if key[0].startswith("fanal_remote_write")}
    tally.check("remote write was tried again after 503", sent["fanal_remote_write_failed_requests_total"] == 2, sent)
    tally.equal("remote write dropped nothing", sent["fanal_remote_write_dropped_samples_total"], 0)


def all_counters(server):
    from prometheus_client.parser import text_string_to_metric_families

    families = text_string_to_metric_families(server.get("/metrics")[1])
    return {(it.name, key_of(it.labels)): it.value for family in families for it in family.samples}


class Receiver:
    """Prometheus' parts at a port; the first two writes are refused."""

    def __init__(self, program, folder):
        self.log = (Path(folder) / "receiver.log").open("wb")
        data = str(Path(folder) / "prometheus")
        self.process = subprocess.Popen(
            [str(program), data, "2"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.log
        )
        self.address = self.process.stdout.readline().decode().strip()

    def stop(self):
        self.process.kill()
        self.process.wait()


def build(tally, folder):
    """The receiver, or None without Go."""
    if not tally.check("Go is installed", shutil.which("go"), "install Go 1.26 or later"):
        return None
    program = Path(folder) / "receiver"
    done = subprocess.run(
        ["go", "build", "-o", str(program), "."], cwd=HERE / "prometheus",
        env={**os.environ, "GOFLAGS": "-mod=readonly"}, capture_output=True, text=True, timeout=BUILD_SECONDS_MAX,
    )
    return program if tally.check("Prometheus' parts build", done.returncode == 0, done.stderr[-3000:]) else None


def main():
    harness.exit_on_sigterm()
    tally = harness.Tally()
    with tempfile.TemporaryDirectory() as folder:
        program = build(tally, folder)
        receiver = Receiver(program, folder) if program else None
        flags = []
        if receiver:
            flags = ["--metrics-remote-write-url", f"http://{receiver.address}/api/v1/write",
                     "--metrics-remote-write-headers", "X-Scope-OrgID: shop", "--metrics-remote-write-interval-seconds", "1"]
        # Before the server: none of it is to be in its counters.
        at = int(time.time()) - 300
        history = Shop(1, (at - HISTORY_SECONDS + 5) * SECOND, 58, 10 * SECOND)
        server = harness.Server(folder, *flags)
        try:
            send(server, history)
            asked = Asked(server.addresses["prometheus"])
            told = expect.series(history.spans, history.calls)
            check_graph(tally, asked, told, at)
            check_table(tally, asked, told, at)
            check_links(tally, asked, history, at)
            check_lists(tally, asked, history, at)
            start = time.time()
            live = Shop(2, time.time_ns(), 20, SECOND // 20)
            send(server, live)
            check_scrape(tally, server, receiver, live)
            if receiver:
                check_remote_write(tally, server, receiver, live, start - 1)
            tally.equal("the server stops", server.stop(), 0)
        finally:
            server.kill()
            if receiver:
                receiver.stop()
    return tally.close()


if __name__ == "__main__":
    sys.exit(main())
