//! Datadog's traces: every row of the mapping, every layout, recordings of a tracer, and bytes that are broken.
#![expect(clippy::expect_used, reason = "a failing test says why")]

mod shown;

use fanal_formats::datadog::{Layout, Tracer, decode_request};
use fanal_formats::{ATTRIBUTES_MAX, Decoded, EVENTS_MAX, LINKS_MAX, RESOURCE_BYTES_MAX};
use serde_json::{Value, json};

fn decode(layout: Layout, body: &[u8]) -> Decoded {
    decode_request(layout, body, &Tracer::default()).expect("decodes")
}

/// A span with `fields` beside what every span needs.
fn span(fields: Value) -> Value {
    let mut span = json!({
        "trace_id": 1, "span_id": 2, "parent_id": 0, "service": "cart", "name": "work",
        "start": 1_000, "duration": 500,
    });
    let (Some(span_fields), Value::Object(fields)) = (span.as_object_mut(), fields) else {
        panic!("an object")
    };
    span_fields.extend(fields);
    span
}

/// A value as MessagePack, in the shortest form or the longest.
fn msgpack(value: &Value, is_long: bool, out: &mut Vec<u8>) {
    let head = |short: u8, max: usize, long: u8, count: usize, out: &mut Vec<u8>| {
        if !is_long && count <= max {
            out.push(short | u8::try_from(count).expect("small"));
        } else {
            out.push(long);
            out.extend_from_slice(&u32::try_from(count).expect("small").to_be_bytes());
        }
    };
    match value {
        Value::Null => out.push(0xc0),
        Value::Bool(flag) => out.push(if *flag { 0xc3 } else { 0xc2 }),
        Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
            (Some(number @ 0..128), ..) if !is_long => {
                out.push(u8::try_from(number).expect("7 bits"));
            }
            (Some(number), ..) => {
                out.push(0xcf);
                out.extend_from_slice(&number.to_be_bytes());
            }
            (None, Some(number), _) => {
                out.push(0xd3);
                out.extend_from_slice(&number.to_be_bytes());
            }
            (None, None, number) => {
                out.push(0xcb);
                out.extend_from_slice(&number.expect("a float").to_be_bytes());
            }
        },
        Value::String(text) => {
            head(0xa0, 31, 0xdb, text.len(), out);
            out.extend_from_slice(text.as_bytes());
        }
        Value::Array(items) => {
            head(0x90, 15, 0xdd, items.len(), out);
            items.iter().for_each(|item| msgpack(item, is_long, out));
        }
        Value::Object(fields) => {
            head(0x80, 15, 0xdf, fields.len(), out);
            for (key, value) in fields {
                msgpack(&Value::String(key.clone()), is_long, out);
                msgpack(value, is_long, out);
            }
        }
    }
}

fn packed(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    msgpack(value, false, &mut out);
    out
}

/// Traces in the layout of version 0.5.
fn tabled(traces: &Value) -> Vec<u8> {
    let mut texts = vec![String::new()];
    let mut place_of = |text: &Value| {
        let text = text.as_str().unwrap_or_default();
        let known = texts.iter().position(|known| known == text);
        known.unwrap_or_else(|| {
            texts.push(text.to_owned());
            texts.len() - 1
        })
    };
    let number = |value: &Value| if value.is_null() { json!(0) } else { value.clone() };
    let mut traces_out = Vec::new();
    let mut maps = Vec::new();
    for trace in traces.as_array().expect("a list") {
        let mut spans = Vec::new();
        for span in trace.as_array().expect("a list") {
            let mut fields: Vec<Value> = ["service", "name", "resource"]
                .iter()
                .map(|key| json!(place_of(&span[*key])))
                .collect();
            for key in ["trace_id", "span_id", "parent_id", "start", "duration", "error"] {
                fields.push(number(&span[key]));
            }
            let entries = |key: &str| span[key].as_object().cloned().unwrap_or_default();
            let meta = entries("meta")
                .iter()
                .map(|(key, text)| (place_of(&json!(key)), json!(place_of(text))))
                .collect::<Vec<_>>();
            let metrics = entries("metrics")
                .iter()
                .map(|(key, number)| (place_of(&json!(key)), number.clone()))
                .collect::<Vec<_>>();
            let kind = json!(place_of(&span["type"]));
            spans.push(maps.len());
            maps.push((fields, meta, metrics, kind));
        }
        traces_out.push(spans);
    }
    let mut out = vec![0x92];
    msgpack(&json!(texts), false, &mut out);
    let head = |count: usize| 0x90 | u8::try_from(count).expect("few");
    out.push(head(traces_out.len()));
    for spans in traces_out {
        out.push(head(spans.len()));
        for place in spans {
            let (fields, meta, metrics, kind) = &maps[place];
            out.push(0x9c);
            fields.iter().for_each(|field| msgpack(field, false, &mut out));
            for map in [meta, metrics] {
                out.push(0x80 | u8::try_from(map.len()).expect("few"));
                for (key, value) in map {
                    msgpack(&json!(key), false, &mut out);
                    msgpack(value, false, &mut out);
                }
            }
            msgpack(kind, false, &mut out);
        }
    }
    out
}

