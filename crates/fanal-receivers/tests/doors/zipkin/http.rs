//! Zipkin over HTTP through real sockets: paths, types, codings, answers, mistakes of senders, a stop.

use super::{ZIPKIN, v1_json, v1_thrift, v2_json, v2_protobuf};
use crate::harness::Door;
use crate::harness::client::{Answer, Connection, http};
use crate::harness::payload;
use crate::harness::store::Script;
use fanal_pipeline::PipelineConfig;
use fanal_receivers::{ListenLimits, ReceiversConfig, RequestLimits};
use std::net::SocketAddr;
use std::time::Duration;

const V2: &str = "POST /api/v2/spans";
const V1: &str = "POST /api/v1/spans";
const JSON: &str = "application/json";
const PROTOBUF: &str = "application/x-protobuf";
const THRIFT: &str = "application/x-thrift";

/// Posts a body; type and coding may be empty.
async fn post(
    address: SocketAddr,
    head: &str,
    content_type: &str,
    coding: &str,
    body: &[u8],
) -> Answer {
    let headers = [("content-type", content_type), ("content-encoding", coding)];
    let headers: Vec<_> = headers.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    http(address, head, &headers, body).await
}

/// A body must be stored as one span and be answered without a body.
async fn check(head: &str, content_type: &str, coding: &str, body: &[u8]) {
    let door = Door::open(ZIPKIN).await;
    let answer = post(door.address, head, content_type, coding, body).await;
    let case = format!("{head} {content_type} {coding}");
    assert_eq!((answer.status, answer.text()), (202, ""), "{case}");
    assert_eq!(answer.header("access-control-allow-origin"), None, "{case}");
    assert_eq!(door.store.names(), ["Get"], "{case}");
    let counters = door.counters();
    assert_eq!((counters.requests, counters.accepted_spans), (1, 1), "{case}");
    assert_eq!(door.stop().await.connections_cut, 0);
}

#[tokio::test]
async fn every_form_and_coding_is_stored() {
    let (v2, protobuf) = (v2_json(&["Get"]), v2_protobuf(&["Get"]));
    check(V2, JSON, "", &v2).await;
    check(V2, "", "", &v2).await;
    check(V2, "text/plain;charset=UTF-8", "", &v2).await;
    check(V2, PROTOBUF, "", &protobuf).await;
    check(V2, "Application/X-Protobuf; charset=utf-8", "", &protobuf).await;
    check(V1, JSON, "", &v1_json(&["Get"])).await;
    check(V1, "", "", &v1_json(&["Get"])).await;
    check(V1, THRIFT, "", &v1_thrift(&["Get"])).await;
    check(V2, JSON, "gzip", &payload::gzip(&v2)).await;
    check(V2, JSON, "x-gzip, identity", &payload::gzip(&v2)).await;
    check(V2, PROTOBUF, "deflate", &payload::zlib(&protobuf)).await;
    check(V1, THRIFT, "zstd", &payload::zstd(&v1_thrift(&["Get"]))).await;
}

#[tokio::test]
async fn chunked_bodies_are_taken() {
    let door = Door::open(ZIPKIN).await;
    let mut connection = Connection::open(door.address).await;
    let body = String::from_utf8(v2_json(&["Get"])).expect("text");
    let (first, rest) = body.split_at(9);
    let request = format!(
        "{V2} HTTP/1.1\r\nhost: envoy\r\ntransfer-encoding: chunked\r\n\r\n\
         {:x}\r\n{first}\r\n{:x}\r\n{rest}\r\n0\r\n\r\n",
        first.len(),
        rest.len(),
    );
    connection.write(request.as_bytes()).await;
    assert_eq!(connection.answer().await.status, 202);
    assert_eq!(door.store.names(), ["Get"]);
}

#[tokio::test]
async fn lists_without_spans_succeed() {
    let door = Door::open(ZIPKIN).await;
    for (head, content_type, body) in [
        (V2, JSON, &b""[..]),
        (V2, JSON, b"[]"),
        (V2, PROTOBUF, b""),
        (V1, JSON, b"[]"),
        (V1, THRIFT, b"\x0c\0\0\0\0"),
    ] {
        let answer = post(door.address, head, content_type, "", body).await;
        assert_eq!((answer.status, answer.text()), (202, ""), "{head} {content_type}");
    }
    assert!(door.store.names().is_empty());
}

