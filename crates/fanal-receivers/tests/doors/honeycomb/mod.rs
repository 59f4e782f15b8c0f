//! Honeycomb's events API through real sockets: batches and single events, statuses in order, mistakes of senders, load.

use crate::harness::Door;
use crate::harness::client::{Answer, Connection, call, channel, http};
use crate::harness::payload;
use crate::harness::store::Script;
use fanal_model::ValueRef;
use fanal_pipeline::PipelineConfig;
use fanal_receivers::{ReceiversConfig, RequestLimits};
use std::net::SocketAddr;

const DOOR: &str = "honeycomb";
const JSON: &str = "application/json";

/// A batch of spans of these names.
fn batch(names: &[&str]) -> Vec<u8> {
    let events: Vec<String> = names
        .iter()
        .map(|name| {
            format!(
                r#"{{"time":"2026-01-01T00:00:00Z","samplerate":1,"data":{{"trace.trace_id":"7","trace.span_id":"3","name":"{name}"}}}}"#
            )
        })
        .collect();
    format!("[{}]", events.join(",")).into_bytes()
}

async fn post(address: SocketAddr, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    http(address, &format!("POST {path}"), headers, body).await
}

async fn post_batch(address: SocketAddr, coding: &str, body: &[u8]) -> Answer {
    let mut headers = vec![("content-type", JSON), ("x-honeycomb-team", "any key")];
    if !coding.is_empty() {
        headers.push(("content-encoding", coding));
    }
    post(address, "/1/batch/shop", &headers, body).await
}

