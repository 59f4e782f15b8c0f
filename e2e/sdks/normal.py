"""The normal form of spans in which what was sent and what came back are compared.

A span is a dictionary with ids in hex, times as decimal strings of nanoseconds, kind and status as OTLP's numbers,
and attributes as {key: OTLP AnyValue}. Jaeger's form keeps only what Jaeger's JSON can say.
"""


def sort(spans):
    return sorted(spans, key=lambda span: span["span_id"])


def attributes(items):
    return {item["key"]: value(item.get("value", {})) for item in items or []}


def value(any_value):
    """An AnyValue with integers as strings and floats as floats, whatever the spelling."""
    ((kind, inner),) = any_value.items() if any_value else (("emptyValue", None),)
    if kind == "intValue":
        return {kind: str(inner)}
    if kind == "doubleValue":
        return {kind: float(inner)}
    if kind == "arrayValue":
        return {kind: [value(item) for item in inner.get("values", [])]}
    return {kind: inner}


def from_otlp(answer):
    spans = []
    for resource_spans in answer["resourceSpans"]:
        for scope_spans in resource_spans["scopeSpans"]:
            for span in scope_spans["spans"]:
                spans.append(from_otlp_span(resource_spans, scope_spans, span))
    return sort(spans)


def from_otlp_span(resource_spans, scope_spans, span):
    scope, status = scope_spans.get("scope", {}), span.get("status", {})
    return {
        "trace_id": span["traceId"],
        "span_id": span["spanId"],
        "parent_span_id": span.get("parentSpanId", ""),
        "name": span["name"],
        "kind": span.get("kind", 0),
        "start": str(span["startTimeUnixNano"]),
        "end": str(span["endTimeUnixNano"]),
        "trace_state": span.get("traceState", ""),
        "attributes": attributes(span.get("attributes")),
        "events": [
            {"time": str(event["timeUnixNano"]), "name": event["name"], "attributes": attributes(event.get("attributes"))}
            for event in span.get("events", [])
        ],
        "links": [
            {"trace_id": link["traceId"], "span_id": link["spanId"], "attributes": attributes(link.get("attributes"))}
            for link in span.get("links", [])
        ],
        "status": {"code": status.get("code", 0), "message": status.get("message", "")},
        "resource": attributes(resource_spans.get("resource", {}).get("attributes")),
        "scope": {"name": scope.get("name", ""), "version": scope.get("version", "")},
    }


JAEGER_TYPES = {"stringValue": "string", "boolValue": "bool", "intValue": "int64", "doubleValue": "float64"}


def jaeger_tags(attributes, skip=()):
    """Tags of the types that Jaeger knows; the others are left to Fanal's own tests."""
    tags = {}
    for key, any_value in attributes.items():
        ((kind, inner),) = any_value.items()
        if kind in JAEGER_TYPES and key not in skip:
            tags[key] = [JAEGER_TYPES[kind], int(inner) if kind == "intValue" else inner]
    return tags


def jaeger_trace_id(trace_id):
    """Jaeger writes 16 digits where the high half is zero."""
    return trace_id[16:] if trace_id[:16] == "0" * 16 else trace_id


def as_jaeger(spans):
    """What Jaeger's API should answer for the spans, as far as it is compared."""
    return sort(
        [
            {
                "span_id": span["span_id"],
                "operation": span["name"],
                "parent": span["parent_span_id"],
                "links": [[jaeger_trace_id(link["trace_id"]), link["span_id"]] for link in span["links"]],
                "start": int(span["start"]) // 1000,
                "tags": jaeger_tags(span["attributes"]),
                "error": span["status"]["code"] == 2,
                "logs": [
                    [int(event["time"]) // 1000, event["name"], jaeger_tags(event["attributes"])]
                    for event in span["events"]
                ],
                "service": span["resource"]["service.name"]["stringValue"],
                "process": jaeger_tags(span["resource"], skip=["service.name"]),
                "scope": span["scope"]["name"],
            }
            for span in spans
        ]
    )


# Tags that the mapping adds to a span's own attributes.
ADDED_TAGS = {
    "span.kind", "error", "otel.status_code", "otel.status_description", "otel.scope.name", "otel.scope.version",
    "w3c.tracestate", "internal.span.format",
}


def from_jaeger(traces):
    (trace,) = traces
    spans = []
    for span in trace["spans"]:
        process = trace["processes"][span["processID"]]
        tags = {tag["key"]: [tag["type"], tag["value"]] for tag in span["tags"]}
        references = span["references"]
        parents = [r["spanID"] for r in references if r["refType"] == "CHILD_OF"]
        spans.append(
            {
                "span_id": span["spanID"],
                "operation": span["operationName"],
                "parent": parents[0] if parents else "",
                "links": [[r["traceID"], r["spanID"]] for r in references if r["refType"] == "FOLLOWS_FROM"],
                "start": span["startTime"],
                "tags": {k: v for k, v in tags.items() if k not in ADDED_TAGS and not is_array(v)},
                "error": tags.get("error") == ["bool", True],
                "logs": [jaeger_log(log) for log in span["logs"]],
                "service": process["serviceName"],
                "process": {t["key"]: [t["type"], t["value"]] for t in process["tags"] if not is_array([t["type"], t["value"]])},
                "scope": tags.get("otel.scope.name", ["string", ""])[1],
            }
        )
    return sort(spans)


def is_array(tag):
    return tag[0] == "string" and str(tag[1]).startswith("[")


def jaeger_log(log):
    fields = {field["key"]: [field["type"], field["value"]] for field in log["fields"]}
    name = fields.pop("event", ["string", ""])[1]
    return [log["timestamp"], name, fields]
