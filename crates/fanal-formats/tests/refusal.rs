//! What is refused and why, in both encodings: bad spans alone, broken requests whole.
#![expect(clippy::expect_used, reason = "a failing test says why")]

mod requests;

use fanal_formats::otlp::{json, protobuf};
use fanal_formats::wire::{Writer, bytes_tag, fixed64_tag, varint_tag};
use fanal_formats::{ATTRIBUTES_MAX, DecodeError, Decoded, EVENTS_MAX, LINKS_MAX};
use fanal_model::nested::DEPTH_MAX;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use prost::Message;
use requests::{attribute, numbered_span, request_of};

/// The names of accepted spans, and the message about the others.
fn outcome(decoded: Result<Decoded, DecodeError>) -> (Vec<String>, Option<String>) {
    let decoded = decoded.expect("decodes");
    assert_eq!(decoded.batch.validate(), Ok(()));
    assert_eq!(decoded.batch.events.ends.last().map_or(0, |&end| end), 2, "the neighbours' events");
    let names = (0..decoded.batch.len()).map(|row| decoded.batch.names.get_str(row).to_owned());
    (names.collect(), decoded.message())
}

/// A bad span between two good ones is refused for `expect`, without its place.
fn check_protobuf(name: &str, spoil: impl FnOnce(&mut Span), expect: &str) {
    let mut spans: Vec<Span> = [1, 2, 3].map(numbered_span).into();
    spoil(&mut spans[1]);
    let (names, message) = outcome(protobuf::decode_request(&request_of(spans).encode_to_vec()));
    assert_eq!(names, ["work", "work"], "{name}");
    let message = message.expect("a reject");
    let (reason, place) = message.split_once(", in the span at byte ").expect("a place");
    assert!(place.trim_end_matches(')').parse::<usize>().is_ok(), "{name}: {place}");
    assert_eq!(reason, format!("1 span rejected: 1 {expect}"), "{name}");
}

#[test]
fn protobuf_spans_are_refused_alone() {
    let deep = |depth| {
        (0..depth).fold(AnyValue::default(), |inner, _| AnyValue {
            value: Some(Value::ArrayValue(ArrayValue { values: vec![inner] })),
        })
    };
    let text = |count| vec![attribute("key", Value::BoolValue(true)); count];
    check_protobuf(
        "64-bit trace id",
        |span| span.trace_id = vec![1; 8],
        "trace_id_length (trace id has 8 bytes, expected 16",
    );
    check_protobuf(
        "no trace id",
        |span| span.trace_id.clear(),
        "trace_id_length (trace id has 0 bytes, expected 16",
    );
    check_protobuf(
        "long span id",
        |span| span.span_id = vec![1; 9],
        "span_id_length (span id has 9 bytes, expected 8",
    );
    check_protobuf(
        "short parent",
        |span| span.parent_span_id = vec![1; 4],
        "parent_span_id_length (parent span id has 4 bytes, expected 8",
    );
    check_protobuf(
        "zero trace id",
        |span| span.trace_id = vec![0; 16],
        "zero_trace_id (trace id is all zeros",
    );
    check_protobuf(
        "zero span id",
        |span| span.span_id = vec![0; 8],
        "zero_span_id (span id is all zeros",
    );
    check_protobuf(
        "short link id",
        |span| span.links.push(Link { trace_id: vec![1; 3], ..Link::default() }),
        "link_id_length (link id has 3 bytes, expected 16 (trace) or 8 (span)",
    );
    check_protobuf(
        "too deep",
        |span| span.attributes.push(attribute("a", deep(DEPTH_MAX + 1).value.expect("array"))),
        "nesting_depth (value is nested deeper than its limit, at most 64 levels are taken",
    );
    check_protobuf(
        "attributes",
        |span| span.attributes = text(ATTRIBUTES_MAX + 1),
        "attribute_count (owner has 10001 or more attributes, at most 10000 are taken",
    );
    check_protobuf(
        "attributes of an event",
        |span| span.events[0].attributes = text(ATTRIBUTES_MAX + 1),
        "attribute_count (owner has 10001 or more attributes, at most 10000 are taken",
    );
    check_protobuf(
        "events",
        |span| span.events = vec![Event::default(); EVENTS_MAX + 1],
        "event_count (span has 10001 or more events, at most 10000 are taken",
    );
    check_protobuf(
        "links",
        |span| span.links = vec![Link::default(); LINKS_MAX + 1],
        "link_count (span has 10001 or more links, at most 10000 are taken",
    );
}

