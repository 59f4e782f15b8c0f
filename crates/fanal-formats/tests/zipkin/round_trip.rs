//! Spans that came as Zipkin go out as they came; others get what Zipkin needs to show and link them.

use crate::shown;
use fanal_formats::otlp;
use fanal_formats::zipkin::{Format, JsonSpan};
use fanal_model::IndexedBatch;
use serde_json::{Value, json};

fn written(spans: &IndexedBatch) -> Value {
    serde_json::to_value(JsonSpan::of(&spans.span(0))).expect("JSON")
}

/// What comes of a span of version 2.
fn back(span: &Value) -> Value {
    let bytes = serde_json::to_vec(&json!([span])).expect("JSON");
    written(&shown::spans(Format::V2Json, &bytes))
}

#[test]
fn spans_of_zipkin_go_out_as_they_came() {
    let check = |extra: Value| {
        let mut span = json!({"traceId": "463ac35c9f6413ad48485a3953bb6124", "id": "48485a3953bb6124",
                              "timestamp": 1_472_470_996_199_000_u64});
        for (key, value) in extra.as_object().expect("an object") {
            span[key] = value.clone();
        }
        assert_eq!(back(&span), span);
    };
    check(json!({}));
    check(json!({"traceId": "48485a3953bb6124", "parentId": "0000000000000002", "duration": 1}));
    check(json!({"kind": "CLIENT", "name": "get /cart", "duration": 207_000}));
    check(json!({"kind": "SERVER", "shared": true, "debug": true}));
    check(json!({"kind": "PRODUCER", "remoteEndpoint": {"serviceName": "kafka"}}));
    check(json!({"kind": "CONSUMER",
                 "localEndpoint": {"serviceName": "frontend", "ipv4": "10.1.2.3", "port": 8080},
                 "remoteEndpoint": {"serviceName": "backend", "ipv4": "10.2.3.4",
                                    "ipv6": "2001:db8::c001", "port": 9000}}));
    check(json!({"remoteEndpoint": {"ipv6": "2001:db8::c001"}}));
    check(json!({"annotations": [{"timestamp": 1_472_470_996_238_000_u64, "value": "ws"},
                                 {"timestamp": 1_472_470_996_403_000_u64, "value": "wr"}]}));
    check(json!({"annotations": [{"timestamp": 3, "value": "\"miss\":{\"key\":7,\"hot\":true}"},
                                 {"timestamp": 4, "value": "miss|{\"key\":\"a\"}|2"}]}));
    check(json!({"tags": {"http.path": "/api", "http.status_code": "200", "empty": ""}}));
    check(json!({"tags": {"error": "true"}}));
    check(json!({"tags": {"error": ""}}));
    check(json!({"tags": {"error": "card declined"}}));
    check(json!({"tags": {"otel.status_code": "OK", "span.kind": "internal"}}));
    check(json!({"tags": {"otel.status_code": "ERROR", "error": "why", "otel.scope.name": "lib",
                          "otel.scope.version": "1.2", "host.name": "web-7"}}));
    check(json!({"tags": {"w3c.tracestate": "a=b",
                          "otlp.link.0": "0000000000000000000000000000000a|000000000000000b||{}|0"}}));
}

#[test]
fn what_zipkin_itself_changes_is_changed() {
    let span = |extra: Value| {
        let mut span = json!({"traceId": "a", "id": "b", "timestamp": 7});
        for (key, value) in extra.as_object().expect("an object") {
            span[key] = value.clone();
        }
        back(&span)
    };
    let found = span(json!({"name": "GET /Cart", "localEndpoint": {"serviceName": "Front"}}));
    assert_eq!(
        (&found["name"], &found["localEndpoint"]["serviceName"]),
        (&json!("get /cart"), &json!("front"))
    );
    assert_eq!(found["traceId"], "000000000000000a");
    // Its mere presence would mean a failure.
    assert_eq!(span(json!({"tags": {"error": "false"}}))["tags"], Value::Null);
    assert_eq!(span(json!({"timestamp": 0}))["timestamp"], Value::Null);
}

