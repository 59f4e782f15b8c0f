//! Zipkin over gRPC through a real client, on the port of its HTTP API.

use super::{ZIPKIN, v2_json, v2_protobuf};
use crate::harness::Door;
use crate::harness::client::{EXPORT, call, channel, http};
use crate::harness::store::Script;
use fanal_pipeline::PipelineConfig;
use fanal_receivers::{ReceiversConfig, RequestLimits};
use tonic::codec::CompressionEncoding;
use tonic::{Code, Status};

const REPORT: &str = "/zipkin.proto3.SpanService/Report";

#[tokio::test]
async fn reports_are_stored_beside_posts() {
    let door = Door::open(ZIPKIN).await;
    let client = channel(door.address).await;
    for (compression, name) in [
        (None, "plain"),
        (Some(CompressionEncoding::Gzip), "gzip"),
        (Some(CompressionEncoding::Zstd), "zstd"),
    ] {
        let answer = call(&client, REPORT, compression, v2_protobuf(&[name])).await;
        assert!(answer.expect("stored").get_ref().is_empty(), "{name}");
    }
    call(&client, REPORT, None, Vec::new()).await.expect("no spans are fine");
    let answer = http(door.address, "POST /api/v2/spans", &[], &v2_json(&["http"])).await;
    assert_eq!(answer.status, 202);
    assert_eq!(door.store.names(), ["plain", "gzip", "zstd", "http"]);
    assert_eq!((door.counters().requests, door.counters().accepted_spans), (5, 4));
    drop(client);
    assert_eq!(door.stop().await.connections_cut, 0);
}

fn check(status: &Status, code: Code, words: &str) {
    assert_eq!(status.code(), code, "{status}");
    assert!(status.message().contains(words), "{status}");
}

#[tokio::test]
async fn failures_have_the_status_that_senders_understand() {
    let door = Door::open(ZIPKIN).await;
    let client = channel(door.address).await;
    let report = |body| call(&client, REPORT, None, body);
    let status = report(b"\x0a\x7fshort".to_vec()).await.expect_err("bad bytes");
    check(&status, Code::InvalidArgument, "protobuf is broken at byte");
    let status = report(v2_json(&["a"])).await.expect_err("another form");
    check(&status, Code::InvalidArgument, "body is a Zipkin v2 JSON list");
    let zero_id = b"\x0a\x14\x0a\x08\0\0\0\0\0\0\0\0\x1a\x08\0\0\0\0\0\0\0\x01".to_vec();
    let status = report(zero_id).await.expect_err("nothing was stored");
    check(&status, Code::InvalidArgument, "1 span rejected: 1 zero_trace_id");
    door.store.follow(Script::Overloaded);
    let status = report(v2_protobuf(&["a"])).await.expect_err("overloaded");
    check(&status, Code::Unavailable, "head_bytes_max is reached");
    door.store.follow(Script::Broken);
    let status = report(v2_protobuf(&["a"])).await.expect_err("broken");
    check(&status, Code::Internal, "append failed: bad sector");
    let status = call(&client, EXPORT, None, Vec::new()).await.expect_err("not served");
    check(&status, Code::Unimplemented, REPORT);
}

#[tokio::test]
async fn large_messages_are_refused_for_good() {
    let requests = RequestLimits { request_bytes_max: 100_000, ..RequestLimits::default() };
    let config = ReceiversConfig { requests, ..ReceiversConfig::default() };
    let door = Door::configured(ZIPKIN, PipelineConfig::default(), config).await;
    let client = channel(door.address).await;
    for compression in [None, Some(CompressionEncoding::Gzip)] {
        let answer = call(&client, REPORT, compression, vec![0; 5_000_000]).await;
        let status = answer.expect_err("too large");
        check(&status, Code::ResourceExhausted, "request_bytes_max of 100000 bytes");
    }
    call(&client, REPORT, None, v2_protobuf(&["a"])).await.expect("connection is well");
    assert_eq!(door.store.names(), ["a"]);
}
