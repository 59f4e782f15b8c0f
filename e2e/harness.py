"""What the suites share: a server of their own, questions to it, and a tally of checks.

Suites import it after adding this folder to the path; it needs nothing but Python's own library.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

READY_SECONDS_MAX = 60
STOP_SECONDS_MAX = 60
ANSWER_SECONDS_MAX = 60


class Tally:
    """Counts checks and prints a line for each."""

    def __init__(self):
        self.passed = 0
        self.failed = 0

    def check(self, name, held, why=""):
        self.passed += bool(held)
        self.failed += not held
        print(f"ok      {name}" if held else f"FAILED  {name}: {why}", flush=True)
        return held

    def equal(self, name, found, expected):
        why = f"\n  found    {shown(found)}\n  expected {shown(expected)}"
        return self.check(name, found == expected, why)

    def close(self):
        """Prints the closing line and gives the exit status."""
        print(f"{self.passed} passed, {self.failed} failed")
        return 1 if self.failed or not self.passed else 0


def shown(value):
    return json.dumps(value, sort_keys=True, default=str)[:4000]


class Server:
    """A `fanal serve`, or `demo`, on free ports or on the ports of an earlier run of the same folder."""

    def __init__(self, folder, *flags, ports=None, waits=True, command="serve"):
        folder = Path(folder)
        self.ready_file = folder / "ready.json"
        self.log = folder / "server.log"
        self.ready_file.unlink(missing_ok=True)
        command = [os.environ["FANAL_BIN"], command, "--data-dir", str(folder / "data")]
        command += ["--ready-file", str(self.ready_file), *flags]
        command += ["--ports", "ephemeral"] if ports is None else ports
        # Variables of the tests are no settings of the server.
        environment = {k: v for k, v in os.environ.items() if not k.startswith("FANAL_")}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self.addresses = self._wait_until_ready() if waits else None

    def _wait_until_ready(self):
        deadline = time.monotonic() + READY_SECONDS_MAX
        while not self.ready_file.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                log = self.log.read_text(errors="replace")[-4000:]
                raise SystemExit(f"the server did not get ready:\n{log}")
            time.sleep(0.01)
        return json.loads(self.ready_file.read_text())

    @property
    def same_ports(self):
        """Flags that make another run listen where this one does."""
        names = {"ui": "--ui-address", "otlp_grpc": "--otlp-grpc-address", "otlp_http": "--otlp-http-address"}
        return [part for name, flag in names.items() for part in (flag, self.addresses[name])]

    def get(self, path):
        """The answer of the UI port: status and JSON (or text)."""
        url = f"http://{self.addresses['ui']}{path}"
        try:
            with urllib.request.urlopen(url, timeout=ANSWER_SECONDS_MAX) as response:
                status, body = response.status, response.read()
        except urllib.error.HTTPError as error:
            status, body = error.code, error.read()
        try:
            return status, json.loads(body)
        except ValueError:
            return status, body.decode(errors="replace")

    def kill(self):
        """Ends the process at once, as a crash does."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        """Ends the process as an operator does, and gives its exit status."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.kill()
            return "killed: did not stop in time"


def exit_on_sigterm():
    """Makes being told to stop an exit like any other, so that servers are stopped too."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def page(url, folder):
    """The document that a page makes of itself in a browser whose profile is in the folder; needs `CHROMIUM`."""
    command = [os.environ["CHROMIUM"], "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    command += [f"--user-data-dir={folder}/profile", "--window-size=1400,1000", "--virtual-time-budget=20000"]
    browser = subprocess.run(
        [*command, "--dump-dom", url], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=180
    )
    return browser.stdout