/// Writes a request of three spans; `write` writes what is bad into the second.
fn raw_request(write: impl Fn(&mut Writer)) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.message(bytes_tag(1), |writer| {
        writer.message(bytes_tag(2), |writer| {
            for number in 1..=3 {
                writer.message(bytes_tag(2), |writer| {
                    // Numbered from the last field to the first, unlike any encoder.
                    writer.bytes(bytes_tag(200), b"unknown");
                    writer.message(bytes_tag(11), |writer| writer.fixed64(fixed64_tag(1), 7));
                    if number == 2 {
                        write(writer);
                    }
                    writer.fixed64(fixed64_tag(8), 5);
                    writer.fixed64(fixed64_tag(7), 9);
                    writer.bytes(bytes_tag(5), b"work");
                    writer.bytes(bytes_tag(2), &[number; 8]);
                    writer.bytes(bytes_tag(1), &[number; 16]);
                });
            }
        });
    });
    writer.finish()
}

#[test]
fn bad_text_refuses_its_span() {
    let key_value = |key: &'static [u8], value: &'static [u8]| {
        move |writer: &mut Writer| {
            writer.bytes(bytes_tag(1), key);
            writer.message(bytes_tag(2), |writer| writer.bytes(bytes_tag(1), value));
        }
    };
    let attribute = key_value(b"ok", b"no\xff");
    let nested = key_value(b"\xc3", b"");
    let check = |name: &str, write: &dyn Fn(&mut Writer)| {
        let (names, message) = outcome(protobuf::decode_request(&raw_request(write)));
        assert_eq!(names, ["work", "work"], "{name}");
        let message = message.expect("a reject");
        assert!(
            message.starts_with("1 span rejected: 1 utf8 (text breaks UTF-8 after "),
            "{message}"
        );
    };
    check("attribute value", &|writer| writer.message(bytes_tag(9), attribute));
    check("trace state", &|writer| writer.bytes(bytes_tag(3), b"\xff"));
    check("status", &|writer| {
        writer.message(bytes_tag(15), |writer| writer.bytes(bytes_tag(2), b"\xff"));
    });
    check("event name", &|writer| {
        writer.message(bytes_tag(11), |writer| writer.bytes(bytes_tag(2), b"\xff"));
    });
    check("key in a map", &|writer| {
        writer.message(bytes_tag(9), |writer| {
            writer.message(bytes_tag(2), |writer| {
                writer.message(bytes_tag(6), |writer| writer.message(bytes_tag(1), nested));
            });
        });
    });
}

#[test]
fn fields_in_any_order_and_unknown_ones_make_a_span() {
    let decoded = protobuf::decode_request(&raw_request(|writer| {
        writer.varint(varint_tag(6), u64::MAX);
        writer.message(bytes_tag(15), |writer| writer.varint(varint_tag(3), 300));
        // The name as a number: another wire type than the field's is an unknown field.
        writer.varint(varint_tag(5), 1);
    }))
    .expect("decodes");
    assert_eq!(decoded.message(), None);
    let batch = decoded.batch;
    assert_eq!((batch.start_unix_nanos, batch.end_unix_nanos), (vec![9; 3], vec![5; 3]));
    assert_eq!((batch.kinds, batch.status_codes), (vec![0; 3], vec![0; 3]));
    assert_eq!(batch.names.get_str(1), "work");
}

