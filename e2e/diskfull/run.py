"""The suite of the full disk: a small file system fills up under load.

Spans are refused with an answer to retry, questions are answered all the while, nothing acknowledged is lost, the operator is
told, and spans are taken again by themselves once there is room. Needs the right to mount; without it, the suite says
so loudly and checks nothing of this.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import harness

DISK_MEBIBYTES = 160
# What somebody else leaves free on the disk once spans arrive: less than the reserve.
FREE_MEBIBYTES = 12
FLAGS = ["--storage-disk-reserve-bytes", "16MiB", "--storage-merge-after-seconds", "2", "--log-level", "info"]
LOAD_SECONDS_MAX = 60
WAIT_SECONDS_MAX = 60


def mounted(folder):
    """Whether a small file system is mounted there now."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MEBIBYTES}m", "tmpfs", str(folder)]
    return subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode == 0


def start_load(server, seed, file, seconds):
    return subprocess.Popen(
        [os.environ["FANAL_BIN"], "load", "--target", server.addresses["otlp_grpc"], "--seed", str(seed)]
        + ["--duration", f"{seconds}s", "--connections", "2", "--spans-per-request", "500"]
        + ["--acknowledged", str(file)],
        env={k: v for k, v in os.environ.items() if not k.startswith("FANAL_")},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )


def metric(server, name):
    _, page = server.get("/metrics")
    values = [line.split(" ")[1] for line in page.splitlines() if line.startswith(f"{name} ")]
    return float(values[0]) if values else None


def wait_for(condition):
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False


def send(server):
    """The status of one OTLP request with one span."""
    span = {"traceId": os.urandom(16).hex(), "spanId": "00000000000000a1", "name": "late"}
    times = {"startTimeUnixNano": str(time.time_ns()), "endTimeUnixNano": str(time.time_ns())}
    body = {"resourceSpans": [{"scopeSpans": [{"spans": [span | times]}]}]}
    request = urllib.request.Request(
        f"http://{server.addresses['otlp_http']}/v1/traces",
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status
    except urllib.error.HTTPError as error:
        return error.code


def missing(server, file):
    """Words on acknowledged traces that are not whole."""
    words = []
    for line in file.read_text().split("\n")[:-1]:
        trace_id, expected = line.split(" ")
        status, answer = server.get(f"/fanal/v1/trace/{trace_id}")
        found = answer["span_count"] if status == 200 else f"status {status}"
        if found != int(expected):
            words.append(f"{trace_id}: {found} spans of {expected}")
    return words


def check(tally, folder):
    acknowledged = Path(tempfile.gettempdir()) / f"fanal-diskfull-{os.getpid()}"
    server = harness.Server(folder, *FLAGS)
    load = start_load(server, 1, acknowledged, LOAD_SECONDS_MAX)
    ballast = folder / "ballast"
    try:
        wait_for(lambda: metric(server, "fanal_storage_spans"))
        usage = os.statvfs(folder)
        ballast.write_bytes(bytes(usage.f_bavail * usage.f_frsize - (FREE_MEBIBYTES << 20)))
        is_full = wait_for(lambda: metric(server, "fanal_storage_disk_full") == 1)
        tally.check("the disk gets full, and a metric tells", is_full)
        refused = [send(server) for _ in range(50)]
        tally.check("spans are refused with 503", set(refused) == {503}, str(refused))
        status, words = server.get("/readyz")
        tally.check("the server stays ready and says why spans are refused", status == 200 and "disk is full" in words, words)
        status, answer = server.get("/fanal/v1/services")
        tally.check("questions are answered", status == 200, str(answer))
        load.kill()
        load.wait()
        is_merged = wait_for(lambda: metric(server, "fanal_storage_head_spans") == 0)
        tally.check("merges go on", is_merged)
        lost = missing(server, acknowledged)
        tally.check("every acknowledged trace is there", not lost, json.dumps(lost[:10]))
        told = server.log.read_text().count("disk is full; spans are refused")
        tally.check("the log tells it once and not for each request", 1 <= told <= 3, f"{told} times")
        ballast.unlink()
        is_open = wait_for(lambda: send(server) == 200)
        tally.check("with room again, spans are taken without a restart", is_open)
        tally.check("the metric tells that too", wait_for(lambda: metric(server, "fanal_storage_disk_full") == 0))
        tally.equal("the server stops cleanly", server.stop(), 0)
        server = harness.Server(folder, *FLAGS)
        lost = missing(server, acknowledged)
        tally.check("every acknowledged trace is there after a restart", not lost, json.dumps(lost[:10]))
        tally.equal("the server stops cleanly again", server.stop(), 0)
    finally:
        load.kill()
        server.kill()
        acknowledged.unlink(missing_ok=True)
        if tally.failed:
            print("── log of the server ──")
            print(server.log.read_text(errors="replace")[-8000:])


def main():
    harness.exit_on_sigterm()
    tally = harness.Tally()
    with tempfile.TemporaryDirectory(prefix="fanal-diskfull-") as name:
        folder = Path(name)
        if not mounted(folder):
            print("SKIPPED: no file system can be mounted here; run as root to test the full disk", flush=True)
            tally.check("skipped: needs the right to mount", True)
            return tally.close()
        try:
            check(tally, folder)
        finally:
            subprocess.run(["umount", "-l", str(folder)], stdin=subprocess.DEVNULL, check=False)
    return tally.close()


if __name__ == "__main__":
    sys.exit(main())
