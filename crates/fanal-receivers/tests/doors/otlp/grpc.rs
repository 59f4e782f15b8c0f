//! OTLP over gRPC through a real client of another make: codings, answers, mistakes of senders, load.

use crate::harness::Door;
use crate::harness::client::{EXPORT, call, channel, http};
use crate::harness::payload::{self, TRACE_ID};
use crate::harness::store::Script;
use fanal_pipeline::PipelineConfig;
use fanal_receivers::{ReceiversConfig, RequestLimits, STREAMS_MAX};
use std::sync::Arc;
use tonic::codec::CompressionEncoding;
use tonic::{Code, Status};

const GRPC: &str = "otlp_grpc";

/// A message must be stored under its coding and be answered with an empty message.
async fn check(compression: Option<CompressionEncoding>, names: &[String]) {
    let door = Door::open(GRPC).await;
    let spans: Vec<payload::Span<'_>> = names.iter().map(|name| (&**name, TRACE_ID)).collect();
    let client = channel(door.address).await;
    let answer = call(&client, EXPORT, compression, payload::protobuf(&spans)).await;
    let answer = answer.unwrap_or_else(|status| panic!("{compression:?}: {status}"));
    assert!(answer.get_ref().is_empty(), "{compression:?}");
    assert_eq!(door.store.names(), names, "{compression:?}");
    let spans = u64::try_from(names.len()).expect("fits");
    assert_eq!(door.counters().accepted_spans, spans);
    assert_eq!(door.stop().await.connections_cut, 0);
}

#[tokio::test]
async fn every_coding_is_stored_small_and_large() {
    let small = ["checkout".to_owned()];
    let large: Vec<String> = (0..20_000).map(|number| format!("span {number}")).collect();
    for names in [&small[..], &large[..]] {
        check(None, names).await;
        check(Some(CompressionEncoding::Gzip), names).await;
        check(Some(CompressionEncoding::Zstd), names).await;
    }
    check(None, &[]).await;
}

#[tokio::test]
async fn bad_spans_do_not_fail_good_ones() {
    let door = Door::open(GRPC).await;
    let client = channel(door.address).await;
    let body = payload::protobuf(&[("zero", &[0; 16]), ("good", TRACE_ID)]);
    let answer = call(&client, EXPORT, None, body).await.expect("partial success");
    let answer = answer.get_ref();
    assert_eq!(payload::rejected_spans(answer), 1);
    assert!(String::from_utf8_lossy(answer).contains("1 span rejected"));
    assert_eq!(door.store.names(), ["good"]);
}

fn check_status(status: &Status, code: Code, words: &str, is_retryable: bool) {
    assert_eq!(status.code(), code, "{status}");
    assert!(status.message().contains(words), "{status}");
    let details = String::from_utf8_lossy(status.details());
    assert_eq!(details.contains("google.rpc.RetryInfo"), is_retryable, "{status}");
}

#[tokio::test]
async fn failures_have_the_status_that_senders_understand() {
    let door = Door::open(GRPC).await;
    let client = channel(door.address).await;
    let export = |body| call(&client, EXPORT, None, body);
    let status = export(b"\x0a\x7fshort".to_vec()).await.expect_err("bad bytes");
    check_status(&status, Code::InvalidArgument, "", false);
    door.store.follow(Script::Overloaded);
    let status = export(payload::one("a")).await.expect_err("overloaded");
    check_status(&status, Code::ResourceExhausted, "head_bytes_max is reached", true);
    door.store.follow(Script::Unavailable);
    let status = export(payload::one("a")).await.expect_err("unavailable");
    check_status(&status, Code::Unavailable, "disk takes no writes", true);
    door.store.follow(Script::Broken);
    let status = export(payload::one("a")).await.expect_err("broken");
    check_status(&status, Code::Internal, "append failed: bad sector", false);
    door.store.follow(Script::Keep);
    export(payload::one("a")).await.expect("works again");
    for kind in ["invalid", "overloaded", "unavailable", "internal"] {
        assert_eq!(door.refused(kind), 1, "{kind}");
    }
}

