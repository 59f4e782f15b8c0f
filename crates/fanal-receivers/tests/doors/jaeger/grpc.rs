//! Jaeger over gRPC through a real client of another make: codings, statuses, mistakes of senders.

use super::{Span, one, post_spans, recorded};
use crate::harness::Door;
use crate::harness::client::{EXPORT, call, channel, http};
use crate::harness::store::Script;
use fanal_pipeline::PipelineConfig;
use fanal_receivers::{ReceiversConfig, RequestLimits};
use tonic::codec::CompressionEncoding;
use tonic::{Code, Status};

const GRPC: &str = "jaeger_grpc";
const POST_SPANS: &str = "/jaeger.api_v2.CollectorService/PostSpans";

#[tokio::test]
async fn every_coding_is_stored_small_and_large() {
    let small = vec!["checkout".to_owned()];
    let large: Vec<String> = (0..20_000).map(|number| format!("span {number}")).collect();
    for names in [small, large, Vec::new()] {
        for compression in [None, Some(CompressionEncoding::Gzip), Some(CompressionEncoding::Zstd)]
        {
            let door = Door::open(GRPC).await;
            let spans: Vec<Span<'_>> = names.iter().map(|name| (&**name, 3)).collect();
            let client = channel(door.address).await;
            let answer = call(&client, POST_SPANS, compression, post_spans(&spans)).await;
            assert!(answer.expect("stored").get_ref().is_empty(), "{compression:?}");
            assert_eq!(door.store.names(), names, "{compression:?}");
            for batch in door.store.batches() {
                assert_eq!(batch.span(0).service_name(), "shop");
            }
            assert_eq!(door.stop().await.connections_cut, 0);
        }
    }
}

#[tokio::test]
async fn a_message_of_a_real_client_is_stored() {
    let door = Door::open(GRPC).await;
    let client = channel(door.address).await;
    call(&client, POST_SPANS, None, recorded::GRPC.to_vec()).await.expect("stored");
    assert_eq!(door.store.names(), ["fail", "checkout"]);
}

#[tokio::test]
async fn bad_spans_do_not_fail_good_ones() {
    let door = Door::open(GRPC).await;
    let client = channel(door.address).await;
    let spans = post_spans(&[("bad", 0), ("good", 3)]);
    call(&client, POST_SPANS, None, spans).await.expect("the good one is stored");
    assert_eq!(door.store.names(), ["good"]);
    assert_eq!(door.counters().rejected_spans, [("zero_span_id", 1)]);
    assert!(door.last_refusal().contains("1 span rejected"), "{}", door.last_refusal());
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
    let send = |body| call(&client, POST_SPANS, None, body);
    let status = send(b"\x0a\x7fshort".to_vec()).await.expect_err("bad bytes");
    check_status(&status, Code::InvalidArgument, "protobuf is broken", false);
    let body = post_spans(&one("a"));
    door.store.follow(Script::Overloaded);
    let status = send(body.clone()).await.expect_err("overloaded");
    check_status(&status, Code::ResourceExhausted, "head_bytes_max is reached", true);
    door.store.follow(Script::Unavailable);
    let status = send(body.clone()).await.expect_err("unavailable");
    check_status(&status, Code::Unavailable, "disk takes no writes", true);
    door.store.follow(Script::Keep);
    send(body).await.expect("works again");
    for kind in ["invalid", "overloaded", "unavailable"] {
        assert_eq!(door.refused(kind), 1, "{kind}");
    }
}

#[tokio::test]
async fn large_messages_are_refused_for_good() {
    let requests = RequestLimits { request_bytes_max: 100_000, ..RequestLimits::default() };
    let config = ReceiversConfig { requests, ..ReceiversConfig::default() };
    let door = Door::configured(GRPC, PipelineConfig::default(), config).await;
    let client = channel(door.address).await;
    for compression in [None, Some(CompressionEncoding::Gzip)] {
        let answer = call(&client, POST_SPANS, compression, vec![0; 5_000_000]).await;
        let status = answer.expect_err("too large");
        let words = "request_bytes_max of 100000 bytes";
        check_status(&status, Code::ResourceExhausted, words, false);
    }
    assert_eq!(door.refused("too_large"), 2);
}

#[tokio::test]
async fn other_calls_and_protocols_are_told_where_to_go() {
    let door = Door::open(GRPC).await;
    let client = channel(door.address).await;
    let status = call(&client, EXPORT, None, Vec::new()).await.expect_err("not served");
    check_status(&status, Code::Unimplemented, "4317", false);
    let headers = [("content-type", "application/x-thrift")];
    let answer = http(door.address, "POST /api/traces", &headers, b"x").await;
    assert_eq!(answer.status, 415);
    assert!(answer.text().contains("14268"), "{}", answer.text());
    assert!(door.last_refusal().contains("got POST /api/traces"), "{}", door.last_refusal());
}

#[tokio::test]
async fn a_call_in_flight_is_answered_at_stop() {
    let door = Door::open(GRPC).await;
    door.store.close_gate();
    let client = channel(door.address).await;
    let pending =
        tokio::spawn(
            async move { call(&client, POST_SPANS, None, post_spans(&one("late"))).await },
        );
    door.store.wait_for_appends(1).await;
    door.begin_stop();
    door.store.release(1);
    pending.await.expect("no panic").expect("answered");
    assert_eq!(door.store.names(), ["late"]);
    assert_eq!(door.stop().await.connections_cut, 0);
}
