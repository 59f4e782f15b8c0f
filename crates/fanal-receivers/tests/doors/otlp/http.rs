//! OTLP over HTTP through real sockets: encodings, codings, answers, mistakes of senders.

use crate::harness::Door;
use crate::harness::client::{Answer, Connection, http, post, post_chunked};
use crate::harness::payload::{self, TRACE_ID};
use crate::harness::store::Script;
use fanal_pipeline::PipelineConfig;
use fanal_receivers::{OtlpConfig, ReceiversConfig, RequestLimits};

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";
const HTTP: &str = "otlp_http";

/// A body of a type and a coding must be stored as one span, and answered with `expect`.
async fn check(content_type: &str, coding: &str, body: &[u8], expect: (&str, &[u8])) {
    let door = Door::open(HTTP).await;
    let answer = post(door.address, content_type, coding, body).await;
    let case = format!("{content_type} {coding}");
    assert_eq!(answer.status, 200, "{case}: {}", String::from_utf8_lossy(&answer.body));
    assert_eq!(answer.header("content-type"), Some(expect.0), "{case}");
    assert_eq!(answer.body, expect.1, "{case}");
    assert_eq!(door.store.names(), ["checkout"], "{case}");
    let counters = door.counters();
    assert_eq!((counters.requests, counters.accepted_spans), (1, 1), "{case}");
    assert_eq!(door.stop().await.connections_cut, 0);
}

#[tokio::test]
async fn every_encoding_and_coding_is_stored() {
    let plain = payload::one("checkout");
    let in_protobuf: (&str, &[u8]) = (PROTOBUF, b"");
    check(PROTOBUF, "", &plain, in_protobuf).await;
    check(PROTOBUF, "identity", &plain, in_protobuf).await;
    check(PROTOBUF, "gzip", &payload::gzip(&plain), in_protobuf).await;
    check(PROTOBUF, "GZIP", &payload::gzip(&plain), in_protobuf).await;
    check(PROTOBUF, "zstd", &payload::zstd(&plain), in_protobuf).await;
    check(PROTOBUF, "deflate", &payload::zlib(&plain), in_protobuf).await;
    check(PROTOBUF, "deflate", &payload::raw_deflate(&plain), in_protobuf).await;
    check("Application/X-Protobuf; charset=utf-8", "", &plain, in_protobuf).await;
    let json = payload::json(&[("checkout", TRACE_ID)]);
    check(JSON, "", &json, (JSON, b"{}")).await;
    check("application/json;charset=UTF-8", "", &json, (JSON, b"{}")).await;
    check(JSON, "gzip", &payload::gzip(&json), (JSON, b"{}")).await;
}

#[tokio::test]
async fn large_bodies_are_decoded_off_the_sockets_and_stored() {
    let names: Vec<String> = (0..20_000).map(|number| format!("span {number}")).collect();
    let spans: Vec<payload::Span<'_>> = names.iter().map(|name| (&**name, TRACE_ID)).collect();
    let plain = payload::protobuf(&spans);
    assert!(plain.len() > 512 << 10, "{}", plain.len());
    for (coding, body) in [
        ("", plain.clone()),
        ("gzip", payload::gzip(&plain)),
        ("zstd", payload::zstd(&plain)),
        ("deflate", payload::zlib(&plain)),
    ] {
        let door = Door::open(HTTP).await;
        assert_eq!(post(door.address, PROTOBUF, coding, &body).await.status, 200, "{coding}");
        assert_eq!(door.store.names(), names, "{coding}");
        assert_eq!(door.counters().request_bytes, u64::try_from(plain.len()).expect("fits"));
    }
}

#[tokio::test]
async fn chunked_bodies_are_joined() {
    let door = Door::open(HTTP).await;
    let body = payload::one("chunked");
    let (head, tail) = body.split_at(7);
    let (middle, tail) = tail.split_at(1);
    let answer = post_chunked(door.address, &[head, middle, tail]).await;
    assert_eq!(answer.status, 200);
    assert_eq!(door.store.names(), ["chunked"]);
}

#[tokio::test]
async fn a_request_without_spans_succeeds() {
    let door = Door::open(HTTP).await;
    assert_eq!(post(door.address, PROTOBUF, "", b"").await.status, 200);
    assert_eq!(post(door.address, PROTOBUF, "gzip", b"").await.status, 200);
    assert_eq!(post(door.address, JSON, "", b"{}").await.body, b"{}");
    assert!(door.store.names().is_empty());
    assert_eq!(door.counters().requests, 3);
}

