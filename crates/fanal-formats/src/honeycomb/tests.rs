//! What events become: every row of the mapping, span events and links beside and apart from their spans, refusals.

use super::{BATCH_EVENTS_MAX, Context, Encoding, SingleEvent, decode_batch, decode_event};
use crate::{ATTRIBUTES_MAX, DecodeError, EVENTS_MAX};
use fanal_model::{IndexedBatch, SpanBatch, SpanRef, ValueRef};
use std::fmt::Write;
use std::sync::Arc;

const CONTEXT: Context<'static> = Context { dataset: "shop", arrival_unix_nanos: 9_000 };

fn attributes<'a>(items: impl Iterator<Item = (&'a str, ValueRef<'a>)>) -> String {
    let items: Vec<String> = items
        .map(|(key, value)| format!("{key}={}:{:?}", value.to_text(), value.attribute_type()))
        .collect();
    items.join(" ")
}

/// A span in one line: what is at its default is left out.
fn show(span: SpanRef<'_>) -> String {
    let mut line = format!("{} {}", span.trace_id(), span.span_id());
    let mut add = |name: &str, value: String| {
        if !value.is_empty() {
            let _ = write!(line, " {name}[{value}]");
        }
    };
    let parent = span.parent_span_id();
    add("parent", if parent.is_zero() { String::new() } else { parent.to_string() });
    add("name", span.name().to_owned());
    add(
        "kind",
        Some(span.kind().as_str())
            .filter(|kind| *kind != "unspecified")
            .unwrap_or_default()
            .to_owned(),
    );
    add(
        "status",
        Some(span.status_code().as_str())
            .filter(|code| *code != "unset")
            .unwrap_or_default()
            .to_owned(),
    );
    add("message", span.status_message().to_owned());
    add("state", span.trace_state().to_owned());
    add(
        "time",
        format!("{}+{}", span.start_unix_nanos(), span.end_unix_nanos() - span.start_unix_nanos()),
    );
    let resource = span.resource().attributes.iter();
    add(
        "resource",
        resource
            .map(|(key, value)| format!("{key}={}", value.to_text()))
            .collect::<Vec<_>>()
            .join(" "),
    );
    let scope = span.scope();
    add("scope", format!("{} {}", scope.name, scope.version).trim().to_owned());
    add("attributes", attributes(span.attributes()));
    for event in span.events() {
        add(
            "event",
            format!(
                "{} {} {}",
                event.time_unix_nanos(),
                event.name(),
                attributes(event.attributes())
            ),
        );
    }
    for link in span.links() {
        add(
            "link",
            format!("{} {} {}", link.trace_id(), link.span_id(), attributes(link.attributes())),
        );
    }
    line
}

fn rows(batch: SpanBatch) -> Vec<String> {
    batch.validate().expect("consistent");
    let batch = IndexedBatch::new(Arc::new(batch)).expect("decodes");
    batch.spans().map(show).collect()
}

fn batch_rows(json: &str) -> (Vec<String>, Vec<Option<String>>) {
    let events = decode_batch(Encoding::Json, json.as_bytes(), &CONTEXT).expect("decodes");
    let rows = rows(events.decoded.batch);
    (rows, events.outcomes)
}

/// An event of trace 1 and span 2 with more `data` becomes a row; what begins every row is left out.
fn check(data: &str, expect: &str) {
    let json = format!(
        r#"[{{"time":"1970-01-01T00:00:05Z","data":{{"trace.trace_id":"1","trace.span_id":"2"{data}}}}}]"#
    );
    let (rows, outcomes) = batch_rows(&json);
    assert_eq!(outcomes, [None], "{data}");
    let ids = "00000000000000000000000000000001 0000000000000002 ";
    assert_eq!(rows[0].strip_prefix(ids), Some(expect), "{data}");
}

