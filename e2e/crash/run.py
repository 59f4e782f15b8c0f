"""The crash suite: kill -9 under load at random instants; nothing acknowledged may be lost, nothing stored twice.

Each round loads the server, kills it, starts it again on the same folder, and asks for the traces that were acknowledged
last. At checkpoints every trace of all rounds is asked for, everything is merged, the spans on disk are counted against the
distinct spans of all traces, and `fanal storage check` goes over the folder.

`CRASH_ROUNDS` sets the number of rounds, `CRASH_SEED` repeats the choices of a run.
"""

import http.client
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import harness

ROUNDS = int(os.environ.get("CRASH_ROUNDS", "12"))
SEED = int(os.environ.get("CRASH_SEED", str(time.time_ns())))
CHECKPOINTS = 4
SPANS_PER_SECOND = 12_000
# The kill falls into this span of seconds after the first acknowledgement.
KILL_SECONDS = (0.0, 0.3)
# After some kills the server is killed once more while it starts, within this span of seconds.
START_KILL_SHARE = 0.2
START_KILL_SECONDS = (0.0, 0.06)
LOAD_SECONDS_MAX = 60
# Traces asked for after each kill: the last acknowledged ones, and some of the others.
LAST_TRACES = 30
OTHER_TRACES = 10
PAGE_TRACES = 1000
MERGE_SECONDS_MAX = 60
# Blocks so small that merges and compactions are under way most of the time.
FLAGS = ["--storage-block-rows", "1024", "--storage-merge-after-seconds", "1", "--log-level", "warn"]


class Client:
    """Questions over one kept connection."""

    def __init__(self, server):
        self.connection = http.client.HTTPConnection(server.addresses["ui"], timeout=harness.ANSWER_SECONDS_MAX)

    def get(self, path):
        self.connection.request("GET", path)
        response = self.connection.getresponse()
        body = response.read()
        return response.status, json.loads(body) if response.status == 200 else body.decode(errors="replace")


def acknowledged_traces(file):
    """Trace ids with their span counts, in order; a last line without its end was not acknowledged in full."""
    lines = file.read_text().split("\n")[:-1] if file.exists() else []
    return {name: int(spans) for name, spans in (line.split(" ") for line in lines)}


