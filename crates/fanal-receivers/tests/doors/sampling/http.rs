//! Questions over HTTP.

use super::FILE;
use crate::harness::Door;
use crate::harness::client::http;
use fanal_pipeline::{AdaptiveConfig, PipelineConfig, SamplingConfig};
use fanal_receivers::ReceiversConfig;

const HTTP: &str = "sampling_http";

async fn ask(door: &Door, target: &str) -> String {
    let answer = http(door.address, &format!("GET {target}"), &[], b"").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    answer.text().to_owned()
}

#[tokio::test]
async fn everything_is_sampled_unless_told() {
    let door = Door::open(HTTP).await;
    let expect = r#"{"strategyType":"PROBABILISTIC","probabilisticSampling":{"samplingRate":1}}"#;
    assert_eq!(ask(&door, "/sampling?service=shop").await, expect);
    assert_eq!(door.counters().requests, 1);
}

#[tokio::test]
async fn every_kind_of_strategy_is_answered_on_every_path() {
    let door = Door::open(HTTP).await;
    door.pipeline.sampling().load_file(FILE).expect("reads");
    for path in ["/sampling", "/", "/api/sampling", "/x/y"] {
        let expect =
            r#"{"strategyType":"PROBABILISTIC","probabilisticSampling":{"samplingRate":0.5}}"#;
        assert_eq!(ask(&door, &format!("{path}?service=other")).await, expect);
        let expect =
            r#"{"strategyType":"RATE_LIMITING","rateLimitingSampling":{"maxTracesPerSecond":5}}"#;
        assert_eq!(ask(&door, &format!("{path}?service=rated&v=2")).await, expect);
        let expect = r#"{"strategyType":"PROBABILISTIC","probabilisticSampling":{"samplingRate":0.5},"operationSampling":{"defaultSamplingProbability":0.5,"defaultLowerBoundTracesPerSecond":0,"perOperationStrategies":[{"operation":"op1","probabilisticSampling":{"samplingRate":0.25}}],"defaultUpperBoundTracesPerSecond":0}}"#;
        assert_eq!(ask(&door, &format!("{path}?service=by%20operation")).await, expect);
    }
    door.pipeline.sampling().load_file(b"{}").expect("reads");
    let expect = r#"{"strategyType":"PROBABILISTIC","probabilisticSampling":{"samplingRate":1}}"#;
    assert_eq!(ask(&door, "/sampling?service=rated").await, expect);
}

#[tokio::test]
async fn adaptive_strategies_name_the_operations_that_arrived() {
    let adaptive =
        AdaptiveConfig { initial_probability: 0.125, ..AdaptiveConfig::with_target(0.5) };
    let sampling = SamplingConfig { adaptive, ..SamplingConfig::default() };
    let config = PipelineConfig { sampling, ..PipelineConfig::default() };
    let door = Door::configured("otlp_http", config, ReceiversConfig::default()).await;
    let spans = crate::harness::payload::one("pay");
    let sent = crate::harness::client::post(door.address, "application/x-protobuf", "", &spans);
    assert_eq!(sent.await.status, 200);
    let beside = Door::beside(&door, HTTP).await;
    let expect = r#"{"strategyType":"PROBABILISTIC","probabilisticSampling":{"samplingRate":0.125},"operationSampling":{"defaultSamplingProbability":0.125,"defaultLowerBoundTracesPerSecond":0.016666666666666666,"perOperationStrategies":[{"operation":"pay","probabilisticSampling":{"samplingRate":0.125}}],"defaultUpperBoundTracesPerSecond":0}}"#;
    assert_eq!(ask(&beside, "/sampling?service=unknown_service").await, expect);
    let without =
        expect.replace(r#"{"operation":"pay","probabilisticSampling":{"samplingRate":0.125}}"#, "");
    assert_eq!(ask(&beside, "/sampling?service=shop").await, without);
}

#[tokio::test]
async fn no_baggage_is_restricted() {
    let door = Door::open(HTTP).await;
    assert_eq!(ask(&door, "/baggageRestrictions?service=shop").await, "[]");
}

#[tokio::test]
async fn other_questions_are_refused_in_words() {
    let door = Door::open(HTTP).await;
    for target in ["/sampling", "/sampling?service=a&service=b", "/baggageRestrictions"] {
        let answer = http(door.address, &format!("GET {target}"), &[], b"").await;
        assert_eq!(answer.status, 400, "{target}");
        assert!(answer.text().contains("`service` must be given once"), "{}", answer.text());
    }
    let answer = http(door.address, "POST /sampling?service=a", &[], b"x").await;
    assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD")));
    let headers = [("content-type", "application/grpc")];
    let answer = http(door.address, "POST /x", &headers, b"").await;
    assert_eq!(answer.header("grpc-status"), Some("12"));
    assert!(answer.header("grpc-message").is_some_and(|words| words.contains("5779")));
    assert_eq!((door.refused("invalid"), door.refused("unsupported")), (4, 1));
    assert_eq!(door.stop().await.connections_cut, 0);
}
