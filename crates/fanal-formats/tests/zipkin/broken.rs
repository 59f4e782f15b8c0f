//! What is refused and why: bad spans alone, broken requests whole.

use crate::shown;
use fanal_formats::wire::{Writer, bytes_tag};
use fanal_formats::zipkin::{Format, decode};
use fanal_formats::{ATTRIBUTES_MAX, DecodeError, EVENTS_MAX};
use proptest::prelude::*;

const GOOD: &str = r#"{"traceId":"a","id":"b","name":"good"}"#;

/// A bad span between two good ones is refused for `expect`, without its place.
fn check(format: Format, bad: &str, expect: &str) {
    let text = format!("[{GOOD},{bad},{GOOD}]");
    let decoded = shown::decoded(format, text.as_bytes());
    let names: Vec<&str> =
        (0..decoded.batch.len()).map(|row| decoded.batch.names.get_str(row)).collect();
    assert_eq!(names, ["good", "good"], "{bad:.200}");
    let message = decoded.message().expect("a reject");
    let place = format!(", in the span at byte {})", GOOD.len() + 2);
    let expect = format!("1 span rejected: 1 {expect}{place}");
    assert_eq!(message, expect, "{bad:.200}");
}

#[test]
fn spans_are_refused_alone() {
    let v2 = |fields: &str, expect: &str| {
        check(Format::V2Json, &format!(r#"{{"traceId":"a","id":"b",{fields}}}"#), expect);
    };
    check(
        Format::V2Json,
        r#"{"id":"b"}"#,
        "trace_id_length (trace id has 0 hex digits, expected 1 to 32",
    );
    check(
        Format::V2Json,
        r#"{"traceId":"a"}"#,
        "span_id_length (span id has 0 hex digits, expected 1 to 16",
    );
    check(Format::V2Json, r#"{"traceId":"0000","id":"b"}"#, "zero_trace_id (trace id is all zeros");
    check(Format::V2Json, r#"{"traceId":"a","id":"0"}"#, "zero_span_id (span id is all zeros");
    check(
        Format::V2Json,
        r#"{"traceId":"AB","id":"b"}"#,
        "malformed (trace id has a character that is no lower-case hex digit",
    );
    check(Format::V2Json, "7", "malformed (expected an object");
    v2(
        r#""parentId":"x""#,
        "malformed (parent span id has a character that is no lower-case hex digit",
    );
    v2(
        r#""kind":"SERVANT""#,
        "malformed (kind `SERVANT` is not CLIENT, SERVER, PRODUCER or CONSUMER",
    );
    v2(r#""localEndpoint":{"port":65536}"#, "malformed (port 65536 is above 65535");
    v2(r#""tags":{"a":null}"#, "malformed (tag `a` has no value");
    v2(
        r#""timestamp":9223372036854775808"#,
        "malformed (timestamp 9223372036854775808 is out of range",
    );
    v2(
        r#""timestamp":"soon""#,
        "malformed (invalid value: string \"soon\", expected an integer as number or text",
    );
    let many = vec![r#"{"timestamp":1,"value":"a"}"#; EVENTS_MAX + 1].join(",");
    v2(&format!(r#""annotations":[{many}]"#), "malformed (list has more than 10000 items");
    check(
        Format::V1Json,
        &format!(r#"{{"traceId":"a","id":"b","annotations":[{many}]}}"#),
        "malformed (list has more than 10000 items",
    );
    let tags: Vec<String> =
        (0..=ATTRIBUTES_MAX).map(|number| format!(r#""t{number}":"""#)).collect();
    v2(
        &format!(r#""timestamp":1,"tags":{{{}}}"#, tags.join(",")),
        "attribute_count (owner has 10001 or more attributes, at most 10000 are taken",
    );
}

#[test]
fn text_that_is_none_refuses_its_span_in_protobuf() {
    let mut writer = Writer::default();
    for name in [b"good", b"\xff\xff\xff\xff", b"last"] {
        writer.message(bytes_tag(1), |writer| {
            writer.bytes(bytes_tag(1), &[1; 8]);
            writer.bytes(bytes_tag(3), &[2; 8]);
            writer.bytes(bytes_tag(5), name);
        });
    }
    let decoded = shown::decoded(Format::V2Protobuf, &writer.finish());
    assert_eq!(decoded.batch.len(), 2);
    let message = decoded.message().expect("a reject");
    assert!(message.contains("utf8 (text breaks UTF-8 after 0 bytes"), "{message}");
}

#[test]
fn what_is_no_list_fails_whole() {
    let check = |format: Format, bytes: &[u8], expect: &str| {
        let error = decode(format, bytes, 0).expect_err("broken").to_string();
        assert_eq!(error, expect, "{}", bytes.escape_ascii());
    };
    check(
        Format::V2Json,
        b"[\n{\"traceId\":\"a\"",
        "json is broken at line 2 column 14: EOF while parsing an object",
    );
    check(
        Format::V2Json,
        br#"{"traceId":"a"}"#,
        "json is broken at line 1 column 0: invalid type: map, expected a list of spans",
    );
    check(Format::V2Json, b"[]\n\xff", "json is broken at line 2 column 1: text is not UTF-8");
    check(
        Format::V2Protobuf,
        b"\x0a\x7fshort",
        "protobuf is broken at byte 1: a value ends behind its message",
    );
    check(
        Format::V2Json,
        b"\x0c\0\0\0\x01",
        "body is a Zipkin v1 thrift list, but the request announces a Zipkin v2 JSON list; change its path or content-type",
    );
    let thrift = |bytes: &[u8]| match decode(Format::V1Thrift, bytes, 0) {
        Err(DecodeError::Thrift(error)) => error.offset,
        other => panic!("{other:?}"),
    };
    assert_eq!(thrift(b"\x0c\x7f\xff\xff\xff\0"), 1);
    assert_eq!(thrift(b"\x0c\0\0\0\x01\x0a\0\x01"), 8);
}

proptest! {
    #[test]
    fn no_input_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for format in [Format::V1Json, Format::V1Thrift, Format::V2Json, Format::V2Protobuf] {
            if let Ok(decoded) = decode(format, &bytes, 0) {
                prop_assert!(decoded.batch.validate().is_ok());
            }
        }
    }

    #[test]
    fn no_thrift_structure_panics(body in prop::collection::vec(prop::sample::select(
        vec![0_u8, 1, 2, 3, 4, 6, 8, 10, 11, 12, 15, 0xff],
    ), 0..120)) {
        let bytes = [&[12, 0, 0, 0, 1], &body[..]].concat();
        if let Ok(decoded) = decode(Format::V1Thrift, &bytes, 0) {
            prop_assert!(decoded.batch.validate().is_ok());
        }
    }
}
