"""The browser suite: the release binary with the UI inside, and a real browser that uses it.

Starts the server on free ports, runs `npm run e2e` of the UI against it, and checks that the server stops
cleanly. The checks themselves are in `ui/e2e`, beside the pages that they look at.
"""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

READY_SECONDS_MAX = 30
STOP_SECONDS_MAX = 30
CLOSING_LINE = re.compile(r"^(?:\w+: )?(\d+) passed, (\d+) failed\b")


class Tally:
    """Counts checks and prints a line for each."""

    def __init__(self):
        self.passed = 0
        self.failed = 0

    def check(self, name, held, why=""):
        self.passed += bool(held)
        self.failed += not held
        print(f"ok      {name}" if held else f"FAILED  {name}: {why}")


def start_server(folder):
    """The server's process, its log, and the file that tells its addresses."""
    ready_file = folder / "ready.json"
    log = folder / "server.log"
    arguments = ["serve", "--ports", "ephemeral", "--data-dir", str(folder / "data")]
    # Variables of the tests are no settings of the server.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("FANAL_")}
    with log.open("wb") as output:
        server = subprocess.Popen(
            [os.environ["FANAL_BIN"], *arguments, "--ready-file", str(ready_file)],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    return server, log, ready_file


def wait_until_ready(server, ready_file):
    """The addresses of the server, or None when it does not tell them in time."""
    deadline = time.monotonic() + READY_SECONDS_MAX
    while time.monotonic() < deadline and server.poll() is None:
        if ready_file.exists():
            return json.loads(ready_file.read_text())
        time.sleep(0.02)
    return None


def run_ui_checks(addresses, tally):
    """Runs the UI's own checks and takes over their count."""
    environment = os.environ | {
        "CI": "1",
        "FANAL_UI": f"http://{addresses['ui']}",
        "FANAL_OTLP_HTTP": f"http://{addresses['otlp_http']}",
    }
    browser = subprocess.Popen(
        ["npm", "run", "--silent", "e2e"],
        cwd=Path(os.environ["FANAL_REPO"]) / "ui",
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    closing = None
    try:
        for line in browser.stdout:
            match = CLOSING_LINE.match(line.strip())
            if match:
                closing = match
            else:
                print(line, end="", flush=True)
        status = browser.wait()
    finally:
        # When this suite is told to stop, npm, its script and the browser go with it.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(browser.pid, signal.SIGKILL)
    if closing:
        tally.passed += int(closing[1])
        tally.failed += int(closing[2])
    tally.check("npm run e2e exits with 0", status == 0, f"it exited with {status}")


def stop_server(server, tally):
    """Stops the server as an operator would, and checks how it goes."""
    server.send_signal(signal.SIGTERM)
    try:
        status = server.wait(STOP_SECONDS_MAX)
        tally.check("the server stops cleanly", status == 0, f"it exited with {status}")
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
        tally.check("the server stops cleanly", False, f"it ran on for {STOP_SECONDS_MAX} seconds")


def main():
    # Being told to stop is an exit like any other, so that the server is stopped too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    tally = Tally()
    with tempfile.TemporaryDirectory(prefix="fanal-browser-") as name:
        server, log, ready_file = start_server(Path(name))
        try:
            addresses = wait_until_ready(server, ready_file)
            why = f"no ready file after {READY_SECONDS_MAX} seconds; exit status {server.poll()}"
            tally.check("the server starts", addresses is not None, why)
            if addresses is not None:
                run_ui_checks(addresses, tally)
                stop_server(server, tally)
        finally:
            if server.poll() is None:
                server.kill()
                server.wait()
            if tally.failed:
                print("── log of the server ──")
                print(log.read_text(errors="replace")[-20_000:])
    print(f"{tally.passed} passed, {tally.failed} failed")
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main())
