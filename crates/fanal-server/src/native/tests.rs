//! The native API as a client sees it.

use crate::limits::Limits;
use crate::testing::{CHECKOUT, MuteStore, PING, START, Server, ping};
use fanal_model::IndexedBatch;
use fanal_storage::MemoryStore;
use http::StatusCode;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

#[tokio::test]
async fn services_are_sorted_and_keep_their_slots() {
    let server = Server::with_traces().await;
    let expect = json!({"services": [
        {"name": "pay", "color_slot": 1},
        {"name": "ping", "color_slot": 2},
        {"name": "shop", "color_slot": 0},
    ]});
    assert_eq!(server.get_json("/fanal/v1/services").await, expect);
    assert_eq!(Server::new().get_json("/fanal/v1/services").await, json!({"services": []}));
}

#[tokio::test]
async fn operations_have_kinds() {
    let server = Server::with_traces().await;
    let expect = json!({"operations": [
        {"name": "checkout", "kind": "server"},
        {"name": "refund", "kind": "unspecified"},
    ]});
    assert_eq!(server.get_json("/fanal/v1/services/shop/operations").await, expect);
    let none = server.get_json("/fanal/v1/services/no%2Fne/operations").await;
    assert_eq!(none, json!({"operations": []}));
}

#[tokio::test]
async fn a_search_answers_whole_traces() {
    let server = Server::with_traces().await;
    let found = server.get_json("/fanal/v1/search?service=pay&tag=attempt%3E2").await;
    assert_eq!(found["complete"], true);
    assert_eq!(found["warnings"], json!([]));
    assert!(found.get("next_cursor").is_none());
    let expect = json!([{
        "trace_id": CHECKOUT,
        "start_unix_nano": "1700000000000000000",
        "duration_nanos": "10000999",
        "root_service": "shop",
        "root_name": "checkout",
        "span_count": 3,
        "error_count": 1,
        "services": [
            {"name": "shop", "color_slot": 0, "span_count": 2, "error_count": 0},
            {"name": "pay", "color_slot": 1, "span_count": 1, "error_count": 1},
        ],
    }]);
    assert_eq!(found["traces"], expect);
    let none = server.get_json("/fanal/v1/search?service=ping&tag=attempt%3E2").await;
    assert_eq!(none["traces"], json!([]));
}

