"""The storage suite: checks, figures, backups and exports of the real binary, as an operator uses them.

A server is loaded while it is backed up; every backup is checked and restored. An export is taken in by a second server
and must be the same there. Damage and wrong words must be told with what to do.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import duckdb

sys.path.insert(0, str(Path(__file__).parent.parent))

import harness

BACKUPS = 3
SPANS = 60_000
FLAGS = ["--storage-block-rows", "5000", "--storage-merge-after-seconds", "1", "--log-level", "warn"]
# A command that takes longer hangs.
COMMAND_SECONDS_MAX = 120


def fanal(*words, folder):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("FANAL_")}
    return subprocess.run(
        [os.environ["FANAL_BIN"], *map(str, words)],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS_MAX,
    )


def checked(folder, data):
    """Exit status, findings and spans of a check."""
    done = fanal("storage", "check", "--data-dir", data, "--output", "json", folder=folder)
    report = json.loads(done.stdout)
    findings = [finding for tenant in report["tenants"] for finding in tenant["findings"]]
    spans = sum(tenant["block_spans"] + tenant["log_spans"] for tenant in report["tenants"])
    return done.returncode, findings, spans


def spans_of(lines):
    """Every span of OTLP JSON lines with its resource and scope, in a fixed order. Exact duplicates, which the load sends and
    merges drop, count once."""
    found = set()
    for line in lines.splitlines():
        for resource in json.loads(line)["resourceSpans"]:
            for scope in resource["scopeSpans"]:
                owner = [resource.get("resource"), resource.get("schemaUrl"), scope.get("scope"), scope.get("schemaUrl")]
                found |= {json.dumps([owner, span], sort_keys=True) for span in scope["spans"]}
    return sorted(found)


def take_in(server, lines):
    """Sends OTLP JSON lines to a server."""
    for line in lines.splitlines():
        request = urllib.request.Request(
            f"http://{server.addresses['otlp_http']}/v1/traces",
            data=line.encode(),
            headers={"content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=harness.ANSWER_SECONDS_MAX) as response:
            response.read()


def load(server, folder, spans):
    return subprocess.Popen(
        [os.environ["FANAL_BIN"], "load", "--target", server.addresses["otlp_grpc"], "--spans", str(spans)]
        + ["--rate", "20000", "--duration", "120s", "--acknowledged", str(folder / "acknowledged")],
        env={k: v for k, v in os.environ.items() if not k.startswith("FANAL_")},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )


def acknowledged_spans(folder):
    file = folder / "acknowledged"
    lines = file.read_text().split("\n")[:-1] if file.exists() else []
    return sum(int(line.split(" ")[1]) for line in lines)


def backups_under_load(tally, server, folder):
    sending = load(server, folder, SPANS)
    try:
        for number in range(BACKUPS):
            deadline = time.monotonic() + COMMAND_SECONDS_MAX
            while acknowledged_spans(folder) < (number + 1) * SPANS // (BACKUPS + 1) and time.monotonic() < deadline:
                time.sleep(0.05)
            before = acknowledged_spans(folder)
            name = f"backup-{number}"
            done = fanal("storage", "backup", "--data-dir", "data", "--to", name, *["--copy"] * (number % 2), folder=folder)
            tally.check(f"{name} is made", done.returncode == 0, done.stderr)
            status, findings, spans = checked(folder, name)
            tally.equal(f"{name} checks out", (status, findings), (0, []))
            tally.check(f"{name} has what was acknowledged", spans >= before, f"{spans} of {before}")
        status, findings, _ = checked(folder, "data")
        damage = [finding for finding in findings if finding["severity"] != "note"]
        tally.equal("a folder in use checks out", (status, damage), (0, []))
    finally:
        sending.wait(COMMAND_SECONDS_MAX)


def exports(tally, server, folder):
    done = fanal("export", "--server", server.addresses["ui"], "--output", "all.jsonl", folder=folder)
    tally.check("a server exports", done.returncode == 0, done.stderr)
    lines = (folder / "all.jsonl").read_text()
    expected = spans_of(lines)
    tally.equal("every span is exported", len(expected), acknowledged_spans(folder))
    failed = fanal("export", "--server", server.addresses["ui"], "--status", "error", "--output", "e.binpb", folder=folder)
    size = (folder / "e.binpb").stat().st_size if failed.returncode == 0 else 0
    tally.check("traces with errors are exported", 0 < size < len(lines), failed.stderr)
    (folder / "second").mkdir()
    second = harness.Server(folder / "second", *FLAGS)
    try:
        take_in(second, lines)
    finally:
        second.stop()
    again = fanal("export", "--data-dir", "second/data", "--output", "again.jsonl", folder=folder)
    tally.check("a folder exports", again.returncode == 0, again.stderr)
    found = spans_of((folder / "again.jsonl").read_text())
    tally.check("an export taken in again is the same", found == expected, f"{len(found)} of {len(expected)} spans")


def otlp_value(value):
    """A scalar of OTLP JSON as Parquet's reader gives it."""
    [(field, held)] = value.items()
    return {"intValue": int, "doubleValue": float}.get(field, lambda it: it)(held)


