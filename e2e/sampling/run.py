"""The suite of remote sampling: real clients take over every kind of strategy, and each change of the file.

Each client samples spans of two operations and prints how many of a thousand it took, until it is ended.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import harness

HERE = Path(__file__).parent
INSTALLED = Path(os.environ.get("CARGO_TARGET_DIR", Path(os.environ["FANAL_REPO"]) / "target")) / "e2e-sampling"
INSTALL_SECONDS_MAX = 600
TAKE_OVER_SECONDS_MAX = 60

# Of a thousand spans: six standard deviations of a probability of a quarter.
QUARTER = range(168, 333)
# A second of a rate of three, which clients may have saved up, and what comes in while they count.
FEW = range(1, 31)


def probabilistic(probability, **more):
    return {"type": "probabilistic", "param": probability, **more}


def by_operation(default, **operations):
    listed = [{"operation": name, **probabilistic(param)} for name, param in operations.items()]
    return probabilistic(default, operation_strategies=listed)


# What the file says of a service, and what the client then takes: of operation one, of operation two, of both.
STEPS = [
    ("every trace", probabilistic(1), [1000], [1000], [2000]),
    ("a quarter", probabilistic(0.25), QUARTER, QUARTER, range(2001)),
    ("three traces a second", {"type": "ratelimiting", "param": 3}, range(1001), range(1001), FEW),
    ("one operation", by_operation(0, one=1), [1000], [0], [1000]),
    # In between, for jaeger-client for Python takes a new default over only for operations that it has not met.
    ("no trace", probabilistic(0), [0], [0], [0]),
    ("all but one operation", by_operation(1, one=0), [0], [1000], [1000]),
    ("every trace again", probabilistic(1), [1000], [1000], [2000]),
]

# Clients that wait for another word than Jaeger's RATE_LIMITING, and keep what they were told before.
KNOW_NO_RATE = {"opentelemetry-javascript"}


class CannotInstall(Exception):
    """A package that is not to be had, with what its tool said."""


def run(command, folder):
    program = shutil.which(command[0])
    if program is None:
        raise CannotInstall(f"`{command[0]}` is not installed; install it and run again")
    # A Go that is too old would fetch a newer one of its own accord, from where this may not be allowed.
    environment = {**os.environ, "GOTOOLCHAIN": "local"}
    done = subprocess.run(
        [program, *command[1:]],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=INSTALL_SECONDS_MAX,
    )
    if done.returncode != 0:
        raise CannotInstall(f"`{' '.join(map(str, command))}` failed:\n{(done.stdout + done.stderr)[-3000:]}")


def place_of(name):
    """Where a client's packages go: beside other things that are built."""
    place = INSTALLED / name
    place.mkdir(parents=True, exist_ok=True)
    return place


def python():
    place, wanted = place_of("python"), (HERE / "python/requirements.txt").read_text()
    stamp, interpreter = place / "installed.txt", place / "venv/bin/python"
    if not (stamp.exists() and stamp.read_text() == wanted):
        run([sys.executable, "-m", "venv", "--clear", "--without-pip", place / "venv"], place)
        pip = [sys.executable, "-m", "pip", "--python", interpreter, "install", "--quiet"]
        run([*pip, "--disable-pip-version-check", "--requirement", HERE / "python/requirements.txt"], place)
        stamp.write_text(wanted)
    return [interpreter, HERE / "python/sample.py"]


def go():
    place = place_of("go")
    run(["go", "build", "-mod=readonly", "-o", place / "client", "."], HERE / "go")
    return [place / "client"]


def java():
    place, wanted = place_of("java"), (HERE / "java/pom.xml").read_text()
    stamp = place / "installed.txt"
    if not (stamp.exists() and stamp.read_text() == wanted):
        jars = ["dependency:copy-dependencies", f"-DoutputDirectory={place / 'jars'}"]
        run(["mvn", "--batch-mode", "--quiet", *jars], HERE / "java")
        stamp.write_text(wanted)
    return ["java", "-classpath", f"{place / 'jars'}/*", HERE / "java/Sample.java"]


def node(script):
    # `cargo xtask test` has installed the packages.
    return ["node", HERE / "node" / script]