#[tokio::test]
async fn spans_are_counted_in_groups() {
    let server = Server::with_traces().await;
    let answer = server.get_json("/fanal/v1/aggregate?by=resource.service.name&by=status").await;
    let shown: Vec<String> = answer["groups"]
        .as_array()
        .expect("groups")
        .iter()
        .map(|it| {
            format!("{} {} {}", it["values"][0]["value"], it["values"][1]["value"], it["spans"])
        })
        .collect();
    let expect = [r#""pay" "error" 1"#, r#""ping" "ok" 1"#, r#""shop" "unset" 2"#];
    assert_eq!(shown, expect);
    assert_eq!(answer["complete"], true);
    let start = START / 1_000_000_000;
    let path = format!(
        "/fanal/v1/aggregate?start={START}&step=10s&measure=duration&measure=histogram&service=pay&by=span.nothing"
    );
    let answer = server.get_json(&path).await;
    assert_eq!(answer["start_unix_nano"], format!("{start}000000000"));
    let bucket = &answer["groups"][0]["buckets"][0];
    assert_eq!((&bucket["bucket"], &bucket["rate_per_second"]), (&json!(0), &json!(0.1)));
    assert_eq!(bucket["durations"]["sum_nanos"], bucket["durations"]["max_nanos"]);
    assert_eq!(bucket["histogram"][0]["spans"], 1);
    assert_eq!(answer["groups"][0]["values"], json!([null]));
    let cut = server.get_json("/fanal/v1/aggregate?by=service&limit=1").await;
    assert_eq!(
        (&cut["complete"], cut["warnings"].as_array().map(Vec::len)),
        (&json!(false), Some(1))
    );
    let refused = server.get("/fanal/v1/aggregate?start=0&step=1ns").await;
    assert_eq!((refused.status, refused.json()["error"]["kind"].clone()), (400, json!("invalid")));
}

#[tokio::test]
async fn pages_go_on_behind_the_cursor() {
    let server = Server::with_traces().await;
    let first = server.get_json("/fanal/v1/search?limit=1").await;
    assert_eq!(first["traces"][0]["trace_id"], PING);
    let cursor = first["next_cursor"].as_str().expect("more follows");
    let second = server.get_json(&format!("/fanal/v1/search?limit=1&cursor={cursor}")).await;
    assert_eq!(second["traces"][0]["trace_id"], CHECKOUT);
    assert!(second.get("next_cursor").is_none(), "{second}");
}

#[tokio::test]
async fn a_skeleton_has_rows_in_display_order() {
    let server = Server::with_traces().await;
    let trace = server.get_json(&format!("/fanal/v1/trace/{CHECKOUT}")).await;
    assert_eq!(
        trace["columns"],
        json!({
            "depth": [0, 1, 0, 1],
            "subtree_end": [2, 2, 4, 4],
            "parent": [-1, 0, -1, 2],
            "start": [0, 1_000_000, 6_000_000, 6_000_000],
            "duration": [10_000_999, 3_000_000, 0, 0],
            "service": [0, 1, 0, 0],
            "name": [0, 1, 2, 3],
            "kind": [2, 3, 0, 0],
            "status": [0, 2, 0, 0],
            "events": [0, 2, 0, 0],
            "links": [0, 1, 0, 0],
            "flags": [0, 0, 1, 2],
        })
    );
    assert_eq!(trace["names"], json!(["checkout", "charge", "0000000000000009", "refund"]));
    assert_eq!((&trace["span_count"], &trace["depth"]), (&json!(3), &json!(2)));
    assert_eq!(trace["services"][1]["name"], "pay");
    assert_eq!(trace["warnings"].as_array().expect("a list").len(), 2, "{}", trace["warnings"]);
}

#[tokio::test]
async fn trace_ids_are_read_in_every_spelling() {
    let server = Server::with_traces().await;
    let check = async |id: &str, expect: &str| {
        let trace = server.get_json(&format!("/fanal/v1/trace/{id}")).await;
        assert_eq!(trace["trace_id"], expect, "{id}");
    };
    check("0AF76519-16CD-43DD-8448-EB211C80319C", CHECKOUT).await;
    check("abc", PING).await;
    check(PING, PING).await;
}

#[tokio::test]
async fn a_span_is_told_whole() {
    let server = Server::with_traces().await;
    let span = server.get_json(&format!("/fanal/v1/trace/{CHECKOUT}/span/1")).await;
    let by_id = format!("/fanal/v1/trace/{CHECKOUT}/span/0000000000000002");
    assert_eq!(server.get_json(&by_id).await, span);
    let attributes = json!([
        {"key": "user", "value": {"type": "string", "value": "ann"}},
        {"key": "amount", "value": {"type": "float", "value": "1.5"}},
        {"key": "attempt", "value": {"type": "int", "value": "3"}},
        {"key": "big", "value": {"type": "int", "value": "9223372036854775807"}},
        {"key": "paid", "value": {"type": "bool", "value": false}},
        {"key": "raw", "value": {"type": "bytes", "value": "AAE="}},
        {"key": "list", "value": {"type": "array", "value": [
            {"type": "int", "value": "1"}, {"type": "bool", "value": true},
        ]}},
        {"key": "telemetry.sdk.name", "value": {"type": "string", "value": "sdk"}},
        {"key": "ip", "value": {"type": "int", "value": "167772161"}},
    ]);
    assert_eq!(span["attributes"], attributes);
    let expect = json!({
        "ordinal": 1,
        "span_id": "0000000000000002",
        "parent_span_id": "0000000000000001",
        "name": "charge",
        "service": "pay",
        "kind": "client",
        "status": "error",
        "status_message": "card declined",
        "start_unix_nano": "1700000000001000000",
        "end_unix_nano": "1700000000004000000",
        "duration_nanos": "3000000",
        "trace_state": "a=b",
        "flags": 0x301,
        "warnings": [],
    });
    for (key, value) in expect.as_object().expect("an object") {
        assert_eq!(&span[key], value, "{key}");
    }
    let names: Vec<_> =
        span["events"].as_array().expect("events").iter().map(|it| &it["name"]).collect();
    assert_eq!(names, ["retry", "exception"], "by time");
    assert_eq!(span["links"][0]["trace_id"], PING);
    assert_eq!(span["resource"]["attributes"][1]["key"], "host.name");
    assert_eq!((&span["scope"]["name"], &span["scope"]["version"]), (&json!("lib"), &json!("1.2")));
    let root = server.get_json(&format!("/fanal/v1/trace/{CHECKOUT}/span/0")).await;
    assert!(root.get("parent_span_id").is_none());
    let late = server.get_json(&format!("/fanal/v1/trace/{CHECKOUT}/span/3")).await;
    assert_eq!(late["warnings"][0], "end lies 1000000 ns before start; the duration is shown as 0");
}

#[tokio::test]
async fn otlp_is_the_encoding_of_the_trace() {
    let server = Server::with_traces().await;
    let trace = IndexedBatch::new(Arc::new(crate::testing::checkout())).expect("indexes");
    let json_bytes = fanal_formats::otlp::json::encode_traces(&[&trace]);
    let protobuf_bytes = fanal_formats::otlp::protobuf::encode_traces(&[&trace]);
    let path = format!("/fanal/v1/trace/{CHECKOUT}/otlp");
    let plain = server.get(&path).await;
    assert_eq!(plain.header("content-type"), "application/json");
    assert_eq!(plain.header("content-disposition"), "");
    assert_eq!(
        plain.json(),
        serde_json::from_slice::<serde_json::Value>(&json_bytes).expect("JSON")
    );
    let accept = [("accept", "application/x-protobuf")];
    let protobuf = server.ask("GET", &format!("{path}?download=1"), &accept).await;
    assert_eq!(protobuf.header("content-type"), "application/x-protobuf");
    assert_eq!(
        protobuf.header("content-disposition"),
        format!("attachment; filename=\"trace-{CHECKOUT}.otlp.pb\"")
    );
    assert_eq!(protobuf.body.len(), protobuf_bytes.len());
    assert_eq!(protobuf.body, protobuf_bytes);
}

#[tokio::test]
async fn status_tells_what_came_in_and_is_stored() {
    let server = Server::with_traces().await;
    server.clock.advance(5_000_000_000);
    let status = server.get_json("/fanal/v1/status").await;
    assert_eq!(status["version"], "0.0.1");
    assert_eq!(status["uptime_seconds"], 5);
    assert_eq!(status["consumers"], json!([{"name": "kafka", "origin": "kafka:9092"}]));
    let ui = json!({"name": "ui", "title": "This page and its API", "address": "127.0.0.1:16686"});
    assert_eq!(status["listeners"], json!([ui]));
    assert_eq!(status["ingest"]["accepted_spans"], 4);
    assert_eq!(status["storage"]["spans"], 4);
    assert_eq!(status["storage"]["newest_trace_id"], PING);
    let rejection = fanal_pipeline::RequestRejection::Invalid;
    server.pipeline().stats().request_rejected("otlp_http", rejection, "no protobuf");
    let status = server.get_json("/fanal/v1/status").await;
    assert_eq!(status["ingest"]["rejected_requests"], 1);
    assert_eq!(status["ingest"]["recent_rejections"][0]["message"], "no protobuf");
    assert!(status["sampling"].get("file_problem").is_none());
    let strategies =
        br#"{"service_strategies": [{"service": "shop", "type": "ratelimiting", "param": 5}]}"#;
    server.pipeline().sampling().load_file(strategies).expect("reads");
    server.pipeline().sampling().file_failed("no JSON".to_owned());
    let status = server.get_json("/fanal/v1/status").await;
    assert_eq!(status["sampling"]["file_problem"], "no JSON");
    assert_eq!(status["sampling"]["file_services"], 1);
    let empty = Server::new().get_json("/fanal/v1/status").await;
    assert!(empty["storage"].get("newest_trace_id").is_none());
}

#[tokio::test]
async fn refusals_name_kind_and_parameter() {
    let server = Server::with_traces().await;
    let bad = StatusCode::BAD_REQUEST;
    let none = StatusCode::NOT_FOUND;
    let check = async |path: &str, status, parameter, message: &str| {
        server.check_refusal(&format!("/fanal/v1{path}"), status, parameter, message).await;
    };
    check(
        "/search?servise=a",
        bad,
        Some("servise"),
        "unknown parameter `servise`; did you mean `service`?",
    )
    .await;
    check("/services?x=1", bad, Some("x"), "unknown parameter `x`; this address takes none").await;
    check("/search?limit=5000", bad, Some("limit"), "limit `5000`").await;
    check("/search?tag=%3D1", bad, Some("tag"), "condition").await;
    check("/trace/xyz", bad, Some("id"), "trace id has 3 characters or a non-hex digit").await;
    check("/trace/00", bad, Some("id"), "trace id is zero").await;
    check("/trace/def", none, None, "no span of trace 00000000000000000000000000000def is stored")
        .await;
    check("/trace/abc/span/7", none, Some("span"), "span 7 is not in the trace").await;
    check("/trace/abc/span/00000000000000ff", none, Some("span"), "span 00000000000000ff is not")
        .await;
    check("/trace/abc/span/first", bad, Some("span"), "span `first` is neither").await;
    check(&format!("/trace/{CHECKOUT}/span/2"), none, Some("span"), "span 0000000000000009 never")
        .await;
    check("/trace/abc/otlp?download=please", bad, Some("download"), "download is `please`").await;
    check("/nothing", none, None, "no such address").await;
    let answer = server.get("/fanal/v1/trace/xyz").await.json();
    assert_eq!(answer["error"]["kind"], "invalid");
}

#[tokio::test]
async fn an_open_trace_is_fetched_again_after_a_while() {
    let server = Server::with_traces().await;
    let count = async || server.get_json("/fanal/v1/trace/abc").await["span_count"].clone();
    assert_eq!(count().await, 1);
    let mut late = ping(2);
    late.span_ids[0] = crate::testing::span_id(2);
    server.send(late).await;
    assert_eq!(count().await, 1, "kept for a moment");
    server.clock.advance(crate::limits::CACHED_TRACE_AGE_MAX_NANOS);
    let late = server.get_json("/fanal/v1/trace/abc/span/0000000000000002").await;
    assert_eq!(late["ordinal"], 1, "not in the open trace, so fetched");
    assert_eq!(count().await, 2);
}

#[tokio::test]
async fn spans_are_told_from_the_trace_that_is_open() {
    let server = Server::with_traces().await;
    let name = async || server.get_json("/fanal/v1/trace/abc/span/0").await["span_id"].clone();
    assert_eq!(name().await, "0000000000000001");
    let mut earlier = ping(0);
    earlier.span_ids[0] = crate::testing::span_id(2);
    server.send(earlier).await;
    server.clock.advance(crate::limits::CACHED_SPAN_AGE_MAX_NANOS - 1);
    assert_eq!(name().await, "0000000000000001");
    server.clock.advance(1);
    assert_eq!(name().await, "0000000000000002");
}

#[tokio::test]
async fn answers_have_a_size_limit() {
    let limits = Limits { answer_bytes_max: 300, ..Limits::default() };
    let server = Server::over(Arc::new(MemoryStore::new()), limits);
    server.send(ping(1)).await;
    let bad = StatusCode::BAD_REQUEST;
    server.check_refusal("/fanal/v1/trace/abc", bad, None, "answer has ").await;
    assert_eq!(server.get("/fanal/v1/services").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn slow_questions_end() {
    let server = Server::over(Arc::new(MuteStore::Silent), Limits::default());
    let unavailable = StatusCode::SERVICE_UNAVAILABLE;
    let message = "question took longer than the limit of 60 s";
    for path in ["/services", "/search", "/trace/abc", "/status"] {
        server.check_refusal(&format!("/fanal/v1{path}"), unavailable, None, message).await;
    }
    let answer = server.get("/api/services").await;
    assert_eq!((answer.status, &answer.json()["errors"][0]["code"]), (503, &json!(503)));
}

#[tokio::test]
async fn too_many_questions_are_told_to_retry() {
    let limits =
        Limits { questions_max: 0, question_timeout: Duration::from_secs(1), ..Limits::default() };
    let server = Server::over(Arc::new(MemoryStore::new()), limits);
    let answer = server.get("/fanal/v1/services").await;
    assert_eq!((answer.status, answer.header("retry-after")), (429, "1"));
    assert_eq!(answer.json()["error"]["kind"], "overloaded");
}

#[tokio::test]
async fn the_openapi_document_lists_every_address() {
    let document = Server::new().get_json("/fanal/v1/openapi.json").await;
    let paths: Vec<&str> =
        document["paths"].as_object().expect("paths").keys().map(String::as_str).collect();
    assert_eq!(
        paths,
        [
            "/fanal/v1/aggregate",
            "/fanal/v1/export",
            "/fanal/v1/import",
            "/fanal/v1/openapi.json",
            "/fanal/v1/search",
            "/fanal/v1/services",
            "/fanal/v1/services/{service}/operations",
            "/fanal/v1/status",
            "/fanal/v1/trace/{id}",
            "/fanal/v1/trace/{id}/download",
            "/fanal/v1/trace/{id}/otlp",
            "/fanal/v1/trace/{id}/span/{span}",
            "/fanal/v1/traceql/metrics",
            "/fanal/v1/traceql/search",
        ]
    );
    let named = |path: &str| -> Vec<String> {
        let parameters = document["paths"][path]["get"]["parameters"].as_array();
        let names = parameters.expect("parameters").iter();
        names.filter_map(|it| it["name"].as_str().map(str::to_owned)).collect()
    };
    let known = |own: &[&'static str]| -> Vec<&str> {
        super::search::FILTERS.iter().copied().chain(own.iter().copied()).collect()
    };
    let search = known(&super::search::OWN_PARAMETERS);
    assert_eq!(named("/fanal/v1/search"), search, "document and reader know the same");
    let aggregate = known(&super::aggregate::OWN_PARAMETERS);
    assert_eq!(named("/fanal/v1/aggregate"), aggregate);
}

#[tokio::test]
async fn a_search_without_a_match_tells_what_it_looked_at() {
    let server = Server::with_traces().await;
    let path = format!("/fanal/v1/search?start={}&end=2030-01-01T00:00:00Z", START + 5_000_000_000);
    let found = server.get_json(&path).await;
    assert_eq!(found["traces"], json!([]));
    assert!(found["scanned"]["spans"].is_u64());
}
