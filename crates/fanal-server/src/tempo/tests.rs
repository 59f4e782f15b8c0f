//! Whole answers of Tempo's API.

use crate::limits::Limits;
use crate::testing::{Answer, CHECKOUT, Server};
use fanal_formats::otlp::protobuf::decode_request;
use fanal_storage::MemoryStore;
use serde_json::{Value, json};
use std::sync::Arc;

const JSON: &str = "application/json";
const PROTOBUF: &str = "application/protobuf";

async fn get(server: &Server, path: &str) -> Value {
    let answer = server.get_tempo(path, JSON).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    assert_eq!(answer.header("content-type"), JSON, "{path}");
    answer.json()
}

/// The one that a query has at `pointer`.
fn at<'a>(value: &'a Value, pointer: &str) -> &'a Value {
    value.pointer(pointer).unwrap_or_else(|| panic!("{pointer} in {value}"))
}

#[tokio::test]
async fn supervisors_are_answered() {
    let server = Server::new();
    let text = async |path: &str| {
        let answer = server.get_tempo(path, "").await;
        (answer.status, answer.text().trim_end().to_owned())
    };
    assert_eq!(text("/api/echo").await, (200, "echo".into()));
    assert_eq!(text("/ready").await.0, 503);
    server.readiness.set(true);
    assert_eq!(text("/ready").await, (200, "ready".into()));
    assert_eq!(text("/api/nothing").await, (404, "404 page not found".into()));
    let info = get(&server, "/api/status/buildinfo").await;
    let keys: Vec<&String> = info.as_object().expect("an object").keys().collect();
    assert_eq!(keys, ["branch", "buildDate", "buildUser", "goVersion", "revision", "version"]);
}

#[tokio::test]
async fn traces_are_protobufs_own_json() {
    let server = Server::with_traces().await;
    let first = get(&server, &format!("/api/traces/{CHECKOUT}")).await;
    let second = get(&server, &format!("/api/v2/traces/{}", CHECKOUT.to_uppercase())).await;
    assert_eq!(first["batches"], second["trace"]["resourceSpans"]);
    assert_eq!(second["metrics"], json!({}));
    assert_eq!(second.as_object().map(serde_json::Map::len), Some(2));
    let checkout = at(&first, "/batches/0/scopeSpans/0/spans/0");
    assert_eq!(checkout["traceId"], "CvdlGRbNQ92ESOshHIAxnA==");
    assert_eq!(checkout["spanId"], "AAAAAAAAAAE=");
    assert_eq!(checkout["kind"], "SPAN_KIND_SERVER");
    assert_eq!(checkout["status"], json!({}));
    assert_eq!(at(checkout, "/attributes/0/value"), &json!({"intValue": "500"}));
    let charge = at(&first, "/batches/1/scopeSpans/0/spans/0");
    let status = json!({"message": "card declined", "code": "STATUS_CODE_ERROR"});
    assert_eq!(charge["status"], status);
    assert_eq!(charge["parentSpanId"], "AAAAAAAAAAE=");
    assert_eq!(at(&first, "/batches/0/scopeSpans/0/scope"), &json!({}));
}

#[tokio::test]
async fn traces_are_protobuf_on_request() {
    let server = Server::with_traces().await;
    let of = async |path: &str| -> Answer {
        let answer = server.get_tempo(path, "text/html, application/protobuf").await;
        assert_eq!(answer.header("content-type"), PROTOBUF, "{path}");
        answer
    };
    let first = of(&format!("/api/traces/{CHECKOUT}")).await;
    assert_eq!(decode_request(&first.body).expect("OTLP").batch.len(), 3);
    let second = of(&format!("/api/v2/traces/{CHECKOUT}")).await;
    // The same in field 1 of another message, behind its length.
    assert!(second.body.starts_with(&[0x0a]) && second.body.ends_with(&[0x12, 0]));
    let trace = second.body.windows(first.body.len()).any(|window| window == &*first.body);
    assert!(trace, "the trace is in it");
    assert_eq!(&*of("/api/v2/traces/def").await.body, [0x0a, 0, 0x12, 0]);
}

#[tokio::test]
async fn absent_and_wrong_ids_are_told_apart() {
    let server = Server::with_traces().await;
    let check = async |path: &str, status: u16, body: &str| {
        let answer = server.get_tempo(path, JSON).await;
        assert_eq!((answer.status, answer.text()), (status, body), "{path}");
    };
    check("/api/traces/def", 404, "").await;
    check("/api/v2/traces/def", 200, r#"{"trace":{},"metrics":{}}"#).await;
    check("/api/traces/xyz", 400, "`xyz` is no trace id; give 1 to 32 hex digits").await;
    check("/api/v2/traces/xyz", 400, "`xyz` is no trace id; give 1 to 32 hex digits").await;
    check("/api/traces/abc?start=9&end=3", 400, "end 3 is not after start 9; swap them").await;
    let zero_padded = server.get_tempo("/api/traces/0000abc?start=1&end=3", JSON).await;
    assert_eq!(zero_padded.status, 200);
    let limits = Limits { answer_bytes_max: 50, ..Limits::default() };
    let server = Server::over(Arc::new(MemoryStore::new()), limits);
    server.send(crate::testing::checkout()).await;
    let large = server.get_tempo(&format!("/api/traces/{CHECKOUT}"), JSON).await;
    assert_eq!(large.status, 422, "{}", large.text());
}
