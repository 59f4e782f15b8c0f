"""The endpoints beside search and metrics, and what is refused, asked over the three traces of the scenarios."""

import base64

import scenarios

T1, T2, T3 = 32 * "1", 16 * "0" + 16 * "2", 32 * "3"
START, END = scenarios.EPOCH_SECONDS, scenarios.EPOCH_SECONDS + 120
INTRINSICS = 25
KINDS = ["SPAN_KIND_UNSPECIFIED", "SPAN_KIND_INTERNAL", "SPAN_KIND_SERVER",
         "SPAN_KIND_CLIENT", "SPAN_KIND_PRODUCER", "SPAN_KIND_CONSUMER"]
STATUSES = ["STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR"]


def check(tally, client, spans):
    check_status(tally, client)
    check_traces(tally, client, spans)
    check_tags(tally, client)
    check_values(tally, client)
    check_searches(tally, client)
    check_metrics(tally, client)
    check_refusals(tally, client)


def check_status(tally, client):
    echo, ready, info = client.ask([
        {"by": "json", "path": path} for path in ["/api/echo", "/ready", "/api/status/buildinfo"]
    ])
    tally.equal("echo", (echo["status"], echo["text"]), ("200", "echo"))
    tally.equal("ready", (ready["status"], ready["text"].strip()), ("200", "ready"))
    tally.check("buildinfo has a version of 2.7 or later", '"version":"3.' in info["text"], info)


def as_bytes(digits):
    return base64.b64encode(bytes.fromhex(digits)).decode()


def as_message(sent):
    """A span as it was sent, in protobuf's own JSON."""
    made = {**sent, "kind": KINDS[sent["kind"]], "status": {}}
    if not sent["kind"]:
        del made["kind"]
    if sent["status"]["code"]:
        made["status"]["code"] = STATUSES[sent["status"]["code"]]
    if sent["status"]["message"]:
        made["status"]["message"] = sent["status"]["message"]
    made["links"] = [
        {**link, "traceId": as_bytes(link["traceId"]), "spanId": as_bytes(link["spanId"])}
        for link in sent.get("links", [])
    ]
    for name in ("traceId", "spanId", "parentSpanId"):
        if name in made:
            made[name] = as_bytes(made[name])
    return without_empty(made)


def without_empty(made):
    return {key: value for key, value in made.items() if value not in ([], "") or key == "status"}


def spans_of(trace):
    """Spans by id, each with its resource and scope."""
    listed = [
        (span["spanId"], part["resource"], without_empty(scopes["scope"]), span)
        for part in trace.get("resourceSpans", [])
        for scopes in part["scopeSpans"]
        for span in scopes["spans"]
    ]
    return sorted(listed, key=lambda it: it[0])


def check_traces(tally, client, spans):
    sent = {}
    for part in scenarios.otlp(spans)["resourceSpans"]:
        (scope,) = part["scopeSpans"]
        (one,) = scope["spans"]
        message = as_message(one)
        kept = (message["spanId"], part["resource"], without_empty(scope["scope"]), message)
        sent.setdefault(one["traceId"], []).append(kept)
    for trace_id, expected in sent.items():
        digits = trace_id.lstrip("0")
        ways = [
            {"by": "json", "path": f"/api/traces/{trace_id}", "answer": "Trace"},
            {"by": "json", "path": f"/api/v2/traces/{digits}?start={START}&end={END}", "answer": "TraceByIDResponse"},
            {"by": "protobuf", "path": f"/api/traces/{digits}", "answer": "Trace"},
            {"by": "protobuf", "path": f"/api/v2/traces/{trace_id}", "answer": "TraceByIDResponse"},
            {"by": "client", "method": "QueryTrace", "arguments": [trace_id]},
            {"by": "client", "method": "QueryTraceV2", "arguments": [trace_id]},
            {"by": "client", "method": "QueryTraceWithRange", "arguments": [trace_id, str(START), str(END)]},
        ]
        for way, answer in zip(ways, client.ask(ways)):
            name = f"trace {digits} by {way['by']} {way.get('path', '').split('?')[0]}{way.get('method', '')}"
            trace = answer["messages"][0] if answer["messages"] else {}
            expected.sort(key=lambda it: it[0])
            found = [answer["wrong"], *spans_of(trace.get("trace", trace))]
            tally.equal(f"{name}: every span as it was sent", found, ["", *expected])
    part = {"q": '{ name = "pay" }', "keep_hierarchy": "true", "match_depth": 1}
    for by in ("json", "protobuf"):
        (answer,) = client.ask([{"by": by, "path": (f"/api/v2/traces/{T1}", part), "answer": "TraceByIDResponse"}])
        (message,) = answer["messages"]
        found = [span["name"] for _, _, _, span in spans_of(message["trace"])]
        tally.equal(f"a part of a trace by {by}", (answer["wrong"], found, message.get("status")),
                    ("", ["GET /book", "pay", "INSERT", "INSERT"], "PARTIAL"))
    missing = client.ask([
        {"by": "json", "path": "/api/traces/abc", "answer": "Trace"},
        {"by": "json", "path": "/api/v2/traces/abc", "answer": "TraceByIDResponse"},
        {"by": "protobuf", "path": "/api/v2/traces/abc", "answer": "TraceByIDResponse"},
        {"by": "client", "method": "QueryTrace", "arguments": ["abc"]},
    ])
    told = [(it["status"], it["text"][-30:], it["messages"], it["wrong"]) for it in missing]
    empty = ("200", "", [{"trace": {}, "metrics": {}}], "")
    expected = [("404", "", [], ""), empty, empty, ("error", " failed with response: 404 body: "[-30:], [], "")]
    tally.equal("a trace that is not there", told, expected)


