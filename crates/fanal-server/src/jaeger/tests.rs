//! Jaeger's API as its clients see it.

use crate::limits::Limits;
use crate::testing::{CHECKOUT, PING, Server, checkout, ping};
use fanal_model::TraceId;
use fanal_storage::{MemoryStore, Projection, SpanStore as _, TenantId};
use serde_json::{Value, json};
use std::sync::Arc;

async fn data(server: &Server, path: &str) -> Value {
    let answer = server.get_json(path).await;
    assert_eq!(answer["errors"], Value::Null, "{path}");
    answer["data"].clone()
}

#[tokio::test]
async fn services_and_operations() {
    let server = Server::with_traces().await;
    let envelope = json!({"data": ["pay", "ping", "shop"], "total": 3, "limit": 0, "offset": 0, "errors": null});
    assert_eq!(server.get_json("/api/services").await, envelope);
    let names = data(&server, "/api/services/shop/operations").await;
    assert_eq!(names, json!(["checkout", "refund"]));
    let operations = data(&server, "/api/operations?service=shop").await;
    assert_eq!(
        operations,
        json!([{"name": "checkout", "spanKind": "server"}, {"name": "refund", "spanKind": ""}])
    );
    let servers = data(&server, "/api/operations?service=shop&spanKind=server").await;
    assert_eq!(servers, json!([{"name": "checkout", "spanKind": "server"}]));
}

#[tokio::test]
async fn empty_answers_are_lists() {
    let server = Server::new();
    for path in ["/api/services", "/api/services/a/operations", "/api/traces?service=a"] {
        assert_eq!(data(&server, path).await, json!([]), "{path}");
    }
}

#[tokio::test]
async fn a_trace_has_jaegers_form() {
    let server = Server::with_traces().await;
    let answer = server.get_json(&format!("/api/traces/{CHECKOUT}")).await;
    assert_eq!((&answer["total"], &answer["errors"]), (&json!(0), &Value::Null));
    let trace = &answer["data"][0];
    assert_eq!(trace["traceID"], CHECKOUT);
    assert_eq!(trace["warnings"].as_array().map(Vec::len), Some(2), "{}", trace["warnings"]);
    assert_eq!(
        trace["processes"],
        json!({
            "p1": {"serviceName": "shop", "tags": [{"key": "host.name", "type": "string", "value": "h1"}]},
            "p2": {"serviceName": "pay", "tags": [
                {"key": "host.name", "type": "string", "value": "h1"},
                {"key": "telemetry.sdk.name", "type": "string", "value": "sdk"},
            ]},
        })
    );
    assert_eq!(
        trace["spans"][0],
        json!({
            "traceID": CHECKOUT,
            "spanID": "0000000000000001",
            "flags": 1,
            "operationName": "checkout",
            "references": [],
            "startTime": 1_700_000_000_000_000_u64,
            "duration": 10_000,
            "tags": [
                {"key": "http.response.status_code", "type": "int64", "value": 500},
                {"key": "span.kind", "type": "string", "value": "server"},
            ],
            "logs": [],
            "processID": "p1",
            "warnings": null,
        })
    );
    assert_eq!(trace["spans"][1], charge());
    let refund = &trace["spans"][2];
    assert_eq!(refund["references"][0]["spanID"], "0000000000000009");
    assert_eq!(refund["duration"], 0);
    assert_eq!(refund["warnings"].as_array().map(Vec::len), Some(1));
}

/// The span of [`checkout`] that has some of everything.
fn charge() -> Value {
    json!({
        "traceID": CHECKOUT,
        "spanID": "0000000000000002",
        "flags": 1,
        "operationName": "charge",
        "references": [
            {"refType": "CHILD_OF", "traceID": CHECKOUT, "spanID": "0000000000000001"},
            {"refType": "CHILD_OF", "traceID": "0000000000000abc", "spanID": "0000000000000007"},
        ],
        "startTime": 1_700_000_000_001_000_u64,
        "duration": 3000,
        "tags": [
            {"key": "amount", "type": "float64", "value": 1.5},
            {"key": "attempt", "type": "int64", "value": 3},
            {"key": "big", "type": "int64", "value": "9223372036854775807"},
            {"key": "error", "type": "bool", "value": true},
            {"key": "ip", "type": "string", "value": "10.0.0.1"},
            {"key": "list", "type": "string", "value": "[1,true]"},
            {"key": "otel.scope.name", "type": "string", "value": "lib"},
            {"key": "otel.scope.version", "type": "string", "value": "1.2"},
            {"key": "otel.status_code", "type": "string", "value": "ERROR"},
            {"key": "otel.status_description", "type": "string", "value": "card declined"},
            {"key": "paid", "type": "bool", "value": false},
            {"key": "raw", "type": "binary", "value": "AAE="},
            {"key": "span.kind", "type": "string", "value": "client"},
            {"key": "user", "type": "string", "value": "ann"},
            {"key": "w3c.tracestate", "type": "string", "value": "a=b"},
        ],
        "logs": [
            {"timestamp": 1_700_000_000_002_000_u64, "fields": [
                {"key": "event", "type": "string", "value": "retry"},
            ]},
            {"timestamp": 1_700_000_000_003_000_u64, "fields": [
                {"key": "event", "type": "string", "value": "exception"},
                {"key": "exception.type", "type": "string", "value": "Declined"},
            ]},
        ],
        "processID": "p2",
        "warnings": null,
    })
}

