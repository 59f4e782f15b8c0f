//! Whole answers of Tempo's API.

use super::TempoSettings;
use crate::limits::Limits;
use crate::testing::{Answer, CHECKOUT, MuteStore, PING, Server};
use fanal_formats::otlp::protobuf::decode_request;
use fanal_storage::MemoryStore;
use fanal_wire::tempo::{SearchResponse, SearchTagsV2Response};
use prost::Message as _;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const JSON: &str = "application/json";
const PROTOBUF: &str = "application/protobuf";

async fn get(server: &Server, path: &str) -> Value {
    let answer = server.get_tempo(path, JSON).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    assert_eq!(answer.header("content-type"), JSON, "{path}");
    answer.json()
}

/// A path with what addresses may not have in it escaped.
fn escaped(path: &str) -> String {
    let pairs = [(' ', "%20"), ('"', "%22"), ('{', "%7B"), ('}', "%7D")];
    pairs.iter().fold(path.to_owned(), |path, (from, to)| path.replace(*from, to))
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
    let part = escaped("/api/v2/traces/0af7651916cd43dd8448eb211c80319c?q={ name = \"charge\" }");
    let found = get(&server, &part).await;
    let message = "1 of 3 spans are asked for by q";
    assert_eq!((&found["status"], &found["message"]), (&json!("PARTIAL"), &json!(message)));
    assert_eq!(at(&found, "/trace/resourceSpans/0/scopeSpans/0/spans/0/name"), "charge");
    let whole = get(&server, &escaped(&format!("{part}&keep_hierarchy=true&match_depth=1"))).await;
    assert_eq!(whole["message"], "2 of 3 spans are asked for by q");
    let limits = Limits { answer_bytes_max: 50, ..Limits::default() };
    let server = Server::over(Arc::new(MemoryStore::new()), limits);
    server.send(crate::testing::checkout()).await;
    let large = server.get_tempo(&format!("/api/traces/{CHECKOUT}"), JSON).await;
    assert_eq!(large.status, 422, "{}", large.text());
}

#[tokio::test]
async fn tags_are_listed_by_scope() {
    let server = Server::with_traces().await;
    let scopes = async |query: &str| -> Vec<(String, usize)> {
        let found = get(&server, &format!("/api/v2/search/tags?{query}")).await;
        assert_eq!(found["metrics"], json!({}));
        let scopes = found["scopes"].as_array().cloned().unwrap_or_default();
        let count = |it: &Value| it["tags"].as_array().map_or(0, Vec::len);
        scopes.iter().map(|it| (it["name"].as_str().expect("text").into(), count(it))).collect()
    };
    let check = async |query: &str, expect: &[(&str, usize)]| {
        let found = scopes(&escaped(query)).await;
        let found: Vec<(&str, usize)> = found.iter().map(|(name, it)| (&**name, *it)).collect();
        assert_eq!(found, expect, "{query}");
    };
    let intrinsic = ("intrinsic", 25);
    let all = [("resource", 2), ("span", 10), ("event", 1), ("link", 1), intrinsic];
    check("", &all).await;
    check("scope=none&limit=0", &all).await;
    check("scope=intrinsic", &[intrinsic]).await;
    check("scope=event", &[("event", 1)]).await;
    check("scope=instrumentation", &[]).await;
    check("scope=trace", &[]).await;
    check("scope=span&start=1&end=2", &[]).await;
    check("scope=span&q={ resource.service.name = \"shop\" }", &[("span", 1)]).await;
    check("scope=span&q={ resource.service.name = \"shop\" %26%26 }", &[("span", 1)]).await;
    check("scope=span&q={ nothing = \"shop\" }", &[("span", 10)]).await;
    check("scope=span&q={ false }", &[]).await;
    let cut = server.get_tempo("/api/v2/search/tags?scope=span&limit=3", JSON).await;
    assert!(cut.header("fanal-partial").starts_with("answer has the 3 keys"), "{cut:?}");
    let wrong = server.get_tempo("/api/v2/search/tags?scope=other", JSON).await;
    assert_eq!(wrong.status, 400, "{}", wrong.text());
    let names = get(&server, "/api/search/tags?scope=resource").await;
    assert_eq!(names, json!({"tagNames": ["host.name", "service.name"], "metrics": {}}));
    let names = get(&server, "/api/search/tags").await;
    assert_eq!(names["tagNames"].as_array().map(Vec::len), Some(14));
    let names = get(&server, "/api/search/tags?scope=intrinsic").await;
    assert_eq!(names["tagNames"].as_array().map(Vec::len), Some(25));
    let bytes = server.get_tempo("/api/v2/search/tags?scope=link", PROTOBUF).await;
    let decoded = SearchTagsV2Response::decode(&*bytes.body).expect("protobuf");
    assert_eq!(decoded.scopes[0].tags, ["opentracing.ref_type"]);
}

