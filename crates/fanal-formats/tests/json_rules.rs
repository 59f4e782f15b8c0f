//! The spellings that OTLP JSON allows, read from hand-written text, and the spelling that is written.
#![expect(clippy::expect_used, reason = "a failing test says why")]

use fanal_formats::otlp::json;
use fanal_model::{IndexedBatch, Value};
use std::sync::Arc;

fn decode(text: &str) -> IndexedBatch {
    let decoded = json::decode_request(text.as_bytes()).expect("json");
    assert_eq!(decoded.message(), None);
    IndexedBatch::new(Arc::new(decoded.batch)).expect("indexes")
}

fn with_span(fields: &str) -> IndexedBatch {
    decode(&format!(
        r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{
            "traceId":"0123456789ABCDEF0123456789abcdef","spanId":"FEDCBA9876543210",{fields}}}]}}]}}]}}"#
    ))
}

#[test]
fn values_are_read_in_every_spelling() {
    let check = |value: &str, expect: Value| {
        let fields = format!(r#""attributes":[{{"key":"a","value":{value}}}]"#);
        let batch = with_span(&fields);
        assert_eq!(
            batch.span(0).attribute("a").map(|found| found.to_value()),
            Some(expect),
            "{value}"
        );
    };
    check(r#"{"stringValue":"a\u00e9\n"}"#, Value::String("aé\n".to_owned()));
    check(r#"{"stringValue":""}"#, Value::String(String::new()));
    check(r#"{"boolValue":false}"#, Value::Bool(false));
    check(r#"{"intValue":"-9223372036854775808"}"#, Value::Int(i64::MIN));
    check(r#"{"intValue":42}"#, Value::Int(42));
    check(r#"{"doubleValue":2}"#, Value::Float(2.0));
    check(r#"{"doubleValue":"-Infinity"}"#, Value::Float(f64::NEG_INFINITY));
    check(r#"{"bytesValue":"+/8="}"#, Value::Bytes(vec![0xfb, 0xff]));
    check(r#"{"bytesValue":"-_8"}"#, Value::Bytes(vec![0xfb, 0xff]));
    check(r#"{"arrayValue":{}}"#, Value::Array(Vec::new()));
    check(
        r#"{"arrayValue":{"values":[{},{"kvlistValue":{"values":[{"key":"b","value":{"intValue":1}}]}}]}}"#,
        Value::Array(vec![Value::Empty, Value::Map(vec![("b".to_owned(), Value::Int(1))])]),
    );
    check(r"{}", Value::Empty);
    check("null", Value::Empty);
    check(r#"{"stringValue":null,"intValue":"1","ofTomorrow":[{}]}"#, Value::Int(1));
}

#[test]
fn enumerations_numbers_and_nulls_are_tolerated() {
    let batch = with_span(
        r#""kind":"SPAN_KIND_CLIENT","status":{"code":"STATUS_CODE_ERROR"},"startTimeUnixNano":"18446744073709551615",
           "endTimeUnixNano":7,"attributes":null,"parentSpanId":null,"flags":257,"unknown":{"a":[1]},"events":[]"#,
    );
    let span = batch.span(0);
    assert_eq!((span.kind().as_str(), span.status_code().as_str()), ("client", "error"));
    assert_eq!((span.start_unix_nanos(), span.end_unix_nanos(), span.flags()), (u64::MAX, 7, 257));
    assert!(span.parent_span_id().is_zero());
    assert_eq!(span.trace_id().to_string(), "0123456789abcdef0123456789abcdef");
    assert_eq!(with_span(r#""kind":3,"status":null"#).span(0).kind().as_str(), "client");
}

#[test]
fn what_is_written_follows_the_rules() {
    let text = concat!(
        r#"{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"cart"}}],"#,
        r#""entityRefs":[{"type":"service","idKeys":["service.name"],"descriptionKeys":[]}]},"#,
        r#""scopeSpans":[{"scope":{"name":"lib","version":"1"},"spans":[{"#,
        r#""traceId":"0123456789abcdef0123456789abcdef","spanId":"fedcba9876543210","traceState":"a=b","#,
        r#""parentSpanId":"0000000000000001","flags":1,"name":"work","kind":2,"#,
        r#""startTimeUnixNano":"18446744073709551615","endTimeUnixNano":"0","attributes":["#,
        r#"{"key":"i","value":{"intValue":"-1"}},{"key":"d","value":{"doubleValue":0.1}},"#,
        r#"{"key":"n","value":{"doubleValue":"NaN"}},{"key":"b","value":{"bytesValue":"+/8="}},"#,
        r#"{"key":"e","value":{}},{"key":"l","value":{"arrayValue":{"values":[{"boolValue":true}]}}},"#,
        r#"{"key":"m","value":{"kvlistValue":{"values":[{"key":"k","value":{}}]}}}],"#,
        r#""droppedAttributesCount":1,"events":[{"timeUnixNano":"5","name":"e","attributes":[{"key":"x","value":{"stringValue":""}}],"#,
        r#""droppedAttributesCount":2}],"droppedEventsCount":3,"links":[{"traceId":"0123456789abcdef0123456789abcdef","#,
        r#""spanId":"0000000000000002","flags":256,"droppedAttributesCount":4}],"droppedLinksCount":5,"#,
        r#""status":{"message":"no","code":2}}],"schemaUrl":"s"}],"schemaUrl":"r"}]}"#
    );
    let written = String::from_utf8(json::encode_traces(&[&decode(text)])).expect("UTF-8");
    assert_eq!(written, text);
}
