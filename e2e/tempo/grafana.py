"""What Grafana asks: the data source's test, Explore with its builder and completion, and Traces Drilldown.

The data is the demo's, which has been stopped, so that what every answer must say is counted from the traces themselves.
"""

import base64
import collections
import json
import time
import urllib.request
from pathlib import Path

import harness
from client import Client

DEMO_SECONDS_MAX = 120
TRACES_MAX = 5000
# Traces Drilldown's signals, as they stand in its queries, and what they are of a span.
SIGNALS = {
    "nestedSetParent<0": lambda span: span.is_root,
    "true": lambda span: True,
    "kind=server": lambda span: span.kind == "SERVER",
    "kind=consumer": lambda span: span.kind == "CONSUMER",
    'span.db.system.name!=""': lambda span: span.attributes.get("db.system.name", "") != "",
}
FILTERS = {
    "true": lambda span: True,
    'resource.service.name="orders"': lambda span: span.service == "orders",
}
STRUCTURE = "status, resource.service.name, name, nestedSetParent, nestedSetLeft, nestedSetRight"


class Span:
    """What answers are held against."""

    def __init__(self, part, span):
        attributes = {it["key"]: next(iter(it["value"].values())) for it in span.get("attributes", [])}
        resource = {it["key"]: next(iter(it["value"].values())) for it in part["resource"]["attributes"]}
        self.service, self.name, self.attributes = resource["service.name"], span["name"], attributes
        self.kind = span["kind"].removeprefix("SPAN_KIND_")
        self.is_error = span["status"].get("code") == "STATUS_CODE_ERROR"
        self.is_root = "parentSpanId" not in span
        self.trace = base64.b64decode(span["traceId"]).hex()
        self.id = base64.b64decode(span["spanId"]).hex()
        self.start = int(span["startTimeUnixNano"])
        self.nanos = int(span["endTimeUnixNano"]) - self.start
        self.exceptions = sum(it["name"] == "exception" for it in span.get("events", []))


class Demo:
    """The spans of a demo that is over, and a server that has them."""

    def __init__(self, tally, program, folder):
        folder = Path(folder) / "demo"
        folder.mkdir()
        self.tally = tally
        demo = harness.Server(folder, command="demo")
        began = time.time_ns()
        try:
            wait_until_open(demo.addresses["tempo"], began)
        finally:
            demo.stop()
        self.server = harness.Server(folder)
        self.client = Client(program, self.server.addresses["tempo"])
        self.spans = self.fetch()
        starts = [span.start for span in self.spans]
        # Whole minutes, which hold all spans; the last is over soon, and only then in answers.
        self.start = min(starts) // 60_000_000_000 * 60
        self.end = max(starts) // 60_000_000_000 * 60 + 60
        while time.time() <= self.end:
            time.sleep(0.2)
        self.range = {"start": self.start, "end": self.end}

    def fetch(self):
        """Every span, of every trace as Grafana opens it."""
        found = self.client.json(("/api/search", {"q": "{}", "limit": TRACES_MAX}), "SearchResponse")
        ids = [trace["traceID"] for trace in found["messages"][0]["traces"]]
        paths = [f"/api/v2/traces/{trace_id}" for trace_id in ids]
        answers = self.client.ask([{"by": "protobuf", "path": it, "answer": "TraceByIDResponse"} for it in paths])
        parts = [part for it in answers for part in it["messages"][0]["trace"]["resourceSpans"]]
        drawn = all(
            part["resource"].get("attributes") and "scope" in scope and all("status" in span for span in scope["spans"])
            for part in parts for scope in part["scopeSpans"]
        )
        wrong = [it["wrong"] for it in answers if it["wrong"]]
        self.tally.check("every trace of the demo can be drawn", parts and drawn and not wrong, wrong[:1])
        return [Span(part, span) for part in parts for scope in part["scopeSpans"] for span in scope["spans"]]

    def ask(self, name, call):
        """One answer, held against what Tempo would have sent."""
        (answer,) = self.client.ask([call])
        held = answer["status"] in ("200", "OK") and answer["messages"] and not answer["wrong"]
        self.tally.check(name, held, [answer["status"], answer["text"], answer["wrong"]])
        return answer["messages"] if held else []

    def search(self, query, limit=200, spans=10):
        """The traces of a search over HTTP; over gRPC they must be the same."""
        form = {"q": query, "limit": limit, "spss": spans, **self.range}
        request = {"Query": query, "Limit": limit, "SpansPerSpanSet": spans, **self.range}
        over_http = {"by": "json", "path": ("/api/search", form), "answer": "SearchResponse"}
        (http,) = self.ask(f"search: {query}", over_http) or [{}]
        streamed = self.ask(f"streamed: {query}", {"by": "grpc", "method": "Search", "request": request})
        last = {trace["traceID"]: trace for message in streamed for trace in message.get("traces", [])}
        same = list(last.values()) == http.get("traces", [])
        self.tally.check(f"streamed as over HTTP: {query}", same, [len(last), len(http.get("traces", []))])
        return http.get("traces", [])

    def series(self, query, step=60):
        """The series of a range; over gRPC they must be the same."""
        form = {"q": query, "step": f"{step}s", "exemplars": 100, **self.range}
        nanos = {name: str(seconds * 1_000_000_000) for name, seconds in {**self.range, "step": step}.items()}
        request = {"query": query, "exemplars": 100, **nanos}
        over_http = {"by": "json", "path": ("/api/metrics/query_range", form), "answer": "QueryRangeResponse"}
        (http,) = self.ask(f"metrics: {query}", over_http) or [{}]
        streamed = self.ask(f"streamed: {query}", {"by": "grpc", "method": "MetricsQueryRange", "request": request})
        merged = merge(streamed)
        self.tally.equal(f"streamed as over HTTP: {query}", merged, merge([http]))
        exemplars = [it for series in http.get("series", []) for it in series.get("exemplars", [])]
        linked = all(any(label["key"] == "trace:id" for label in it["labels"]) for it in exemplars)
        self.tally.check(f"exemplars of it lead to traces, all {len(exemplars)}", linked, exemplars[:1])
        return merged