#[test]
fn bad_resources_and_scopes_refuse_their_spans_only() {
    let mut request = requests::sample();
    let many = vec![attribute("key", Value::BoolValue(true)); ATTRIBUTES_MAX + 1];
    request.resource_spans[0].resource.as_mut().expect("resource").attributes = many.clone();
    let decoded = protobuf::decode_request(&request.encode_to_vec()).expect("decodes");
    assert_eq!((decoded.batch.len(), decoded.rejected_spans, decoded.rejects.len()), (2, 2, 2));
    assert_eq!(decoded.batch.resources.table.len(), 1);
    let mut request = requests::sample();
    request.resource_spans[1].scope_spans[0].scope.as_mut().expect("scope").attributes = many;
    let decoded = protobuf::decode_request(&request.encode_to_vec()).expect("decodes");
    assert_eq!((decoded.batch.len(), decoded.rejected_spans), (2, 2));
    assert!(decoded.rejects[0].detail.contains("in the scope at byte "), "{:?}", decoded.rejects);
}

#[test]
fn duplicate_keys_are_counted_at_every_level() {
    let mut request = requests::sample();
    let twice = ["a", "b", "a"].map(|key| attribute(key, Value::BoolValue(true))).to_vec();
    let group = &mut request.resource_spans[0];
    group.resource.as_mut().expect("resource").attributes = twice.clone();
    let scope_spans = &mut group.scope_spans[0];
    scope_spans.scope.as_mut().expect("scope").attributes = twice.clone();
    scope_spans.spans[0].attributes = twice.clone();
    scope_spans.spans[0].events[0].attributes = twice.clone();
    scope_spans.spans[0].links[0].attributes = twice;
    let decoded = protobuf::decode_request(&request.encode_to_vec()).expect("decodes");
    assert_eq!(decoded.duplicate_keys, 5);
}

#[test]
fn nesting_of_ten_thousand_levels_is_refused_without_recursion() {
    let mut value = Vec::new();
    for _ in 0..10_000 {
        let mut writer = Writer::default();
        writer.message(bytes_tag(5), |writer| writer.bytes(bytes_tag(1), &value));
        value = writer.finish();
    }
    let bytes = raw_request(|writer| {
        writer.message(bytes_tag(9), |writer| writer.bytes(bytes_tag(2), &value));
    });
    let (names, message) = outcome(protobuf::decode_request(&bytes));
    assert_eq!(names.len(), 2);
    assert!(message.expect("a reject").contains("nesting_depth"));
    let value = r#"{"arrayValue":{"values":["#.repeat(10_000) + &"]}}".repeat(10_000);
    let (names, message) = outcome(json::decode_request(
        json_request(&format!(r#""attributes":[{{"key":"a","value":{value}}}]"#)).as_bytes(),
    ));
    assert_eq!(names.len(), 2);
    assert!(message.expect("a reject").contains("nesting_depth"));
}

/// Three spans, the second with `fields` more.
fn json_request(fields: &str) -> String {
    let span = |number: u8, fields: &str| {
        let id = number.to_string().repeat(16);
        format!(
            r#"{{"traceId":"{id}{id}","spanId":"{id}","name":"work","events":[{{}}],{fields}}}"#
        )
    };
    let plain = r#""kind":1"#;
    let spans = [span(1, plain), span(2, fields), span(3, plain)].join(",");
    format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{spans}]}}]}}]}}"#)
}