/// A span with `fields` has every one of `lines` when shown, in JSON and in MessagePack.
fn check(fields: Value, lines: &[&str]) {
    let body = json!([[span(fields)]]);
    let mut long = Vec::new();
    msgpack(&body, true, &mut long);
    let of_json = shown::spans(decode(Layout::TracesJson, body.to_string().as_bytes()));
    assert_eq!(of_json, shown::spans(decode(Layout::Traces, &packed(&body))));
    assert_eq!(of_json, shown::spans(decode(Layout::Traces, &long)));
    assert_eq!(of_json.len(), 1, "{body}");
    for line in lines {
        assert!(
            of_json[0].lines().any(|shown| shown == *line),
            "{line}\nis not in\n{}",
            of_json[0]
        );
    }
}

#[test]
fn fields_become_those_of_a_span() {
    check(
        json!({"parent_id": 3}),
        &[
            "00000000000000000000000000000001/0000000000000002 under 0000000000000003",
            "name: work (unspecified)",
            "status: unset ",
            "times: 1000 to 1500",
            "resource: service.name=cart",
            "attributes: ",
        ],
    );
    // Ids of 64 bits, also from tracers whose integers have a sign.
    let ids = "0000000000000000ffffffffffffffff/fffffffffffffffe under 8000000000000000";
    check(json!({"trace_id": u64::MAX, "span_id": u64::MAX - 1, "parent_id": 1_u64 << 63}), &[ids]);
    check(json!({"trace_id": -1, "span_id": -2, "parent_id": i64::MIN}), &[ids]);
    check(json!({"start": -5, "duration": -1}), &["times: 0 to 0"]);
    check(json!({"start": 7.0, "duration": null}), &["times: 7 to 7"]);
    check(json!({"service": null, "parent_id": null, "unknown": [{"a": 1}]}), &["resource: "]);
}

#[test]
fn names_tell_what_a_person_looks_for() {
    let resource = r#"attributes: dd.span.Resource="GET /users""#;
    check(json!({"resource": "GET /users"}), &["name: work (unspecified)", resource]);
    check(
        json!({"resource": "GET /users", "name": "http.request"}),
        &[
            "name: GET /users (unspecified)",
            r#"attributes: dd.span.Resource="GET /users", operation.name="http.request""#,
        ],
    );
    check(
        json!({"resource": "GET /users", "name": ""}),
        &["name: GET /users (unspecified)", resource],
    );
    check(json!({"name": "http.request"}), &["name: http.request (unspecified)", "attributes: "]);
}