def load_until_killed(server, seed, file, wait_seconds):
    load = subprocess.Popen(
        [os.environ["FANAL_BIN"], "load", "--target", server.addresses["otlp_grpc"], "--seed", str(seed)]
        + ["--rate", str(SPANS_PER_SECOND), "--duration", f"{LOAD_SECONDS_MAX}s", "--connections", "2"]
        + ["--spans-per-request", "100", "--in-flight", "4", "--acknowledged", str(file)],
        env={k: v for k, v in os.environ.items() if not k.startswith("FANAL_")},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + LOAD_SECONDS_MAX
        while not (file.exists() and file.stat().st_size) and time.monotonic() < deadline:
            time.sleep(0.002)
        # The instant of the kill is what this test is about, so this wait is no wait for a condition.
        time.sleep(wait_seconds)
        server.kill()
    finally:
        load.kill()
        load.wait()


def missing(server, traces):
    """Words on every one of these traces that is not there as acknowledged."""
    client = Client(server)
    words = []
    for trace_id, expected in traces.items():
        status, answer = client.get(f"/fanal/v1/trace/{trace_id}")
        found = answer["span_count"] if status == 200 else f"status {status}"
        if found != expected:
            words.append(f"{trace_id}: {found} spans of {expected}")
    return words


def chosen(chance, traces):
    """The last acknowledged traces and some of the others."""
    names = list(traces)
    others = names[:-LAST_TRACES]
    names = names[-LAST_TRACES:] + chance.sample(others, min(OTHER_TRACES, len(others)))
    return {name: traces[name] for name in names}


def everything_stored(server):
    """Every trace that is stored with its distinct spans, and words on what was left out."""
    client = Client(server)
    traces, cursor = {}, ""
    while True:
        status, page = client.get(f"/fanal/v1/search?limit={PAGE_TRACES}{cursor}")
        if status != 200 or not page["complete"]:
            return traces, f"status {status}: {json.dumps(page)[:1000]}"
        traces |= {trace["trace_id"]: trace["span_count"] for trace in page["traces"]}
        if "next_cursor" not in page:
            return traces, ""
        cursor = f"&cursor={page['next_cursor']}"


def merged_spans(server):
    """Spans on disk once all of them are in blocks."""
    client = Client(server)
    deadline = time.monotonic() + MERGE_SECONDS_MAX
    while True:
        storage = client.get("/fanal/v1/status")[1]["storage"]
        if storage["head_spans"] == 0:
            return storage["spans"]
        if time.monotonic() > deadline:
            return f"{storage['head_spans']} spans were not merged within {MERGE_SECONDS_MAX} s"
        time.sleep(0.05)


def storage_check(folder):
    """What `fanal storage check` says of a folder that no server uses: exit status and the end of its words."""
    command = [os.environ["FANAL_BIN"], "storage", "check", "--data-dir", str(folder / "data")]
    answer = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    return answer.returncode, (answer.stdout + answer.stderr)[-2000:]


def checkpoint(tally, server, folder, everything):
    """Checks all that was ever acknowledged; answers the server to go on with."""
    spans = merged_spans(server)
    stored, trouble = everything_stored(server)
    lost = [f"{name}: {stored.get(name, 0)} of {spans}" for name, spans in everything.items() if stored.get(name) != spans]
    tally.check(f"all {len(everything)} traces of all rounds", not lost and not trouble, json.dumps([trouble, *lost[:10]]))
    # Traces that were kept but not acknowledged before a kill are among them.
    tally.equal(f"each of {spans} spans is stored once after the merge", spans, sum(stored.values()))
    tally.equal("the server stops cleanly", server.stop(), 0)
    status, words = storage_check(folder)
    tally.check("storage check finds no damage", status == 0, words)
    return harness.Server(folder, *FLAGS)


def main():
    harness.exit_on_sigterm()
    tally = harness.Tally()
    chance = random.Random(SEED)
    print(f"seed {SEED}, {ROUNDS} rounds", flush=True)
    everything = {}
    server = None
    with tempfile.TemporaryDirectory(prefix="fanal-crash-") as name:
        folder = Path(name)
        file = folder / "acknowledged"
        try:
            server = harness.Server(folder, *FLAGS)
            begin = time.monotonic()
            for number in range(1, ROUNDS + 1):
                wait = chance.uniform(*KILL_SECONDS)
                file.unlink(missing_ok=True)
                load_until_killed(server, chance.getrandbits(32), file, wait)
                if chance.random() < START_KILL_SHARE:
                    starting = harness.Server(folder, *FLAGS, waits=False)
                    time.sleep(chance.uniform(*START_KILL_SECONDS))
                    starting.kill()
                server = harness.Server(folder, *FLAGS)
                traces = acknowledged_traces(file)
                everything |= traces
                lost = missing(server, chosen(chance, traces))
                what = f"round {number}: {len(traces)} traces after a kill at {wait:.3f} s"
                tally.check(what, traces and not lost, json.dumps(lost[:10]))
                if number * CHECKPOINTS // ROUNDS != (number - 1) * CHECKPOINTS // ROUNDS:
                    server = checkpoint(tally, server, folder, everything)
            print(f"{(time.monotonic() - begin) / ROUNDS:.2f} s a round")
            tally.equal("the server stops cleanly at the end", server.stop(), 0)
        finally:
            if server is not None:
                server.kill()
            if tally.failed and server is not None:
                print("── log of the server ──")
                print(server.log.read_text(errors="replace")[-8000:])
    return tally.close()


if __name__ == "__main__":
    sys.exit(main())