/// What comes of a span of OTLP.
fn of_otlp(resource: &Value, span: &Value) -> Value {
    let mut whole = json!({"traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "b7ad6b7169203331",
                           "startTimeUnixNano": "1500", "endTimeUnixNano": "1600", "name": "Work"});
    for (key, value) in span.as_object().expect("an object") {
        whole[key] = value.clone();
    }
    let request = json!({"resourceSpans": [{"resource": {"attributes": resource},
        "scopeSpans": [{"scope": {"name": "lib", "version": "2"}, "spans": [whole]}]}]});
    let bytes = serde_json::to_vec(&request).expect("JSON");
    let decoded = otlp::json::decode_request(&bytes).expect("decodes");
    written(&IndexedBatch::validated(decoded.batch).expect("valid"))
}

fn attribute(key: &str, text: &str) -> Value {
    json!({"key": key, "value": {"stringValue": text}})
}

#[test]
fn spans_of_opentelemetry_get_endpoints_and_tags() {
    let resource = json!([attribute("service.name", "Shop"), attribute("host.name", "web-7")]);
    let scope = json!({"otel.scope.name": "lib", "otel.scope.version": "2", "host.name": "web-7"});
    let plain = of_otlp(&resource, &json!({}));
    assert_eq!(
        plain,
        json!({"traceId": "0af7651916cd43dd8448eb211c80319c", "id": "b7ad6b7169203331",
               "name": "work", "timestamp": 1, "duration": 1,
               "localEndpoint": {"serviceName": "shop"}, "tags": scope})
    );
    let check = |span: Value, remote: Value, extra: Value| {
        let found = of_otlp(&resource, &span);
        assert_eq!(found["remoteEndpoint"], remote, "{span}");
        let mut tags = scope.clone();
        for (key, value) in extra.as_object().expect("an object") {
            tags[key] = value.clone();
        }
        assert_eq!(found["tags"], tags, "{span}");
    };
    let server = |name: &str| json!([attribute("server.address", name)]);
    check(
        json!({"kind": 3, "attributes": server("DB-1")}),
        json!({"serviceName": "db-1"}),
        json!({"server.address": "DB-1"}),
    );
    // A server's own address is not the other side.
    check(
        json!({"kind": 2, "attributes": server("me")}),
        Value::Null,
        json!({"server.address": "me"}),
    );
    check(
        json!({"kind": 3, "attributes": [attribute("network.peer.address", "10.0.0.9"),
               {"key": "network.peer.port", "value": {"intValue": "53"}},
               attribute("db.name", "orders"), attribute("peer.service", "Ledger")]}),
        json!({"serviceName": "ledger", "ipv4": "10.0.0.9", "port": 53}),
        json!({"db.name": "orders"}),
    );
    check(
        json!({"kind": 3, "attributes": [attribute("network.peer.address", "/run/db.sock")]}),
        Value::Null,
        json!({"network.peer.address": "/run/db.sock"}),
    );
    check(
        json!({"status": {"code": 2}}),
        Value::Null,
        json!({"otel.status_code": "ERROR", "error": ""}),
    );
    check(
        json!({"status": {"code": 2, "message": "no room"}}),
        Value::Null,
        json!({"otel.status_code": "ERROR", "error": "no room"}),
    );
    check(json!({"status": {"code": 1}}), Value::Null, json!({"otel.status_code": "OK"}));
    check(
        json!({"attributes": [{"key": "list", "value": {"arrayValue": {"values":
               [{"stringValue": "a\"b"}, {"intValue": "3"}]}}}], "droppedLinksCount": 4}),
        Value::Null,
        json!({"list": "[\"a\\\"b\",3]", "otel.dropped_links_count": "4"}),
    );
}