#[tokio::test]
async fn connections_are_kept_alive() {
    let door = Door::open(HTTP).await;
    let mut connection = Connection::open(door.address).await;
    for name in ["first", "second"] {
        let body = payload::one(name);
        connection.send("POST /v1/traces", &[("content-type", PROTOBUF)], &body).await;
        assert_eq!(connection.answer().await.status, 200);
    }
    let headers = [("content-type", "text/plain")];
    connection.send("POST /v1/traces", &headers, b"mistake").await;
    assert_eq!(connection.answer().await.status, 415);
    let body = payload::one("third");
    connection.send("POST /v1/traces", &[("content-type", PROTOBUF)], &body).await;
    assert_eq!(connection.answer().await.status, 200);
    assert_eq!(door.store.names(), ["first", "second", "third"]);
}

#[tokio::test]
async fn bad_spans_do_not_fail_good_ones() {
    let door = Door::open(HTTP).await;
    let spans: [payload::Span<'_>; 3] =
        [("good", TRACE_ID), ("zero", &[0; 16]), ("short", &[1; 3])];
    let answer = post(door.address, PROTOBUF, "", &payload::protobuf(&spans)).await;
    assert_eq!(answer.status, 200);
    assert_eq!(payload::rejected_spans(&answer.body), 2);
    assert!(String::from_utf8_lossy(&answer.body).contains("2 spans rejected"));
    let answer = post(door.address, JSON, "", &payload::json(&spans)).await;
    assert_eq!(answer.status, 200);
    let text = answer.text();
    assert!(text.contains(r#""rejectedSpans":"2""#), "{text}");
    assert!(text.contains("2 spans rejected"), "{text}");
    assert_eq!(door.store.names(), ["good", "good"]);
    let counters = door.counters();
    assert_eq!(counters.accepted_spans, 2);
    let by_reason = [("trace_id_length", 2), ("zero_trace_id", 2)];
    assert_eq!(counters.rejected_spans, by_reason);
    assert!(door.last_refusal().contains("2 spans rejected"), "{}", door.last_refusal());
}

/// A refused request: its status, its counter, and words of its answer in both encodings.
struct Refused<'a> {
    status: u16,
    kind: &'a str,
    code: u8,
    words: &'a str,
    retry_after: Option<&'a str>,
}

fn check_refused(door: &Door, answer: &Answer, content_type: &str, expect: &Refused<'_>) {
    let body = String::from_utf8_lossy(&answer.body).into_owned();
    assert_eq!(answer.status, expect.status, "{body}");
    assert_eq!(answer.header("content-type"), Some(content_type), "{body}");
    assert!(body.contains(expect.words), "{body}");
    assert_eq!(answer.header("retry-after"), expect.retry_after, "{body}");
    assert_eq!(body.contains("google.rpc.RetryInfo"), expect.retry_after.is_some(), "{body}");
    if content_type == JSON {
        assert!(body.contains(&format!(r#""code":{}"#, expect.code)), "{body}");
    } else {
        assert_eq!(answer.body[..2], [0x08, expect.code], "{body}");
    }
    assert!(door.last_refusal().contains(expect.words), "{}", door.last_refusal());
}

#[tokio::test]
async fn bad_bytes_are_refused_for_good_in_the_senders_encoding() {
    let door = Door::open(HTTP).await;
    let expect =
        |code, words| Refused { status: 400, kind: "invalid", code, words, retry_after: None };
    let answer = post(door.address, PROTOBUF, "", b"\x0a\x7fshort").await;
    check_refused(&door, &answer, PROTOBUF, &expect(3, "protobuf is broken at byte"));
    let answer = post(door.address, JSON, "", b"{\"resourceSpans\":[").await;
    check_refused(&door, &answer, JSON, &expect(3, "json is broken"));
    let answer = post(door.address, PROTOBUF, "gzip", b"not gzip").await;
    check_refused(&door, &answer, PROTOBUF, &expect(3, "not valid gzip"));
    let answer = post(door.address, JSON, "zstd", b"not zstd").await;
    check_refused(&door, &answer, JSON, &expect(3, "not valid zstd"));
    let mut cut = payload::gzip(&payload::one("cut"));
    cut.truncate(cut.len() - 9);
    let answer = post(door.address, JSON, "gzip", &cut).await;
    check_refused(&door, &answer, JSON, &expect(3, "not valid gzip"));
    let answer = post(door.address, JSON, "deflate", b"\xff\xff\xff\xff").await;
    check_refused(&door, &answer, JSON, &expect(3, "not valid deflate"));
    assert_eq!(door.refused("invalid"), 6);
    assert!(door.store.names().is_empty());
}

#[tokio::test]
async fn failures_of_the_store_are_told_in_the_senders_encoding() {
    for (script, status, kind, code, words, retry_after) in [
        (Script::Overloaded, 429, "overloaded", 8, "head_bytes_max is reached: 2 of 1", Some("1")),
        (Script::Unavailable, 503, "unavailable", 14, "disk takes no writes", Some("1")),
        (Script::Broken, 500, "internal", 13, "append failed: bad sector", None),
    ] {
        let door = Door::open(HTTP).await;
        door.store.follow(script);
        let expect = Refused { status, kind, code, words, retry_after };
        let answer = post(door.address, PROTOBUF, "", &payload::one("a")).await;
        check_refused(&door, &answer, PROTOBUF, &expect);
        let json = payload::json(&[("a", TRACE_ID)]);
        let answer = post(door.address, JSON, "", &json).await;
        check_refused(&door, &answer, JSON, &expect);
        assert_eq!(door.refused(expect.kind), 2);
        assert_eq!(door.counters().accepted_spans, 0);
    }
}

#[tokio::test]
async fn bytes_beyond_the_budget_are_told_to_retry() {
    let config = PipelineConfig {
        in_flight_bytes_max: 60 << 10,
        retry_after_seconds: 7,
        ..PipelineConfig::default()
    };
    let door = Door::configured(HTTP, config, ReceiversConfig::default()).await;
    door.store.close_gate();
    let long_name = "x".repeat(30 << 10);
    let mut first = Connection::open(door.address).await;
    let headers = [("content-type", PROTOBUF)];
    first.send("POST /v1/traces", &headers, &payload::one(&long_name)).await;
    door.store.wait_for_appends(1).await;
    let answer = post(door.address, PROTOBUF, "", &payload::one(&long_name)).await;
    let expect = Refused {
        status: 429,
        kind: "overloaded",
        code: 8,
        words: "in_flight_bytes_max is reached",
        retry_after: Some("7"),
    };
    check_refused(&door, &answer, PROTOBUF, &expect);
    door.store.release(1);
    assert_eq!(first.answer().await.status, 200);
    assert_eq!(door.refused(expect.kind), 1);
    // A request that would never fit is not told to try again.
    let answer = post(door.address, JSON, "", &vec![b' '; 64 << 10]).await;
    let words = "above in_flight_bytes_max of 61440";
    let expect = Refused { status: 413, kind: "too_large", code: 8, words, retry_after: None };
    check_refused(&door, &answer, JSON, &expect);
    assert_eq!(door.pipeline.snapshot().in_flight_bytes, 0);
}

fn small() -> ReceiversConfig {
    let requests = RequestLimits { request_bytes_max: 100_000, ..RequestLimits::default() };
    ReceiversConfig { requests, ..ReceiversConfig::default() }
}

#[tokio::test]
async fn large_requests_are_refused_on_the_wire_and_after_decompression() {
    let door = Door::configured(HTTP, PipelineConfig::default(), small()).await;
    let words = "request_bytes_max of 100000 bytes";
    let expect = Refused { status: 413, kind: "too_large", code: 8, words, retry_after: None };
    let bomb = vec![0; 50_000_000];
    let answer = post(door.address, PROTOBUF, "", &bomb[..3_000_000]).await;
    check_refused(&door, &answer, PROTOBUF, &expect);
    let answer = post_chunked(door.address, &[&bomb[..50_000], &bomb[..60_000]]).await;
    check_refused(&door, &answer, PROTOBUF, &expect);
    for (coding, body) in [
        ("gzip", payload::gzip(&bomb)),
        ("zstd", payload::zstd(&bomb)),
        ("deflate", payload::zlib(&bomb)),
        ("deflate", payload::raw_deflate(&bomb)),
    ] {
        assert!(body.len() < 100_000, "{coding} {}", body.len());
        let answer = post(door.address, JSON, coding, &body).await;
        check_refused(&door, &answer, JSON, &expect);
    }
    assert_eq!(door.refused(expect.kind), 6);
    // One byte less would have been fine.
    let fits = vec![b' '; 100_000];
    assert_eq!(post(door.address, JSON, "", &fits).await.status, 400);
    assert_eq!(post(door.address, JSON, "gzip", &payload::gzip(&fits)).await.status, 400);
    let above = vec![b' '; 100_001];
    assert_eq!(post(door.address, JSON, "gzip", &payload::gzip(&above)).await.status, 413);
    assert_eq!(door.pipeline.snapshot().in_flight_bytes, 0);
}

#[tokio::test]
async fn types_codings_methods_and_paths_that_are_not_spoken_are_named() {
    let door = Door::open(HTTP).await;
    let at = door.address;
    let answer = post(at, "text/plain", "", b"hello").await;
    assert_eq!(answer.status, 415);
    assert_eq!(answer.header("accept-post"), Some("application/x-protobuf, application/json"));
    assert!(answer.text().contains("`text/plain` is not supported"), "{}", answer.text());
    let answer = http(at, "POST /v1/traces", &[], b"hello").await;
    assert_eq!(answer.status, 415);
    assert!(answer.text().contains("no content-type"), "{}", answer.text());
    for coding in ["br", "gzip, zstd"] {
        let answer = post(at, JSON, coding, b"hello").await;
        assert_eq!(answer.status, 415);
        assert_eq!(answer.header("accept-encoding"), Some("gzip, zstd, deflate"));
        assert!(answer.text().contains(&format!("`{coding}` is not supported")));
    }
    assert_eq!(door.refused("unsupported"), 4);
    for method in ["GET", "PUT", "OPTIONS", "DELETE"] {
        let answer = http(at, &format!("{method} /v1/traces"), &[], b"").await;
        assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")), "{method}");
        assert!(answer.text().contains("POST /v1/traces"), "{}", answer.text());
    }
    for (path, words) in [
        ("GET /", "POST /v1/traces"),
        ("POST /v1/metrics", "OTEL_METRICS_EXPORTER"),
        ("POST /v1/logs", "OTEL_LOGS_EXPORTER"),
    ] {
        let answer = http(at, path, &[], b"").await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.text().contains(words), "{path}: {}", answer.text());
    }
}

#[tokio::test]
async fn the_browsers_path_is_the_same_door() {
    let door = Door::open(HTTP).await;
    let body = payload::json(&[("from a page", TRACE_ID)]);
    let headers = [("content-type", JSON)];
    let answer = http(door.address, "POST /api/otlp/v1/traces", &headers, &body).await;
    assert_eq!(answer.status, 200);
    assert_eq!(door.store.names(), ["from a page"]);
}

#[tokio::test]
async fn pages_of_allowed_origins_may_send() {
    let otlp = OtlpConfig { cors_allowed_origins: vec!["https://shop.example".to_owned()] };
    let config = ReceiversConfig { otlp, ..ReceiversConfig::default() };
    let door = Door::configured(HTTP, PipelineConfig::default(), config).await;
    let asks = |origin| {
        [
            ("origin", origin),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "content-type,x-key"),
        ]
    };
    let shop = "https://shop.example";
    let answer = http(door.address, "OPTIONS /v1/traces", &asks(shop), b"").await;
    assert_eq!(answer.status, 204);
    assert_eq!(answer.header("access-control-allow-origin"), Some(shop));
    assert_eq!(answer.header("access-control-allow-headers"), Some("content-type,x-key"));
    let headers = [("origin", shop), ("content-type", JSON)];
    let answer = http(door.address, "POST /v1/traces", &headers, b"{}").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("access-control-allow-origin"), Some(shop));
    let other = "https://other.example";
    let answer = http(door.address, "OPTIONS /v1/traces", &asks(other), b"").await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (405, None));
}

#[tokio::test]
async fn headers_have_a_limit() {
    let door = Door::open(HTTP).await;
    let long = "x".repeat(64 << 10);
    let headers = [("content-type", JSON), ("x-long", &*long)];
    let answer = http(door.address, "POST /v1/traces", &headers, b"{}").await;
    assert_eq!(answer.status, 431);
}