#[tokio::test]
async fn large_messages_are_refused_for_good() {
    let requests = RequestLimits { request_bytes_max: 100_000, ..RequestLimits::default() };
    let config = ReceiversConfig { requests, ..ReceiversConfig::default() };
    let door = Door::configured(GRPC, PipelineConfig::default(), config).await;
    let client = channel(door.address).await;
    for compression in [None, Some(CompressionEncoding::Gzip), Some(CompressionEncoding::Zstd)] {
        let answer = call(&client, EXPORT, compression, vec![0; 5_000_000]).await;
        let status = answer.expect_err("too large");
        let words = "request_bytes_max of 100000 bytes";
        check_status(&status, Code::ResourceExhausted, words, false);
    }
    assert_eq!(door.refused("too_large"), 3);
    call(&client, EXPORT, None, payload::one("a")).await.expect("connection is well");
    assert_eq!(door.pipeline.snapshot().in_flight_bytes, 0);
}

#[tokio::test]
async fn bytes_beyond_the_budget_are_told_to_retry() {
    let config = PipelineConfig { in_flight_bytes_max: 60 << 10, ..PipelineConfig::default() };
    let door = Door::configured(GRPC, config, ReceiversConfig::default()).await;
    door.store.close_gate();
    let client = channel(door.address).await;
    let body = payload::one(&"x".repeat(30 << 10));
    let first = tokio::spawn({
        let (client, body) = (client.clone(), body.clone());
        async move { call(&client, EXPORT, None, body).await }
    });
    door.store.wait_for_appends(1).await;
    let status = call(&client, EXPORT, None, body).await.expect_err("overloaded");
    check_status(&status, Code::ResourceExhausted, "in_flight_bytes_max is reached", true);
    door.store.release(1);
    first.await.expect("no panic").expect("was in time");
}

#[tokio::test]
async fn other_calls_and_protocols_are_told_where_to_go() {
    let door = Door::open(GRPC).await;
    let client = channel(door.address).await;
    let metrics = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";
    let status = call(&client, metrics, None, Vec::new()).await.expect_err("not served");
    check_status(&status, Code::Unimplemented, "Fanal stores traces", false);
    let headers = [("content-type", "application/x-protobuf")];
    let answer = http(door.address, "POST /v1/traces", &headers, &payload::one("a")).await;
    assert_eq!(answer.status, 415);
    assert!(answer.text().contains("4318"), "{}", answer.text());
    assert!(door.last_refusal().contains("got POST /v1/traces"), "{}", door.last_refusal());
    let door = Door::open("otlp_http").await;
    let answer = http(door.address, "POST /v1/traces", &[("content-type", "a/b")], b"").await;
    assert_eq!(answer.status, 415);
    let client = channel(door.address).await;
    let status = call(&client, EXPORT, None, Vec::new()).await.expect_err("wrong port");
    check_status(&status, Code::Unimplemented, "4317", false);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_calls_at_once_stay_bounded() {
    const CALLS: usize = 10_000;
    const CHANNELS: usize = 2;
    let door = Door::open(GRPC).await;
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..CHANNELS {
        let client = channel(door.address).await;
        let body = Arc::new(payload::one("tiny"));
        for _ in 0..CALLS / CHANNELS {
            let (client, body) = (client.clone(), Arc::clone(&body));
            calls.spawn(async move { call(&client, EXPORT, None, body.to_vec()).await });
        }
    }
    while let Some(answer) = calls.join_next().await {
        answer.expect("no panic").expect("stored");
    }
    assert_eq!(door.store.names().len(), CALLS);
    let streams = CHANNELS * usize::try_from(STREAMS_MAX).expect("fits");
    assert!(door.store.inside_max() <= streams, "{}", door.store.inside_max());
    assert_eq!(door.pipeline.snapshot().in_flight_bytes, 0);
}