def parquet(tally, server, folder):
    """Parquet as another's reader sees it, against OTLP of the same spans."""
    done = fanal("export", "--server", server.addresses["ui"], "--output", "all.parquet", folder=folder)
    if not tally.check("a server exports Parquet", done.returncode == 0, done.stderr):
        return
    spans = [json.loads(text)[1] for text in spans_of((folder / "all.jsonl").read_text())]
    table = f"(SELECT DISTINCT * FROM '{folder / 'all.parquet'}')"
    count, traces = duckdb.sql(f"SELECT count(*), count(DISTINCT trace_id) FROM {table}").fetchone()
    tally.equal("every span has a row", (count, traces), (len(spans), len({span["traceId"] for span in spans})))
    nanos = sum(int(span["endTimeUnixNano"]) - int(span["startTimeUnixNano"]) for span in spans)
    found = duckdb.sql(f"SELECT sum(duration_nanos) FROM {table}").fetchone()[0]
    tally.equal("durations are the same", int(found), nanos)
    found = duckdb.sql(f"SELECT sum(len(events)), sum(len(links)) FROM {table}").fetchone()
    items = [sum(len(span.get(kind, [])) for span in spans) for kind in ("events", "links")]
    tally.equal("events and links are the same", list(map(int, found)), items)
    inner = "[{'name': e.name, 'attributes': e.attributes} FOR e IN events]"
    rows = duckdb.sql(f"SELECT span_id, name, kind, attributes, {inner} FROM {table}").fetchall()
    expected = {span["spanId"]: span for span in spans}

    def plain(attributes):
        return {key: next((v for v in value.values() if v is not None), None) for key, value in attributes.items()}

    def wanted(attributes):
        scalars = ("stringValue", "boolValue", "intValue", "doubleValue")
        return {a["key"]: otlp_value(a["value"]) for a in attributes if next(iter(a["value"]), None) in scalars}

    def differs(row):
        span_id, name, _, attributes, events = row
        span = expected[span_id]
        kept = plain(attributes)
        scalar = wanted(span.get("attributes", []))
        same_events = [event["name"] for event in events] == [event.get("name", "") for event in span.get("events", [])]
        inner = [plain(event["attributes"]) for event in events]
        outer = [wanted(event.get("attributes", [])) for event in span.get("events", [])]
        same_inner = all(had.items() >= has.items() for had, has in zip(inner, outer, strict=True))
        return name != span["name"] or not kept.items() >= scalar.items() or not same_events or not same_inner

    wrong = [row[0] for row in rows if differs(row)]
    tally.equal("attributes of spans and events are the same", wrong[:5], [])


def figures(tally, folder):
    done = fanal("storage", "stats", "--data-dir", "data", "--output", "json", folder=folder)
    tenant = json.loads(done.stdout)["tenants"][0]
    parts = sum(part["bytes"] for part in tenant["columns"] + tenant["attributes"])
    tally.equal("figures come to the bytes of the blocks", parts, tenant["block_bytes"])
    text = fanal("storage", "stats", "--data-dir", "data", folder=folder).stdout
    tally.check("figures are a table", all(word in text for word in ("COLUMN", "ATTRIBUTE", "SERVICE")), text)