#[tokio::test]
async fn refused_spans_are_told_and_fail_no_others() {
    let door = Door::open(ZIPKIN).await;
    let bad = r#"{"traceId":"a1","id":"0"}"#;
    let good = r#"{"traceId":"a1","id":"1","name":"good"}"#;
    let answer = post(door.address, V2, JSON, "", format!("[{bad},{good}]").as_bytes()).await;
    assert_eq!(answer.status, 202);
    assert!(answer.text().contains("1 span rejected: 1 zero_span_id"), "{}", answer.text());
    assert_eq!(door.store.names(), ["good"]);
    let answer = post(door.address, V2, JSON, "", format!("[{bad}]").as_bytes()).await;
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("1 span rejected: 1 zero_span_id"), "{}", answer.text());
    assert_eq!(door.counters().rejected_spans, [("zero_span_id", 2)]);
}

/// A refused body: its status, its counter, and words of its answer, which is plain text.
fn check_refused(door: &Door, answer: &Answer, status: u16, words: &str) {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
    assert!(answer.text().contains(words), "{}", answer.text());
    assert!(door.last_refusal().contains(words), "{}", door.last_refusal());
}

#[tokio::test]
async fn bodies_that_are_no_spans_are_refused_for_good() {
    let door = Door::open(ZIPKIN).await;
    let at = door.address;
    let answer = post(at, V2, JSON, "", b"[{").await;
    check_refused(&door, &answer, 400, "json is broken at line 1");
    let answer = post(at, V2, JSON, "", br#"{"traceId":"a"}"#).await;
    check_refused(&door, &answer, 400, "expected a list of spans");
    let answer = post(at, V2, PROTOBUF, "", b"\x0a\x7fshort").await;
    check_refused(&door, &answer, 400, "protobuf is broken at byte");
    let answer = post(at, V1, THRIFT, "", b"\x0c\0\0\0\x09").await;
    check_refused(&door, &answer, 400, "thrift is broken at byte");
    let answer = post(at, V2, JSON, "gzip", b"not gzip").await;
    check_refused(&door, &answer, 400, "not valid gzip");
    assert_eq!(door.refused("invalid"), 5);
    let answer = post(at, V2, JSON, "br", b"hello").await;
    check_refused(&door, &answer, 415, "content-encoding `br` is not supported");
    assert_eq!(answer.header("accept-encoding"), Some("gzip, zstd, deflate"));
    assert!(door.store.names().is_empty());
}

#[tokio::test]
async fn another_form_than_announced_is_named() {
    let door = Door::open(ZIPKIN).await;
    let (v1, v2, protobuf, thrift) =
        (v1_json(&["a"]), v2_json(&["a"]), v2_protobuf(&["a"]), v1_thrift(&["a"]));
    for (head, content_type, body, found, announced) in [
        (V2, JSON, &v1, "a Zipkin v1 JSON list", "a Zipkin v2 JSON list"),
        (V2, JSON, &protobuf, "a Zipkin v2 protobuf list", "a Zipkin v2 JSON list"),
        (V2, THRIFT, &thrift, "a Zipkin v1 thrift list", "a Zipkin v2 JSON list"),
        (V2, PROTOBUF, &v2, "a Zipkin v2 JSON list", "a Zipkin v2 protobuf list"),
        (V1, JSON, &v2, "a Zipkin v2 JSON list", "a Zipkin v1 JSON list"),
        (V1, THRIFT, &v1, "a Zipkin v1 JSON list", "a Zipkin v1 thrift list"),
        (V1, PROTOBUF, &protobuf, "a Zipkin v2 protobuf list", "a Zipkin v1 JSON list"),
    ] {
        let answer = post(door.address, head, content_type, "", body).await;
        let words = format!("body is {found}, but the request announces {announced}");
        check_refused(&door, &answer, 400, &words);
    }
}

#[tokio::test]
async fn what_may_succeed_later_is_told_as_5xx() {
    for (script, status, kind, words, retry_after) in [
        (Script::Overloaded, 503, "overloaded", "head_bytes_max is reached: 2 of 1", Some("1")),
        (Script::Unavailable, 503, "unavailable", "disk takes no writes", Some("1")),
        (Script::Broken, 500, "internal", "append failed: bad sector", None),
    ] {
        let door = Door::open(ZIPKIN).await;
        door.store.follow(script);
        let answer = post(door.address, V2, JSON, "", &v2_json(&["a"])).await;
        check_refused(&door, &answer, status, words);
        assert_eq!(answer.header("retry-after"), retry_after);
        assert_eq!((door.refused(kind), door.counters().accepted_spans), (1, 0));
    }
}

#[tokio::test]
async fn large_requests_are_refused_on_the_wire_and_after_decompression() {
    let requests = RequestLimits { request_bytes_max: 100_000, ..RequestLimits::default() };
    let config = ReceiversConfig { requests, ..ReceiversConfig::default() };
    let door = Door::configured(ZIPKIN, PipelineConfig::default(), config).await;
    let words = "request_bytes_max of 100000 bytes";
    let answer = post(door.address, V2, JSON, "", &vec![b' '; 3_000_000]).await;
    check_refused(&door, &answer, 413, words);
    let answer = post(door.address, V1, THRIFT, "gzip", &payload::gzip(&vec![0; 5_000_000])).await;
    check_refused(&door, &answer, 413, words);
    assert_eq!(door.pipeline.snapshot().in_flight_bytes, 0);
}

#[tokio::test]
async fn pages_of_any_origin_may_send() {
    let door = Door::open(ZIPKIN).await;
    let asks = [
        ("origin", "https://shop.example"),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "content-type"),
    ];
    let answer = http(door.address, "OPTIONS /api/v2/spans", &asks, b"").await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (204, Some("*")));
    assert_eq!(answer.header("access-control-allow-methods"), Some("GET, POST"));
    let headers = answer.header("access-control-allow-headers");
    assert_eq!(headers, Some("content-type, x-grpc-web"));
    let headers = [("origin", "https://shop.example"), ("content-type", JSON)];
    let answer = http(door.address, V2, &headers, &v2_json(&["a"])).await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (202, Some("*")));
    assert_eq!(door.store.names(), ["a"]);
}

