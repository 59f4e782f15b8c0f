"""The browser suite: the release binary with the UI inside, and a real browser that uses it.

Starts the server on free ports, runs `npm run e2e` of the UI against it, and checks that the server stops
cleanly. The checks themselves are in `ui/e2e`, beside the pages that they look at.
"""

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import harness

CLOSING_LINE = re.compile(r"^(?:\w+: )?(\d+) passed, (\d+) failed\b")


def run_ui_checks(server, tally):
    """Runs the UI's own checks and takes over their count."""
    environment = os.environ | {
        "CI": "1",
        "FANAL_CHROMIUM": os.environ["CHROMIUM"],
        "FANAL_UI": f"http://{server.addresses['ui']}",
        "FANAL_OTLP_HTTP": f"http://{server.addresses['otlp_http']}",
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
    passed, failed = (int(closing[1]), int(closing[2])) if closing else (0, 0)
    tally.passed += passed
    tally.failed += failed
    tally.equal("the checks of the UI end as they counted", (bool(passed), status != 0), (True, failed > 0))


def main():
    harness.exit_on_sigterm()
    tally = harness.Tally()
    with tempfile.TemporaryDirectory(prefix="fanal-browser-") as folder:
        server = harness.Server(folder)
        try:
            run_ui_checks(server, tally)
            tally.equal("the server stops cleanly", server.stop(), 0)
            if tally.failed:
                print(f"── log of the server ──\n{server.log.read_text(errors='replace')[-20_000:]}")
        finally:
            server.kill()
    return tally.close()


if __name__ == "__main__":
    sys.exit(main())