def check_tags(tally, client):
    scopes = {
        "resource": ["cores", "region", "service.name"],
        "span": ["cached", "fare", "flag", "http.route", "http.status_code", "peer", "queue", "region", "retries",
                 "rows", "tags"],
        "event": ["attempt", "exception.type"],
        "link": ["reason"],
        "instrumentation": ["lang"],
    }
    flat = sorted({tag for tags in scopes.values() for tag in tags})
    range_of = {"start": START, "end": END}
    ledger = '{ resource.service.name = "ledger" }'
    # Events and links are told of pieces of what is stored, so that those of neighbours may be among them.
    of_ledger = {**scopes, "resource": ["service.name"], "span": ["cached", "flag", "rows"]}
    first, second = "SearchTagsResponse", "SearchTagsV2Response"
    asked = [
        ({"by": "json", "path": "/api/search/tags", "answer": first}, flat),
        ({"by": "protobuf", "path": "/api/search/tags", "answer": first}, flat),
        ({"by": "client", "method": "SearchTags"}, flat),
        ({"by": "client", "method": "SearchTagsWithRange", "arguments": [str(START), str(END)]}, flat),
        ({"by": "grpc", "method": "SearchTags", "request": range_of}, flat),
        ({"by": "grpc", "method": "SearchTags", "request": {"scope": "link"}}, ["reason"]),
        ({"by": "json", "path": "/api/v2/search/tags?limit=5000", "answer": second}, scopes),
        ({"by": "protobuf", "path": ("/api/v2/search/tags", range_of), "answer": second}, scopes),
        ({"by": "client", "method": "SearchTagsV2"}, scopes),
        ({"by": "client", "method": "SearchTagsV2WithRange", "arguments": [str(START), str(END)]}, scopes),
        ({"by": "grpc", "method": "SearchTagsV2", "request": {}}, scopes),
        ({"by": "json", "path": ("/api/v2/search/tags", {"q": ledger}), "answer": second}, of_ledger),
        ({"by": "grpc", "method": "SearchTagsV2", "request": {"query": ledger, **range_of}}, of_ledger),
        ({"by": "grpc", "method": "SearchTagsV2", "request": {"start": 1, "end": 2}}, {}),
    ]
    for (way, expected), answer in zip(asked, client.ask([way for way, _ in asked])):
        found = messages(answer)
        if isinstance(expected, list):
            found = [tag for message in found for tag in message.get("tagNames", [])]
        else:
            found = {it["name"]: it["tags"] for message in found for it in message["scopes"]}
            intrinsic = found.pop("intrinsic", [])
            tally.equal(f"intrinsics by {shown(way)}", len(intrinsic), INTRINSICS)
        tally.equal(f"tags by {shown(way)}", (answer["wrong"], found), ("", expected))