def clients(addresses):
    """Name, what installs it and gives its command, and arguments, of every client."""
    http, grpc, jaeger = (addresses[name] for name in ["sampling_http", "sampling_grpc", "jaeger_grpc"])
    yield "jaeger-client-python", python, http.split(":")
    yield "jaeger-client-node", lambda: node("jaeger-client.mjs"), http.split(":")
    yield "opentelemetry-javascript", lambda: node("opentelemetry.mjs"), [f"http://{http}"]
    yield "opentelemetry-go", go, [f"http://{http}/sampling"]
    yield "opentelemetry-java-5779", java, [f"http://{grpc}"]
    yield "opentelemetry-java-14250", java, [f"http://{jaeger}"]


class Client:
    """A client at work, and what it printed last."""

    def __init__(self, command):
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.last, self.errors = None, []
        self.readers = [threading.Thread(target=read) for read in [self.read_counts, self.read_errors]]
        for reader in self.readers:
            reader.start()

    def read_counts(self):
        for line in self.process.stdout:
            if line.startswith("{"):
                self.last = json.loads(line)

    def read_errors(self):
        for line in self.process.stderr:
            self.errors = [*self.errors, line][-20:]

    def takes(self, one, two, both):
        """Waits until the client samples so many of each operation, and of both together."""
        deadline = time.monotonic() + TAKE_OVER_SECONDS_MAX
        while time.monotonic() < deadline and self.process.poll() is None:
            last = self.last
            if last and last["one"] in one and last["two"] in two and last["one"] + last["two"] in both:
                return True
            time.sleep(0.05)
        return False

    def end(self):
        self.process.kill()
        self.process.wait()
        for reader in self.readers:
            reader.join()


def replace(path, strategies):
    new = path.with_suffix(".new")
    new.write_text(json.dumps(strategies))
    new.rename(path)


def check_client(tally, path, name, command):
    replace(path, {"service_strategies": [{"service": name, **probabilistic(0)}]})
    client = Client([*command, name])
    try:
        for words, strategy, one, two, both in STEPS:
            if strategy["type"] == "ratelimiting" and name in KNOW_NO_RATE:
                continue
            replace(path, {"service_strategies": [{"service": name, **strategy}]})
            if not tally.check(f"{name}: {words}", client.takes(one, two, both), f"{client.last} {client.errors}"):
                return
    finally:
        client.end()


def check_bad_file(tally, server, path):
    """The status tells of it, and the strategies stay."""
    path.write_text('{"default_strategy": {"type": "ratelimiting", "param": 7}}')
    wait_for_status(server, lambda sampling: sampling["file_services"] == 0)
    path.write_text('{"default_strategy": ')
    problem = wait_for_status(server, lambda sampling: "file_problem" in sampling).get("file_problem", "")
    tally.check("a bad file is told on the status page", "no JSON of Jaeger's form" in problem, problem)
    found = harness.urllib.request.urlopen(f"http://{server.addresses['sampling_http']}/?service=x").read()
    expected = {"strategyType": "RATE_LIMITING", "rateLimitingSampling": {"maxTracesPerSecond": 7}}
    tally.equal("a bad file keeps the strategies before it", json.loads(found), expected)
    path.write_text("{}")
    sampling = wait_for_status(server, lambda sampling: "file_problem" not in sampling)
    tally.check("a good file ends the problem", "file_problem" not in sampling, sampling)


def wait_for_status(server, holds):
    deadline = time.monotonic() + TAKE_OVER_SECONDS_MAX
    while True:
        sampling = server.get("/fanal/v1/status")[1]["sampling"]
        if holds(sampling) or time.monotonic() > deadline:
            return sampling
        time.sleep(0.05)


def main():
    harness.exit_on_sigterm()
    tally = harness.Tally()
    with tempfile.TemporaryDirectory(prefix="fanal-sampling-") as folder:
        path = Path(folder) / "strategies.json"
        path.write_text("{}")
        flags = ["--sampling-strategies-file", str(path), "--sampling-reload-seconds", "1"]
        server = harness.Server(folder, *flags)
        try:
            for name, install, arguments in clients(server.addresses):
                try:
                    command = install()
                except CannotInstall as error:
                    tally.check(f"{name} is installed", False, error)
                    continue
                check_client(tally, path, name, [*command, *arguments])
            check_bad_file(tally, server, path)
            tally.equal("the server stops cleanly", server.stop(), 0)
        finally:
            server.kill()
    return tally.close()


if __name__ == "__main__":
    sys.exit(main())
