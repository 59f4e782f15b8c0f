"""Spans in a short form, and the comparison of what came back with what a client's `expected.json` says.

The short form leaves out what is empty, writes attribute values as JSON has them and words for kinds and states. A text
`$name` in what is expected stands for a value that the client told, or, where it told none, for one value that must be
the same wherever the name occurs; `${name}` inside a text is replaced; `$_` is any one value that is not empty.
"""

import re

KINDS = ["", "internal", "server", "client", "producer", "consumer"]
STATUSES = ["", "ok", "error"]
ANY = "$_"


def from_otlp(answer):
    """Every span of OTLP JSON."""
    spans = []
    for resource_spans in answer["resourceSpans"]:
        for scope_spans in resource_spans["scopeSpans"]:
            for span in scope_spans["spans"]:
                spans.append(short_span(resource_spans, scope_spans, span))
    return sorted(spans, key=lambda span: (int(span["start"]), span["id"]))


def short_span(resource_spans, scope_spans, span):
    scope, status = scope_spans.get("scope", {}), span.get("status", {})
    return filled(
        trace=span["traceId"],
        id=span["spanId"],
        parent=span.get("parentSpanId"),
        name=span["name"],
        kind=KINDS[span.get("kind", 0)],
        start=str(span["startTimeUnixNano"]),
        end=str(span["endTimeUnixNano"]),
        state=span.get("traceState"),
        flags=span.get("flags"),
        status=filled(code=STATUSES[status.get("code", 0)], message=status.get("message")),
        attributes=attributes(span),
        events=[
            filled(
                name=event.get("name"),
                time=str(event["timeUnixNano"]),
                attributes=attributes(event),
                dropped=event.get("droppedAttributesCount"),
            )
            for event in span.get("events", [])
        ],
        links=[
            filled(
                trace=link["traceId"],
                id=link["spanId"],
                state=link.get("traceState"),
                flags=link.get("flags"),
                attributes=attributes(link),
                dropped=link.get("droppedAttributesCount"),
            )
            for link in span.get("links", [])
        ],
        dropped_attributes=span.get("droppedAttributesCount"),
        dropped_events=span.get("droppedEventsCount"),
        dropped_links=span.get("droppedLinksCount"),
        scope=filled(name=scope.get("name"), version=scope.get("version"), attributes=attributes(scope)),
        resource=attributes(resource_spans.get("resource", {})),
    )


def filled(**fields):
    """The fields that hold something."""
    return {name: value for name, value in fields.items() if value not in ("", None, 0, [], {})}


def attributes(owner):
    return {item["key"]: plain(item.get("value", {})) for item in owner.get("attributes", [])}


def plain(any_value):
    """An OTLP AnyValue as JSON: whole numbers are `int`, others `float`, and bytes are told apart from text."""
    if not any_value:
        return None
    ((kind, inner),) = any_value.items()
    if kind == "intValue":
        return int(inner)
    if kind == "doubleValue":
        return float(inner)
    if kind == "arrayValue":
        return [plain(item) for item in inner.get("values", [])]
    if kind == "kvlistValue":
        return attributes({"attributes": inner.get("values", [])})
    return {"bytes": inner} if kind == "bytesValue" else inner


def differences(expected, found, names):
    """What differs between two lists of spans, as lines; binds the names that it meets."""
    lines, left = [], list(found)
    for wanted in expected:
        alike = [span for span in left if identity(span, names) == identity(wanted, names)]
        if not alike:
            lines.append(f"no span is {identity(wanted, names)}")
            continue
        # Of several alike, the one with the fewest differences is meant.
        trials = [(span, dict(names)) for span in alike]
        told = [(list(compare("", wanted, span, trial)), span, trial) for span, trial in trials]
        fewest, span, trial = min(told, key=lambda one: len(one[0]))
        left.remove(span)
        names.update(trial)
        lines += [f"{wanted['name']}{line}" for line in fewest]
    lines += [f"not expected: {span}" for span in left]
    return lines


def identity(span, names):
    service = span.get("resource", {}).get("service.name")
    return meant(span["name"], names), span.get("kind"), meant(service, names)


def compare(path, expected, found, names):
    """Yields one line for each difference below `path`."""
    if isinstance(expected, dict) and isinstance(found, dict):
        for key in sorted({*expected, *found}):
            if key not in found:
                yield f"{path}.{key}: missing, expected {expected[key]!r}"
            elif key not in expected:
                yield f"{path}.{key}: not expected, found {found[key]!r}"
            else:
                yield from compare(f"{path}.{key}", expected[key], found[key], names)
    elif isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        for index, (one, other) in enumerate(zip(expected, found)):
            yield from compare(f"{path}[{index}]", one, other, names)
    elif not same(expected, found, names):
        yield f"{path}: found {found!r}, expected {meant(expected, names)!r}"


def same(expected, found, names):
    if expected == ANY:
        return found not in ("", None, [], {})
    expected = meant(expected, names)
    if isinstance(expected, str) and re.fullmatch(r"\$[\w.-]+", expected):
        names[expected[1:]] = found
        return found not in ("", None)
    # 1, 1.0 and true are three values.
    return type(expected) is type(found) and expected == found


def meant(expected, names):
    """What is expected, with the names that are known put in."""
    if not isinstance(expected, str):
        return expected
    if expected[1:] in names and expected.startswith("$"):
        return names[expected[1:]]
    return re.sub(r"\$\{([\w.-]+)\}", lambda one: str(names.get(one[1], one[0])), expected)
