//! Traces of every version, other questions of tracers, refusals and stops.

use crate::harness::Door;
use crate::harness::client::{Answer, Connection, http};
use crate::harness::payload;
use crate::harness::store::Script;
use fanal_pipeline::PipelineConfig;
use fanal_receivers::{ReceiversConfig, RequestLimits};

const MSGPACK: (&str, &str) = ("content-type", "application/msgpack");
const RATES: &str = r#"{"rate_by_service":{"service:,env:":1.0}}"#;

fn text(text: &str, out: &mut Vec<u8>) {
    out.push(0xd9);
    out.push(u8::try_from(text.len()).expect("short"));
    out.extend_from_slice(text.as_bytes());
}

/// A span as a map. An id of 0 makes a bad one.
fn span(name: &str, id: u8) -> Vec<u8> {
    let mut out = vec![0x83];
    text("name", &mut out);
    text(name, &mut out);
    text("trace_id", &mut out);
    out.push(7);
    text("span_id", &mut out);
    out.push(id);
    out
}

/// A list of one trace of spans, for versions 0.3 and 0.4.
fn traces(spans: &[Vec<u8>]) -> Vec<u8> {
    let mut out = vec![0x91, 0x90 | u8::try_from(spans.len()).expect("few")];
    out.extend(spans.concat());
    out
}

fn one(name: &str) -> Vec<u8> {
    traces(&[span(name, 3)])
}

/// One span for version 0.5.
fn table(name: &str) -> Vec<u8> {
    let mut out = vec![0x92, 0x92];
    text("", &mut out);
    text(name, &mut out);
    out.extend([0x91, 0x91, 0x9c, 0, 1, 0, 7, 3, 0, 1, 1, 0, 0x80, 0x80, 0]);
    out
}

/// One span for version 0.7.
fn tracer_payload(name: &str) -> Vec<u8> {
    let mut out = vec![0x81];
    text("chunks", &mut out);
    out.extend([0x91, 0x81]);
    text("spans", &mut out);
    out.push(0x91);
    out.extend(span(name, 3));
    out
}

async fn put(door: &Door, path: &str, body: &[u8]) -> Answer {
    http(door.address, &format!("PUT {path}"), &[MSGPACK], body).await
}

#[tokio::test]
async fn every_version_is_taken_and_answered_in_its_words() {
    let door = Door::open("datadog").await;
    for (path, body, answer) in [
        ("/v0.3/traces", one("a"), "OK\n"),
        ("/v0.4/traces", one("b"), RATES),
        ("/v0.5/traces", table("c"), RATES),
        ("/v0.7/traces", tracer_payload("d"), RATES),
    ] {
        for method in ["PUT", "POST"] {
            let got = http(door.address, &format!("{method} {path}"), &[MSGPACK], &body).await;
            assert_eq!((got.status, got.text()), (200, answer), "{path}");
        }
    }
    let headers = [("content-type", "application/json")];
    let json = br#"[[{"name":"e","trace_id":7,"span_id":3}]]"#;
    assert_eq!(http(door.address, "POST /v0.4/traces", &headers, json).await.status, 200);
    // Without a content type the body tells.
    assert_eq!(http(door.address, "POST /v0.3/traces", &[], json).await.status, 200);
    assert_eq!(http(door.address, "POST /v0.3/traces", &[], &one("f")).await.status, 200);
    let headers = [MSGPACK, ("content-encoding", "gzip")];
    let body = payload::gzip(&one("g"));
    assert_eq!(http(door.address, "PUT /v0.4/traces", &headers, &body).await.status, 200);
    assert_eq!(door.store.names(), ["a", "a", "b", "b", "c", "c", "d", "d", "e", "e", "f", "g"]);
    assert_eq!((door.counters().requests, door.counters().accepted_spans), (12, 12));
}

#[tokio::test]
async fn headers_tell_of_the_process() {
    let door = Door::open("datadog").await;
    let headers = [MSGPACK, ("datadog-meta-lang", "ruby"), ("datadog-container-id", "c1")];
    assert_eq!(http(door.address, "PUT /v0.4/traces", &headers, &one("a")).await.status, 200);
    let batches = door.store.batches();
    let resource = batches[0].span(0).resource();
    let value = |key| resource.attribute(key).map(fanal_model::Value::to_text);
    assert_eq!(value("telemetry.sdk.language").as_deref(), Some("ruby"));
    assert_eq!(value("container.id").as_deref(), Some("c1"));
}

#[tokio::test]
async fn rates_are_told_once() {
    let door = Door::open("datadog").await;
    let version = "datadog-rates-payload-version";
    let send = |known: &'static str| {
        let address = door.address;
        async move { http(address, "PUT /v0.4/traces", &[MSGPACK, (version, known)], b"\x90").await }
    };
    let first = send("").await;
    assert_eq!((first.status, first.text()), (200, RATES));
    let known = first.header(version).expect("a version").to_owned();
    let again = send(known.leak()).await;
    assert_eq!((again.status, again.text()), (200, "{}"));
    assert_eq!(again.header(version), first.header(version));
    assert_eq!(put(&door, "/v0.4/traces", b"\x90").await.header(version), None);
}