def merge(messages):
    """The samples of all messages by labels and time, as Grafana puts them together: what came later holds."""
    merged = {}
    for message in messages:
        for series in message.get("series", []):
            labels = [(it["key"], *next(iter(it["value"].items()))) for it in series.get("labels", [])]
            samples = merged.setdefault(json.dumps(labels), {})
            samples.update({it["timestampMs"]: it.get("value", 0) for it in series.get("samples", [])})
    return merged


def wait_until_open(address, began):
    """Until the demo has sent its past and a trace of now."""
    deadline = time.monotonic() + DEMO_SECONDS_MAX
    newest = 0
    while newest < began:
        if time.monotonic() > deadline:
            raise SystemExit("the demo has not sent its past in time")
        time.sleep(0.2)
        with urllib.request.urlopen(f"http://{address}/api/search?q=%7B%7D&limit=1") as response:
            traces = json.load(response).get("traces", [])
        newest = max((int(trace["startTimeUnixNano"]) for trace in traces), default=0)


def totals(series, key):
    """Counts by the value of a label, or all where it has another."""
    sums = collections.Counter()
    for labels, samples in series.items():
        named = {name: value for name, _, value in json.loads(labels)}
        sums[named.get(key)] += sum(samples.values())
    return {value: round(count) for value, count in sums.items()}


def check(tally, program, folder):
    demo = Demo(tally, program, folder)
    try:
        check_data_source(tally, demo)
        check_builder(tally, demo)
        check_completion(tally, demo)
        check_drilldown(tally, demo)
        check_structure(tally, demo)
        check_lists(tally, demo)
        check_comparisons(tally, demo)
    finally:
        demo.server.stop()


def check_data_source(tally, demo):
    tested = demo.ask("save and test, streaming", {
        "by": "grpc", "method": "Search", "request": {"Query": "{}", "Limit": 1, **demo.range}})
    tally.check("it finds a trace", tested and tested[-1].get("traces"), tested)
    (echo,) = demo.client.ask([{"by": "json", "path": "/api/echo"}])
    tally.equal("save and test, not streaming", echo["status"], "200")
    span = demo.spans[0]
    path = f"/api/v2/traces/{span.trace}?start={demo.start}&end={demo.end}"
    (trace,) = demo.ask("open a trace", {"by": "protobuf", "path": path, "answer": "TraceByIDResponse"}) or [{}]
    tally.check("it is whole", trace.get("status", "COMPLETE") == "COMPLETE", trace.get("message"))


def traces_of(demo, meets):
    return {span.trace for span in demo.spans if meets(span)}