#[tokio::test]
async fn batches_are_stored_in_every_coding() {
    let plain = batch(&["first", "second"]);
    for (coding, body) in
        [("", plain.clone()), ("gzip", payload::gzip(&plain)), ("zstd", payload::zstd(&plain))]
    {
        let door = Door::open(DOOR).await;
        let answer = post_batch(door.address, coding, &body).await;
        assert_eq!(answer.status, 200, "{coding}: {}", answer.text());
        assert_eq!(answer.header("content-type"), Some(JSON));
        assert_eq!(answer.text(), r#"[{"status":202},{"status":202}]"#);
        assert_eq!(door.store.names(), ["first", "second"], "{coding}");
        assert_eq!((door.counters().requests, door.counters().accepted_spans), (1, 2));
        assert_eq!(door.stop().await.connections_cut, 0);
    }
}

#[tokio::test]
async fn large_batches_are_decoded_off_the_sockets_and_answered_whole() {
    let names: Vec<String> = (0..10_000).map(|number| format!("span {number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let door = Door::open(DOOR).await;
    let answer = post_batch(door.address, "", &batch(&names)).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.text().matches("202").count(), 10_000);
    assert_eq!(door.store.names(), names);
}

#[tokio::test]
async fn each_event_has_its_status_in_order() {
    let door = Door::open(DOOR).await;
    let good = String::from_utf8(batch(&["good"])).expect("text");
    let good = good.trim_matches(['[', ']']);
    let body = format!(r#"[{{"data":{{"log":"line"}}}},{good},7]"#);
    let answer = post_batch(door.address, "", body.as_bytes()).await;
    assert_eq!(answer.status, 200);
    let text = answer.text();
    let (first, rest) = text.split_once(r#",{"status":202},"#).expect("the second is good");
    assert!(first.contains("400") && first.contains("no trace id"), "{first}");
    assert!(rest.contains("400") && rest.contains("expected an object"), "{rest}");
    assert_eq!(door.store.names(), ["good"]);
    assert_eq!(door.counters().rejected_spans, [("malformed", 1), ("not_a_span", 1)]);
}

#[tokio::test]
async fn msgpack_is_answered_in_msgpack_where_clients_read_it() {
    // A span `packed` and an event without a trace, each with its data alone.
    let span = b"\x81\xa4data\x83\xaetrace.trace_id\xa17\xadtrace.span_id\xa13\xa4name\xa6packed";
    let body = [&b"\x92"[..], span, b"\x81\xa4data\x80"].concat();
    for (content_type, answered) in
        [("application/msgpack", "application/msgpack"), ("application/x-msgpack", JSON)]
    {
        let door = Door::open(DOOR).await;
        let headers = [("content-type", content_type), ("content-encoding", "zstd")];
        let packed = payload::zstd(&body);
        let answer = post(door.address, "/1/batch/shop", &headers, &packed).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(answered)));
        if answered == JSON {
            assert!(answer.text().starts_with(r#"[{"status":202},{"status":400,"#));
        } else {
            let head = b"\xdd\0\0\0\x02\x81\xa6status\xcd\0\xca\x82\xa6status\xcd\x01\x90\xa5error";
            assert!(answer.body.starts_with(head), "{:x?}", answer.body);
        }
        assert_eq!(door.store.names(), ["packed"]);
        let headers = [("content-type", content_type)];
        let answer = post(door.address, "/1/batch/shop", &headers, &body[..20]).await;
        check_refused(&answer, 400, "msgpack is broken at byte", None);
        let alone = &span[6..];
        let answer = post(door.address, "/1/events/shop", &headers, alone).await;
        assert_eq!((answer.status, answer.text()), (200, ""));
        assert_eq!(door.store.names(), ["packed", "packed"]);
    }
}

#[tokio::test]
async fn single_events_are_stored_and_named_by_dataset_and_headers() {
    let door = Door::open(DOOR).await;
    let body = br#"{"trace.trace_id":"7","trace.span_id":"3","name":"alone"}"#;
    let headers = [
        ("x-honeycomb-event-time", "2026-01-01T00:00:00.5Z"),
        ("x-honeycomb-samplerate", "4"),
        ("x-hny-team", "any key"),
        // What curl sends by itself.
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    let answer = post(door.address, "/1/events/my%2Fshop%20floor", &headers, body).await;
    assert_eq!((answer.status, answer.text()), (200, ""));
    let batches = door.store.batches();
    let span = batches[0].span(0);
    assert_eq!((span.name(), span.start_unix_nanos()), ("alone", 1_767_225_600_500_000_000));
    assert_eq!(span.resource().service_name(), "my/shop floor");
    assert_eq!(span.attribute("SampleRate"), Some(ValueRef::Int(4)));
    let answer = post(door.address, "/1/events/shop", &[], body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let batches = door.store.batches();
    assert_eq!(batches[1].span(0).start_unix_nanos(), 1_000, "the time of arrival");
    let answer = post(door.address, "/1/events/shop", &[], b"{}").await;
    assert_eq!(answer.status, 400);
    assert!(answer.text().starts_with(r#"{"error":"1 span rejected"#), "{}", answer.text());
}

#[tokio::test]
async fn every_key_may_send() {
    let door = Door::open(DOOR).await;
    let answer = http(door.address, "GET /1/auth", &[("x-honeycomb-team", "any")], b"").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some(JSON)));
    assert!(answer.text().contains(r#""events":true"#), "{}", answer.text());
}

/// A failure is told as Honeycomb tells it.
fn check_refused(answer: &Answer, status: u16, words: &str, retry_after: Option<&str>) {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some(JSON));
    assert!(answer.text().starts_with(r#"{"error":""#), "{}", answer.text());
    assert!(answer.text().contains(words), "{}", answer.text());
    assert_eq!(answer.header("retry-after"), retry_after, "{}", answer.text());
}

#[tokio::test]
async fn broken_requests_are_refused_for_good() {
    let door = Door::open(DOOR).await;
    let answer = post_batch(door.address, "", b"[{").await;
    check_refused(&answer, 400, "json is broken", None);
    let answer = post_batch(door.address, "", b"{}").await;
    check_refused(&answer, 400, "a batch is a list", None);
    let answer = post_batch(door.address, "gzip", b"not gzip").await;
    check_refused(&answer, 400, "not valid gzip", None);
    let answer = post_batch(door.address, "br", b"[]").await;
    check_refused(&answer, 415, "`br` is not supported", None);
    let headers = [("content-type", "application/x-protobuf")];
    let answer = post(door.address, "/1/batch/shop", &headers, b"").await;
    check_refused(&answer, 415, "send events as application/json or application/msgpack", None);
    let answer = post(door.address, "/1/batch/%ff", &[], b"[]").await;
    check_refused(&answer, 400, "dataset is no text", None);
    let answer = post(door.address, "/1/events/shop", &[], b"[]").await;
    assert_eq!(answer.status, 400);
    assert_eq!((door.refused("invalid"), door.refused("unsupported")), (4, 2));
    assert!(door.store.names().is_empty());
}

#[tokio::test]
async fn failures_of_the_store_are_told_with_a_time_to_come_back() {
    for (script, status, words, retry_after) in [
        (Script::Overloaded, 429, "head_bytes_max is reached", Some("1")),
        (Script::Unavailable, 503, "disk takes no writes", Some("1")),
        (Script::Broken, 500, "append failed: bad sector", None),
    ] {
        let door = Door::open(DOOR).await;
        door.store.follow(script);
        let answer = post_batch(door.address, "", &batch(&["a"])).await;
        check_refused(&answer, status, words, retry_after);
        let body = br#"{"trace.trace_id":"7","trace.span_id":"3"}"#;
        let answer = post(door.address, "/1/events/shop", &[], body).await;
        check_refused(&answer, status, words, retry_after);
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
    let door = Door::configured(DOOR, config, ReceiversConfig::default()).await;
    door.store.close_gate();
    let body = batch(&[&*"x".repeat(30 << 10)]);
    let mut first = Connection::open(door.address).await;
    first.send("POST /1/batch/shop", &[("content-type", JSON)], &body).await;
    door.store.wait_for_appends(1).await;
    let answer = post_batch(door.address, "", &body).await;
    check_refused(&answer, 429, "in_flight_bytes_max is reached", Some("7"));
    door.store.release(1);
    assert_eq!(first.answer().await.status, 200);
    assert_eq!(door.pipeline.snapshot().in_flight_bytes, 0);
}

#[tokio::test]
async fn large_requests_are_refused_on_the_wire_and_after_decompression() {
    let requests = RequestLimits { request_bytes_max: 100_000, ..RequestLimits::default() };
    let config = ReceiversConfig { requests, ..ReceiversConfig::default() };
    let door = Door::configured(DOOR, PipelineConfig::default(), config).await;
    let bomb = vec![b' '; 5_000_000];
    let words = "request_bytes_max of 100000 bytes";
    check_refused(&post_batch(door.address, "", &bomb).await, 413, words, None);
    let answer = post_batch(door.address, "gzip", &payload::gzip(&bomb)).await;
    check_refused(&answer, 413, words, None);
    let answer = post_batch(door.address, "zstd", &payload::zstd(&bomb)).await;
    check_refused(&answer, 413, words, None);
    assert_eq!(door.refused("too_large"), 3);
    assert_eq!(door.pipeline.snapshot().in_flight_bytes, 0);
}

#[tokio::test]
async fn other_paths_and_methods_are_told_where_to_go() {
    let door = Door::open(DOOR).await;
    for (head, status, words) in [
        ("GET /", 404, "POST /1/batch/DATASET"),
        ("POST /1/batch/", 404, "POST /1/batch/DATASET"),
        ("POST /1/batch/a/b", 404, "POST /1/batch/DATASET"),
        ("POST /v1/traces", 404, "4318"),
        ("POST /v1/logs", 404, "Fanal stores traces"),
        ("GET /1/batch/shop", 405, "POST /1/batch/shop"),
        ("PUT /1/events/shop", 405, "POST /1/events/shop"),
    ] {
        let answer = http(door.address, head, &[], b"").await;
        check_refused(&answer, status, words, None);
    }
    let client = channel(door.address).await;
    let status = call(&client, "/any.Service/Call", None, Vec::new()).await.expect_err("no gRPC");
    assert!(status.message().contains("4317"), "{status}");
}

#[tokio::test]
async fn a_request_in_flight_is_answered_at_stop() {
    let door = Door::open(DOOR).await;
    door.store.close_gate();
    let mut connection = Connection::open(door.address).await;
    let headers = [("content-type", JSON)];
    connection.send("POST /1/batch/shop", &headers, &batch(&["late"])).await;
    door.store.wait_for_appends(1).await;
    door.begin_stop();
    door.store.release(1);
    assert_eq!(connection.answer().await.text(), r#"[{"status":202}]"#);
    assert_eq!(door.store.names(), ["late"]);
    assert_eq!(door.stop().await.connections_cut, 0);
}
