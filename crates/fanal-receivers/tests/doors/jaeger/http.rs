//! Jaeger over HTTP through real sockets: types, codings, answers, mistakes of clients.

use super::{Span, batch, one, recorded};
use crate::harness::Door;
use crate::harness::client::{Answer, Connection, EXPORT, call, channel, http};
use crate::harness::payload;
use crate::harness::store::Script;
use fanal_pipeline::PipelineConfig;
use fanal_receivers::{ReceiversConfig, RequestLimits};
use std::net::SocketAddr;

const HTTP: &str = "jaeger_http";
const THRIFT: &str = "application/x-thrift";

async fn post(at: SocketAddr, content_type: &str, coding: &str, body: &[u8]) -> Answer {
    let headers = [("content-type", content_type), ("content-encoding", coding)];
    let headers = if coding.is_empty() { &headers[..1] } else { &headers };
    http(at, "POST /api/traces?format=jaeger.thrift", headers, body).await
}

#[tokio::test]
async fn every_type_and_coding_is_stored() {
    let plain = batch(&one("checkout"));
    for (content_type, coding, body) in [
        (THRIFT, "", plain.clone()),
        ("application/vnd.apache.thrift.binary", "", plain.clone()),
        ("Application/X-Thrift; charset=utf-8", "", plain.clone()),
        (THRIFT, "gzip", payload::gzip(&plain)),
        (THRIFT, "zstd", payload::zstd(&plain)),
        (THRIFT, "deflate", payload::zlib(&plain)),
    ] {
        let door = Door::open(HTTP).await;
        let answer = post(door.address, content_type, coding, &body).await;
        assert_eq!((answer.status, answer.text()), (202, ""), "{content_type} {coding}");
        assert_eq!(door.store.names(), ["checkout"], "{content_type} {coding}");
        assert_eq!(door.store.batches()[0].span(0).service_name(), "shop");
        assert_eq!((door.counters().requests, door.counters().accepted_spans), (1, 1));
        assert_eq!(door.stop().await.connections_cut, 0);
    }
}

#[tokio::test]
async fn a_body_of_a_real_client_is_stored() {
    let door = Door::open(HTTP).await;
    assert_eq!(post(door.address, THRIFT, "", recorded::HTTP).await.status, 202);
    assert_eq!(door.store.names(), ["charge", "POST /pay"]);
}

#[tokio::test]
async fn large_batches_are_stored() {
    let names: Vec<String> = (0..20_000).map(|number| format!("span {number}")).collect();
    let spans: Vec<Span<'_>> = names.iter().map(|name| (&**name, 3)).collect();
    let plain = batch(&spans);
    assert!(plain.len() > 512 << 10, "{}", plain.len());
    for (coding, body) in [("", plain.clone()), ("gzip", payload::gzip(&plain))] {
        let door = Door::open(HTTP).await;
        assert_eq!(post(door.address, THRIFT, coding, &body).await.status, 202, "{coding}");
        assert_eq!(door.store.names(), names, "{coding}");
    }
}

#[tokio::test]
async fn bad_spans_do_not_fail_good_ones() {
    let door = Door::open(HTTP).await;
    let answer = post(door.address, THRIFT, "", &batch(&[("bad", 0), ("good", 3)])).await;
    assert_eq!(answer.status, 202);
    assert!(answer.text().starts_with("1 span rejected: 1 zero_span_id"), "{}", answer.text());
    assert_eq!(door.store.names(), ["good"]);
    assert_eq!(door.counters().rejected_spans, [("zero_span_id", 1)]);
}

