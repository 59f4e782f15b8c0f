"""The suite of real clients: each sends spans that are known, and they must come back equal, field by field.

A client is a folder with its manifest, a program, and a `client.json` that names its runs; README.md has the rules.
`CLIENTS=ddtrace,brave` runs those alone; a suite that was not asked for by name runs the quick ones alone.
"""

import concurrent.futures
import html
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
sys.path.insert(0, str(Path(__file__).parent))

import children
import harness
import install
import spans

HERE = Path(__file__).parent
CLIENT_SECONDS_MAX = 240
# A client that uses UDP is done before the server is.
ARRIVAL_SECONDS_MAX = 20
AT_ONCE_MAX = 3


class Address(str):
    """HOST:PORT whose parts a `client.json` can name: `{zipkin}`, `{zipkin.port}`."""

    @property
    def host(self):
        return self.rpartition(":")[0]

    @property
    def port(self):
        return self.rpartition(":")[2]


def chosen():
    """The folders of the clients to run, those that take long to build first."""
    known = [str(path.parent.relative_to(HERE)) for path in HERE.glob("*/*/client.json")]
    known.sort(key=lambda client: (client.split("/")[0] not in ("rust", "java", "go"), client))
    names = [name for name in os.environ.get("CLIENTS", "").split(",") if name]
    for name in names:
        if not any(name in client for client in known):
            raise SystemExit(f"no client is called `{name}`; there are: {', '.join(known)}")
    if names:
        known = [client for client in known if any(name in client for name in names)]
    elif "SUITE_IS_NAMED" not in os.environ:
        known = [client for client in known if description_of(HERE / client).get("quick")]
    return [HERE / client for client in known]


def description_of(folder):
    return json.loads((folder / "client.json").read_text())


def filled_in(text, values):
    """`{name}` replaced in a text, a list or an object."""
    if isinstance(text, list):
        return [filled_in(item, values) for item in text]
    if isinstance(text, dict):
        return {key: filled_in(item, values) for key, item in text.items()}
    return text.format(**values)


