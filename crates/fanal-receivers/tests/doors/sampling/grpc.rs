//! Questions over gRPC, on both ports that answer them.

use super::FILE;
use crate::harness::Door;
use crate::harness::client::{EXPORT, call, channel, http};
use tonic::Code;
use tonic::codec::CompressionEncoding;

const GET_SAMPLING_STRATEGY: &str = "/jaeger.api_v2.SamplingManager/GetSamplingStrategy";

#[tokio::test]
async fn every_kind_of_strategy_is_answered_on_both_ports() {
    for name in ["sampling_grpc", "jaeger_grpc"] {
        let door = Door::open(name).await;
        door.pipeline.sampling().load_file(FILE).expect("reads");
        let client = channel(door.address).await;
        for compression in [None, Some(CompressionEncoding::Gzip)] {
            for (service, expect) in [
                ("other", &b"\x12\x09\x09\0\0\0\0\0\0\xe0\x3f"[..]),
                ("rated", b"\x08\x01\x1a\x02\x08\x05"),
                (
                    "by operation",
                    b"\x12\x09\x09\0\0\0\0\0\0\xe0\x3f\x22\x1b\x09\0\0\0\0\0\0\xe0\x3f\x1a\x10\
                      \x0a\x03op1\x12\x09\x09\0\0\0\0\0\0\xd0\x3f",
                ),
            ] {
                let mut question = vec![0x0a, u8::try_from(service.len()).expect("short")];
                question.extend_from_slice(service.as_bytes());
                let answer = call(&client, GET_SAMPLING_STRATEGY, compression, question).await;
                assert_eq!(answer.expect("answers").into_inner(), expect, "{service} at {name}");
            }
        }
        assert_eq!(door.counters().requests, 6, "{name}");
        assert_eq!(door.stop().await.connections_cut, 0);
    }
}

#[tokio::test]
async fn other_calls_and_bad_questions_are_refused_in_words() {
    let door = Door::open("sampling_grpc").await;
    let client = channel(door.address).await;
    let status = call(&client, EXPORT, None, Vec::new()).await.expect_err("not served");
    assert_eq!(status.code(), Code::Unimplemented);
    assert!(status.message().contains("GetSamplingStrategy"), "{status}");
    for (question, code) in [
        (b"\x0a\x09short".to_vec(), Code::InvalidArgument),
        (vec![0; 70_000], Code::ResourceExhausted),
    ] {
        let answer = call(&client, GET_SAMPLING_STRATEGY, None, question).await;
        assert_eq!(answer.expect_err("refused").code(), code);
    }
    let bomb =
        call(&client, GET_SAMPLING_STRATEGY, Some(CompressionEncoding::Gzip), vec![0; 1 << 20]);
    assert_eq!(bomb.await.expect_err("refused").code(), Code::ResourceExhausted);
    let answer = http(door.address, "GET /sampling?service=a", &[], b"").await;
    assert_eq!(answer.status, 415);
    assert!(answer.text().contains("5778"), "{}", answer.text());
    let refused = ["unsupported", "invalid", "too_large"].map(|kind| door.refused(kind));
    assert_eq!(refused, [2, 1, 2]);
}
