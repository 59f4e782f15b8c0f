"""The suite of the object-store tier: blocks move to a real S3 server, and every answer stays what it was.

Answers of a store with local blocks are the measure. Then the blocks move, the server starts again with an empty cache,
and the S3 server is ended, brought back and made to hang: answers are whole, or say what is missing and why.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.parse
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
sys.path.insert(0, str(Path(__file__).parent))

import harness
from bucket import NAME, Bucket

SPANS_PER_SECOND = 15_000
LOAD_SECONDS = 2
ASK_THREADS = 4
WAIT_SECONDS_MAX = 90
CACHE_BYTES = 2 << 20
TIMEOUT_SECONDS = 2
FOLDER = "some/folder"
FLAGS = ["--storage-block-rows", "8192", "--storage-merge-after-seconds", "1", "--log-level", "warn"]
TIER = ["--object-store-url", f"s3://{NAME}/{FOLDER}", "--object-store-after-seconds", "0"]
TIER += ["--object-store-cache-bytes-max", f"{CACHE_BYTES}B", "--object-store-timeout-seconds", str(TIMEOUT_SECONDS)]


def load(server, folder, seed, seconds):
    """Sends generated traces; gives the ids of those that were acknowledged."""
    file = folder / f"acknowledged-{seed}"
    command = [os.environ["FANAL_BIN"], "load", "--target", server.addresses["otlp_grpc"], "--seed", str(seed)]
    command += ["--rate", str(SPANS_PER_SECOND), "--duration", f"{seconds}s", "--acknowledged", str(file)]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("FANAL_")}
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    return sorted({line.split(" ")[0] for line in file.read_text().splitlines()})


def metrics(server):
    status, page = server.get("/metrics")
    assert status == 200, page
    lines = [line.rsplit(" ", 1) for line in page.splitlines() if line and not line.startswith("#")]
    return {name: float(value) for name, value in lines}


def wait_until(server, holds):
    """Whether a condition on the metrics came to hold in time; with the metrics."""
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while not holds(found := metrics(server)):
        if time.monotonic() > deadline:
            return False, found
        time.sleep(0.1)
    return True, found


def is_merged(found):
    return found["fanal_storage_head_spans"] == 0 and found["fanal_storage_blocks"] > 0


def has_moved(found):
    return is_merged(found) and found["fanal_object_store_blocks"] == found["fanal_storage_blocks"]


def search(server, **conditions):
    """Every trace that a search finds, page by page; with the warnings of all pages."""
    traces, warnings, cursor = [], set(), None
    while True:
        query = {**conditions, "limit": 500, **({"cursor": cursor} if cursor else {})}
        status, answer = server.get(f"/fanal/v1/search?{urllib.parse.urlencode(query)}")
        if status != 200:
            raise SystemExit(f"search {query}: {status} {answer}")
        traces += answer["traces"]
        warnings |= set(answer["warnings"])
        if (not answer["complete"]) != bool(answer["warnings"]):
            warnings.add(f"complete is {answer['complete']} beside {answer['warnings']}")
        cursor = answer.get("next_cursor")
        if not cursor:
            return traces, sorted(warnings)


def fetch(server, ids):
    """The spans of traces by id, as the server tells them."""

    def one(trace_id):
        return server.get(f"/fanal/v1/trace/{trace_id}/otlp")

    with ThreadPoolExecutor(ASK_THREADS) as pool:
        return list(pool.map(one, ids))


def answers(server, ids):
    """What must not change when blocks move."""
    return {
        "by id": fetch(server, ids),
        "everything": search(server),
        "errors": search(server, status="error"),
        "slow": search(server, min_duration="300ms"),
        "nothing": search(server, service="nobody"),
        "services": server.get("/fanal/v1/services"),
    }


def compare(tally, name, found, expected):
    for question, answer in expected.items():
        tally.check(f"{name}: {question}", found[question] == answer, harness.shown(differences(found[question], answer)))


def differences(found, expected):
    if isinstance(found, list) and len(found) == len(expected):
        return [(a, b) for a, b in zip(found, expected) if a != b][:2]
    return [str(found)[:1500], str(expected)[:1500]]


def check_partial(tally, server, name, local, moved, has_cache=False):
    """Local traces are all there, the answer says what is missing, and the server is ready."""
    began = time.monotonic()
    traces, warnings = search(server)
    seconds = time.monotonic() - began
    found = {trace["trace_id"] for trace in traces}
    tally.check(f"{name}: local traces are found", set(local) <= found, f"{len(set(local) - found)} are missing")
    told = len(warnings) == 1 and "older spans may be missing: the object store s3://" in warnings[0]
    # The cache may have had all of it: then nothing is missing.
    told |= has_cache and not warnings and set(moved) <= found
    tally.check(f"{name}: one warning says what is missing and why", told, json.dumps(warnings)[:2000])
    # Each page asks anew, and each asks once more when the pause after a failure is over.
    limit = 20 * TIMEOUT_SECONDS
    tally.check(f"{name}: the answer comes in bounded time", seconds < limit, f"{seconds:.1f} s")
    bad = [answer for answer in fetch(server, local) if answer[0] != 200]
    tally.check(f"{name}: local traces by id", not bad, str(bad[:2])[:2000])
    outcomes = {status for status, _ in fetch(server, moved[:50])}
    tally.check(f"{name}: moved traces are told to be out of reach, not absent", outcomes <= {200, 503}, outcomes)
    tally.check(f"{name}: some are", has_cache or 503 in outcomes, outcomes)
    tally.equal(f"{name}: the server is ready", server.get("/readyz")[0], 200)


def check_whole_again(tally, server, name, moved, expected):
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while search(server)[1] and time.monotonic() < deadline:
        time.sleep(0.2)
    tally.equal(f"{name}: no warning is left", search(server)[1], [])
    found = fetch(server, moved)
    tally.check(f"{name}: every moved trace by id", found == expected["by id"], str(differences(found, expected["by id"])))


def run(tally, folder, bucket, servers):
    server = harness.Server(folder, *FLAGS)
    servers.append(server)
    moved = load(server, folder, 1, LOAD_SECONDS)
    merged, found = wait_until(server, is_merged)
    tally.check(f"{len(moved)} traces are merged into blocks", merged and moved, found)
    server.stop()
    server = harness.Server(folder, *FLAGS)
    servers.append(server)
    expected = answers(server, moved)
    tally.check("every trace is found before the move", all(s == 200 for s, _ in expected["by id"]))
    tally.equal("a search finds them all", len(expected["everything"][0]), len(moved))
    server.stop()

    server = harness.Server(folder, *FLAGS, *TIER)
    servers.append(server)
    has_all, found = wait_until(server, has_moved)
    blocks = found["fanal_storage_blocks"]
    tally.check(f"{blocks:.0f} blocks move", has_all and blocks > 1, found)
    tally.equal("one object for each", len(bucket.objects(FOLDER)), blocks)
    local_files = [path.name for path in (folder / "data").rglob("*.block")]
    tally.equal("no local file of a block is left", local_files, [])
    compare(tally, "moved", answers(server, moved), expected)
    tally.equal("the server stops cleanly", server.stop(), 0)

    server = harness.Server(folder, *FLAGS, *TIER)
    servers.append(server)
    tally.equal("a start reads nothing", metrics(server)["fanal_object_store_downloaded_bytes_total"], 0)
    compare(tally, "started again", answers(server, moved), expected)
    found = metrics(server)
    tally.check("it was read from the object store", found["fanal_object_store_downloaded_bytes_total"] > 0)
    used = found["fanal_object_store_cache_bytes"]
    size = (folder / "data" / "CACHE").stat().st_size
    tally.check("the cache keeps its limit", 0 < used <= CACHE_BYTES and size <= CACHE_BYTES, (used, size))
    tally.equal("nothing failed", found["fanal_object_store_failures_total"], 0)

    bucket.kill()
    local = load(server, folder, 2, 1)
    wait_until(server, is_merged)
    check_partial(tally, server, "S3 is gone", local, moved, has_cache=True)
    tally.check("failures are counted", metrics(server)["fanal_object_store_failures_total"] > 0)
    tally.equal("it stops cleanly without S3", server.stop(), 0)
    server = harness.Server(folder, *FLAGS, *TIER)
    servers.append(server)
    check_partial(tally, server, "started without S3", local, moved)
    bucket.start()
    check_whole_again(tally, server, "S3 is back", moved, expected)
    has_all, found = wait_until(server, has_moved)
    tally.check("what was left over moves", has_all, found)
    tally.equal("one object for each again", len(bucket.objects(FOLDER)), found["fanal_storage_blocks"])

    tally.equal("the server stops", server.stop(), 0)
    server = harness.Server(folder, *FLAGS, *TIER)
    servers.append(server)
    bucket.hang()
    local = load(server, folder, 3, 1)
    check_partial(tally, server, "S3 hangs", local, moved)
    bucket.go_on()
    check_whole_again(tally, server, "S3 goes on", moved, expected)
    tally.equal("the server stops in the end", server.stop(), 0)


def main():
    harness.exit_on_sigterm()
    tally = harness.Tally()
    servers = []
    with tempfile.TemporaryDirectory(prefix="fanal-objectstore-") as name:
        folder = Path(name)
        bucket = Bucket(folder / "s3")
        os.environ.update(bucket.settings)
        try:
            run(tally, folder, bucket, servers)
        finally:
            for server in servers:
                server.kill()
            bucket.kill()
            if tally.failed and servers:
                print("── log of the server ──")
                print(servers[-1].log.read_text(errors="replace")[-8000:])
    return tally.close()


if __name__ == "__main__":
    sys.exit(main())