class Run:
    """One run of a client: its command, and what it is to bring about."""

    def __init__(self, place, name, description, addresses):
        self.place = place
        self.client = f"{place.parent.name}/{place.name}"
        self.name = f"{self.client} {name}".strip()
        self.service = "-".join(part for part in [place.parent.name, place.name, name] if part)
        self.values = {
            **{door: Address(address) for door, address in addresses.items()},
            "service": self.service,
            "python": sys.executable,
            "source": str(HERE),
            "installed": str(install.INSTALLED),
        }
        self.command = filled_in(description["command"], self.values)
        self.environment = filled_in(description.get("environment", {}), self.values)
        # A browser takes seconds: it looks where a trace is out of the ordinary.
        self.is_shown = description.get("shown", False) and "CHROMIUM" in os.environ
        self.expected = json.loads((place / description.get("expected", "expected.json")).read_text())
        self.names = {"service": self.service, "hostname": socket.gethostname()}

    def send(self):
        """Runs the client and keeps what it tells about its spans."""
        command = [*self.command]
        local = self.place / command[0]
        command[0] = str(local) if local.exists() else command[0]
        # Settings of the tests, or of whoever runs them, are none of the clients.
        ours = ("FANAL_", "OTEL_", "DD_", "AWS_", "CARGO_", "PYTHON")
        environment = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
        environment |= {"PYTHONPYCACHEPREFIX": str(install.INSTALLED / "pycache"), **self.environment}
        status, output, errors = children.finish(command, self.place, environment, CLIENT_SECONDS_MAX)
        if status != 0:
            raise RuntimeError(f"exit status {status}\n{(output + errors)[-3000:]}")
        lines = output.strip().splitlines()
        self.names.update(json.loads(lines[-1]) if lines else {})

    def check(self, tally, server):
        trace_ids, found = self.arrived(server)
        differences = spans.differences(self.expected, found, self.names)
        if differences and os.environ.get("CLIENTS_SHOW"):
            print(json.dumps(found, indent=1, ensure_ascii=False))
        count = len(self.expected)
        tally.check(f"{self.name}: {count} spans, every field", count and not differences, "\n  ".join(["", *differences]))
        self.check_jaeger(tally, server, trace_ids, found)
        self.check_zipkin(tally, trace_ids, found)
        if self.is_shown:
            self.check_ui(tally, server, trace_ids)

    def arrived(self, server):
        """The traces of the client's service, waited for: their ids and spans."""
        deadline = time.monotonic() + ARRIVAL_SECONDS_MAX
        service = urllib.parse.quote(self.names["service"])
        while True:
            _, answer = server.get(f"/fanal/v1/search?service={service}&limit=10")
            ids = [trace["trace_id"] for trace in answer["traces"]]
            found = []
            for trace_id in ids:
                _, trace = server.get(f"/fanal/v1/trace/{trace_id}/otlp")
                found += spans.from_otlp(trace)
            if len(found) >= len(self.expected) or time.monotonic() > deadline:
                return ids, found
            time.sleep(0.05)

    def check_jaeger(self, tally, server, trace_ids, found):
        """Jaeger's API must tell the same spans and parents, before it adjusts any."""
        told = {}
        for trace_id in trace_ids:
            _, answer = server.get(f"/api/traces/{trace_id}?raw=true")
            for span in answer["data"][0]["spans"] if answer["data"] else []:
                references = span["references"]
                parent = references[0]["spanID"] if references else None
                told[span["spanID"], span["operationName"], span["startTime"]] = parent
        expected = {
            (span["id"], span["name"], int(span["start"]) // 1000): span.get("parent") or first_link(span)
            for span in found
        }
        tally.equal(f"{self.name}: the same in Jaeger's API", sorted(map(str, told.items())), sorted(map(str, expected.items())))

    def check_zipkin(self, tally, trace_ids, found):
        """Zipkin's API must tell the same spans and parents; it has no names in upper case."""
        told = []
        for trace_id in trace_ids:
            with urllib.request.urlopen(f"http://{self.values['zipkin']}/api/v2/trace/{trace_id}", timeout=60) as answer:
                told += [
                    (span["id"], span.get("name", ""), span.get("timestamp"), span.get("parentId"))
                    for span in json.load(answer)
                ]
        expected = [
            (span["id"], span["name"].lower(), int(span["start"]) // 1000, span.get("parent")) for span in found
        ]
        tally.equal(f"{self.name}: the same in Zipkin's API", sorted(map(str, told)), sorted(map(str, expected)))

    def check_ui(self, tally, server, trace_ids):
        """The browser must show every span of the trace."""
        for trace_id in trace_ids:
            with tempfile.TemporaryDirectory(prefix="fanal-browser-") as folder:
                shown = html.unescape(harness.page(f"http://{server.addresses['ui']}/trace/{trace_id}", folder))
            missing = [span["name"] for span in self.expected if span["name"] not in shown]
            tally.equal(f"{self.name}: every span in the browser", missing, [])


def first_link(span):
    """A span without a parent has its first link as Jaeger's first reference."""
    return span["links"][0]["id"] if span.get("links") else None


def prepare_and_send(folder, addresses):
    """Installs a client and runs all its runs; gives the runs, each with the reason why it failed."""
    description = description_of(folder)
    try:
        for needed in description.get("needs", []):
            install.install(HERE / needed)
        place = install.install(folder)
    except (install.CannotInstall, OSError) as reason:
        return folder, None, str(reason)
    outcomes = []
    for name, one in description["runs"].items():
        run = Run(place, name, one, addresses)
        started = time.monotonic()
        try:
            run.send()
            outcomes.append((run, None, time.monotonic() - started))
        except (OSError, ValueError, RuntimeError, subprocess.TimeoutExpired) as reason:
            outcomes.append((run, str(reason), time.monotonic() - started))
    return folder, outcomes, None


def main():
    harness.exit_on_sigterm()
    tally = harness.Tally()
    check_comparison(tally)
    folders = chosen()
    pool = concurrent.futures.ThreadPoolExecutor(AT_ONCE_MAX)
    with tempfile.TemporaryDirectory(prefix="fanal-clients-") as folder:
        server = harness.Server(folder)
        try:
            jobs = [pool.submit(prepare_and_send, one, server.addresses) for one in folders]
            for job in concurrent.futures.as_completed(jobs):
                check_client(tally, server, *job.result())
            tally.equal("the server stops cleanly", server.stop(), 0)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            children.end_all()
            server.kill()
    return tally.close()


def check_comparison(tally):
    """What is not equal must be told, or no other check means anything."""
    rows = [
        ({"a": 1}, {"a": 1.0}),
        ({"a": 1}, {"a": True}),
        ({"a": 1}, {}),
        ({}, {"a": 1}),
        ({"a": [1]}, {"a": [1, 2]}),
        ({"a": "$x", "b": "$x"}, {"a": "1", "b": "2"}),
        ({"a": "$_"}, {"a": ""}),
        ({"a": "v${x}"}, {"a": "w1"}),
    ]
    missed = [row for row in rows if not spans.differences([{"name": "s", **row[0]}], [{"name": "s", **row[1]}], {})]
    tally.equal("differences are told", missed, [])


def check_client(tally, server, folder, outcomes, why_not):
    if why_not:
        tally.check(f"{folder.relative_to(HERE)}: is installed", False, why_not)
        return
    for run, reason, seconds in outcomes:
        if tally.check(f"{run.name}: sends, {seconds:.1f} s", reason is None, reason):
            run.check(tally, server)


if __name__ == "__main__":
    sys.exit(main())