#[tokio::test]
async fn what_tracers_ask_besides_is_answered_calmly() {
    let door = Door::open("datadog").await;
    let info = http(door.address, "GET /info", &[], b"").await;
    assert_eq!((info.status, info.header("content-type")), (200, Some("application/json")));
    for path in ["/v0.3/traces", "/v0.4/traces", "/v0.5/traces", "/v0.7/traces"] {
        assert!(info.text().contains(&format!("{path:?}")), "{}", info.text());
        assert_eq!(put(&door, path, b"").await.status, 400, "{path}");
    }
    for never in ["/v1.0/traces", "/v0.6/stats", "/v0.7/config", r#""client_drop_p0s":true"#] {
        assert!(!info.text().contains(never), "{never}");
    }
    for (request, answer) in [
        ("PUT /v0.6/stats", "{}"),
        ("POST /v0.1/pipeline_stats", "{}"),
        ("POST /telemetry/proxy/api/v2/apmtelemetry", "{}"),
        ("POST /v0.7/config", "{}"),
        ("POST /evp_proxy/v4/api/v2/citestcycle", "{}"),
        ("PUT /v0.3/services", "OK\n"),
    ] {
        let got = http(door.address, request, &[MSGPACK], b"\x80").await;
        assert_eq!((got.status, got.text()), (200, answer), "{request}");
    }
    for request in ["GET /", "PUT /v1.0/traces", "POST /profiling/v1/input"] {
        let got = http(door.address, request, &[], b"").await;
        assert_eq!(got.status, 404, "{request}");
        assert!(got.text().contains("PUT /v0.4/traces"), "{}", got.text());
    }
    let got = http(door.address, "GET /v0.4/traces", &[], b"").await;
    assert_eq!((got.status, got.header("allow")), (405, Some("PUT, POST")));
    assert!(door.store.names().is_empty());
}

#[tokio::test]
async fn bad_spans_do_not_fail_good_ones() {
    let door = Door::open("datadog").await;
    let body = traces(&[span("good", 3), span("zero", 0), span("other", 4)]);
    assert_eq!(put(&door, "/v0.4/traces", &body).await.status, 200);
    assert_eq!(door.store.names(), ["good", "other"]);
    assert_eq!(door.counters().rejected_spans, [("zero_span_id", 1)]);
    assert!(door.last_refusal().contains("in span 2 of trace 1"), "{}", door.last_refusal());
}

#[tokio::test]
async fn bad_requests_are_refused_in_words() {
    let requests = RequestLimits { request_bytes_max: 1_000, ..RequestLimits::default() };
    let config = ReceiversConfig { requests, ..ReceiversConfig::default() };
    let door = Door::configured("datadog", PipelineConfig::default(), config).await;
    let check = |answer: Answer, status: u16, words: &str| {
        assert_eq!(answer.status, status, "{}", answer.text());
        assert!(answer.text().contains(words), "{}", answer.text());
        assert!(door.last_refusal().contains(words), "{}", door.last_refusal());
        assert_eq!(answer.header("retry-after"), None);
    };
    check(put(&door, "/v0.4/traces", b"\x91\x91").await, 400, "msgpack is broken at byte 1");
    check(put(&door, "/v0.5/traces", &one("a")).await, 400, "msgpack is broken at byte 2");
    let json = [("content-type", "application/json")];
    let answer = http(door.address, "PUT /v0.4/traces", &json, b"[[").await;
    check(answer, 400, "json is broken at line 1");
    let answer = http(door.address, "PUT /v0.5/traces", &json, b"[]").await;
    check(answer, 415, "`application/json` is not supported at /v0.5/traces");
    let plain = [("content-type", "text/plain")];
    let answer = http(door.address, "PUT /v0.4/traces", &plain, b"x").await;
    check(answer, 415, "send application/msgpack or application/json");
    check(put(&door, "/v0.4/traces", &[0; 1_001]).await, 413, "request_bytes_max of 1000 bytes");
    let headers = [MSGPACK, ("content-encoding", "gzip")];
    let bomb = payload::gzip(&vec![0; 100_000]);
    let answer = http(door.address, "PUT /v0.4/traces", &headers, &bomb).await;
    check(answer, 413, "request_bytes_max of 1000 bytes");
    let refused = ["invalid", "unsupported", "too_large"].map(|kind| door.refused(kind));
    assert_eq!(refused, [3, 2, 2]);
}

#[tokio::test]
async fn failures_of_the_store_are_told() {
    for (script, status, retry_after) in [
        (Script::Overloaded, 429, Some("1")),
        (Script::Unavailable, 503, Some("1")),
        (Script::Broken, 500, None),
    ] {
        let door = Door::open("datadog").await;
        door.store.follow(script);
        let answer = put(&door, "/v0.4/traces", &one("a")).await;
        assert_eq!((answer.status, answer.header("retry-after")), (status, retry_after));
        assert_eq!(door.counters().accepted_spans, 0);
    }
}

#[tokio::test]
async fn a_request_in_flight_is_answered_at_a_stop() {
    let door = Door::open("datadog").await;
    door.store.close_gate();
    let mut connection = Connection::open(door.address).await;
    connection.send("PUT /v0.4/traces", &[MSGPACK], &one("late")).await;
    door.store.wait_for_appends(1).await;
    door.begin_stop();
    door.store.release(1);
    assert_eq!(connection.answer().await.status, 200);
    assert_eq!(door.store.names(), ["late"]);
    assert_eq!(door.stop().await.connections_cut, 0);
}