#[tokio::test]
async fn failures_have_the_status_that_clients_understand() {
    let door = Door::open(HTTP).await;
    let check = |answer: &Answer, status: u16, words: &str, retry_after: Option<&str>| {
        assert_eq!(answer.status, status, "{}", answer.text());
        assert!(answer.text().contains(words), "{}", answer.text());
        assert_eq!(answer.header("retry-after"), retry_after, "{}", answer.text());
    };
    let body = batch(&one("a"));
    let answer = post(door.address, THRIFT, "", &body[..body.len() - 1]).await;
    check(&answer, 400, "thrift is broken at byte", None);
    let answer = post(door.address, THRIFT, "", b"").await;
    check(&answer, 400, "thrift is broken at byte 0", None);
    let answer = post(door.address, THRIFT, "gzip", b"no gzip").await;
    check(&answer, 400, "gzip", None);
    door.store.follow(Script::Overloaded);
    check(
        &post(door.address, THRIFT, "", &body).await,
        503,
        "head_bytes_max is reached",
        Some("1"),
    );
    door.store.follow(Script::Unavailable);
    check(&post(door.address, THRIFT, "", &body).await, 503, "disk takes no writes", Some("1"));
    door.store.follow(Script::Broken);
    check(&post(door.address, THRIFT, "", &body).await, 500, "append failed", None);
    door.store.follow(Script::Keep);
    assert_eq!(post(door.address, THRIFT, "", &body).await.status, 202);
    assert_eq!(door.refused("invalid"), 3);
    for kind in ["overloaded", "unavailable", "internal"] {
        assert_eq!(door.refused(kind), 1, "{kind}");
    }
}

#[tokio::test]
async fn large_requests_are_refused_on_the_wire_and_after_decompression() {
    let requests = RequestLimits { request_bytes_max: 100_000, ..RequestLimits::default() };
    let config = ReceiversConfig { requests, ..ReceiversConfig::default() };
    let door = Door::configured(HTTP, PipelineConfig::default(), config).await;
    let large = vec![0; 3_000_000];
    for (coding, body) in [("", large.clone()), ("gzip", payload::gzip(&large))] {
        let answer = post(door.address, THRIFT, coding, &body).await;
        assert_eq!(answer.status, 413, "{coding}");
        assert!(answer.text().contains("request_bytes_max of 100000 bytes"), "{}", answer.text());
    }
    assert_eq!(door.refused("too_large"), 2);
    assert_eq!(door.pipeline.snapshot().in_flight_bytes, 0);
}

#[tokio::test]
async fn types_methods_and_paths_that_are_not_spoken_are_named() {
    let door = Door::open(HTTP).await;
    let at = door.address;
    for (content_type, words) in
        [("application/json", "`application/json` is not supported"), ("", "no content-type")]
    {
        let answer = post(at, content_type, "", b"{}").await;
        assert_eq!(answer.status, 400);
        let types = "application/x-thrift, application/vnd.apache.thrift.binary";
        assert_eq!(answer.header("accept-post"), Some(types));
        assert!(answer.text().contains(words), "{}", answer.text());
    }
    assert_eq!(post(at, THRIFT, "br", b"x").await.status, 400);
    assert_eq!(door.refused("unsupported"), 3);
    let answer = http(at, "GET /api/traces", &[], b"").await;
    assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")));
    for (request, words) in
        [("GET /", "POST /api/traces"), ("POST /v1/traces", "4318"), ("POST /api/v2/spans", "9411")]
    {
        let answer = http(at, request, &[], b"").await;
        assert_eq!(answer.status, 404, "{request}");
        assert!(answer.text().contains(words), "{request}: {}", answer.text());
    }
    let client = channel(at).await;
    let status = call(&client, EXPORT, None, Vec::new()).await.expect_err("wrong port");
    assert!(status.message().contains("14250"), "{status}");
}

#[tokio::test]
async fn a_request_in_flight_is_answered_at_stop() {
    let door = Door::open(HTTP).await;
    door.store.close_gate();
    let mut connection = Connection::open(door.address).await;
    let body = batch(&one("late"));
    connection.send("POST /api/traces", &[("content-type", THRIFT)], &body).await;
    door.store.wait_for_appends(1).await;
    door.begin_stop();
    door.store.release(1);
    assert_eq!(connection.answer().await.status, 202);
    assert_eq!(door.store.names(), ["late"]);
    assert_eq!(door.stop().await.connections_cut, 0);
}