def check_values(tally, client):
    strings = lambda *values: [("string", value) for value in values]  # noqa: E731
    services = strings("desk", "fares", "ledger", "mail")
    statuses = [("keyword", name) for name in ("error", "ok", "unset")]
    first, second = "SearchTagValuesResponse", "SearchTagValuesV2Response"
    by_service = {"q": '{ resource.service.name = "fares" }', "limit": 5000, "tag": "name"}
    path = "/api/v2/search/tag/{}/values".format
    field = {"tagName": "resource.service.name"}
    asked = [
        ({"by": "json", "path": "/api/search/tag/service.name/values", "answer": first}, services),
        ({"by": "protobuf", "path": "/api/search/tag/service.name/values", "answer": first}, services),
        ({"by": "client", "method": "SearchTagValues", "arguments": ["service.name"]}, services),
        ({"by": "grpc", "method": "SearchTagValues", "request": {"tagName": "service.name"}}, services),
        ({"by": "json", "path": path("resource.service.name"), "answer": second}, services),
        ({"by": "protobuf", "path": path("resource.service.name"), "answer": second}, services),
        ({"by": "client", "method": "SearchTagValuesV2", "arguments": ["resource.service.name", "{ status = error }"]},
         services[:2]),
        ({"by": "client", "method": "SearchTagValuesV2WithRange", "arguments": [".service.name", str(START), str(END)]},
         services),
        ({"by": "grpc", "method": "SearchTagValuesV2", "request": field}, services),
        ({"by": "grpc", "method": "SearchTagValuesV2", "request": {**field, "start": START, "end": START + 2}},
         [services[0], services[1], services[2]]),
        ({"by": "json", "path": (path("name"), by_service), "answer": second},
         strings("GET /fare", "POST /price", "lookup")),
        ({"by": "json", "path": (path("status"), {"limit": 5000, "tag": "status"}), "answer": second}, statuses),
        ({"by": "json", "path": path("span.rows"), "answer": second},
         [("int", number) for number in ("0", "1", "3", "8")]),
        ({"by": "json", "path": path("span.fare"), "answer": second}, [("float", "12.5"), ("string", "n/a")]),
        ({"by": "json", "path": path("span.cached"), "answer": second}, [("bool", "false"), ("bool", "true")]),
        ({"by": "json", "path": path("duration"), "answer": second}, []),
        ({"by": "json", "path": path("event.exception.type"), "answer": second}, strings("Bounce", "Timeout")),
        ({"by": "json", "path": path("rootName"), "answer": second}, strings("GET /book", "audit", "send")),
        ({"by": "json", "path": path("span.no%2Fsuch"), "answer": second}, []),
        ({"by": "json", "path": (path("name"), {"q": "{ span.rows > 0 && resource. }"}), "answer": second},
         strings("INSERT", "SELECT")),
    ]
    for (way, expected), answer in zip(asked, client.ask([way for way, _ in asked])):
        listed = [value for message in messages(answer) for value in message.get("tagValues", [])]
        found = [(it["type"], it["value"]) if isinstance(it, dict) else ("string", it) for it in listed]
        tally.equal(f"values by {shown(way)}", (answer["status"], answer["wrong"], found),
                    ("OK" if way["by"] == "grpc" else "200", "", expected))


def messages(answer):
    """The messages of an answer, each of which tells what was looked at."""
    return [message for message in answer["messages"] if "metrics" in message]


def shown(way):
    path = way.get("path", way.get("method"))
    given = way.get("request", way.get("arguments", ""))
    return f"{way['by']} {path if isinstance(path, str) else ' '.join(map(str, path))} {given}".strip()


def traces(answer):
    return [it["traceID"] for message in messages(answer) for it in message.get("traces", [])]


def check_searches(tally, client):
    """Searches by tags and by Tempo's client, limits and pages."""
    everything = [T3, T2, T1]
    tempo = {"by": "client", "arguments": ["{ }"]}
    stretch = [str(START), str(START + 30)]
    cases = [
        ({"by": "client", "method": "Search", "arguments": ["service.name=desk"]}, [T2, T1]),
        ({"by": "client", "method": "SearchWithRange", "arguments": ["service.name=desk", *stretch[:1], str(START + 10)]},
         [T1]),
        ({**tempo, "method": "SearchTraceQL"}, everything),
        ({**tempo, "method": "SearchTraceQLWithRange", "arguments": ["{ }", *stretch]}, [T2, T1]),
        ({**tempo, "method": "SearchTraceQLWithRangeAndLimit", "arguments": ["{ }", *stretch, "1", "10"]}, [T2]),
        ({"by": "json", "path": ("/api/search", {"tags": 'peer=fares http.route="/book"'}), "answer": "SearchResponse"},
         [T1]),
        ({"by": "json", "path": ("/api/search", {"tags": "retries=5 name=SEND"}), "answer": "SearchResponse"}, []),
        ({"by": "json", "path": ("/api/search", {"minDuration": "300ms", "maxDuration": "1s"}), "answer": "SearchResponse"},
         [T1]),
        ({"by": "grpc", "method": "Search", "request": {"Tags": {"status.code": "error"}, "MinDurationMs": 1000}}, [T2]),
        ({"by": "grpc", "method": "Search", "request": {"Query": "{}", "Limit": 1, "start": START, "end": END}}, [T3]),
        ({"by": "protobuf", "path": ("/api/search", {"q": "{ }", "limit": 2}), "answer": "SearchResponse"}, [T3, T2]),
    ]
    for (way, expected), answer in zip(cases, client.ask([way for way, _ in cases])):
        tally.equal(f"search by {shown(way)}", (answer["text"], answer["wrong"], traces(answer)), ("", "", expected))
    found, after = [], {}
    while True:
        page = client.json(("/api/search", {"q": "{ }", "limit": 1, **after}), "SearchResponse")
        found += traces(page)
        cursor = page["notes"].get("fanal-cursor")
        if not cursor or len(found) > 3:
            break
        after = {"cursor": cursor[0]}
    tally.equal("a search goes on page by page", found, everything)
    answer = client.json(("/api/search", {"q": "{ resource.service.name = `desk` && status = error }"}), "SearchResponse")
    (trace,) = answer["messages"][0]["traces"]
    tally.equal("a trace that was found tells of itself", {key: trace[key] for key in trace if key != "spanSets"}, {
        "traceID": T2, "rootServiceName": "mail", "rootTraceName": "send", "durationMs": 2000,
        "startTimeUnixNano": str((START + 20) * 1_000_000_000),
        "spanSet": trace["spanSets"][0],
        "serviceStats": {"desk": {"spanCount": 1, "errorCount": 1}, "mail": {"spanCount": 2}},
    })
    metrics = answer["messages"][0]["metrics"]
    tally.check("a search tells what it looked at", metrics.get("inspectedSpans") and metrics.get("totalJobs"), metrics)


