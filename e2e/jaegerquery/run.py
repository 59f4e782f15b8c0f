"""Jaeger's query side: its own query service runs with Fanal as its storage, and is asked what Fanal is asked.

The service and the clients are those of Jaeger's module, pinned in jaeger/go.mod. Every call that Jaeger's UI and Grafana's
Jaeger data source make goes to both; the answers must say the same. Needs Go.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import harness  # noqa: E402

BUILD_SECONDS_MAX = 840
READY_SECONDS_MAX = 60
ANSWER_SECONDS_MAX = 60
TRACES = 12
SERVICES = ["cart", "checkout", "payments"]
BIG_TRACE = "b16" + 28 * "0" + "1"
BIG_SPANS = 30_000


def attribute(key, value):
    kinds = {bool: "boolValue", int: "intValue", float: "doubleValue", str: "stringValue"}
    if isinstance(value, list):
        return {"key": key, "value": {"arrayValue": {"values": [attribute("", it)["value"] for it in value]}}}
    shown = str(value) if type(value) is int else value
    return {"key": key, "value": {kinds[type(value)]: shown}}


def span(trace_id, number, parent, name, kind, start, nanos, **more):
    made = {
        "traceId": trace_id,
        "spanId": f"{number:016x}",
        "name": name,
        "kind": kind,
        "startTimeUnixNano": str(start),
        "endTimeUnixNano": str(start + nanos),
        "flags": 1,
        **more,
    }
    if parent:
        made["parentSpanId"] = f"{parent:016x}"
    return made


def resource_spans(service, spans):
    attributes = [attribute("service.name", service), attribute("host.name", f"{service}-host")]
    scope = {"name": "shop", "version": "1.2"}
    return {"resource": {"attributes": attributes}, "scopeSpans": [{"scope": scope, "spans": spans}]}


def shop(number, start):
    """A checkout: cart calls checkout, which calls payments; every third one fails."""
    trace_id = f"{number + 1:032x}" if number % 2 else f"ab{number + 1:030x}"
    failed = number % 3 == 0
    at = start + number * 1_000_000_000
    pay = span(trace_id, 4, 3, "charge", 2, at + 3_000_000, 4_000_000 + 1_000_000 * number)
    pay["attributes"] = [
        attribute("payment.amount", 12.5),
        attribute("payment.tries", number),
        attribute("payment.card", "visa"),
        attribute("payment.saved", number % 2 == 0),
        attribute("payment.parts", ["a", 2]),
    ]
    pay["events"] = [
        {"timeUnixNano": str(at + 4_000_000), "name": "retry", "attributes": [attribute("attempt", 2)]},
        {"timeUnixNano": str(at + 5_000_000), "name": "done"},
    ]
    pay["links"] = [{"traceId": f"{99:032x}", "spanId": f"{7:016x}"}]
    if failed:
        pay["status"] = {"code": 2, "message": "card declined"}
    order = span(trace_id, 2, 1, "order", 2, at + 1_000_000, 30_000_000)
    call = span(trace_id, 3, 2, "POST /charge", 3, at + 2_000_000, 20_000_000, traceState="a=b")
    browse = span(trace_id, 1, 0, "checkout page", 2, at, 40_000_000)
    return [
        resource_spans("cart", [browse]),
        resource_spans("checkout", [order, call]),
        resource_spans("payments", [pay]),
    ]


def big_trace(start):
    """More than one message of gRPC can hold."""
    spans = [span(BIG_TRACE, 1, 0, "root", 1, start, 60_000_000_000)]
    for number in range(2, BIG_SPANS + 1):
        made = span(BIG_TRACE, number, 1, f"step {number % 50}", 1, start + number * 1000, 1000)
        made["attributes"] = [attribute("text", f"{number:080d}")]
        spans.append(made)
    return [resource_spans("batch", spans)]


def post(address, path, body):
    data = json.dumps(body).encode()
    request = urllib.request.Request(f"http://{address}{path}", data, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=ANSWER_SECONDS_MAX) as response:
        return json.load(response)


def get(address, path):
    try:
        with urllib.request.urlopen(f"http://{address}{path}", timeout=ANSWER_SECONDS_MAX) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        body = error.read()
        try:
            return error.code, json.loads(body)
        except ValueError:
            return error.code, body.decode(errors="replace")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def tags(listed):
    return sorted((tag["key"], tag["type"], json.dumps(tag["value"])) for tag in listed or [])


def trace(found):
    """A trace of the older API, without what is free to differ: orders, names of processes, warnings."""
    processes = found["processes"]

    def one(it):
        process = processes[it["processID"]]
        return {
            "id": it["spanID"],
            "trace": it["traceID"],
            "name": it["operationName"],
            "references": it["references"],
            "start": it["startTime"],
            "duration": it["duration"],
            "tags": tags(it["tags"]),
            "logs": [(log["timestamp"], tags(log["fields"])) for log in it["logs"]],
            "service": process["serviceName"],
            "process": tags(process["tags"]),
        }

    return sorted((one(it) for it in found["spans"]), key=lambda it: it["id"])


def envelope(status, answer):
    """An answer of the older API, in an order of its own."""
    if status != 200:
        return status, [(error["code"], error["msg"]) for error in answer["errors"]]
    data = answer["data"]
    if data and isinstance(data[0], dict) and "spans" in data[0]:
        data = sorted((trace(found) for found in data), key=json.dumps)
    elif data and isinstance(data[0], dict):
        data = sorted(data, key=json.dumps)
    else:
        data = sorted(data or [])
    return status, data


def otlp(status, answer):
    """An answer of the newer API: spans by id with everything they have."""
    if status != 200 or "result" not in answer:
        return status, answer.get("error", {}).get("message") if status != 200 else answer
    spans = []
    for resource in answer["result"]["resourceSpans"]:
        owner = sorted(json.dumps(it, sort_keys=True) for it in resource["resource"].get("attributes", []))
        for scope in resource["scopeSpans"]:
            for it in scope["spans"]:
                it["attributes"] = sorted(json.dumps(own, sort_keys=True) for own in it.get("attributes", []))
                it["status"] = it.get("status") or {}
                it["events"] = sorted(it.get("events", []), key=lambda event: event["timeUnixNano"])
                spans.append([it["traceId"], it["spanId"], it, scope.get("scope"), owner])
    return status, sorted(spans, key=json.dumps)


def sorted_lists(status, answer):
    """An answer of lists, those in their order."""
    if status == 200:
        answer = {key: sorted(value, key=json.dumps) for key, value in answer.items()}
    return status, answer


def build(tally, folder):
    """Jaeger, or None without Go."""
    if not tally.check("Go is installed", shutil.which("go"), "install Go 1.26 or later"):
        return None
    program = Path(folder) / "jaeger"
    environment = {**os.environ, "GOFLAGS": "-mod=readonly"}
    done = subprocess.run(
        ["go", "build", "-o", str(program), "."],
        cwd=HERE / "jaeger", env=environment, capture_output=True, text=True, timeout=BUILD_SECONDS_MAX,
    )
    return program if tally.check("Jaeger builds", done.returncode == 0, done.stderr[-3000:]) else None


class Jaeger:
    """Jaeger's query service over a storage."""

    def __init__(self, program, storage, folder):
        self.http, self.grpc = free_port(), free_port()
        self.log = (Path(folder) / "jaeger.log").open("wb")
        self.process = subprocess.Popen(
            [str(program), "serve", storage, self.http, self.grpc],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
        )
        deadline = time.monotonic() + READY_SECONDS_MAX
        while True:
            try:
                get(self.http, "/api/services")
                return
            except OSError as error:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    self.stop()
                    raise SystemExit(f"Jaeger did not get ready: {error}") from error
                time.sleep(0.05)

    def stop(self):
        self.process.terminate()
        self.process.wait()


