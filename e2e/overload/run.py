"""The overload suite: clients offer ten times what the server can take.

Raw clients send as much as they can: first to the whole server, which tells what they offer at least, then to one that gets a
small share of a CPU. Beside them OpenTelemetry's Python SDK sends a little over gRPC and over HTTP. Memory must stay within the limit, every refusal must be one that the protocol
lets clients retry, the SDK must lose nothing, and questions must be answered all the while.

`OVERLOAD_MINUTES` sets how long, `OVERLOAD_SHARE` the share of one CPU that the server gets.
"""

import collections
import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import grpc

sys.path.insert(0, str(Path(__file__).parent.parent))

import harness

SECONDS = float(os.environ.get("OVERLOAD_MINUTES", "0.5")) * 60
SHARE = float(os.environ.get("OVERLOAD_SHARE", "0.04"))
# How long the clients send to the whole server.
WHOLE_SECONDS = 5
# What the default settings promise.
MEMORY_BYTES_MAX = 512_000_000
# The short form runs beside other tests on machines of any size, and notices that spans were refused; the long form judges.
IS_SHORT = "OVERLOAD_MINUTES" not in os.environ
OVERLOAD_MIN = 2 if IS_SHORT else 10
# The server runs for its share of this period and is stopped for the rest.
PERIOD_SECONDS = 0.05
CLIENT_FLAGS = ["--connections", "8", "--in-flight", "32", "--spans-per-request", "500"]
CLIENTS = ["grpc", "http"]
EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
MEBIBYTE = 1 << 20


class Background(threading.Thread):
    """Does something again and again until it is told to stop."""

    def __init__(self, step, pause_seconds):
        super().__init__(daemon=True)
        self.step, self.pause_seconds = step, pause_seconds
        self.is_over = threading.Event()
        self.trouble = None
        self.start()

    def run(self):
        try:
            while not self.is_over.is_set():
                self.step()
                self.is_over.wait(self.pause_seconds)
        except Exception as error:  # Told by the check that reads it.
            self.trouble = repr(error)

    def stop(self):
        self.is_over.set()
        self.join()


def slow_down(server):
    """Gives a server its share of a CPU."""
    server.process.send_signal(signal.SIGCONT)
    time.sleep(PERIOD_SECONDS * SHARE)
    server.process.send_signal(signal.SIGSTOP)