def check_metrics(tally, client):
    """Forms of times and steps, and exemplars."""
    query = "{ kind = server } | count_over_time()"
    calls = [
        {"by": "json", "path": ("/api/metrics/query_range", {"q": query, **times}), "answer": "QueryRangeResponse"}
        for times in [
            {"start": START, "end": END, "step": "1m"},
            {"query": query, "q": "", "start": START * 10**9, "end": END * 10**9, "step": "60"},
            {"start": "2026-01-01T00:00:00Z", "end": "2026-01-01T00:02:00Z", "step": "60s", "exemplars": "5"},
            {"start": f"{START}.0", "end": f"{END}.0", "step": "60.0"},
        ]
    ]
    calls.append({"by": "client", "method": "MetricsQueryRange", "arguments": [query, str(START), str(END), "60s", "5"]})
    for call, answer in zip(calls, client.ask(calls)):
        lines = [answer["wrong"], answer["text"]]
        for message in answer["messages"]:
            lines += scenarios.series_lines(message, scenarios.ends_of(0, 120, 60))
        tally.equal(f"metrics by {shown(call)}", lines, ["", "", "{__name__=count_over_time} 0 2 2"])
    both = client.json(("/api/metrics/query", {"q": query, "since": "876000h"}), "QueryInstantResponse")
    tally.equal("metrics of more than a day are refused", both["status"], "400")


def check_refusals(tally, client):
    search, tags = "/api/search", "/api/v2/search/tags"
    values, metrics = "/api/v2/search/tag/{}/values".format, "/api/metrics/query_range"
    cases = [
        ((search, {"q": "{ .a = }"}), "SearchResponse"),
        ((search, {"q": "{ } | rate()"}), "SearchResponse"),
        ((search, {"q": "{ }", "tags": "a=b"}), "SearchResponse"),
        ((search, {"q": "{ }", "limit": 0}), "SearchResponse"),
        ((search, {"q": "{ }", "start": 5}), "SearchResponse"),
        ((search, {"tags": "a=1 a=2"}), "SearchResponse"),
        ((metrics, {"q": "{ }"}), "QueryRangeResponse"),
        ((metrics, {"q": "{ } | rate()", "step": "0"}), "QueryRangeResponse"),
        ((tags, {"scope": "other"}), "SearchTagsV2Response"),
        (values("service.name"), "SearchTagValuesV2Response"),
        ("/api/traces/xyz", "Trace"),
        ("/api/v2/traces/" + 33 * "1", "TraceByIDResponse"),
    ]
    asked = [{"by": "json", "path": path, "answer": answer} for path, answer in cases]
    for call, answer in zip(asked, client.ask(asked)):
        is_text = answer["notes"].get("content-type", [""])[0].startswith("text/plain")
        tally.check(f"refused with words: {shown(call)}", answer["status"] == "400" and is_text and answer["text"], answer)
    calls = [
        {"by": "grpc", "method": "Search", "request": {"Query": "{ .a = }"}},
        {"by": "grpc", "method": "MetricsQueryRange", "request": {"query": "{ }", "start": "1", "end": "2"}},
        {"by": "grpc", "method": "MetricsQueryInstant", "request": {"query": "rate()", "start": "1", "end": "2"}},
        {"by": "grpc", "method": "SearchTagsV2", "request": {"scope": "other"}},
        {"by": "grpc", "method": "SearchTagValuesV2", "request": {"tagName": "nothing"}},
    ]
    for call, answer in zip(calls, client.ask(calls)):
        tally.check(f"refused with words: {shown(call)}", answer["status"] == "InvalidArgument" and answer["text"], answer)