def restores(tally, folder):
    done = fanal("storage", "restore", "--from", "backup-0", "--data-dir", "restored", folder=folder)
    tally.check("a backup is restored", done.returncode == 0, done.stderr)
    tally.equal("what is restored is the backup", checked(folder, "restored"), checked(folder, "backup-0"))
    (folder / "third").mkdir()
    (folder / "restored").rename(folder / "third" / "data")
    third = harness.Server(folder / "third", *FLAGS)
    status, answer = third.get("/fanal/v1/search?limit=1")
    tally.check("a server starts with it", status == 200 and answer["traces"], answer)
    third.stop()


def damage(tally, folder):
    block = sorted((folder / "backup-1/tenants/default/blocks").glob("*.block"))[0]
    bytes_ = bytearray(block.read_bytes())
    bytes_[len(bytes_) // 2] ^= 4
    block.write_bytes(bytes_)
    status, findings, _ = checked(folder, "backup-1")
    named = [finding for finding in findings if block.name in finding["object"] and finding["severity"] == "damage"]
    tally.check("a flipped bit is found", status == 1 and named, findings)
    done = fanal("storage", "restore", "--from", "backup-1", "--data-dir", "bad", folder=folder)
    told = done.returncode == 1 and "is damaged" in done.stderr
    tally.check("a damaged backup is not restored", told and not (folder / "bad").exists(), done.stderr)


def wrong_words(tally, server, folder):
    rows = [
        ("a folder that is not there", ["storage", "check", "--data-dir", "nowhere"], "does not exist"),
        ("a folder of something else", ["storage", "stats", "--data-dir", "."], "is no data folder"),
        ("a backup into a used folder", ["storage", "backup", "--data-dir", "data", "--to", "backup-0"], "is not empty"),
        ("a backup into itself", ["storage", "backup", "--data-dir", "data", "--to", "data/b"], "lie in each other"),
        ("a restore over a folder in use", ["storage", "restore", "--from", "backup-0", "--data-dir", "data"], "is not empty"),
        ("a typo", ["storage", "chek"], "check"),
        ("an export of a folder in use", ["export", "--data-dir", "data", "--output", "x.jsonl"], "is in use"),
        ("an export without a format", ["export", "--output", "x"], "does not tell its format"),
        ("an export over a file", ["export", "--server", server.addresses["ui"], "--output", "all.jsonl"], "exists already"),
        ("a wrong condition", ["export", "--server", server.addresses["ui"], "--status", "bad", "--output", "x.jsonl"], "is none of"),
        ("a server that is not there", ["export", "--server", "127.0.0.1:1", "--output", "x.jsonl"], "cannot reach"),
    ]
    for name, words, expected in rows:
        done = fanal(*words, folder=folder)
        tally.check(f"{name} is told", done.returncode != 0 and expected in done.stderr, done.stderr)
    tally.check("nothing is left of refused exports", not list(folder.glob("x.jsonl*")), "x.jsonl is there")


def main():
    harness.exit_on_sigterm()
    tally = harness.Tally()
    with tempfile.TemporaryDirectory(prefix="fanal-storage-") as name:
        folder = Path(name)
        server = harness.Server(folder, *FLAGS)
        try:
            backups_under_load(tally, server, folder)
            exports(tally, server, folder)
            parquet(tally, server, folder)
            wrong_words(tally, server, folder)
        finally:
            status = server.stop()
        tally.equal("the server stops", status, 0)
        status, findings, spans = checked(folder, "data")
        found = [finding for finding in findings if finding["severity"] != "note"]
        tally.equal("the stopped folder checks out", (status, found), (0, []))
        kept = acknowledged_spans(folder)
        tally.check("it has every acknowledged span", spans >= kept, f"{spans} of {kept}")
        figures(tally, folder)
        restores(tally, folder)
        damage(tally, folder)
    return tally.close()


if __name__ == "__main__":
    sys.exit(main())