def resident_bytes(server):
    for line in Path(f"/proc/{server.process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


def ask_http(server, counts):
    """One small request; counts its status, and whether a refusal says when to come back."""
    connection = http.client.HTTPConnection(server.addresses["otlp_http"], timeout=harness.ANSWER_SECONDS_MAX)
    headers = {"content-type": "application/json"}
    connection.request("POST", "/v1/traces", json.dumps({"resourceSpans": []}), headers)
    response = connection.getresponse()
    response.read()
    is_well_said = response.status == 200 or response.headers.get("Retry-After")
    counts[(response.status, bool(is_well_said))] += 1
    connection.close()


def ask_grpc(channel, counts):
    call = channel.unary_unary(EXPORT, request_serializer=bytes, response_deserializer=bytes)
    try:
        call(b"", timeout=harness.ANSWER_SECONDS_MAX)
        counts[("OK", True)] += 1
    except grpc.RpcError as error:
        details = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin", b"")
        counts[(error.code().name, b"google.rpc.RetryInfo" in details)] += 1


def sample_memory(server, samples):
    """Resident bytes with what the server itself knows it holds."""
    page = server.get("/metrics")[1]
    names = ["fanal_storage_head_bytes", "fanal_ingest_in_flight_bytes"]
    values = dict(line.rsplit(" ", 1) for line in page.splitlines() if line and not line.startswith("#"))
    samples.append([resident_bytes(server), *(int(float(values[name])) // MEBIBYTE for name in names)])


def ask_question(server, answers):
    begin = time.monotonic()
    status, answer = server.get("/fanal/v1/search?limit=20")
    answers.append((status, bool(status == 200 and answer["traces"]), time.monotonic() - begin))


def start(command, **more):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("FANAL_")}
    return subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, **more)


def raw_client(server, protocol, seconds):
    target = server.addresses[f"otlp_{protocol}"]
    command = [os.environ["FANAL_BIN"], "load", "--target", target, "--protocol", protocol]
    return start(command + [*CLIENT_FLAGS, "--duration", f"{seconds:.0f}s", "--output", "json"])


def sdk_client(server, protocol):
    address = server.addresses[f"otlp_{protocol}"]
    endpoint = address if protocol == "grpc" else f"http://{address}/v1/traces"
    words = tempfile.TemporaryFile("w+")
    sender = start([sys.executable, str(Path(__file__).parent / "sender.py"), protocol, endpoint, str(SECONDS)], stderr=words)
    return protocol, sender, words


def check_clients(tally, clients):
    """Checks what the raw clients met; answers the spans a second that were taken."""
    rate = 0
    for protocol, client in clients:
        report = json.loads(client.communicate()[0])
        rate += report["spans_per_second"]
        lasting = report["refused_spans"] + report["rejected_spans"]
        tally.equal(f"no span of the {protocol} client is refused for good", lasting, 0)
        print(f"{protocol}: {report['spans']} spans, {report['retries']} refusals: {json.dumps(report['reasons'])[:400]}")
    return rate


def check_sdk(tally, server, senders):
    for protocol, sender, words in senders:
        sent = json.loads(sender.communicate()[0] or "[]")
        lost = [name for name in sent if server.get(f"/fanal/v1/trace/{name}")[0] != 200]
        words.seek(0)
        told = f"{len(lost)} lost; the SDK said: {words.read()[-3000:]}"
        tally.check(f"the SDK loses none of {len(sent)} spans over {protocol}", sent and not lost, told)


def overload(tally, server):
    memory, samples, answers = [], [], []
    counts = {"http": collections.Counter(), "grpc": collections.Counter()}
    offered = check_clients(tally, [(protocol, raw_client(server, protocol, WHOLE_SECONDS)) for protocol in CLIENTS])
    clients = [(protocol, raw_client(server, protocol, SECONDS)) for protocol in CLIENTS]
    senders = [sdk_client(server, protocol) for protocol in CLIENTS]
    channel = grpc.insecure_channel(server.addresses["otlp_grpc"])
    throttle = Background(lambda: slow_down(server), PERIOD_SECONDS * (1 - SHARE))
    others = [
        Background(lambda: memory.append(resident_bytes(server)), 0.05),
        Background(lambda: sample_memory(server, samples), 0.5),
        Background(lambda: ask_http(server, counts["http"]), 0.2),
        Background(lambda: ask_grpc(channel, counts["grpc"]), 0.2),
        Background(lambda: ask_question(server, answers), 0.5),
    ]
    try:
        taken = check_clients(tally, clients)
        for other in others:
            other.stop()
    finally:
        throttle.stop()
        server.process.send_signal(signal.SIGCONT)
    check_sdk(tally, server, senders)
    tally.equal("nothing that asks meets trouble", [other.trouble for other in others], [None] * len(others))
    times = offered / max(taken, 1)
    what = f"clients offered at least {times:.1f} times the {taken:.0f} spans/s that were taken"
    tally.check(what, times >= OVERLOAD_MIN, f"less than {OVERLOAD_MIN} times")
    peak = max(memory)
    tally.check(f"memory is at most {peak // MEBIBYTE} MiB", peak <= MEMORY_BYTES_MAX, f"limit {MEMORY_BYTES_MAX} bytes")
    resident, head, in_flight = max(samples)
    print(f"of {resident // MEBIBYTE} MiB at one time, {head} MiB were unmerged spans and {in_flight} MiB requests")
    print(f"small requests: {dict(counts['http'])} {dict(counts['grpc'])}")
    codes = {"http": {200, 429, 503}, "grpc": {"OK", "RESOURCE_EXHAUSTED", "UNAVAILABLE"}}
    for protocol, seen in counts.items():
        wrong = [key for key in seen if key[0] not in codes[protocol] or not key[1]]
        tally.check(f"{protocol} answers are retryable and say when", seen and not wrong, wrong)
    slowest = max(seconds for _, _, seconds in answers)
    failed = [answer for answer in answers if answer[0] != 200]
    tally.check(f"{len(answers)} questions are answered, the slowest in {slowest:.1f} s", not failed, failed[:5])
    tally.check("questions find traces meanwhile", any(found for _, found, _ in answers), "none did")


def main():
    harness.exit_on_sigterm()
    tally = harness.Tally()
    server = None
    with tempfile.TemporaryDirectory(prefix="fanal-overload-") as name:
        try:
            server = harness.Server(name, "--log-level", "warn")
            overload(tally, server)
            tally.equal("the server stops cleanly", server.stop(), 0)
        finally:
            if server is not None:
                server.kill()
            if tally.failed and server is not None:
                print(server.log.read_text(errors="replace")[-4000:])
    return tally.close()


if __name__ == "__main__":
    sys.exit(main())
