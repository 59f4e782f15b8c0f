"""The suite of real SDKs: each sends a trace, which must come back equal, by id and by search, in both APIs.

Every client prints what its SDK recorded, in the normal form that `normal.py` makes of the server's answers too.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.parse
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
sys.path.insert(0, str(Path(__file__).parent))

import harness
import normal

HERE = Path(__file__).parent
CLIENT_SECONDS_MAX = 300


def clients(addresses):
    """Name, command, folder and environment of every client."""
    grpc, http = f"http://{addresses['otlp_grpc']}", f"http://{addresses['otlp_http']}"
    python = [os.environ["PYTHON"], "send.py"]
    yield "python-grpc", [*python, "grpc", grpc], HERE / "python"
    yield "python-http", [*python, "http", f"{http}/v1/traces"], HERE / "python"
    yield "javascript-http-json", ["node", "send.mjs", f"{http}/v1/traces"], HERE / "node"
    yield "go-grpc", ["go", "run", ".", addresses["otlp_grpc"]], HERE / "go"


def send(tally, name, command, folder):
    """What the client says it sent, or None."""
    if not shutil.which(command[0]):
        # Go is no part of what the README asks for, and Debian's is too old for the SDK.
        skipped = command[0] == "go"
        words = f"`{command[0]}` is not installed; install it and run again"
        if skipped:
            print(f"SKIPPED {name}: {words}", flush=True)
        else:
            tally.check(f"{name} runs", False, words)
        return None
    service = f"sdk-{name}"
    done = subprocess.run(
        [*command, service], cwd=folder, capture_output=True, text=True, timeout=CLIENT_SECONDS_MAX
    )
    if not tally.check(f"{name} sends", done.returncode == 0, done.stderr[-3000:]):
        return None
    return json.loads(done.stdout)


def check_client(tally, server, name, sent):
    trace_id = sent[0]["trace_id"]
    service = f"sdk-{name}"
    status, otlp = server.get(f"/fanal/v1/trace/{trace_id}/otlp")
    tally.equal(f"{name}: native API by id", status, 200)
    tally.equal(f"{name}: every field as sent", normal.from_otlp(otlp), normal.sort(sent))

    quoted = urllib.parse.quote(service)
    for tag in ["shop.items=3", "shop.ratio>0.2", "shop.paid=true", 'shop.user="ann"', "shop.items>=3"]:
        path = f"/fanal/v1/search?service={quoted}&tag={urllib.parse.quote(tag)}"
        status, found = server.get(path)
        ids = [trace["trace_id"] for trace in found["traces"]] if status == 200 else found
        tally.equal(f"{name}: native search {tag}", ids, [trace_id])
    status, found = server.get(f"/fanal/v1/search?service={quoted}&tag=shop.items%3E3")
    tally.equal(f"{name}: native search that must not match", found.get("traces"), [])

    status, found = server.get(f"/api/traces/{trace_id}")
    tally.equal(f"{name}: Jaeger API by id", status, 200)
    tally.equal(f"{name}: Jaeger API, every field", normal.from_jaeger(found["data"]), normal.as_jaeger(sent))
    tags = urllib.parse.quote(json.dumps({"shop.items": "3"}))
    status, found = server.get(f"/api/traces?service={quoted}&operation=pay&tags={tags}&limit=5")
    ids = [trace["traceID"] for trace in found["data"] or []]
    tally.equal(f"{name}: Jaeger search", ids, [trace_id])
    status, found = server.get("/api/services")
    tally.check(f"{name}: Jaeger lists the service", service in found["data"], found["data"])
    status, found = server.get(f"/api/services/{quoted}/operations")
    tally.equal(f"{name}: Jaeger lists the operations", sorted(found["data"]), ["checkout", "pay"])


def main():
    harness.exit_on_sigterm()
    tally = harness.Tally()
    with tempfile.TemporaryDirectory(prefix="fanal-sdks-") as folder:
        server = harness.Server(folder)
        try:
            for name, command, place in clients(server.addresses):
                sent = send(tally, name, command, place)
                if sent:
                    check_client(tally, server, name, sent)
            tally.equal("the server stops cleanly", server.stop(), 0)
        finally:
            server.kill()
    return tally.close()


if __name__ == "__main__":
    sys.exit(main())