#[tokio::test]
async fn values_have_their_types() {
    let server = Server::with_traces().await;
    let check = async |field: &str, query: &str, expect: &[(&str, &str)]| {
        let path = escaped(&format!("/api/v2/search/tag/{field}/values?{query}"));
        let found = get(&server, &path).await;
        let list = found["tagValues"].as_array().cloned().unwrap_or_default();
        let text = |it: &Value, key: &str| it[key].as_str().expect("text").to_owned();
        let found: Vec<_> = list.iter().map(|it| (text(it, "type"), text(it, "value"))).collect();
        let found: Vec<(&str, &str)> = found.iter().map(|(kind, it)| (&**kind, &**it)).collect();
        assert_eq!(found, expect, "{path}");
    };
    let services = [("string", "pay"), ("string", "ping"), ("string", "shop")];
    check("resource.service.name", "", &services).await;
    check(".service.name", "tag=x&limit=9", &services).await;
    check("resource.service.name", "q={ status = error }", &services[..1]).await;
    check("resource.service.name", "q={ resource.service.name = \"x\" }", &[("string", "x")]).await;
    check("span.amount", "", &[("float", "1.5")]).await;
    check("span.attempt", "", &[("int", "3")]).await;
    check("span.paid", "", &[("bool", "false")]).await;
    check("span.list", "", &[("bool", "true"), ("int", "1")]).await;
    check("span.raw", "", &[]).await;
    check("name", "q={ kind = client }", &[("string", "charge")]).await;
    check("statusMessage", "", &[("string", "card declined")]).await;
    check("rootName", "", &[("string", "checkout"), ("string", "ping")]).await;
    check("trace:rootService", "", &[("string", "ping"), ("string", "shop")]).await;
    check("event:name", "", &[("string", "exception"), ("string", "retry")]).await;
    check("event.exception.type", "", &[("string", "Declined")]).await;
    check("link.opentracing.ref_type", "", &[("string", "child_of")]).await;
    check("instrumentation:version", "", &[("string", "1.2")]).await;
    let statuses = [("keyword", "error"), ("keyword", "ok"), ("keyword", "unset")];
    check("status", "", &statuses).await;
    check("duration", "", &[]).await;
    check("span.absent%2Fkey", "", &[]).await;
    let wrong = server.get_tempo("/api/v2/search/tag/service.name/values", JSON).await;
    assert_eq!(wrong.status, 400, "{}", wrong.text());
    let v1 = get(&server, "/api/search/tag/attempt/values").await;
    assert_eq!(v1, json!({"tagValues": ["3"], "metrics": {}}));
    let v1 = get(&server, "/api/search/tag/service.name/values?limit=1").await;
    assert_eq!(v1["tagValues"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn searches_answer_in_known_keys_only() {
    let server = Server::with_traces().await;
    let found = get(&server, &escaped("/api/search?q={ status = error }")).await;
    let set = json!({
        "spans": [{
            "spanID": "0000000000000002",
            "startTimeUnixNano": "1700000000001000000",
            "durationNanos": "3000000",
            "attributes": [{"key": "status", "value": {"stringValue": "error"}}],
        }],
        "matched": 1,
    });
    let expect = json!([{
        "traceID": CHECKOUT,
        "rootServiceName": "shop",
        "rootTraceName": "checkout",
        "startTimeUnixNano": "1700000000000000000",
        "durationMs": 10,
        "spanSet": set,
        "spanSets": [set],
        "serviceStats": {"pay": {"spanCount": 1, "errorCount": 1}, "shop": {"spanCount": 2}},
    }]);
    assert_eq!(found["traces"], expect);
    assert!(found["metrics"].is_object(), "{found}");
    let count = async |query: &str| {
        let found = get(&server, &escaped(&format!("/api/search?{query}"))).await;
        let traces = found["traces"].as_array().cloned().unwrap_or_default();
        let has_sets = traces.iter().any(|it| it.get("spanSets").is_some());
        (traces.len(), has_sets)
    };
    assert_eq!(count("q={ }").await, (2, true));
    assert_eq!(count("q={ }&start=1&end=2").await, (0, false));
    assert_eq!(count("q={ }&since=1h").await, (2, true));
    assert_eq!(count("").await, (2, false));
    assert_eq!(count("tags=service.name=pa").await, (1, false));
    assert_eq!(count("tags=attempt=3 user=ann").await, (1, false));
    assert_eq!(count("tags=attempt=3 name=ping").await, (0, false));
    assert_eq!(count("user=ann&limit=5").await, (1, false));
    assert_eq!(count("minDuration=5ms").await, (1, false));
    assert_eq!(count("maxDuration=5ms").await, (1, false));
    let groups = get(&server, &escaped("/api/search?q={ } | by(name)&limit=9")).await;
    let trace = at(&groups, "/traces/1");
    assert_eq!(trace["spanSets"].as_array().map(Vec::len), Some(3));
    assert!(trace.get("spanSet").is_none(), "which one would it be");
    let first = server.get_tempo(&escaped("/api/search?q={ }&limit=1"), JSON).await;
    let cursor = first.header("fanal-cursor");
    let rest =
        get(&server, &escaped(&format!("/api/search?q={{ }}&limit=1&cursor={cursor}"))).await;
    let ids =
        (at(&first.json(), "/traces/0/traceID").clone(), at(&rest, "/traces/0/traceID").clone());
    assert_eq!(ids, (json!(PING), json!(CHECKOUT)), "the page behind `{cursor}`");
    let check = async |query: &str, words: &str| {
        let answer = server.get_tempo(&escaped(&format!("/api/search?{query}")), JSON).await;
        assert_eq!(answer.status, 400, "{query}");
        assert!(answer.text().contains(words), "{query}: {}", answer.text());
    };
    check("q={ }&tags=a=b", "q and tags are given").await;
    check("q={ }&limit=0", "limit is 0").await;
    check("q={ }&spss=101", "spss is 101").await;
    check("q={ }&start=5", "give start and end").await;
    check("q={ }&start=5&end=700000", "168 h").await;
    check("q={ } | rate()", "metrics").await;
    check("q={ .a = }", "").await;
    let bytes = server.get_tempo(&escaped("/api/search?q={ }"), PROTOBUF).await;
    let decoded = SearchResponse::decode(&*bytes.body).expect("protobuf");
    assert_eq!((decoded.traces.len(), decoded.metrics.is_some()), (2, true));
}

#[tokio::test]
async fn metrics_are_series_of_numbers() {
    let server = Server::with_traces().await;
    let path =
        "/api/metrics/query?q={ } | count_over_time() by (status)&start=1699999990&end=1700000010";
    let found = get(&server, &escaped(path)).await;
    let series = |status: &str, value: f64| {
        let label = json!({"key": "status", "value": {"stringValue": status}});
        json!({"labels": [label], "value": value})
    };
    let expect = json!([series("error", 1.0), series("ok", 1.0), series("unset", 2.0)]);
    assert_eq!(found["series"], expect);
    assert!(found.get("status").is_none(), "it is complete");
    let path = "/api/metrics/query_range?q={ kind = internal } | count_over_time()&start=1699999999&end=1700000001&step=1";
    let found = get(&server, &escaped(path)).await;
    let label = json!({"key": "__name__", "value": {"stringValue": "count_over_time"}});
    assert_eq!(at(&found, "/series/0/labels"), &json!([label]));
    let samples = json!([
        {"timestampMs": "1699999999000"},
        {"timestampMs": "1700000000000"},
        {"timestampMs": "1700000001000", "value": 1.0},
    ]);
    assert_eq!(at(&found, "/series/0/samples"), &samples);
    let check = async |path: &str, words: &str| {
        let answer = server.get_tempo(&escaped(&format!("/api/metrics/{path}")), JSON).await;
        assert_eq!(answer.status, 400, "{path}");
        assert!(answer.text().contains(words), "{path}: {}", answer.text());
    };
    check("query_range?q={ }", "search").await;
    check("query?q={ } | rate()&start=0&end=1700000000", "24 h").await;
    check("query_range?q={ } | rate()&step=0", "step is 0").await;
    check("query_range?q={ } | rate()&start=1&end=80001&step=1", "10000").await;
    check("query_range?q={ } | rate()&start=tomorrow", "start is `tomorrow`").await;
}

#[tokio::test]
async fn what_cannot_be_answered_now_says_so() {
    let check = async |store: MuteStore, status: u16, words: &str| {
        let limits = Limits { question_timeout: Duration::from_millis(1), ..Limits::default() };
        let server = Server::over(Arc::new(store), limits);
        for path in [
            "/api/search?q={ }",
            "/api/traces/abc",
            "/api/v2/traces/abc",
            "/api/metrics/query?q={ } | rate()",
            "/api/v2/search/tag/name/values",
        ] {
            let answer = server.get_tempo(&escaped(path), JSON).await;
            assert_eq!(answer.status, status, "{path}");
            assert!(answer.text().contains(words), "{path}: {}", answer.text());
        }
    };
    check(MuteStore::Unavailable, 503, "it is stopping; retry later").await;
    check(MuteStore::Silent, 504, "question took longer").await;
}

#[tokio::test]
async fn paths_have_the_prefix_that_is_set() {
    let parse = |text: &str| TempoSettings::parse_prefix(text).ok();
    assert_eq!(parse("").as_deref(), Some(""));
    assert_eq!(parse("/a/b-c/").as_deref(), Some("/a/b-c"));
    for text in ["a", "//", "/a//b", "/{id}", "/a b"] {
        assert_eq!(parse(text), None, "{text}");
    }
    let server = Server::with_prefix("/tempo");
    let status = async |path: &str| server.get_tempo(path, "").await.status;
    assert_eq!(status("/tempo/api/echo").await, 200);
    assert_eq!(status("/api/echo").await, 404);
    assert_eq!(status("/ready").await, 503);
}