#[tokio::test]
async fn a_short_id_is_written_short_and_ok_is_told() {
    let server = Server::with_traces().await;
    let trace = &data(&server, &format!("/api/traces/{PING}")).await[0];
    assert_eq!(trace["traceID"], "0000000000000abc");
    assert_eq!(trace["warnings"], Value::Null);
    let span = &trace["spans"][0];
    assert!(span.get("flags").is_none());
    assert_eq!(
        span["tags"],
        json!([
            {"key": "otel.status_code", "type": "string", "value": "OK"},
            {"key": "span.kind", "type": "string", "value": "internal"},
        ])
    );
}

#[tokio::test]
async fn raw_traces_are_not_adjusted() {
    let server = Server::with_traces().await;
    let trace = &data(&server, &format!("/api/traces/{CHECKOUT}?raw=true")).await[0];
    let charge = &trace["spans"][1];
    assert_eq!(charge["tags"][0]["key"], "otel.scope.name");
    let tags = charge["tags"].as_array().expect("tags");
    assert!(tags.iter().any(|tag| tag["key"] == "ip" && tag["value"] == 0x0a00_0001));
    assert!(tags.iter().any(|tag| tag["key"] == "telemetry.sdk.name"));
    assert_eq!(charge["logs"][0]["fields"][0]["value"], "exception");
}

#[tokio::test]
async fn searches_match_text_on_every_level() {
    let server = Server::with_traces().await;
    let check = async |query: &str, expect: &[&str]| {
        let found = data(&server, &format!("/api/traces?{query}")).await;
        let ids: Vec<&str> = found
            .as_array()
            .expect("traces")
            .iter()
            .filter_map(|trace| trace["traceID"].as_str())
            .collect();
        assert_eq!(ids, expect, "{query}");
    };
    let range = "start=1699999999000000&end=1700000009000000";
    let matches = [
        "service=pay",
        "service=pay&operation=charge",
        "service=pay&tag=attempt:3",
        "service=pay&tag=amount:1.5",
        "service=pay&tag=paid:false",
        "service=pay&tag=host.name:h1",
        "service=pay&tag=resource.host.name:h1",
        "service=pay&tag=exception.type:Declined",
        "service=pay&tag=opentracing.ref_type:child_of",
        "service=pay&tag=error:true&tag=span.kind:client",
        "service=pay&tag=span.status:ERROR",
        "service=pay&tag=scope.name:lib&tag=scope.version:1.2",
        "service=pay&tags=%7B%22user%22%3A%22ann%22%7D&tag=user:bob",
        "service=shop&tag=error:false",
        "service=pay&minDuration=3ms&maxDuration=3ms",
    ];
    for query in matches {
        check(&format!("{query}&{range}"), &[CHECKOUT]).await;
    }
    let misses = [
        "service=shop&operation=charge",
        "service=shop&tag=error:true",
        "service=pay&tag=error:false",
        "service=pay&tag=error:maybe",
        "service=pay&tag=resource.user:ann",
        "service=pay&tag=attempt:3.0",
        "service=pay&minDuration=4ms",
    ];
    for query in misses {
        check(&format!("{query}&{range}"), &[]).await;
    }
    check("service=pay&start=1700000000001000&end=1700000000001000", &[CHECKOUT]).await;
    check("service=pay&start=1700000000001001&end=1700000000002000", &[]).await;
    check("service=pay", &[CHECKOUT]).await;
}

#[tokio::test]
async fn traces_by_id_tell_the_missing() {
    let server = Server::with_traces().await;
    let path = format!("/api/traces?traceID={CHECKOUT}&traceID=def&traceID=abc");
    let answer = server.get_json(&path).await;
    assert_eq!(answer["data"].as_array().map(Vec::len), Some(2));
    let missing = json!([{"msg": "trace not found", "traceID": "0000000000000def"}]);
    assert_eq!(answer["errors"], missing);
}

