//! `/api/v3` as its clients see it.

use crate::testing::{CHECKOUT, PING, Server};
use serde_json::{Value, json};

const RANGE: &str =
    "query.startTimeMin=2023-11-14T00:00:00Z&query.startTimeMax=2023-11-15T00:00:00.000000001Z";

#[tokio::test]
async fn services_and_operations() {
    let server = Server::with_traces().await;
    let services = server.get_json("/api/v3/services").await;
    assert_eq!(services, json!({"services": ["pay", "ping", "shop"]}));
    let operations = server.get_json("/api/v3/operations?service=shop").await;
    let expect = json!({"operations": [
        {"name": "checkout", "spanKind": "server"},
        {"name": "refund", "spanKind": "internal"},
    ]});
    assert_eq!(operations, expect);
    let servers = server.get_json("/api/v3/operations?service=shop&span_kind=server").await;
    assert_eq!(servers["operations"].as_array().map(Vec::len), Some(1));
    let none = server.get_json("/api/v3/operations?service=nobody").await;
    assert_eq!(none, json!({"operations": []}));
    assert_eq!(Server::new().get_json("/api/v3/services").await, json!({"services": []}));
}

#[tokio::test]
async fn traces_are_otlp() {
    let server = Server::with_traces().await;
    let whole = server.get_json(&format!("/api/v3/traces/{PING}")).await;
    let span = &whole["result"]["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
    assert_eq!((&span["traceId"], &span["name"]), (&json!(PING), &json!("ping")));
    let names = |answer: &Value| {
        let scopes = answer["result"]["resourceSpans"].as_array().expect("resources").iter();
        let spans = scopes.flat_map(|it| it["scopeSpans"][0]["spans"].as_array().expect("spans"));
        let mut names: Vec<String> = spans.map(|it| it["name"].to_string()).collect();
        names.sort();
        names.join(" ")
    };
    let found = server.get_json(&format!("/api/v3/traces?{RANGE}")).await;
    assert_eq!(names(&found), r#""charge" "checkout" "ping" "refund""#);
    let body = r#"{"query":{"serviceName":"ping","startTimeMin":"2023-11-14T00:00:00Z","startTimeMax":"2023-11-15T00:00:00Z"}}"#;
    let answer = server.post("/api/v3/traces", body).await;
    assert_eq!((answer.status, names(&answer.json()).as_str()), (200, r#""ping""#));
    let adjusted = server.get_json(&format!("/api/v3/traces/{CHECKOUT}")).await.to_string();
    let raw =
        server.get_json(&format!("/api/v3/traces/{CHECKOUT}?raw_traces=true")).await.to_string();
    assert!(adjusted.contains("10.0.0.1") && !raw.contains("10.0.0.1"));
}

#[tokio::test]
async fn summaries_count() {
    let server = Server::with_traces().await;
    let answer =
        server.get_json(&format!("/api/v3/trace-summaries?{RANGE}&query.serviceName=pay")).await;
    let expect = json!({"summaries": [{
        "traceId": CHECKOUT,
        "rootServiceName": "shop",
        "rootOperationName": "checkout",
        "minStartTimeUnixNano": "1700000000000000000",
        "maxEndTimeUnixNano": "1700000000010000999",
        "spanCount": 3,
        "errorSpanCount": 1,
        "orphanSpanCount": 1,
        "services": [
            {"name": "pay", "spanCount": 1, "errorSpanCount": 1},
            {"name": "shop", "spanCount": 2},
        ],
    }]});
    assert_eq!(answer, expect);
    let body = r#"{"query":{"filter":{"op":"eq","args":[{"field":{"level":"span","name":"status"}},{"scalar":{"value":"error"}}]},"startTimeMin":"2023-11-14T00:00:00Z","startTimeMax":"2023-11-15T00:00:00Z"}}"#;
    let answer = server.post("/api/v3/trace-summaries", body).await;
    assert_eq!((answer.status, answer.json()), (200, expect));
    let none =
        server.get_json(&format!("/api/v3/trace-summaries?{RANGE}&query.serviceName=no")).await;
    assert_eq!(none, json!({"summaries": []}));
}

#[tokio::test]
async fn refusals_have_the_form_of_a_gateway() {
    let server = Server::with_traces().await;
    let check = async |path: &str, status: u16, message: &str| {
        let answer = server.get(&format!("/api/v3/{path}")).await;
        assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8", "{path}");
        let error = &answer.json()["error"];
        assert_eq!((answer.status, &error["httpCode"]), (status, &json!(status)), "{path}");
        let found = error["message"].as_str().expect("a message");
        assert!(found.starts_with(message), "{path}: {found}");
    };
    check("traces/def", 404, "No traces found").await;
    check("traces/xyz", 400, "malformed trace ID").await;
    check("traces/abc?startTime=x", 400, "malformed parameter startTime").await;
    check("traces", 400, "query.startTimeMin is required").await;
    check(&format!("traces?{RANGE}&query.serviceName=no"), 404, "No traces found").await;
    check(&format!("trace-summaries?{RANGE}&query.searchDepth=x"), 400, "malformed").await;
    check("operations", 400, "service is required").await;
    assert_eq!(server.get("/api/v3/nothing").await.text(), "404 page not found\n");
}