def check_builder(tally, demo):
    """The forms that Explore's builder writes, and its link from a node of the service graph."""
    fields = ["db.name", "db.system", "peer.service", "messaging.system", "net.peer.name"]
    node = " || ".join(f'span.{field}="kafka"' for field in fields)
    cases = {
        '{resource.service.name="orders" && span:status=error}': lambda it: it.service == "orders" and it.is_error,
        '{(resource.service.name="orders" || resource.service.name="payment")}':
            lambda it: it.service in ("orders", "payment"),
        '{(resource.service.name!="orders" && resource.service.name!="cart")}':
            lambda it: it.service not in ("orders", "cart"),
        '{resource.service.name=~"order.*|cart"}': lambda it: it.service in ("orders", "cart"),
        '{span.db.system.name="postgresql" && duration>10ms}':
            lambda it: it.attributes.get("db.system.name") == "postgresql" and it.nanos > 10_000_000,
        '{kind=client && name!=""}': lambda it: it.kind == "CLIENT",
        "{" + node + "}": lambda it: "kafka" in [it.attributes.get(field) for field in fields],
    }
    for query, meets in cases.items():
        found = demo.search(query, limit=TRACES_MAX, spans=3)
        tally.equal(f"it finds its traces: {query}", {it["traceID"] for it in found}, traces_of(demo, meets))
    ends = collections.defaultdict(list)
    for span in demo.spans:
        ends[span.trace] += [span.start, span.start + span.nanos]
    long = {trace for trace, times in ends.items() if max(times) - min(times) > 100_000_000}
    found = demo.search("{traceDuration>100ms}", limit=TRACES_MAX, spans=3)
    tally.equal("it finds its traces: {traceDuration>100ms}", {it["traceID"] for it in found}, long)


def check_completion(tally, demo):
    limit = {"limit": 5000}
    for more in ({}, demo.range):
        path = ("/api/v2/search/tags", {**limit, **more})
        (tags,) = demo.ask(f"tags {more}", {"by": "json", "path": path, "answer": "SearchTagsV2Response"}) or [{}]
        scopes = {scope["name"]: scope["tags"] for scope in tags.get("scopes", [])}
        known = sorted({key for span in demo.spans for key in span.attributes})
        tally.equal(f"span tags {more}", scopes.get("span"), known)
        tally.check(f"intrinsics {more}", "duration" in scopes.get("intrinsic", []), scopes.get("intrinsic"))
    query = '{resource.service.name="orders" && }'
    cases = [
        ("resource.service.name", {}, "string", {span.service for span in demo.spans}),
        ("name", {"q": query, **demo.range}, "string", {span.name for span in demo.spans if span.service == "orders"}),
        ("status", {}, "keyword", {"error", "ok", "unset"}),
        ("kind", {}, "keyword", {"client", "consumer", "internal", "producer", "server", "unspecified"}),
        ("span.http.response.status_code", {}, "int",
         {it.attributes["http.response.status_code"] for it in demo.spans if "http.response.status_code" in it.attributes}),
    ]
    for field, more, kind, expected in cases:
        path = (f"/api/v2/search/tag/{field}/values", {**limit, **more, "tag": field})
        call = {"by": "json", "path": path, "answer": "SearchTagValuesV2Response"}
        (values,) = demo.ask(f"values of {field}", call) or [{}]
        found = {(it["type"], it["value"]) for it in values.get("tagValues", [])}
        tally.equal(f"all values of {field}", found, {(kind, value) for value in expected})


def check_drilldown(tally, demo):
    """The panels of every signal: counts must be those of the spans."""
    for signal, is_of_signal in SIGNALS.items():
        for chosen, is_chosen in FILTERS.items():
            where = f"{signal} && {chosen}"
            spans = [span for span in demo.spans if is_of_signal(span) and is_chosen(span)]
            errors = [span for span in spans if span.is_error]
            by_service = collections.Counter(span.service for span in spans)
            rate = totals({labels: {at: value * 60 for at, value in samples.items()}
                           for labels, samples in demo.series(f"{{{where}}} | rate() with(sample=true)").items()}, None)
            tally.equal(f"spans of {{{where}}}", sum(rate.values()), len(spans))
            rate = demo.series(f"{{{where} && status=error}} | rate()")
            tally.equal(f"errors of {{{where}}}", round(60 * sum(sum(it.values()) for it in rate.values())), len(errors))
            grouped = demo.series(
                f"{{{where} && resource.service.name != nil}} | rate() by(resource.service.name) with(sample=true)")
            grouped = {labels: {at: value * 60 for at, value in samples.items()} for labels, samples in grouped.items()}
            tally.equal(f"spans by service of {{{where}}}", totals(grouped, "resource.service.name"), dict(by_service))
            histogram = demo.series(f"{{{where}}} | histogram_over_time(duration) with(sample=true)")
            counted = totals(histogram, "__bucket")
            tally.equal(f"durations of {{{where}}}", sum(counted.values()), sum(it.nanos > 1 for it in spans))
            quantiles = demo.series(f"{{{where}}} | quantile_over_time(duration, .9) by(resource.service.name)")
            tally.equal(f"a quantile for each service of {{{where}}}",
                        set(totals(quantiles, "resource.service.name")), set(by_service))
    minute = {"start": demo.end - 60, "end": demo.end}
    call = {"by": "json", "path": ("/api/metrics/query_range", {"q": "{} | rate()", **minute}), "answer": "QueryRangeResponse"}
    (started,) = demo.ask("on start: {} | rate() over a minute", call) or [{}]
    tally.equal("it has one series", len(started.get("series", [])), 1)
    instant = {"by": "json", "path": ("/api/metrics/query", {"q": "{} | count_over_time()", **demo.range}),
               "answer": "QueryInstantResponse"}
    (counted,) = demo.ask("metrics as one number", instant) or [{"series": [{}]}]
    tally.equal("all spans in one number", counted["series"][0].get("value"), len(demo.spans))


