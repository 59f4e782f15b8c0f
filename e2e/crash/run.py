"""The crash suite: kill -9 under load at random instants; no acknowledged span may be missing afterwards.

Each round starts the server on the folder that the last one left, loads it, kills it, starts it again, and asks
for every trace that was acknowledged so far in this round. At the end all traces of all rounds are asked for again.

`CRASH_ROUNDS` sets the number of rounds, `CRASH_SEED` repeats a run.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import harness

ROUNDS = int(os.environ.get("CRASH_ROUNDS", "5"))
SEED = int(os.environ.get("CRASH_SEED", str(time.time_ns())))
SPANS_PER_SECOND = 20_000
# The kill falls into this span of seconds after the first acknowledgement.
KILL_SECONDS = (0.05, 2.0)
LOAD_SECONDS_MAX = 30
ASK_THREADS = 4
# Small blocks, so that kills also fall into merges.
FLAGS = ["--storage-block-rows", "16384", "--storage-merge-after-seconds", "1", "--log-level", "warn"]


def acknowledged_traces(file):
    """Trace ids with their span counts; a last line without its end was not acknowledged in full."""
    lines = file.read_text().split("\n")[:-1] if file.exists() else []
    return dict(line.split(" ") for line in lines)


def load_until_killed(server, seed, file, wait_seconds):
    load = subprocess.Popen(
        [os.environ["FANAL_BIN"], "load", "--target", server.addresses["otlp_grpc"], "--seed", str(seed)]
        + ["--rate", str(SPANS_PER_SECOND), "--duration", f"{LOAD_SECONDS_MAX}s", "--connections", "2"]
        + ["--spans-per-request", "200", "--acknowledged", str(file)],
        env={k: v for k, v in os.environ.items() if not k.startswith("FANAL_")},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + LOAD_SECONDS_MAX
        while not (file.exists() and file.stat().st_size) and time.monotonic() < deadline:
            time.sleep(0.005)
        # The instant of the kill is what this test is about, so this wait is no wait for a condition.
        time.sleep(wait_seconds)
        server.kill()
    finally:
        load.kill()
        load.wait()


def missing(server, traces):
    """Words on every trace that is not there as acknowledged."""

    def ask(item):
        trace_id, expected = item
        status, answer = server.get(f"/fanal/v1/trace/{trace_id}")
        found = answer["span_count"] if status == 200 else f"status {status}"
        # A request that was durable but not yet acknowledged may have been sent again: never fewer spans.
        return None if found == int(expected) else f"{trace_id}: {found} spans of {expected}"

    with ThreadPoolExecutor(ASK_THREADS) as pool:
        return [words for words in pool.map(ask, traces.items()) if words]


def main():
    harness.exit_on_sigterm()
    tally = harness.Tally()
    chance = random.Random(SEED)
    print(f"seed {SEED}, {ROUNDS} rounds")
    everything = {}
    server = None
    with tempfile.TemporaryDirectory(prefix="fanal-crash-") as name:
        folder = Path(name)
        try:
            server = harness.Server(folder, *FLAGS)
            for number in range(ROUNDS):
                wait = chance.uniform(*KILL_SECONDS)
                file = folder / f"acknowledged-{number}"
                load_until_killed(server, chance.getrandbits(32), file, wait)
                server = harness.Server(folder, *FLAGS)
                traces = acknowledged_traces(file)
                everything |= traces
                lost = missing(server, traces)
                what = f"round {number}: {len(traces)} traces after a kill at {wait:.2f} s"
                tally.check(what, traces and not lost, json.dumps(lost[:10]))
            lost = missing(server, everything)
            tally.check(f"all {len(everything)} traces of all rounds", not lost, json.dumps(lost[:10]))
            tally.equal("the server stops cleanly", server.stop(), 0)
            server = harness.Server(folder, *FLAGS)
            lost = missing(server, everything)
            tally.check("all traces after a clean stop and start", not lost, json.dumps(lost[:10]))
            tally.equal("the server stops cleanly again", server.stop(), 0)
        finally:
            if server is not None:
                server.kill()
            if tally.failed and server is not None:
                print("── log of the server ──")
                print(server.log.read_text(errors="replace")[-8000:])
    return tally.close()


if __name__ == "__main__":
    sys.exit(main())