#[test]
fn fields_of_a_span_have_their_places() {
    let rest = "time[5000000000+0] resource[service.name=shop]";
    check("", rest);
    check(r#","trace.parent_id":"3""#, &format!("parent[0000000000000003] {rest}"));
    check(r#","parentId":"3""#, &format!("parent[0000000000000003] {rest}"));
    check(r#","trace.parent_id":"""#, rest);
    check(r#","trace.parent_id":null"#, rest);
    check(r#","name":"GET /""#, &format!("name[GET /] {rest}"));
    check(r#","name":7"#, &format!("{rest} attributes[name=7:Int]"));
    check(r#","trace.trace_state":"a=b""#, &format!("state[a=b] {rest}"));
    check(
        r#","library.name":"beeline","library.version":"1.2""#,
        &format!("{rest} scope[beeline 1.2]"),
    );
    check(
        r#","meta.span_type":"root","meta.signal_type":"trace""#,
        &format!("{rest} attributes[meta.span_type=root:String meta.signal_type=trace:String]"),
    );
    check(
        r#","n":{"a":[1,null]},"l":["x"],"f":0.5,"b":false,"z":null"#,
        &format!(
            "{rest} attributes[n={{\"a\":[1,null]}}:Map l=[\"x\"]:Array f=0.5:Float b=false:Bool]"
        ),
    );
}

#[test]
fn services_come_from_the_event_or_the_dataset() {
    let time = "time[5000000000+0]";
    let cart = format!("{time} resource[service.name=cart honeycomb.dataset=shop]");
    check(r#","service.name":"cart""#, &cart);
    check(r#","service_name":"cart""#, &cart);
    check(r#","service_name":"cart","service.name":"cart""#, &cart);
    check(
        r#","service_name":"old","service.name":"cart""#,
        &format!("{cart} attributes[service_name=old:String]"),
    );
    check(r#","service.name":"shop""#, &format!("{time} resource[service.name=shop]"));
    check(
        r#","service.name":7"#,
        &format!("{time} resource[service.name=shop] attributes[service.name=7:Int]"),
    );
}

#[test]
fn durations_are_milliseconds() {
    let check = |value: &str, nanos: u64| {
        let expect = format!("time[5000000000+{nanos}] resource[service.name=shop]");
        check(&format!(r#","duration_ms":{value}"#), &expect);
    };
    check("12", 12_000_000);
    check("0.123456", 123_456);
    check("12.345678", 12_345_678);
    check("0", 0);
    check("1e3", 1_000_000_000);
    let kept = |value: &str, shown: &str| {
        let expect = format!(
            "time[5000000000+0] resource[service.name=shop] attributes[duration_ms={shown}]"
        );
        super::tests::check(&format!(r#","duration_ms":{value}"#), &expect);
    };
    kept("-1", "-1:Int");
    kept("-0.5", "-0.5:Float");
    kept("\"fast\"", "fast:String");
}

#[test]
fn kinds_and_outcomes() {
    let rest = "time[5000000000+0] resource[service.name=shop]";
    check(r#","span.kind":"server""#, &format!("kind[server] {rest}"));
    check(r#","span.kind":"CLIENT","type":"client""#, &format!("kind[client] {rest}"));
    check(r#","type":"producer""#, &format!("kind[producer] {rest}"));
    check(
        r#","type":"http_server""#,
        &format!("kind[server] {rest} attributes[type=http_server:String]"),
    );
    check(r#","type":"render""#, &format!("{rest} attributes[type=render:String]"));
    check(r#","span.kind":"odd""#, &format!("{rest} attributes[span.kind=odd:String]"));
    check(r#","error":true"#, &format!("status[error] {rest}"));
    check(r#","error":false"#, &format!("{rest} attributes[error=false:Bool]"));
    check(r#","error":"""#, &format!("{rest} attributes[error=:String]"));
    check(
        r#","error":"late""#,
        &format!("status[error] message[late] {rest} attributes[error=late:String]"),
    );
    check(
        r#","error":"late","status_message":"too late""#,
        &format!("status[error] message[too late] {rest} attributes[error=late:String]"),
    );
    check(r#","status_code":2,"status_message":"m""#, &format!("status[error] message[m] {rest}"));
    check(r#","status_code":1"#, &format!("status[ok] {rest}"));
    check(r#","status_code":0"#, rest);
    check(r#","status_code":200"#, &format!("{rest} attributes[status_code=200:Int]"));
    check(r#","status_code":1,"error":true"#, &format!("status[error] {rest}"));
}

#[test]
fn odd_ids_stay_beside_their_hashes() {
    let json = r#"[{"data":{"traceId":"order 7","spanId":"s"}},{"data":{"traceId":"order 7"}}]"#;
    let (rows, outcomes) = batch_rows(json);
    assert_eq!(outcomes, [None, None]);
    assert!(rows[0].ends_with("time[9000+0] resource[service.name=shop] attributes[traceId=order 7:String spanId=s:String]"), "{rows:?}");
    let ids = |row: &str| {
        let mut words = row.split(' ').map(str::to_owned);
        (words.next(), words.next())
    };
    assert_eq!(ids(&rows[0]).0, ids(&rows[1]).0, "one trace");
    assert_ne!(ids(&rows[0]).1, ids(&rows[1]).1);
    assert_eq!(batch_rows(json).0, rows, "sent again they are the same");
}

#[test]
fn sample_rates_are_kept() {
    let (rows, _) =
        batch_rows(r#"[{"samplerate":20,"data":{"trace.trace_id":"1","trace.span_id":"2"}}]"#);
    assert!(rows[0].ends_with(" attributes[SampleRate=20:Int]"), "{rows:?}");
    let (rows, _) =
        batch_rows(r#"[{"samplerate":1,"data":{"trace.trace_id":"1","trace.span_id":"2"}}]"#);
    assert!(!rows[0].contains("SampleRate"), "{rows:?}");
}

const SPAN_EVENT: &str = r#"{"time":"1970-01-01T00:00:06Z","data":{"trace.trace_id":"1","trace.parent_id":"2","meta.annotation_type":"span_event","name":"retry","parent_name":"work","service.name":"cart","attempt":2}}"#;
const LINK: &str = r#"{"time":"1970-01-01T00:00:07Z","data":{"trace.trace_id":"1","trace.parent_id":"2","meta.annotation_type":"link","trace.link.trace_id":"a","trace.link.span_id":"b","why":"follows"}}"#;
const SPAN: &str = r#"{"time":"1970-01-01T00:00:05Z","data":{"trace.trace_id":"1","trace.span_id":"2","name":"work"}}"#;

#[test]
fn span_events_and_links_go_to_their_span_in_any_order() {
    let expect = "00000000000000000000000000000001 0000000000000002 name[work] time[5000000000+0] \
                  resource[service.name=shop] event[6000000000 retry attempt=2:Int] \
                  link[0000000000000000000000000000000a 000000000000000b why=follows:String]";
    for json in [
        format!("[{SPAN},{SPAN_EVENT},{LINK}]"),
        format!("[{LINK},{SPAN_EVENT},{SPAN}]"),
        format!("[{SPAN_EVENT},{SPAN},{LINK}]"),
    ] {
        let (rows, outcomes) = batch_rows(&json);
        assert_eq!(outcomes, [None, None, None]);
        assert_eq!(rows, [expect]);
    }
}

#[test]
fn span_events_and_links_without_their_span_are_rows_of_their_own() {
    let (rows, outcomes) = batch_rows(&format!("[{SPAN_EVENT},{LINK}]"));
    assert_eq!(outcomes, [None, None]);
    let without_span_id = |row: &str| {
        let mut words: Vec<&str> = row.split(' ').collect();
        assert_ne!(words.remove(1), "0000000000000000");
        words.join(" ")
    };
    assert_eq!(
        without_span_id(&rows[0]),
        "00000000000000000000000000000001 parent[0000000000000002] name[retry] time[6000000000+0] \
         resource[service.name=cart honeycomb.dataset=shop] \
         attributes[meta.annotation_type=span_event:String parent_name=work:String attempt=2:Int]",
    );
    assert_eq!(
        without_span_id(&rows[1]),
        "00000000000000000000000000000001 parent[0000000000000002] time[7000000000+0] \
         resource[service.name=shop] attributes[meta.annotation_type=link:String why=follows:String] \
         link[0000000000000000000000000000000a 000000000000000b ]",
    );
}

#[test]
fn a_broken_part_does_not_fail_its_span() {
    let keys: Vec<String> = (0..=ATTRIBUTES_MAX).map(|number| format!("\"k{number}\":1")).collect();
    let broken = SPAN_EVENT.replace("\"attempt\":2", &keys.join(","));
    let (rows, outcomes) = batch_rows(&format!("[{SPAN},{broken},{LINK}]"));
    assert_eq!((rows.len(), outcomes[0].as_ref(), outcomes[2].as_ref()), (2, None, None));
    assert!(outcomes[1].as_ref().expect("refused").contains("attributes"), "{outcomes:?}");
}

#[test]
fn more_events_than_a_span_holds_become_rows() {
    let mut items = vec![SPAN.to_owned()];
    items.extend(
        (0..EVENTS_MAX + 2)
            .map(|number| SPAN_EVENT.replace("\"attempt\":2", &format!("\"attempt\":{number}"))),
    );
    let (rows, outcomes) = batch_rows(&format!("[{}]", items.join(",")));
    assert_eq!(rows.len(), 3);
    assert!(outcomes.iter().all(Option::is_none));
}

#[test]
fn events_are_refused_alone_and_in_order() {
    let json = format!(
        r#"[7,{SPAN},{{"data":{{"log":"line"}}}},{{"time":"soon","data":{{}}}},{{"data":{{"traceId":"0","spanId":"1"}}}}]"#
    );
    let (rows, outcomes) = batch_rows(&json);
    assert_eq!(rows.len(), 1);
    let words = ["expected an object", "", "no trace id", "time `soon`", "trace id is all zeros"];
    for (outcome, words) in outcomes.iter().zip(words) {
        match outcome {
            None => assert!(words.is_empty(), "{words}"),
            Some(error) => assert!(!words.is_empty() && error.contains(words), "{error}"),
        }
    }
    let decoded = decode_batch(Encoding::Json, json.as_bytes(), &CONTEXT).expect("decodes").decoded;
    assert_eq!(decoded.rejected_spans, 4);
    let message = decoded.message().expect("a message");
    assert!(message.contains("1 not_a_span (no trace id"), "{message}");
}

#[test]
fn refusals_are_told_in_full_to_a_limit() {
    let json = format!("[{}]", vec!["{}"; 101].join(","));
    let (rows, outcomes) = batch_rows(&json);
    assert!(rows.is_empty());
    assert_ne!(outcomes[99].as_deref(), Some("not_a_span"));
    assert_eq!(outcomes[100].as_deref(), Some("not_a_span"));
}

#[test]
fn what_is_no_batch_fails() {
    let check = |json: &str, expect: &str| {
        let error = decode_batch(Encoding::Json, json.as_bytes(), &CONTEXT).expect_err("fails");
        assert!(error.to_string().contains(expect), "{error}");
    };
    check("", "json is broken");
    check("{}", "a batch is a list");
    check("[{}", "json is broken");
    let many = format!("[{}]", vec!["0"; BATCH_EVENTS_MAX + 1].join(","));
    check(&many, "100001 events, at most 100000 are taken");
    assert_eq!(batch_rows("[]"), (Vec::new(), Vec::new()));
}

#[test]
fn single_events_take_time_and_rate_from_headers() {
    let body = br#"{"trace.trace_id":"1","trace.span_id":"2"}"#;
    let check = |headers: SingleEvent<'_>, expect: Result<&str, &str>| {
        let decoded = decode_event(Encoding::Json, body, &CONTEXT, headers).expect("decodes");
        let message = decoded.message();
        match (expect, rows(decoded.batch).first()) {
            (Ok(expect), Some(row)) => assert!(row.ends_with(expect), "{row}"),
            (Err(expect), None) => assert!(message.expect("told").contains(expect)),
            (_, row) => panic!("{row:?}"),
        }
    };
    check(SingleEvent::default(), Ok("time[9000+0] resource[service.name=shop]"));
    check(
        SingleEvent { time: "1970-01-01T00:00:05Z", sample_rate: "4" },
        Ok("time[5000000000+0] resource[service.name=shop] attributes[SampleRate=4:Int]"),
    );
    check(SingleEvent { time: "soon", sample_rate: "" }, Err("time `soon`"));
    check(SingleEvent { time: "", sample_rate: "all" }, Err("samplerate `all`"));
    let decoded = decode_event(Encoding::Json, b"{\"a\":1}", &CONTEXT, SingleEvent::default());
    assert_eq!(decoded.expect("decodes").rejected_spans, 1);
    assert!(matches!(
        decode_event(Encoding::Json, b"{", &CONTEXT, SingleEvent::default()),
        Err(DecodeError::Json { .. })
    ));
}

#[test]
fn no_cut_and_no_changed_byte_panics() {
    let json = format!("[{SPAN},{SPAN_EVENT},{LINK}]").into_bytes();
    for end in 0..json.len() {
        assert!(decode_batch(Encoding::Json, &json[..end], &CONTEXT).is_err(), "{end}");
    }
    for at in 0..json.len() {
        for byte in [0, b'"', b'\\', b'{', b'0', 0xff] {
            let mut changed = json.clone();
            changed[at] = byte;
            if let Ok(events) = decode_batch(Encoding::Json, &changed, &CONTEXT) {
                events.decoded.batch.validate().expect("consistent");
                assert_eq!(events.outcomes.len(), 3);
            }
        }
    }
}

/// JSON of maps, lists, texts, booleans and whole numbers as `MessagePack`.
fn packed(value: &serde_json::Value, out: &mut Vec<u8>) {
    use fanal_base::cast::narrow;
    use serde_json::Value;
    let mut head = |tag: u8, length: usize| {
        out.push(tag);
        out.extend_from_slice(&narrow(length).to_be_bytes());
    };
    match value {
        Value::Null => out.push(0xc0),
        Value::Bool(flag) => out.push(if *flag { 0xc3 } else { 0xc2 }),
        Value::Number(number) => {
            out.push(0xd3);
            out.extend_from_slice(&number.as_i64().expect("whole").to_be_bytes());
        }
        Value::String(text) => {
            head(0xdb, text.len());
            out.extend_from_slice(text.as_bytes());
        }
        Value::Array(items) => {
            head(0xdd, items.len());
            items.iter().for_each(|item| packed(item, out));
        }
        Value::Object(members) => {
            head(0xdf, members.len());
            for (key, value) in members {
                packed(&Value::String(key.clone()), out);
                packed(value, out);
            }
        }
    }
}

#[test]
fn msgpack_gives_the_same_as_json() {
    let odd = r#"{"data":{"traceId":"order 7","spanId":"s","n":{"l":[1,null,"x",true]}}}"#;
    let json = format!("[{SPAN_EVENT},{odd},{SPAN},{LINK},{{}},7]");
    let value = serde_json::from_str(&json).expect("json");
    let mut bytes = Vec::new();
    packed(&value, &mut bytes);
    // Keys of an object come in the order of the alphabet from one, and as written from the other.
    let json = value.to_string();
    let events = decode_batch(Encoding::Msgpack, &bytes, &CONTEXT).expect("decodes");
    let is_taken: Vec<bool> = events.outcomes.iter().map(Option::is_none).collect();
    assert_eq!(is_taken, [true, true, true, true, false, false]);
    assert_eq!(rows(events.decoded.batch), batch_rows(&json).0);
    for end in 0..bytes.len() {
        let cut = decode_batch(Encoding::Msgpack, &bytes[..end], &CONTEXT);
        assert!(matches!(cut, Err(DecodeError::Msgpack(_))), "{end}");
    }
    for at in 0..bytes.len() {
        for flip in [0xff, 0x80, 0x01] {
            let mut changed = bytes.clone();
            changed[at] ^= flip;
            if let Ok(events) = decode_batch(Encoding::Msgpack, &changed, &CONTEXT) {
                events.decoded.batch.validate().expect("consistent");
            }
        }
    }
}

#[test]
fn texts_of_msgpack_that_are_none_refuse_their_event() {
    let span = b"\x81\xa4data\x83\xaetrace.trace_id\xa17\xadtrace.span_id\xa13";
    for rest in [&b"\xa4name\xa1\xff"[..], b"\xa1\xff\xa1x", b"\xa4more\xa1\xff"] {
        let bytes = [&b"\x91"[..], span, rest].concat();
        let events = decode_batch(Encoding::Msgpack, &bytes, &CONTEXT).expect("decodes");
        let outcome = events.outcomes[0].as_ref().expect("refused");
        assert!(outcome.contains("UTF-8"), "{outcome}");
    }
    for key in [&b"\xacservice.name"[..], b"\xaclibrary.name"] {
        let bytes = [&b"\x91"[..], span, key, b"\xa1\xff"].concat();
        let events = decode_batch(Encoding::Msgpack, &bytes, &CONTEXT).expect("decodes");
        assert!(events.outcomes[0].is_some(), "{key:x?}");
    }
    let bytes = [&b"\x81\xaetrace.trace_id\xa17"[..]].concat();
    let decoded = decode_event(Encoding::Msgpack, &bytes, &CONTEXT, SingleEvent::default());
    assert_eq!(decoded.expect("decodes").batch.len(), 1);
}
