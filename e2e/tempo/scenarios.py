"""The scenarios of crates/fanal-traceql: spans as OTLP, questions, and answers of Tempo's API as the lines of a scenario.

What the lines mean stands in that crate's `testing/scenario.rs` and `testing/spans.rs`. Tempo's API has texts where the
language has words and durations, so that lines are compared without quotes.
"""

import re
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "crates" / "fanal-traceql" / "scenarios"
NAMES = ["examples", "comparisons", "events", "structure", "broken", "pipelines", "metrics"]
# When scenarios begin: 2026-01-01.
EPOCH_SECONDS = 1_767_225_600
KINDS = ["unspecified", "internal", "server", "client", "producer", "consumer"]
STATUSES = ["unset", "ok", "error"]
SPANS_OF_A_SET_MAX = 100


class Scenario:
    """Spans, and questions with their answers."""

    def __init__(self, name):
        text = (FOLDER / f"{name}.txt").read_text()
        lines = [line.rstrip() for line in text.splitlines() if not line.startswith("#")]
        first = next(place for place, line in enumerate(lines) if question_of(line))
        own = [line for line in lines[:first] if line]
        self.has_own_spans = bool(own)
        self.spans = own or three_traces()
        self.names = {}
        for line in self.spans:
            if line.startswith("trace "):
                _, name, digits = line.split(" ")
                self.names[digits.rjust(32, "0")] = name
        self.cases = []
        for line in lines[first:]:
            question = question_of(line)
            if question:
                self.cases.append((*question, []))
            elif line:
                self.cases[-1][-1].append(line)


def three_traces():
    text = (FOLDER / "traces.txt").read_text()
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]


def question_of(line):
    """What a line asks for, with which numbers, by which query; nothing where it asks for nothing."""
    asked = re.fullmatch(r"(\?\??|range|instant)((?: \d+)*)(?: \?)? (.+)", line)
    if not asked or (asked[1] in ("range", "instant")) != bool(asked[2]):
        return None
    return asked[1], [int(number) for number in asked[2].split()], asked[3]


def words(line):
    """The words of a line; what stands in quotes is one with its neighbours."""
    return re.findall(r'(?:[^\s"]|"[^"]*")+', line)


def value(text):
    """A value of OTLP's JSON."""
    if text == "map":
        return {"kvlistValue": {"values": attributes(["k=1"])}}
    if text.startswith("["):
        return {"arrayValue": {"values": [value(item) for item in text[1:-1].split(",") if item]}}
    if text.startswith('"'):
        return {"stringValue": text.strip('"')}
    if text in ("true", "false"):
        return {"boolValue": text == "true"}
    if re.fullmatch(r"-?\d+", text):
        return {"intValue": text}
    return {"doubleValue": float(text)}


def attributes(pairs):
    split = (pair.split("=", 1) for pair in pairs)
    return [{"key": key.strip('"'), "value": value(text)} for key, text in split]


def span_id(label):
    return (label * 16)[:16]


def otlp(lines):
    """A request of OTLP's JSON with the spans of some lines."""
    resources, scopes, trace, spans = {}, {}, None, []
    for line in lines:
        first, *rest = words(line)
        if line.startswith(" "):
            item(spans[-1][1], first, rest)
        elif first == "resource":
            resources[rest[0]] = attributes(rest[1:])
        elif first == "scope":
            scopes[rest[0]] = {"name": rest[1], "version": rest[2], "attributes": attributes(rest[3:])}
        elif first == "trace":
            trace = rest[1].rjust(32, "0")
        else:
            spans.append((rest[1], span(trace, first, rest)))
    return {"resourceSpans": [
        {
            "resource": {"attributes": [
                {"key": "service.name", "value": {"stringValue": service}}, *resources.get(service, [])]},
            "scopeSpans": [{"scope": scopes.get(service, {}), "spans": [one]}],
        }
        for service, one in spans
    ]}


def span(trace, label, rest):
    parent, _, name, kind, status, start, duration, *pairs = rest
    status, _, message = status.partition(":")
    begin = EPOCH_SECONDS * 1_000_000_000 + int(start) * 1_000_000
    made = {
        "traceId": trace,
        "spanId": span_id(label),
        "name": name.strip('"'),
        "kind": KINDS.index(kind),
        "startTimeUnixNano": str(begin),
        "endTimeUnixNano": str(begin + int(duration) * 1_000_000),
        "attributes": attributes(pairs),
        "status": {"code": STATUSES.index(status), "message": message.strip('"')},
    }
    if parent != "-":
        made["parentSpanId"] = span_id(parent)
    return made


def item(owner, first, rest):
    if first == "event":
        time = int(owner["startTimeUnixNano"]) + int(rest[0].lstrip("+")) * 1_000_000
        made = {"timeUnixNano": str(time), "name": rest[1], "attributes": attributes(rest[2:])}
        owner.setdefault("events", []).append(made)
    else:
        made = {"traceId": rest[0].rjust(32, "0"), "spanId": span_id(rest[1]), "attributes": attributes(rest[2:])}
        owner.setdefault("links", []).append(made)


def shown(given):
    """The text of a value of an answer."""
    if "arrayValue" in given:
        return "[" + ",".join(shown(it) for it in given["arrayValue"].get("values", [])) + "]"
    (kind, it), = given.items()
    return str(it).lower() if kind == "boolValue" else str(it)


def pairs(listed):
    return [f"{it['key']}={shown(it['value'])}" for it in listed or []]


def found_lines(message, names, has_output):
    """The answer of a search as lines of a scenario."""
    lines = []
    for trace in message.get("traces", []):
        for spans in trace["spanSets"]:
            labels = [it["spanID"][:2] for it in spans["spans"]]
            if has_output:
                for label, it in zip(labels, spans["spans"]):
                    name = [it["name"]] if "name" in it else []
                    lines.append(" ".join([label, *name, *pairs(it.get("attributes"))]))
            else:
                name = names[trace["traceID"]]
                lines.append(" ".join([name, *labels, *pairs(spans.get("attributes"))]))
    return lines


def series_lines(message, ends):
    """Series as lines of a scenario, with a sample for each of the ends; for the ends of an instant query, one."""
    lines = []
    for series in message.get("series", []):
        if ends is None:
            samples = [series.get("value", 0)]
        else:
            known = {int(it["timestampMs"]) // 1000: it.get("value", 0) for it in series.get("samples", [])}
            samples = [known.get(end, "-") for end in ends]
        labels = ",".join(pairs(series.get("labels")))
        lines.append(f"{{{labels}}} " + " ".join(str(sample) for sample in samples))
    return lines


def ends_of(start, end, step):
    """The ends of the buckets of a range."""
    first, last = start // step * step, -(-end // step) * step
    return [EPOCH_SECONDS + at for at in range(first, last + 1, step)]


def plain(lines):
    return [re.sub(r'["\\]', "", line) for line in lines]


def is_same(found, expected):
    """Whether lines say the same, but for quotes and the last digits of numbers."""
    found, expected = plain(found), plain(expected)
    splitter = re.compile(r"[ =,{}]")
    pairs_of_lines = [(splitter.split(left), splitter.split(right)) for left, right in zip(found, expected)]
    return len(found) == len(expected) and all(
        len(left) == len(right) and all(is_same_word(*pair) for pair in zip(left, right))
        for left, right in pairs_of_lines
    )


def is_same_word(left, right):
    if left == right:
        return True
    try:
        left, right = float(left), float(right)
    except ValueError:
        return False
    return abs(left - right) <= max(abs(left), abs(right)) * 1e-12