def paths(start, end):
    """The calls of Jaeger's UI and of Grafana, with how their answers are compared."""
    micros = {"start": start // 1000, "end": end // 1000}

    def search(**more):
        return "/api/traces?" + urllib.parse.urlencode({"limit": 100, **micros, **more})

    def rfc(nanos):
        return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(nanos // 1_000_000_000)) + f".{nanos % 1_000_000_000:09}Z"

    def search_v3(**more):
        query = {"start_time_min": rfc(start), "start_time_max": rfc(end), "num_traces": 100, **more}
        return "/api/v3/traces?" + urllib.parse.urlencode({f"query.{key}": value for key, value in query.items()})

    dependencies = urllib.parse.urlencode({"endTs": end // 1_000_000, "lookback": (end - start) // 1_000_000})
    return [
        (envelope, "/api/services"),
        (envelope, "/api/services/checkout/operations"),
        (envelope, "/api/operations?service=checkout"),
        (envelope, "/api/operations?service=checkout&spanKind=client"),
        (envelope, f"/api/traces/ab{1:030x}"),
        (envelope, f"/api/traces/{2:x}"),
        (envelope, f"/api/traces/ab{1:030x}?raw=true"),
        (envelope, f"/api/traces/{77:032x}"),
        (envelope, "/api/traces/nothex"),
        (envelope, f"/api/traces?traceID=ab{1:030x}&traceID={2:x}"),
        (envelope, search(service="payments")),
        (envelope, search(service="payments", operation="charge")),
        (envelope, search(service="payments", tags='{"error":"true"}')),
        (envelope, search(service="payments", tag="payment.tries:3")),
        (envelope, search(service="payments", tags='{"payment.saved":"true","payment.card":"visa"}')),
        (envelope, search(service="payments", minDuration="9ms", maxDuration="12ms")),
        (envelope, search(service="cart", tags='{"error":"true"}')),
        (envelope, search(service="nobody")),
        (envelope, search()),
        (envelope, "/api/traces?service=cart&start=x"),
        (envelope, f"/api/dependencies?{dependencies}"),
        (sorted_lists, "/api/v3/services"),
        (sorted_lists, "/api/v3/operations?service=payments"),
        (otlp, f"/api/v3/traces/ab{1:030x}"),
        (otlp, f"/api/v3/traces/ab{1:030x}?rawTraces=true"),
        (otlp, search_v3(service_name="payments")),
        (otlp, search_v3(service_name="payments", operation_name="charge", duration_min="9ms")),
    ]


def without_what_is_common(found, expected):
    """What two answers differ in, as far as they are lists of spans or traces: the rest would fill pages."""
    lists = [answer[1] for answer in (found, expected)]
    if not all(isinstance(it, list) and len(it) == len(lists[0]) for it in lists):
        return found, expected
    pairs = [pair for pair in zip(*lists) if pair[0] != pair[1]]
    return [(answer[0], [pair[side] for pair in pairs]) for side, answer in enumerate((found, expected))]


def compare(tally, fanal, jaeger, start, end):
    for normal, path in paths(start, end):
        found, expected = normal(*get(fanal, path)), normal(*get(jaeger, path))
        name = f"as Jaeger answers: {path}"
        if found[0] != 200 and found[0] == expected[0]:
            # Words of a refusal are each one's own.
            tally.check(name, True)
        else:
            tally.equal(name, *without_what_is_common(found, expected))
    body = {"resourceSpans": shop(5, start)}
    answers = [post(address, "/api/transform", body) for address in (fanal, jaeger)]
    tally.equal("as Jaeger answers: /api/transform", *(envelope(200, answer) for answer in answers))


def ask(tally, program, address, service, trace_id, end):
    done = subprocess.run(
        [str(program), "ask", address, service, trace_id, str(end // 1000)],
        capture_output=True, text=True, timeout=120,
    )
    if not tally.check(f"Jaeger's clients ask {address}", done.returncode == 0, done.stderr[-2000:]):
        return {}
    answers = json.loads(done.stdout)
    for name in ["services", "operations", "spans", "v3_services"]:
        answers[name] = sorted(answers[name] or [])
    return answers


def check_grpc(tally, program, fanal, jaeger, end):
    found = ask(tally, program, fanal.addresses["jaeger_query"], "payments", f"ab{1:030x}", end)
    expected = ask(tally, program, jaeger.grpc, "payments", f"ab{1:030x}", end)
    for name in expected.keys() - {"health", "reflected", "undescribed", "called", "chunks", "v3_missing"}:
        tally.equal(f"gRPC, as Jaeger answers: {name}", found.get(name), expected[name])
    # This release of Jaeger says UNKNOWN, later ones say this.
    tally.equal("gRPC: a trace that is not there", found.get("v3_missing"), "NotFound")
    tally.equal("reflection describes every service", found["undescribed"], None)
    for service, calls in found["called"].items():
        missing = set(calls) - set(found["reflected"].get(service, []))
        tally.equal(f"reflection has every call of {service}", missing, set())
        tally.equal(f"health of {service}", found["health"].get(service), "SERVING")
    big = ask(tally, program, fanal.addresses["jaeger_query"], "batch", BIG_TRACE, end)
    tally.equal("a trace beyond a message of gRPC comes whole", (len(big["spans"]), big["v3_spans"]), 2 * (BIG_SPANS,))


def check_ui(tally, fanal, jaeger, start, end):
    """Calls that this release of Jaeger has no storage for, or does not make yet: their form."""
    query = {"service": "payments", "endTs": end // 1_000_000, "lookback": 3_600_000, "step": 60_000,
             "ratePer": 600_000, "spanKind": "server"}
    for path, name in [
        ("calls", "service_call_rate"),
        ("errors", "service_error_rate"),
        ("latencies", "service_latencies"),
    ]:
        more = {"quantile": 0.95} if path == "latencies" else {}
        status, answer = get(fanal, f"/api/metrics/{path}?{urllib.parse.urlencode({**query, **more})}")
        points = answer["metrics"][0]["metricPoints"] if status == 200 else []
        values = [point["gaugeValue"]["doubleValue"] for point in points]
        held = status == 200 and answer["name"] == name and answer["type"] == "GAUGE"
        tally.check(f"metrics: {path}", held and isinstance(values[-1], float), answer)
    window = {"query.startTimeMin": "2020-01-01T00:00:00Z", "query.startTimeMax": "2100-01-01T00:00:00Z"}
    for method, answer in [
        ("GET", get(fanal, f"/api/v3/trace-summaries?{urllib.parse.urlencode(window)}&query.serviceName=cart")[1]),
        ("POST", post(fanal, "/api/v3/trace-summaries", {"query": {
            "serviceName": "cart", "startTimeMin": "2020-01-01T00:00:00Z", "startTimeMax": "2100-01-01T00:00:00Z"}})),
    ]:
        summaries = answer["summaries"]
        kept = [(it["rootServiceName"], it["spanCount"], len(it["services"])) for it in summaries]
        tally.equal(f"trace-summaries by {method}", kept, TRACES * [("cart", 4, 3)])
    archived = urllib.request.Request(f"http://{fanal}/api/archive/ab{1:030x}", method="POST")
    with urllib.request.urlopen(archived, timeout=ANSWER_SECONDS_MAX) as response:
        tally.equal("a trace is archived", json.load(response)["data"], [])


def check_descriptors(tally):
    import descriptors

    tally.check(
        "the descriptors are those of the .proto files",
        descriptors.compiled() == descriptors.DESCRIPTORS.read_bytes(),
        "run `python e2e/jaegerquery/descriptors.py`",
    )


def send_by_storage(tally, address, start):
    """Spans that Jaeger would write to its storage, over OTLP."""
    import grpc
    from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
    from google.protobuf import json_format

    request = {"resourceSpans": [part for number in range(TRACES) for part in shop(number, start)]}

    def as_bytes(value):
        """Ids as base64, as protobuf's own JSON has them."""
        import base64

        if isinstance(value, dict):
            return {
                key: base64.b64encode(bytes.fromhex(it)).decode()
                if key in ("traceId", "spanId", "parentSpanId") else as_bytes(it)
                for key, it in value.items()
            }
        return [as_bytes(it) for it in value] if isinstance(value, list) else value

    message = json_format.ParseDict(as_bytes(request), trace_service_pb2.ExportTraceServiceRequest())
    with grpc.insecure_channel(address) as channel:
        answer = trace_service_pb2_grpc.TraceServiceStub(channel).Export(message, timeout=ANSWER_SECONDS_MAX)
    tally.equal("the storage takes spans over OTLP", answer.partial_success.rejected_spans, 0)


def main():
    harness.exit_on_sigterm()
    tally = harness.Tally()
    check_descriptors(tally)
    with tempfile.TemporaryDirectory() as folder:
        program = build(tally, folder)
        if program is None:
            return tally.close()
        start = time.time_ns() - 300 * 1_000_000_000
        server = harness.Server(folder)
        jaeger = None
        try:
            send_by_storage(tally, server.addresses["jaeger_storage"], start)
            post(server.addresses["otlp_http"], "/v1/traces", {"resourceSpans": big_trace(start)})
            jaeger = Jaeger(program, server.addresses["jaeger_storage"], folder)
            end = start + 240 * 1_000_000_000
            ui = server.addresses["ui"]
            compare(tally, ui, jaeger.http, start, end)
            check_grpc(tally, program, server, jaeger, end)
            check_ui(tally, ui, jaeger, start, end)
        finally:
            if jaeger:
                jaeger.stop()
            server.stop()
    return tally.close()


if __name__ == "__main__":
    sys.exit(main())
