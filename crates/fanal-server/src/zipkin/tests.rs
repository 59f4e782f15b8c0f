//! Whole answers of Zipkin's API over spans that came as Zipkin.

use crate::limits::Limits;
use crate::testing::{START, Server};
use fanal_formats::zipkin::{Format, decode};
use fanal_storage::MemoryStore;
use serde_json::{Value, json};
use std::sync::Arc;

const MICROS: u64 = START / 1_000;

/// Front calls Cart, which asks a database that sends nothing; a message goes by a broker.
fn shop() -> Value {
    let trace = "463ac35c9f6413ad48485a3953bb6124";
    json!([
        {"traceId": trace, "id": "0000000000000001", "kind": "SERVER", "name": "GET /Buy",
         "timestamp": MICROS, "duration": 90_000, "localEndpoint": {"serviceName": "Front"},
         "tags": {"environment": "prod", "http.path": "/buy"},
         "annotations": [{"timestamp": MICROS + 5, "value": "cache.miss"}]},
        {"traceId": trace, "id": "0000000000000002", "parentId": "0000000000000001", "kind": "CLIENT",
         "name": "add", "timestamp": MICROS + 10, "duration": 50_000,
         "localEndpoint": {"serviceName": "Front"}, "remoteEndpoint": {"serviceName": "Cart"}},
        {"traceId": trace, "id": "0000000000000002", "parentId": "0000000000000001", "kind": "SERVER",
         "shared": true, "name": "add", "timestamp": MICROS + 20, "duration": 40_000,
         "localEndpoint": {"serviceName": "Cart"}, "tags": {"region": "eu", "error": "no room"}},
        {"traceId": trace, "id": "0000000000000003", "parentId": "0000000000000002", "kind": "CLIENT",
         "name": "select", "timestamp": MICROS + 30, "duration": 9_000,
         "localEndpoint": {"serviceName": "Cart"}, "remoteEndpoint": {"serviceName": "MySQL"}},
        {"traceId": "000000000000000a", "id": "0000000000000001", "kind": "PRODUCER", "name": "send",
         "timestamp": MICROS + 400_000, "localEndpoint": {"serviceName": "Front"},
         "remoteEndpoint": {"serviceName": "kafka"}},
    ])
}

async fn server() -> Server {
    let server = Server::over(Arc::new(MemoryStore::new()), Limits::default());
    let bytes = serde_json::to_vec(&shop()).expect("JSON");
    let decoded = decode(Format::V2Json, &bytes, START).expect("a list");
    server.send(decoded.batch).await;
    server
}

async fn get(server: &Server, path: &str) -> Value {
    let answer = server.get_zipkin(path).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    assert_eq!(answer.header("content-type"), "application/json", "{path}");
    answer.json()
}

#[tokio::test]
async fn names_are_listed_in_lower_case_under_both_roots() {
    let server = server().await;
    let check = async |path: &str, expect: Value| {
        for root in ["/api/v2", "/zipkin/api/v2"] {
            assert_eq!(get(&server, &format!("{root}{path}")).await, expect, "{root}{path}");
        }
    };
    check("/services", json!(["cart", "front"])).await;
    check("/spans?serviceName=Front", json!(["add", "get /buy", "send"])).await;
    check("/spans?serviceName=", json!([])).await;
    check("/spans?serviceName=nobody", json!([])).await;
    check("/remoteServices?serviceName=front", json!(["cart", "kafka"])).await;
    check("/remoteServices?serviceName=CART", json!(["mysql"])).await;
    check("/autocompleteKeys", json!(["environment", "region"])).await;
    check("/autocompleteValues?key=environment", json!(["prod"])).await;
    check("/autocompleteValues?key=http.path", json!([])).await;
    for path in ["/spans", "/remoteServices", "/autocompleteValues", "/autocompleteValues?key="] {
        let answer = server.get_zipkin(&format!("/api/v2{path}")).await;
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (400, "text/plain; charset=utf-8"),
            "{path}"
        );
    }
    let keys = server.get_zipkin("/api/v2/autocompleteKeys").await;
    assert_eq!(keys.header("cache-control"), "max-age=300, must-revalidate");
    let few = server.get_zipkin("/api/v2/services").await;
    assert_eq!(few.header("cache-control"), "");
}

#[tokio::test]
async fn traces_go_out_as_they_came() {
    let server = server().await;
    let all = shop();
    let spans = all.as_array().expect("a list");
    let lowered = |span: &Value| {
        let mut span = span.clone();
        for place in ["/name", "/localEndpoint/serviceName", "/remoteEndpoint/serviceName"] {
            if let Some(text) = span.pointer_mut(place) {
                *text = json!(text.as_str().expect("text").to_lowercase());
            }
        }
        span
    };
    let sorted = |mut spans: Vec<Value>| {
        spans.sort_by_key(|span| span["timestamp"].as_u64());
        spans
    };
    let first: Vec<Value> = spans[..4].iter().map(lowered).collect();
    let found = get(&server, "/api/v2/trace/463ac35c9f6413ad48485a3953bb6124").await;
    assert_eq!(sorted(found.as_array().expect("a list").clone()), first);
    assert_eq!(get(&server, "/zipkin/api/v2/trace/A").await, json!([lowered(&spans[4])]));
    let many =
        get(&server, "/api/v2/traceMany?traceIds=a,ffff,463ac35c9f6413ad48485a3953bb6124").await;
    assert_eq!(many.as_array().map(Vec::len), Some(2), "unknown ids are left out");
    let check = async |path: &str, status: u16| {
        let answer = server.get_zipkin(path).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
    };
    check("/api/v2/trace/b", 404).await;
    // The right-most digits alone are another trace.
    check("/api/v2/trace/48485a3953bb6124", 404).await;
    check("/api/v2/trace/xyz", 400).await;
    check("/api/v2/trace/0", 400).await;
    check("/api/v2/traceMany?traceIds=a", 400).await;
    check("/api/v2/traceMany?traceIds=", 400).await;
    check("/api/v2/traceMany?traceIds=a,000a", 400).await;
    check("/api/v2/traceMany", 400).await;
}

