//! Questions about sampling.

use crate::harness::Door;
use crate::harness::client::http;

const JSON: (&str, &str) = ("content-type", "application/json");

#[tokio::test]
async fn every_trace_is_wanted() {
    let door = Door::open("xray_http").await;
    for body in [&b"{\"NextToken\": null}"[..], b""] {
        let answer = http(door.address, "POST /GetSamplingRules", &[JSON], body).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
        assert!(answer.text().contains(r#""FixedRate":1.0"#), "{}", answer.text());
    }
    let body = br#"{"SamplingStatisticsDocuments":[{"RuleName":"Default","ClientID":"c"}]}"#;
    let answer = http(door.address, "POST /SamplingTargets", &[JSON], body).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    let target = r#"{"RuleName":"Default","FixedRate":1.0,"#;
    assert!(answer.text().contains(target), "{}", answer.text());
    assert_eq!(door.counters().requests, 3);
}

#[tokio::test]
async fn other_questions_are_refused_in_words() {
    let door = Door::open("xray_http").await;
    let answer = http(door.address, "POST /SamplingTargets", &[JSON], b"[").await;
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("json is broken at line 1"), "{}", answer.text());
    let answer = http(door.address, "POST /SamplingTargets", &[JSON], &vec![b' '; 200_000]).await;
    assert_eq!(answer.status, 413);
    assert_eq!((door.refused("invalid"), door.refused("too_large")), (1, 1));
    let answer = http(door.address, "POST /TraceSegments", &[JSON], b"{}").await;
    assert_eq!(answer.status, 404);
    assert!(answer.text().contains("over UDP to the same port"), "{}", answer.text());
    assert_eq!(http(door.address, "GET /GetSamplingRules", &[], b"").await.status, 405);
    assert_eq!(door.stop().await.connections_cut, 0);
}
