//! Calls of Prometheus' API over a few spans, and what is answered.

use crate::testing::{START, Server};
use serde_json::{Value, json};

/// A little after the traces of [`Server::with_traces`].
const END: u64 = START / 1_000_000_000 + 60;

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// Seconds as they are answered.
fn at(unix_seconds: u64) -> f64 {
    fanal_base::cast::figure(unix_seconds)
}

async fn data(server: &Server, path: &str) -> Value {
    let answer = server.get_prometheus(path).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    assert_eq!(answer.header("content-type"), "application/json");
    let mut envelope = answer.json();
    assert_eq!(envelope["status"], "success");
    assert_eq!(envelope.get("warnings"), None, "{path}");
    envelope["data"].take()
}

async fn check(server: &Server, query: &str, expect: Value) {
    let path = format!("/api/v1/query?query={}&time={END}", encoded(query));
    let found = data(server, &path).await;
    assert_eq!(found["result"], expect, "{query}: {found:#}");
}

#[tokio::test]
async fn queries_count_spans_and_calls() {
    let server = Server::with_traces().await;
    let value = |metric: Value, value: &str| json!({"metric": metric, "value": [at(END), value]});
    check(&server, "1+1", json!([at(END), "2"])).await;
    check(
        &server,
        "sum by (service, span_kind) (increase(traces_spanmetrics_calls_total[2m]))",
        json!([
            value(json!({"service": "pay", "span_kind": "SPAN_KIND_CLIENT"}), "1"),
            value(json!({"service": "ping", "span_kind": "SPAN_KIND_INTERNAL"}), "1"),
            value(json!({"service": "shop", "span_kind": "SPAN_KIND_SERVER"}), "1"),
            value(json!({"service": "shop", "span_kind": "SPAN_KIND_UNSPECIFIED"}), "1"),
        ]),
    )
    .await;
    let failed = r#"sum(rate(traces_spanmetrics_calls_total{status_code="STATUS_CODE_ERROR",span_name=~"charge|x"}[100s]))by(span_name)"#;
    check(&server, failed, json!([value(json!({"span_name": "charge"}), "0.01")])).await;
    check(
        &server,
        "group by (client, connection_type, server) (traces_service_graph_request_total)",
        json!([value(
            json!({"client": "user", "connection_type": "virtual_node", "server": "shop"}),
            "1"
        )]),
    )
    .await;
    check(
        &server,
        "increase(traces_service_graph_request_server_seconds_sum{client=\"user\"}[2m])",
        json!([value(
            json!({"client": "user", "connection_type": "virtual_node", "server": "shop"}),
            "0.010000999"
        )]),
    )
    .await;
    let latency = "histogram_quantile(.5, sum(rate(traces_spanmetrics_latency_bucket{span_name=\"checkout\"}[2m])) by (le))";
    check(&server, latency, json!([value(json!({}), "0.012")])).await;
    check(&server, "traces_spanmetrics_calls_total{service=\"nobody\"}", json!([])).await;
    check(&server, "unknown_metric", json!([])).await;
    let plain = "traces_spanmetrics_calls_total{service=\"ping\"}";
    let labels = json!({"__name__": "traces_spanmetrics_calls_total", "service": "ping", "span_name": "ping",
        "span_kind": "SPAN_KIND_INTERNAL", "status_code": "STATUS_CODE_OK"});
    check(&server, plain, json!([value(labels, "1")])).await;
}

#[tokio::test]
async fn ranges_have_a_number_at_each_step() {
    let server = Server::with_traces().await;
    let start = START / 1_000_000_000;
    let form = format!(
        "query=sum+by+(service)+(increase(traces_spanmetrics_calls_total%7Bservice!%3D%22pay%22%7D%5B10s%5D))\
         &start={start}&end={}&step=5",
        start + 15
    );
    let answer = server.post_prometheus("/api/v1/query_range", &form).await;
    let both = |service: &str, value: &str| json!({"metric": {"service": service}, "values": [[at(start + 5), value], [at(start + 10), value]]});
    let expect = json!({"status": "success", "data": {"resultType": "matrix",
        "result": [both("ping", "1"), both("shop", "2")]}});
    assert_eq!(answer.json(), expect);
    let numbers =
        data(&server, &format!("/api/v1/query_range?query=3&start={start}&end={start}&step=1m"))
            .await;
    assert_eq!(numbers["result"], json!([{"metric": {}, "values": [[at(start), "3"]]}]));
}

