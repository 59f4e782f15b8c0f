"""Tempo's own module as a client: builds the program of `tempo/` and hands it questions in batches."""

import json
import os
import shutil
import subprocess
import urllib.parse
import urllib.request
from pathlib import Path

SOURCE = Path(__file__).resolve().parent / "tempo"
BUILD_SECONDS_MAX = 780
ASK_SECONDS_MAX = 240
SEND_SECONDS_MAX = 60


def build(tally, folder):
    """The program, or None without Go."""
    if not tally.check("Go is installed", shutil.which("go"), "install Go 1.26 or later"):
        return None
    program = Path(folder) / "tempo-client"
    done = subprocess.run(
        ["go", "build", "-o", str(program), "."],
        cwd=SOURCE, env={**os.environ, "GOFLAGS": "-mod=readonly"},
        capture_output=True, text=True, timeout=BUILD_SECONDS_MAX,
    )
    return program if tally.check("Tempo's client builds", done.returncode == 0, done.stderr[-3000:]) else None


def send(address, request):
    """Sends spans by OTLP."""
    body = json.dumps(request).encode()
    headers = {"content-type": "application/json"}
    asked = urllib.request.Request(f"http://{address}/v1/traces", body, headers)
    with urllib.request.urlopen(asked, timeout=SEND_SECONDS_MAX) as response:
        told = json.load(response)
    if told.get("partialSuccess"):
        raise SystemExit(f"the server rejected spans of the suite: {told}")


def path_of(path):
    """A path, or a pair of a path and its parameters."""
    if isinstance(path, str):
        return path
    path, parameters = path
    return f"{path}?{urllib.parse.urlencode(parameters, quote_via=urllib.parse.quote)}"


class Client:
    """Asks one server."""

    def __init__(self, program, address):
        self.command = [str(program), address]
        self.address = address

    def ask(self, calls):
        """The answers to calls, in their order."""
        calls = [{**call, "path": path_of(call.get("path", ""))} for call in calls]
        done = subprocess.run(
            self.command, input=json.dumps(calls), capture_output=True, text=True, timeout=ASK_SECONDS_MAX
        )
        if done.returncode != 0:
            raise SystemExit(f"Tempo's client failed: {done.stderr[-2000:]}")
        answers = json.loads(done.stdout)
        return [{**answer, "messages": answer["messages"] or []} for answer in answers]

    def json(self, path, answer=""):
        return self.ask([{"by": "json", "path": path, "answer": answer}])[0]