#[test]
fn json_spans_are_refused_alone() {
    let check = |fields: &str, expect: &str| {
        let (names, message) = outcome(json::decode_request(json_request(fields).as_bytes()));
        assert_eq!(names, ["work", "work"], "{fields}");
        let message = message.expect("a reject");
        assert!(message.starts_with(&format!("1 span rejected: 1 {expect}")), "{message}");
        assert!(message.contains(", in the span at byte "), "{message}");
    };
    check(
        r#""parentSpanId":"12""#,
        "parent_span_id_length (parent span id has 2 hex digits, expected 16",
    );
    check(r#""parentSpanId":"123456789abcdefg""#, "malformed (parentSpanId has a character");
    check(r#""parentSpanId":7"#, "malformed (invalid type: integer `7`, expected text");
    check(r#""startTimeUnixNano":"soon""#, "malformed (invalid value: string \"soon\"");
    check(r#""startTimeUnixNano":-1"#, "malformed (startTimeUnixNano -1 is out of range");
    check(r#""flags":4294967296"#, "malformed (flags 4294967296 is out of range");
    check(r#""attributes":[7]"#, "malformed (expected an object");
    check(
        r#""attributes":[{"key":"a","value":{"intValue":"9223372036854775808"}}]"#,
        "malformed (intValue",
    );
    check(
        r#""attributes":[{"key":"a","value":{"bytesValue":"*"}}]"#,
        "malformed (bytesValue is not base64",
    );
    check(r#""attributes":[{"key":"\ud800"}]"#, "malformed (");
    check(r#""links":[{"spanId":"1"}]"#, "link_id_length (link id has 1 hex digits");
    let many = vec!["{}"; EVENTS_MAX + 1].join(",");
    check(&format!(r#""links":[{many}]"#), "link_count (span has 10001");
    check(&format!(r#""attributes":[{many}]"#), "attribute_count (owner has 10001");
}

#[test]
fn json_ids_are_required_and_not_zero() {
    let check = |ids: &str, expect: &str| {
        let text = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{{ids}}}]}}]}}]}}"#);
        let decoded = json::decode_request(text.as_bytes()).expect("decodes");
        assert_eq!(
            decoded.rejects_by_reason.first().map(|(reason, _)| reason.as_str()),
            Some(expect)
        );
    };
    let zeros = "0".repeat(32);
    check("", "trace_id_length");
    check(r#""traceId":"0123456789abcdef","spanId":"0123456789abcdef""#, "trace_id_length");
    check(r#""traceId":"0123456789ABCDEF0123456789abcdef","spanId":"""#, "span_id_length");
    check(&format!(r#""traceId":"{zeros}","spanId":"0123456789abcdef""#), "zero_trace_id");
    check(
        r#""traceId":"0123456789ABCDEF0123456789abcdef","spanId":"0000000000000000""#,
        "zero_span_id",
    );
}

#[test]
fn broken_requests_are_refused_whole() {
    let check_json = |text: &str, expect: &str| {
        let error = json::decode_request(text.as_bytes()).expect_err("broken");
        assert_eq!(error.to_string(), format!("json is broken at {expect}"), "{text}");
        assert_eq!(error.kind().as_str(), "invalid");
    };
    check_json("", "line 1 column 0: EOF while parsing a value");
    check_json("[]", "line 1 column 1: expected an object");
    check_json(
        "{\n  \"resourceSpans\": 7}",
        "line 2 column 20: invalid type: integer `7`, expected a sequence",
    );
    check_json("{\"resourceSpans\":[\n {},\n 8]}", "line 3 column 2: expected an object");
    check_json(
        "{\"resourceSpans\":[{\n\"scopeSpans\":[ {\"spans\":{}}]}]}",
        "line 2 column 24: invalid type: map, expected a sequence",
    );
    check_json("{} x", "line 1 column 4: trailing characters");
    let error = json::decode_request(b"{\n\"\xff\"}").expect_err("broken");
    assert_eq!(error.to_string(), "json is broken at line 2 column 2: text is not UTF-8");
    let mut bytes = requests::sample().encode_to_vec();
    bytes.pop();
    let error = protobuf::decode_request(&bytes).expect_err("broken");
    assert!(error.to_string().starts_with("protobuf is broken at byte "), "{error}");
    assert_eq!(error.kind().as_str(), "invalid");
}

#[test]
fn requests_without_spans_are_a_success() {
    for decoded in [
        protobuf::decode_request(&[]),
        protobuf::decode_request(&[0x0a, 0]),
        protobuf::decode_request(&request_of(Vec::new()).encode_to_vec()),
        json::decode_request(b"{}"),
        json::decode_request(br#"{"resourceSpans":null}"#),
        json::decode_request(br#"{"resourceSpans":[{},{"scopeSpans":[{}],"resource":5}]}"#),
    ] {
        let decoded = decoded.expect("decodes");
        assert_eq!((decoded.batch.len(), decoded.message()), (0, None));
        assert!(decoded.batch.resources.table.is_empty());
    }
}