#[tokio::test]
async fn lists_name_series_labels_and_values() {
    let server = Server::with_traces().await;
    let range = format!("start={}&end={END}", END - 120);
    let check = async |path: &str, expect: Value| {
        let and = if path.contains('?') { '&' } else { '?' };
        let found = data(&server, &format!("{path}{and}{range}")).await;
        assert_eq!(found, expect, "{path}: {found:#}");
    };
    check("/api/v1/series?match[]=traces_service_graph_request_server_seconds", json!([])).await;
    check(
        "/api/v1/series?match[]=traces_service_graph_request_total",
        json!([{"__name__": "traces_service_graph_request_total", "client": "user",
            "connection_type": "virtual_node", "server": "shop"}]),
    )
    .await;
    check(
        "/api/v1/labels?match[]=traces_service_graph_request_total",
        json!(["__name__", "client", "connection_type", "server"]),
    )
    .await;
    check("/api/v1/label/service/values", json!(["pay", "ping", "shop"])).await;
    check(
        "/api/v1/label/status_code/values?match[]=%7Bservice%3D%22pay%22%7D",
        json!(["STATUS_CODE_ERROR"]),
    )
    .await;
    check("/api/v1/label/nothing/values", json!([])).await;
    let bounds = data(&server, &format!("/api/v1/label/le/values?match[]=traces_service_graph_request_server_seconds_bucket&{range}")).await;
    assert_eq!(bounds, json!(["+Inf", "0.1", "0.2", "0.4", "0.8", "1.6", "12.8", "3.2", "6.4"]));
    let spans = data(
        &server,
        &format!("/api/v1/label/le/values?match[]=traces_spanmetrics_latency_bucket&{range}"),
    )
    .await;
    assert_eq!(spans.as_array().map(Vec::len), Some(15));
    assert_eq!(spans[1], "0.002");
    let names = data(&server, "/api/v1/label/__name__/values").await;
    assert!(
        names.as_array().expect("a list").contains(&json!("traces_spanmetrics_latency_bucket"))
    );
    check("/api/v1/rules", json!({"groups": []})).await;
    let metadata = data(&server, "/api/v1/metadata?metric=traces_spanmetrics_latency").await;
    assert_eq!(metadata["traces_spanmetrics_latency"][0]["type"], "histogram");
    let cut = server.get_prometheus("/api/v1/labels?limit=2").await.json();
    assert_eq!(cut["warnings"], json!(["results truncated due to limit 2"]));
    assert_eq!(data(&server, "/api/v1/status/buildinfo").await["version"], "2.50.0");
}

#[tokio::test]
async fn refusals_have_a_type() {
    let server = Server::with_traces().await;
    let check = async |path: &str, status: u16, kind: &str, message: &str| {
        let answer = server.get_prometheus(path).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        let envelope = answer.json();
        assert_eq!((&envelope["status"], &envelope["errorType"]), (&json!("error"), &json!(kind)));
        let text = envelope["error"].as_str().expect("words");
        assert!(text.contains(message), "{path}: {text}");
    };
    check("/api/v1/query", 400, "bad_data", "query is missing").await;
    check("/api/v1/query?query=abs(x)", 400, "bad_data", "function `abs` is not answered here")
        .await;
    check("/api/v1/query?query=1&time=x", 400, "bad_data", "time is `x`").await;
    let twice = encoded(
        "rate(traces_spanmetrics_calls_total[1h]) + rate({__name__=~\"traces_spanmetrics_(calls_total|latency_count)\"}[1h])",
    );
    check(&format!("/api/v1/query?query={twice}&time={END}"), 422, "execution", "several series")
        .await;
    check("/api/v1/query_range?query=1&start=5&end=4&step=1", 400, "bad_data", "before start")
        .await;
    check("/api/v1/query_range?query=1&start=5&end=6&step=0", 400, "bad_data", "step").await;
    check("/api/v1/query_range?query=1&start=5&end=6", 400, "bad_data", "step").await;
    check("/api/v1/query_range?query=1&start=0&end=99999&step=1", 400, "bad_data", "11000").await;
    check("/api/v1/series", 400, "bad_data", "match[] is missing").await;
    check("/api/v1/series?match[]=sum(x)", 400, "bad_data", "not a selector").await;
    check("/api/v1/labels?limit=x", 400, "bad_data", "limit").await;
    assert_eq!(server.get_prometheus("/api/v1/nothing").await.status, 404);
}

#[tokio::test]
async fn exemplars_name_traces() {
    let server = Server::with_traces().await;
    let query =
        encoded("sum(rate(traces_spanmetrics_latency_bucket{service=\"pay\"}[5m])) by (le)");
    let range = format!("start={}&end={END}", END - 120);
    let found = data(&server, &format!("/api/v1/query_exemplars?query={query}&{range}")).await;
    let expect = json!([{
        "seriesLabels": {"__name__": "traces_spanmetrics_latency_bucket", "le": "0.004", "service": "pay",
            "span_kind": "SPAN_KIND_CLIENT", "span_name": "charge", "status_code": "STATUS_CODE_ERROR"},
        "exemplars": [{"labels": {"traceID": "0af7651916cd43dd8448eb211c80319c"}, "value": "0.003",
            "timestamp": at(END - 60) + 0.001}],
    }]);
    assert_eq!(found, expect, "{found:#}");
    let calls = data(
        &server,
        &format!("/api/v1/query_exemplars?query=traces_service_graph_request_total&{range}"),
    )
    .await;
    assert_eq!(calls[0]["seriesLabels"]["server"], "shop", "{calls:#}");
    assert_eq!(calls[0]["exemplars"][0]["value"], "0.010000999");
    let none = data(&server, &format!("/api/v1/query_exemplars?query=nothing&{range}")).await;
    assert_eq!(none, json!([]));
}