#[tokio::test]
async fn limits_are_told() {
    let limits = Limits { answer_spans_max: 1, ..Limits::default() };
    let server = Server::over(Arc::new(MemoryStore::new()), limits);
    server.send(checkout()).await;
    server.send(ping(1)).await;
    let answer = server.get_json(&format!("/api/traces?traceID=abc&traceID={CHECKOUT}")).await;
    assert_eq!(answer["data"].as_array().map(Vec::len), Some(1));
    let msg = answer["errors"][0]["msg"].as_str().expect("a message");
    assert!(msg.starts_with("answer stops after 1 of 2 traces"), "{msg}");
}

#[tokio::test]
async fn a_limit_above_a_page_is_met() {
    let server = Server::new();
    for number in 1..=1100_u16 {
        let mut batch = ping(0);
        let [high, low] = number.to_be_bytes();
        batch.trace_ids[0].0[..2].copy_from_slice(&[high, low]);
        server.send(batch).await;
    }
    let count = async |limit: &str| {
        let found = data(&server, &format!("/api/traces?service=ping{limit}")).await;
        found.as_array().map(Vec::len)
    };
    assert_eq!(count("").await, Some(100));
    assert_eq!(count("&limit=1050").await, Some(1050));
    assert_eq!(count("&limit=5000").await, Some(1100));
}

#[tokio::test]
async fn refusals_come_in_the_envelope_as_text() {
    let server = Server::with_traces().await;
    let check = async |path: &str, status: u16, message: &str| {
        let answer = server.get(path).await;
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8", "{path}");
        let body = answer.json();
        assert_eq!((&body["data"], &body["total"]), (&Value::Null, &json!(0)), "{path}");
        assert_eq!(body["errors"][0]["code"], status, "{path}");
        let found = body["errors"][0]["msg"].as_str().expect("a message");
        assert!(found.starts_with(message), "{path}: {found}");
    };
    check("/api/traces/def", 404, "trace not found").await;
    check("/api/traces/xyz", 400, "malformed trace ID").await;
    check("/api/traces/abc?start=x", 400, "unable to parse param 'start'").await;
    check("/api/traces/abc?raw=maybe", 400, "unable to parse param 'raw'").await;
    check("/api/traces", 400, "parameter 'service' is required").await;
    check("/api/operations", 400, "parameter 'service' is required").await;
    check("/api/traces?service=a&tag=x", 400, "malformed 'tag' parameter").await;
    check("/api/traces?traceID=%3F", 400, "malformed trace ID").await;
}

#[tokio::test]
async fn unknown_addresses_are_not_the_page() {
    let server = Server::new();
    for path in ["/api", "/api/", "/api/nothing", "/api/traces/a/b"] {
        let answer = server.get(path).await;
        assert_eq!((answer.status, answer.text()), (404, "404 page not found\n"), "{path}");
    }
}

#[tokio::test]
async fn pretty_answers_are_indented_by_four() {
    let server = Server::with_traces().await;
    let check = async |query: &str, expect: &str| {
        let answer = server.get(&format!("/api/services{query}")).await;
        assert!(answer.text().starts_with(expect), "{query}: {}", answer.text());
    };
    check("?prettyPrint=true", "{\n    \"data\": [\n        \"pay\"").await;
    check("?prettyPrint=1", "{\n    \"data\"").await;
    check("?prettyPrint=false", "{\"data\"").await;
    check("?prettyPrint=", "{\"data\"").await;
    check("?unknown=1", "{\"data\"").await;
}