#[test]
fn kinds_come_from_the_tag_or_the_type() {
    let check = |span_type: &str, kind: Value, expect: &str| {
        check(
            json!({"type": span_type, "meta": {"span.kind": kind}}),
            &[&format!("name: work ({expect})")],
        );
    };
    check("web", Value::Null, "server");
    check("http", Value::Null, "client");
    check("sql", Value::Null, "unspecified");
    check("web", json!("consumer"), "consumer");
    check("http", json!("PRODUCER"), "producer");
    check("", json!("internal"), "internal");
    self::check(json!({"type": "sql"}), &[r#"attributes: span.type="sql""#]);
    self::check(json!({"meta": {"span.kind": "odd"}}), &[r#"attributes: span.kind="odd""#]);
}

#[test]
fn environment_and_version_belong_to_the_resource() {
    check(
        json!({"meta": {"env": "staging", "version": "1.2", "team": "a"}}),
        &[
            "resource: deployment.environment.name=staging, service.name=cart, service.version=1.2",
            r#"attributes: team="a""#,
        ],
    );
}

#[test]
fn errors_are_status_and_event() {
    let tags = json!({"error.message": "gone", "error.type": "IOError", "error.stack": "at 1"});
    check(
        json!({"error": 1, "meta": tags}),
        &[
            "status: error gone",
            r#"attributes: error.type="IOError""#,
            r#"event: exception at 1500 exception.message="gone", exception.stacktrace="at 1", exception.type="IOError""#,
        ],
    );
    check(
        json!({"error": 1, "meta": {"error.msg": "gone"}}),
        &["status: error gone", "attributes: "],
    );
    check(json!({"error": 5}), &["status: error "]);
    let as_sent = r#"attributes: error.message="gone", error.stack="at 1", error.type="IOError""#;
    check(json!({"error": 0, "meta": tags}), &["status: unset ", as_sent]);
    // A tracer that sends the event itself.
    let event = json!([{"name": "exception", "time_unix_nano": 1200}]);
    check(
        json!({"error": 1, "meta": tags, "span_events": event}),
        &["status: error gone", as_sent, "event: exception at 1200 "],
    );
}

#[test]
fn metrics_stay_floats() {
    check(
        json!({"metrics": {"items": 3, "ratio": 0.25, "_dd.rule_psr": 1, "gone": null}}),
        &["attributes: _dd.rule_psr=1.0, items=3.0, ratio=0.25"],
    );
    check(json!({"metrics": {"_sampling_priority_v1": -1}}), &["attributes: sampling.priority=-1"]);
    check(json!({"metrics": {"_sampling_priority_v1": 2.0}}), &["attributes: sampling.priority=2"]);
}

#[test]
fn tags_keep_what_they_hold() {
    check(
        json!({"meta": {"a": "x", "b": 7, "c": true, "d": null, "e": [1, {"k": "v"}]}}),
        &[r#"attributes: a="x", b=7, c=true, e=[1,{"k":"v"}]"#],
    );
    check(json!({"meta": {"_dd.origin": "rum"}}), &[r#"attributes: _dd.origin="rum""#]);
    check(json!({"meta": {"tracestate": "dd=s:1"}}), &["state: dd=s:1", "attributes: "]);
    check(json!({"meta": {"_dd.p.tid": "short"}}), &[r#"attributes: _dd.p.tid="short""#]);
    check(json!({"meta": null, "metrics": null, "span_links": null, "span_events": null}), &[]);
    // MessagePack inside bytes; JSON has none, so the text of a fixed number is its byte.
    check(
        json!({"meta_struct": {"one": "\u{1}", "text": "no msgpack"}}),
        &["attributes: one=1, text=6e6f206d73677061636b"],
    );
}

#[test]
fn links_come_in_maps_and_in_tags() {
    let link = json!({
        "trace_id": 1, "trace_id_high": 2, "span_id": 3, "tracestate": "a=b",
        "flags": 0x8000_0001_u32, "attributes": {"why": "batch"},
    });
    let expect = r#"link: 00000000000000020000000000000001/0000000000000003 [a=b] 1 why="batch""#;
    check(json!({"span_links": [link]}), &[expect, "attributes: "]);
    let numbers = json!([link]).to_string();
    check(json!({"meta": {"_dd.span_links": numbers}}), &[expect, "attributes: "]);
    let mut hex = link.clone();
    hex["trace_id"] = json!("00000000000000020000000000000001");
    hex["span_id"] = json!("0000000000000003");
    check(json!({"meta": {"_dd.span_links": json!([hex]).to_string()}}), &[expect]);
    let odd = json!([{"trace_id": "no hex", "span_id": "1"}]).to_string();
    check(
        json!({"meta": {"_dd.span_links": odd}}),
        &[&format!("attributes: _dd.span_links={odd:?}")],
    );
}

#[test]
fn events_come_in_maps_and_in_tags() {
    let typed = json!({"name": "retry", "time_unix_nano": 1100, "attributes": {
        "a": {"type": 0, "string_value": "x"}, "b": {"type": 1, "bool_value": true},
        "c": {"type": 2, "int_value": -7}, "d": {"type": 3, "double_value": 2},
        "e": {"type": 4, "array_value": {"values": [
            {"type": 0, "string_value": "y"}, {"type": 1}, {"type": 2, "int_value": 1},
            {"type": 3, "double_value": 0.5},
        ]}},
        "f": {"type": 1}, "g": {"type": 4},
    }});
    check(
        json!({"span_events": [typed, {"name": "end", "time_unix_nano": 1200}]}),
        &[
            r#"event: retry at 1100 a="x", b=true, c=-7, d=2.0, e=["y",false,1,0.5], f=false, g=[]"#,
            "event: end at 1200 ",
        ],
    );
    let plain = json!([{"name": "retry", "time_unix_nano": 1100, "attributes": {
        "a": "x", "b": true, "c": -7, "d": 2.0, "e": [1, "y"],
    }}]);
    check(
        json!({"meta": {"events": plain.to_string()}}),
        &[r#"event: retry at 1100 a="x", b=true, c=-7, d=2.0, e=[1,"y"]"#, "attributes: "],
    );
    check(json!({"meta": {"events": "many"}}), &[r#"attributes: events="many""#]);
}

#[test]
fn the_high_half_of_the_id_holds_for_the_whole_chunk() {
    let check = |highs: &[Option<&str>], expect: &[&str]| {
        let spans: Vec<Value> = highs
            .iter()
            .zip(2..)
            .map(|(high, number)| {
                let meta = high.map_or(json!({}), |high| json!({"_dd.p.tid": high}));
                span(json!({"span_id": number, "meta": meta}))
            })
            .collect();
        let traces = json!([spans]);
        for decoded in
            [decode(Layout::Traces, &packed(&traces)), decode(Layout::Table, &tabled(&traces))]
        {
            let ids: Vec<String> =
                shown::spans(decoded).iter().map(|span| span[..16].to_owned()).collect();
            assert_eq!(ids, expect, "{highs:?}");
        }
    };
    let (none, high, other) = ("0000000000000000", "6b01d5f800000000", "1111111111111111");
    check(&[None, None], &[none, none]);
    check(&[Some(high), None, None], &[high, high, high]);
    check(&[None, None, Some(high), None], &[high, high, high, high]);
    check(&[Some(high), Some(other), None], &[high, other, high]);
    check(&[Some("odd"), Some(high)], &[high, high]);
    // Another trace in the same chunk, which no tracer sends, is left alone.
    let meta = json!({"_dd.p.tid": high});
    let spans = json!([[span(json!({"meta": meta})), span(json!({"trace_id": 9, "span_id": 9}))]]);
    let spans = shown::spans(decode(Layout::Traces, &packed(&spans)));
    assert!(spans[1].starts_with("00000000000000000000000000000009/"), "{spans:?}");
}

#[test]
fn the_table_reads_like_the_maps() {
    let traces = json!([
        [
            span(json!({"resource": "GET /", "type": "web", "error": 1, "meta": {
                "env": "a", "error.type": "E", "_dd.span_links": r#"[{"trace_id":1,"span_id":2}]"#,
            }, "metrics": {"n": 1.5, "m": 2}})),
            span(json!({"span_id": 3, "parent_id": 2, "service": "db"})),
        ],
        [],
        [span(json!({"trace_id": 5}))],
    ]);
    let expect = shown::spans(decode(Layout::Traces, &packed(&traces)));
    assert_eq!(expect.len(), 3);
    assert_eq!(shown::spans(decode(Layout::Table, &tabled(&traces))), expect);
}

#[test]
fn a_payload_tells_of_its_process_and_chunks() {
    let payload = json!({
        "container_id": "c1", "language_name": "php", "language_version": "8.3",
        "tracer_version": "1.5", "runtime_id": "r1",
        "chunks": [
            {
                "spans": [
                    span(json!({"meta": {"env": "own"}})),
                    span(json!({"span_id": 3, "meta": {"_dd.origin": "rum"}})),
                ],
                "priority": 1, "origin": "lambda", "dropped_trace": false,
                "tags": {"_dd.p.tid": "6b01d5f800000000", "_dd.p.dm": "-1"},
            },
            {"priority": -128, "spans": [span(json!({"trace_id": 4}))]},
            {"spans": null},
        ],
        "tags": {"rack": "7"}, "env": "staging", "hostname": "h1", "app_version": "9",
    });
    let tracer =
        Tracer { version: "1.4".to_owned(), interpreter: "fpm".to_owned(), ..Tracer::default() };
    let decoded = decode_request(Layout::Payload, &packed(&payload), &tracer).expect("decodes");
    let spans = shown::spans(decoded);
    let resource = |env: &str| {
        format!(
            "resource: container.id=c1, deployment.environment.name={env}, host.name=h1, \
             process.runtime.name=fpm, process.runtime.version=8.3, rack=7, \
             service.instance.id=r1, service.name=cart, service.version=9, \
             telemetry.sdk.language=php, telemetry.sdk.name=datadog, telemetry.sdk.version=1.5"
        )
    };
    let lines = |index: usize| spans[index].lines().collect::<Vec<_>>();
    assert_eq!(
        lines(0)[0],
        "6b01d5f8000000000000000000000001/0000000000000002 under 0000000000000000"
    );
    assert_eq!(lines(0)[4], resource("own"));
    let attributes = r#"attributes: _dd.origin="lambda", _dd.p.dm="-1", sampling.priority=1"#;
    assert_eq!(lines(0)[5], attributes);
    assert!(lines(1)[0].starts_with("6b01d5f8000000000000000000000001/"), "{spans:?}");
    assert_eq!(lines(1)[4..], [&*resource("staging"), r#"attributes: _dd.origin="rum""#]);
    assert!(lines(2)[0].starts_with("00000000000000000000000000000004/"), "{spans:?}");
    assert_eq!(lines(2)[5], "attributes: ");
}

#[test]
fn headers_tell_of_the_tracer() {
    let text = str::to_owned;
    let tracer = Tracer {
        language: text("python"),
        language_version: text("3.11.7"),
        interpreter: text("CPython"),
        version: text("4.16.0"),
        container_id: text("c1"),
    };
    let body = packed(&json!([[span(json!({}))]]));
    let decoded = decode_request(Layout::Traces, &body, &tracer).expect("decodes");
    let spans = shown::spans(decoded);
    let expect = "resource: container.id=c1, process.runtime.name=CPython, \
        process.runtime.version=3.11.7, service.name=cart, telemetry.sdk.language=python, \
        telemetry.sdk.name=datadog, telemetry.sdk.version=4.16.0";
    assert_eq!(spans[0].lines().nth(4), Some(expect));
}

/// A bad span between two good ones is refused for `expect`.
fn check_refused(bad: &Value, expect: &str) {
    let spans = json!([[], [span(json!({})), bad, span(json!({"span_id": 3}))]]);
    let decoded = decode(Layout::Traces, &packed(&spans));
    let message = decoded.message().expect("a reject");
    assert_eq!(message, format!("1 span rejected: 1 {expect}, in span 2 of trace 2)"));
    assert_eq!(shown::spans(decoded).len(), 2);
}

#[test]
fn bad_spans_are_refused_alone() {
    check_refused(&span(json!({"trace_id": 0})), "zero_trace_id (trace id is all zeros");
    check_refused(&span(json!({"span_id": null})), "zero_span_id (span id is all zeros");
    check_refused(
        &span(json!({"name": 7})),
        "malformed (field `name`: text was expected, an integer was sent",
    );
    check_refused(
        &span(json!({"metrics": {"a": "b"}})),
        "malformed (field `metrics`: a number was expected, text was sent",
    );
    check_refused(&span(json!({"start": 1e30})), "malformed (field `start`: time is out of range");
    check_refused(&json!("text"), "malformed (a map was expected, text was sent");
    let many = |count: usize| vec![json!({}); count];
    check_refused(
        &span(json!({"span_links": many(LINKS_MAX + 1)})),
        "link_count (span has 10001 or more links, at most 10000 are taken",
    );
    check_refused(
        &span(json!({"span_events": many(EVENTS_MAX + 1)})),
        "event_count (span has 10001 or more events, at most 10000 are taken",
    );
    let keys: serde_json::Map<_, _> =
        (0..=ATTRIBUTES_MAX).map(|number| (number.to_string(), json!("x"))).collect();
    check_refused(
        &span(json!({"meta": keys})),
        "attribute_count (owner has 10001 or more attributes, at most 10000 are taken",
    );
    let deep = (0..65).fold(json!(1), |inner, _| json!([inner]));
    check_refused(
        &span(json!({"meta": {"deep": deep}})),
        "nesting_depth (value is nested deeper than its limit, at most 64 levels are taken",
    );
}

#[test]
fn broken_texts_and_numbers_of_texts_refuse_their_span() {
    let mut body = packed(&json!([[span(json!({"name": "XX"})), span(json!({}))]]));
    let place = body.windows(2).position(|bytes| bytes == b"XX").expect("there");
    body[place] = 0xff;
    let decoded = decode(Layout::Traces, &body);
    assert_eq!(
        decoded.message().expect("a reject"),
        "1 span rejected: 1 utf8 (text breaks UTF-8 after 0 bytes, in span 1 of trace 1)"
    );
    assert_eq!(shown::spans(decoded).len(), 1);
    let mut body = tabled(&json!([[span(json!({})), span(json!({"span_id": 3}))]]));
    let place = body.iter().rposition(|&byte| byte == 0x9c).expect("a span") + 1;
    body[place] = 0x7f;
    let decoded = decode(Layout::Table, &body);
    assert_eq!(
        decoded.message().expect("a reject"),
        "1 span rejected: 1 malformed (text 127 is not in the table, which has 3, in span 2 of trace 1)"
    );
    assert_eq!(shown::spans(decoded).len(), 1);
}

#[test]
fn what_a_process_says_once_is_not_repeated_without_end() {
    let tags: serde_json::Map<_, _> =
        (0..1000).map(|number| (format!("tag{number}"), json!("x".repeat(1_000)))).collect();
    let spans: Vec<Value> = (1..100)
        .map(|number| span(json!({"span_id": number, "service": format!("s{number}")})))
        .collect();
    let payload = json!({"tags": tags, "chunks": [{"spans": spans}]});
    let decoded = decode(Layout::Payload, &packed(&payload));
    assert_eq!(decoded.rejects_by_reason.len(), 1);
    assert_eq!(decoded.rejects_by_reason[0].0.as_str(), "resource_bytes");
    assert!(decoded.batch.memory_bytes() < 2 * RESOURCE_BYTES_MAX);
    assert!(decoded.batch.len() > 20);
}

#[test]
fn empty_bodies_are_fine_and_broken_ones_are_not() {
    let tracer = Tracer::default();
    for (layout, body) in [
        (Layout::Traces, &b"\x90"[..]),
        (Layout::Traces, b"\xc0"),
        (Layout::Traces, b"\x91\xc0"),
        (Layout::TracesJson, b"[]"),
        (Layout::TracesJson, b"[[]]"),
        (Layout::TracesJson, b"null"),
        (Layout::Table, b"\x92\x90\x90"),
        (Layout::Table, b"\x91\x90"),
        (Layout::Payload, b"\x80"),
    ] {
        assert_eq!(decode(layout, body).batch.len(), 0, "{body:x?}");
    }
    for (layout, body, expect) in [
        (
            Layout::Traces,
            &b""[..],
            "msgpack is broken at byte 0: a value ends behind the last byte",
        ),
        (
            Layout::Traces,
            b"\x80",
            "msgpack is broken at byte 0: an array was expected, a map was sent",
        ),
        (
            Layout::Traces,
            b"\x91\x01",
            "msgpack is broken at byte 1: an array was expected, an integer was sent",
        ),
        (
            Layout::Traces,
            b"\x91\x91\x81\xa4name",
            "msgpack is broken at byte 8: a value ends behind the last byte",
        ),
        (
            Layout::Traces,
            b"\x91\x91\x83\xa1n\x01",
            "msgpack is broken at byte 2: a count is more than what is left",
        ),
        (Layout::TracesJson, b"[[", "json is broken at line 1 column 2: EOF while parsing a list"),
        (
            Layout::Table,
            b"\x92\x91\x01\x90",
            "msgpack is broken at byte 2: text was expected, an integer was sent",
        ),
        (
            Layout::Payload,
            b"\x90",
            "msgpack is broken at byte 0: a map was expected, an array was sent",
        ),
    ] {
        let error = decode_request(layout, body, &tracer).expect_err("broken");
        assert_eq!(error.to_string(), expect, "{body:x?}");
    }
}

const RECORDINGS: [(Layout, &str, &[u8]); 3] = [
    (Layout::Traces, "v0.4", include_bytes!("recordings/datadog/v0.4.msgpack")),
    (
        Layout::Traces,
        "v0.4-span-events",
        include_bytes!("recordings/datadog/v0.4-span-events.msgpack"),
    ),
    (Layout::Table, "v0.5", include_bytes!("recordings/datadog/v0.5.msgpack")),
];

#[test]
fn what_a_tracer_sent_is_read_whole() {
    for (layout, name, body) in RECORDINGS {
        let decoded = decode(layout, body);
        assert_eq!((decoded.message(), decoded.duplicate_keys), (None, 0), "{name}");
        let spans = shown::spans(decoded);
        assert_eq!(spans.len(), 3, "{name}");
        let has = |index: usize, expect: &str| {
            let span = &spans[index];
            assert!(span.contains(expect), "{name}: {expect}\nis not in\n{span}");
        };
        // Every span has the high half that only the first one told.
        let trace_id = &spans[0][..32];
        assert!(spans.iter().all(|span| span.starts_with(trace_id)), "{name}");
        assert_ne!(&trace_id[..8], "00000000", "{name}");
        has(0, "name: flask.request (server)");
        has(
            0,
            "resource: deployment.environment.name=staging, service.name=shop, service.version=1.2.3",
        );
        has(0, r#"dd.span.Resource="GET /cart", http.method="GET", items=3.0"#);
        has(0, "ratio=0.25");
        has(0, "sampling.priority=1");
        has(1, "name: GET /stock (client)");
        has(1, "resource: deployment.environment.name=staging, service.name=stock");
        has(1, r#"operation.name="http.request""#);
        has(1, "\nevent: cache.miss at 1795");
        has(1, r#"key="cart:7", ratio=0.5, shards=[1,2], size=7, warm=false"#);
        has(1, &format!("\nlink: {}/{}", &spans[0][..32], &spans[0][33..49]));
        has(1, r#"why="same trace""#);
        has(2, "name: db.query (unspecified)");
        has(2, "status: error no such table");
        has(2, r#"exception.message="no such table", exception.stacktrace="Traceback"#);
        has(2, r#"exception.type="builtins.ValueError""#);
    }
}

#[test]
fn no_bytes_panic() {
    let tracer = Tracer::default();
    let (_, _, traces) = RECORDINGS[0];
    let payload = [&b"\x81\xa6chunks\x91\x81\xa5spans"[..], &traces[1..]].concat();
    let bodies = RECORDINGS.map(|(layout, _, body)| (layout, body.to_vec()));
    for (layout, body) in bodies.into_iter().chain([(Layout::Payload, payload)]) {
        assert_eq!(decode(layout, &body).batch.len(), 3, "{layout:?}");
        for end in 0..body.len() {
            assert!(decode_request(layout, &body[..end], &tracer).is_err(), "{layout:?} {end}");
        }
        // Each byte becomes a number, a map, a text, nothing, the head of a long list, or a number in turn.
        let bytes = [0x00, 0x81, 0xa3, 0xc0, 0xdd, 0xff].into_iter().cycle();
        for (place, byte) in (0..body.len()).zip(bytes) {
            let mut broken = body.clone();
            broken[place] = byte;
            if let Ok(decoded) = decode_request(layout, &broken, &tracer) {
                assert_eq!(decoded.batch.validate(), Ok(()));
            }
        }
    }
}