def ints(span):
    """The attributes of a found span that are whole numbers, with their types."""
    return {it["key"]: int(it["value"]["intValue"]) for it in span["attributes"] if "intValue" in it["value"]}


def check_structure(tally, demo):
    for target in ("kind = server", "status = error"):
        where = "nestedSetParent<0 && true"
        query = f"({{{where}}} &>> {{{target}}}) || ({{{where}}}) | select({STRUCTURE})"
        found = demo.search(query, limit=200, spans=20)
        tally.equal(f"one set of spans a trace: {query}", {len(it["spanSets"]) for it in found}, {1})
        tally.check(f"as the only one too: {query}", all(it.get("spanSet") == it["spanSets"][0] for it in found))
        placed = True
        for trace in found:
            spans = [ints(span) for span in trace["spanSets"][0]["spans"]]
            placed &= all({"nestedSetLeft", "nestedSetRight", "nestedSetParent"} <= span.keys() for span in spans)
            root, *below = sorted(spans, key=lambda span: span["nestedSetLeft"])
            placed &= root["nestedSetParent"] == -1
            # Each lies in the root, and no two overlap in part.
            placed &= all(root["nestedSetLeft"] < span["nestedSetLeft"] < span["nestedSetRight"] < root["nestedSetRight"]
                          for span in below)
            numbers = [span[side] for span in spans for side in ("nestedSetLeft", "nestedSetRight")]
            placed &= len(set(numbers)) == len(numbers)
        tally.check(f"the tree can be rebuilt: {query}", found and placed)
        named = all(
            span.get("name") and {"service.name", "status"} <= {it["key"] for it in span["attributes"]}
            for trace in found for span in trace["spanSets"][0]["spans"]
        )
        tally.check(f"what is selected is there: {query}", named)


def check_lists(tally, demo):
    where = "nestedSetParent<0 && true"
    fields = "resource.service.name, event.exception.message, event.exception.stacktrace, event.exception.type"
    query = f"{{true && true && status = error}} | select({fields}) with(most_recent=true)"
    found = demo.search(query, limit=400, spans=10)
    keys = [{it["key"] for it in span["attributes"]} for trace in found for span in trace["spanSets"][0]["spans"]]
    expected = sum(span.exceptions > 0 for span in demo.spans if span.is_error)
    shown = sum({"exception.message", "exception.stacktrace", "exception.type"} <= it for it in keys)
    tally.equal(f"exceptions with their words: {query}", shown, expected)
    query = f"{{{where}}} | select(resource.service.name, name, duration, span.http.response.status_code, statusMessage)"
    found = demo.search(query, limit=200, spans=10)
    newest = sorted({(-span.start, span.trace) for span in demo.spans if span.is_root})[:200]
    tally.equal("the span list has the newest first", [it["traceID"] for it in found], [trace for _, trace in newest])


def check_comparisons(tally, demo):
    """Of the two sides every value is counted, so that they add up to the spans."""
    whole = demo.end - demo.start
    spans = [span for span in demo.spans if span.kind == "SERVER"]
    errors = collections.Counter(span.service for span in spans if span.is_error)
    others = collections.Counter(span.service for span in spans if not span.is_error)
    where = "kind=server && true"
    compared = demo.series(f"{{{where}}} | compare({{status = error}})")
    for side, expected in (("selection", errors), ("baseline", others)):
        found = collections.Counter()
        for labels, samples in compared.items():
            named = {name: value for name, _, value in json.loads(labels)}
            if named.get("__meta_type") == side and "resource.service.name" in named:
                found[named["resource.service.name"]] += round(sum(samples.values()))
        tally.equal(f"compare: services of the {side}", dict(found), dict(expected))
    nanos = [str(seconds * 1_000_000_000) for seconds in (demo.start, demo.end)]
    query = f"{{{where}}} | compare({{duration >= 5ms && duration <= 1s}}, 10, {nanos[0]}, {nanos[1]})"
    compared = demo.series(query, step=whole)
    selected = sum(5_000_000 <= span.nanos <= 1_000_000_000 for span in spans)
    found = collections.Counter()
    for labels, samples in compared.items():
        named = {name: value for name, _, value in json.loads(labels)}
        if "name" in named:
            found[named["__meta_type"]] += round(sum(samples.values()))
    tally.equal("compare: totals of a step as wide as the range", found["selection_total"] + found["baseline_total"],
                len(spans))
    tally.equal("compare: the selection", found["selection_total"], selected)