#[tokio::test]
async fn searches_are_met_by_whole_traces() {
    let server = server().await;
    let end = START / 1_000_000 + 500;
    let check = async |query: &str, expect: &[&str]| {
        let query = query.replace(' ', "%20");
        let found = get(&server, &format!("/api/v2/traces?endTs={end}&{query}")).await;
        let ids: Vec<&str> = found
            .as_array()
            .expect("a list")
            .iter()
            .map(|trace| trace[0]["traceId"].as_str().expect("an id"))
            .collect();
        assert_eq!(ids, expect, "{query}");
    };
    let (buy, sent) = ("463ac35c9f6413ad48485a3953bb6124", "000000000000000a");
    check("", &[sent, buy]).await;
    check("limit=1", &[sent]).await;
    check("serviceName=CART", &[buy]).await;
    check("serviceName=front&spanName=Get /Buy", &[buy]).await;
    check("serviceName=cart&spanName=get /buy", &[]).await;
    check("spanName=all&serviceName=front", &[sent, buy]).await;
    check("remoteServiceName=kafka", &[sent]).await;
    check("serviceName=front&remoteServiceName=mysql", &[]).await;
    // Different spans meet them.
    check("annotationQuery=environment=prod and region=eu", &[buy]).await;
    check("serviceName=front&annotationQuery=environment=prod and region=eu", &[]).await;
    check("annotationQuery=cache.miss and error", &[buy]).await;
    check("annotationQuery=error=no room", &[buy]).await;
    check("annotationQuery=error=other", &[]).await;
    check("minDuration=50000", &[buy]).await;
    check("minDuration=9000&maxDuration=9000&spanName=get /buy", &[buy]).await;
    check("minDuration=90001", &[]).await;
    check("lookback=200", &[sent]).await;
    check("lookback=101", &[sent]).await;
    check("lookback=99", &[]).await;
    for wrong in [
        "maxDuration=5",
        "minDuration=9&maxDuration=5",
        "minDuration=0",
        "limit=0",
        "limit=x",
        "lookback=0",
        "endTs=-1",
    ] {
        let answer = server.get_zipkin(&format!("/api/v2/traces?{wrong}")).await;
        assert_eq!(answer.status, 400, "{wrong}: {}", answer.text());
    }
}

#[tokio::test]
async fn dependencies_follow_zipkins_rule() {
    let server = server().await;
    let end = START / 1_000_000 + 500;
    let found = get(&server, &format!("/api/v2/dependencies?endTs={end}&lookback=3600000")).await;
    let link =
        |parent: &str, child: &str| json!({"parent": parent, "child": child, "callCount": 1});
    let failed = json!({"parent": "front", "child": "cart", "callCount": 1, "errorCount": 1});
    assert_eq!(found, json!([link("cart", "mysql"), failed, link("front", "kafka")]));
    let early = format!("/api/v2/dependencies?endTs={}&lookback=10", START / 1_000_000 - 1);
    assert_eq!(get(&server, &early).await, json!([]));
    assert_eq!(server.get_zipkin("/api/v2/dependencies").await.status, 400);
}

#[tokio::test]
async fn the_ui_and_supervisors_are_answered() {
    let server = server().await;
    let config = get(&server, "/zipkin/config.json").await;
    assert_eq!(
        (&config["searchEnabled"], &config["dependency"]["enabled"]),
        (&json!(true), &json!(true))
    );
    assert_eq!(server.get_zipkin("/health").await.status, 503, "not ready yet");
    server.readiness.set(true);
    assert_eq!(get(&server, "/health").await["zipkin"]["details"]["Fanal"]["status"], "UP");
    assert_eq!(get(&server, "/info").await["zipkin"]["version"], "0.0.1");
    assert_eq!(get(&server, "/metrics").await["counter.zipkin_collector.spans.http"], 0);
    let page = server.get_zipkin("/prometheus").await;
    assert!(page.text().contains("zipkin_collector_spans_total{transport=\"http\"} 0"));
    for (path, place) in
        [("/", "/zipkin/"), ("/zipkin", "/zipkin/"), ("/favicon.ico", "/zipkin/favicon.ico")]
    {
        let answer = server.get_zipkin(path).await;
        assert_eq!((answer.status, answer.header("location")), (302, place), "{path}");
    }
    for path in ["/zipkin/", "/zipkin/index.html", "/zipkin/traces/a", "/zipkin/dependency"] {
        let answer = server.get_zipkin(path).await;
        assert!(answer.status == 200 && answer.text().contains("127.0.0.1:16686"), "{path}");
    }
    assert_eq!(server.get_zipkin("/zipkin/static/../../etc/passwd").await.status, 404);
}