#[tokio::test]
async fn an_archived_trace_is_copied_and_found_when_it_is_stored_nowhere_else() {
    let store = Arc::new(MemoryStore::new());
    let server = Server::over(Arc::clone(&store) as Arc<_>, Limits::default());
    server.send(checkout()).await;
    let answer = server.post(&format!("/api/archive/{CHECKOUT}"), "").await;
    assert_eq!((answer.status, &answer.json()["data"]), (200, &json!([])));
    let id = TraceId::parse_hex(CHECKOUT).expect("an id");
    let archive = TenantId::archive();
    let copies = store.traces(&archive, &[id], Projection::Full).await.expect("answers");
    assert_eq!(copies[0].spans.len(), 3);
    assert_eq!(server.post("/api/archive/def", "").await.status, 404);
    assert_eq!(server.get("/api/archive/abc").await.status, 405);
    store.append(&archive, ping(1)).await.expect("kept");
    let found = data(&server, &format!("/api/traces/{PING}")).await;
    assert_eq!(found[0]["spans"][0]["operationName"], "ping");
    let both = data(&server, &format!("/api/traces?traceID={PING}&traceID={CHECKOUT}")).await;
    assert_eq!(both.as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn otlp_is_transformed_and_not_stored() {
    let server = Server::with_traces().await;
    let otlp = server.get(&format!("/api/v3/traces/{CHECKOUT}?rawTraces=true")).await.json();
    let answer = server.post("/api/transform", otlp["result"].to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let trace = &answer.json()["data"][0];
    let stored = &data(&server, &format!("/api/traces/{CHECKOUT}")).await[0];
    assert_eq!((&trace["spans"], &trace["processes"]), (&stored["spans"], &stored["processes"]));
    let empty = Server::new();
    let answer = empty.post("/api/transform", otlp["result"].to_string()).await;
    assert_eq!(answer.json()["data"][0]["traceID"], CHECKOUT);
    assert_eq!(empty.get(&format!("/api/traces/{CHECKOUT}")).await.status, 404);
    let bad = empty.post("/api/transform", "{").await;
    assert_eq!((bad.status, &bad.json()["errors"][0]["code"]), (400, &json!(400)));
}

#[tokio::test]
async fn metrics_are_computed_from_spans() {
    let server = Server::with_traces().await;
    server.send(checkout()).await;
    let family = async |path: &str| {
        let answer = server.get_json(&format!("/api/metrics/{path}")).await;
        let metrics = answer["metrics"].as_array().cloned().unwrap_or_default();
        let last = |metric: &Value| {
            let points = metric["metricPoints"].as_array().expect("points");
            points.last().expect("a point")["gaugeValue"]["doubleValue"].clone()
        };
        (
            answer["name"].clone(),
            answer["type"].clone(),
            metrics.iter().map(last).collect::<Vec<_>>(),
            metrics,
        )
    };
    let (name, kind, values, metrics) =
        family("calls?service=shop&step=60000&ratePer=100000").await;
    assert_eq!((name, kind), (json!("service_call_rate"), json!("GAUGE")));
    assert_eq!(values, [json!(2.0 / 120.0)]);
    assert_eq!(metrics[0]["labels"], json!([{"name": "service_name", "value": "shop"}]));
    let points = metrics[0]["metricPoints"].as_array().expect("points");
    assert_eq!(points.len(), 61);
    assert_eq!(points[60]["timestamp"], "2023-11-14T22:13:21Z");
    assert_eq!(points[0]["gaugeValue"]["doubleValue"], 0.0);
    let (name, _, values, metrics) =
        family("errors?service=pay&spanKind=client&spanKind=server&groupByOperation=true").await;
    assert_eq!((name, values), (json!("service_operation_error_rate"), vec![json!(1.0)]));
    assert_eq!(metrics[0]["labels"][1], json!({"name": "operation", "value": "charge"}));
    assert_eq!(metrics[0]["metricPoints"][0]["gaugeValue"]["doubleValue"], "NaN");
    let (_, _, values, _) = family("latencies?service=shop&quantile=0.5").await;
    let millis = values[0].as_f64().expect("a number");
    assert!((5.0..=20.0).contains(&millis), "{millis}");
    assert_eq!(family("calls?service=pay").await.3, [json!(null); 0], "no span of kind server");
    assert_eq!(server.get_json("/api/metrics/minstep").await["data"], 1);
    for bad in [
        "calls",
        "latencies?service=a",
        "latencies?service=a&quantile=2",
        "calls?service=a&step=0",
        "calls?service=a&lookback=99999999999&step=1",
    ] {
        assert_eq!(server.get(&format!("/api/metrics/{bad}")).await.status, 400, "{bad}");
    }
}

#[tokio::test]
async fn dependencies_are_computed_from_spans() {
    let server = Server::with_traces().await;
    let edge = json!({"parent": "shop", "child": "pay", "callCount": 1});
    let found = data(&server, "/api/dependencies?endTs=1700000060000&lookback=3600000").await;
    assert_eq!(found, json!([edge]));
    assert_eq!(data(&server, "/api/dependencies?service=pay").await, json!([edge]));
    assert_eq!(data(&server, "/api/dependencies?service=ping").await, json!([]));
    assert_eq!(data(&server, "/api/dependencies?endTs=5&lookback=5").await, json!([]));
    assert_eq!(server.get("/api/dependencies?endTs=x").await.status, 400);
    let path = "/api/v3/dependencies?startTime=2023-11-14T00:00:00Z&endTime=2023-11-15T00:00:00Z";
    let edge = json!({"parent": "shop", "child": "pay", "callCount": "1"});
    assert_eq!(server.get_json(path).await, json!({"dependencies": [edge]}));
    assert_eq!(server.get("/api/v3/dependencies").await.status, 400);
}