#[tokio::test]
async fn other_methods_and_paths_are_told_where_to_go() {
    let door = Door::open(ZIPKIN).await;
    for method in ["PUT", "TRACE", "DELETE"] {
        let answer = http(door.address, &format!("{method} /api/v2/spans"), &[], b"").await;
        assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")), "{method}");
        assert!(answer.text().contains("POST /api/v2/spans"), "{}", answer.text());
    }
    for (head, words) in [
        ("POST /api/v3/spans", "got POST /api/v3/spans; send spans with POST /api/v2/spans"),
        ("POST /zipkin.proto3.SpanService/Report", "send spans with POST /api/v2/spans"),
        ("POST /v1/traces", "send OTLP to its own port, 4318"),
    ] {
        let answer = http(door.address, head, &[], b"").await;
        assert_eq!(answer.status, 404, "{head}");
        assert!(answer.text().contains(words), "{head}: {}", answer.text());
    }
}

#[tokio::test]
async fn spans_without_a_time_start_when_they_arrive() {
    let door = Door::open(ZIPKIN).await;
    assert_eq!(post(door.address, V2, JSON, "", &v2_json(&["a"])).await.status, 202);
    let batches = door.store.batches();
    let span = batches[0].span(0);
    assert_eq!(span.start_unix_nanos(), door.pipeline.now_unix_nanos());
    assert!(span.attribute("otel.zipkin.absentField.startTime").is_some());
}

#[tokio::test]
async fn a_request_in_flight_is_answered_at_stop_or_cut_at_the_limit() {
    for (drain_timeout, cut) in [(Duration::from_secs(60), 0), (Duration::ZERO, 1)] {
        let listen = ListenLimits { drain_timeout, ..ListenLimits::default() };
        let config = ReceiversConfig { listen, ..ReceiversConfig::default() };
        let door = Door::configured(ZIPKIN, PipelineConfig::default(), config).await;
        door.store.close_gate();
        let mut connection = Connection::open(door.address).await;
        connection.send(V2, &[], &v2_json(&["late"])).await;
        door.store.wait_for_appends(1).await;
        door.begin_stop();
        if cut == 0 {
            door.store.release(1);
            assert_eq!(connection.answer().await.status, 202);
            assert_eq!(door.store.names(), ["late"]);
        } else {
            connection.ended().await;
        }
        assert_eq!(door.stop().await.connections_cut, cut);
    }
}
