//! What every answer carries, and the pages for operators.

use crate::testing::{CHECKOUT, Server};
use flate2::read::GzDecoder;
use std::io::Read as _;

#[tokio::test]
async fn every_answer_has_the_policy() {
    let server = Server::new();
    for path in ["/", "/trace/abc", "/api/services", "/fanal/v1/nothing", "/metrics", "/api/x"] {
        let answer = server.get(path).await;
        assert_eq!(
            answer.header("content-security-policy"),
            "default-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
             connect-src 'self'; frame-ancestors 'self'; base-uri 'self'",
            "{path}"
        );
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
    }
}

#[tokio::test]
async fn pages_are_the_index() {
    let server = Server::new();
    for path in ["/", "/explore?service=a", "/start", "/trace/0af7", "/fanalish", "/apis"] {
        let answer = server.get(path).await;
        assert_eq!((answer.status, answer.header("cache-control")), (200, "no-cache"), "{path}");
        assert_eq!(answer.header("content-type"), "text/html; charset=utf-8", "{path}");
    }
    assert_eq!(server.ask("POST", "/explore", &[]).await.status, 405);
    assert_eq!(server.ask("POST", "/fanal/v1/services", &[]).await.status, 405);
    let head = server.ask("HEAD", "/", &[]).await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    let length = server.get("/").await.body.len().to_string();
    assert_eq!(head.header("content-length"), length);
}

#[tokio::test]
async fn long_answers_are_compressed_when_accepted() {
    let server = Server::with_traces().await;
    let path = format!("/api/traces/{CHECKOUT}");
    let plain = server.get(&path).await;
    assert_eq!((plain.header("content-encoding"), plain.header("vary")), ("", "accept-encoding"));
    let compressed = server.ask("GET", &path, &[("accept-encoding", "gzip")]).await;
    assert_eq!(compressed.header("content-encoding"), "gzip");
    let mut text = String::new();
    GzDecoder::new(&compressed.body[..]).read_to_string(&mut text).expect("gzip");
    assert_eq!(text, plain.text());
    let short = server.ask("GET", "/api/services", &[("accept-encoding", "gzip")]).await;
    assert_eq!(short.header("content-encoding"), "");
}

#[tokio::test]
async fn operators_see_health_and_readiness() {
    let server = Server::new();
    assert_eq!(server.get("/healthz").await.status, 200);
    assert_eq!(server.get("/readyz").await.status, 503);
    server.readiness.set(true);
    assert_eq!(server.get("/readyz").await.status, 200);
    server.readiness.set(false);
    assert_eq!(server.get("/readyz").await.status, 503);
}

#[tokio::test]
async fn metrics_count() {
    let server = Server::with_traces().await;
    server.get("/fanal/v1/trace/abc").await;
    server.get("/fanal/v1/trace/def").await;
    server.get("/explore").await;
    let answer = server.get("/metrics").await;
    assert_eq!(answer.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    for line in [
        "# TYPE fanal_ingest_accepted_spans_total counter",
        "fanal_ingest_accepted_spans_total{receiver=\"otlp_http\"} 4",
        "fanal_storage_spans 4",
        "fanal_http_requests_total{route=\"/fanal/v1/trace/{id}\",status=\"200\"} 1",
        "fanal_http_requests_total{route=\"/fanal/v1/trace/{id}\",status=\"404\"} 1",
        "fanal_http_requests_total{route=\"other\",status=\"200\"} 1",
        "fanal_process_build_info{version=\"0.0.1\"} 1",
    ] {
        let found = answer.text().lines().any(|found| found == line);
        assert!(found, "{line} is not in\n{}", answer.text());
    }
}

#[tokio::test]
async fn addresses_that_are_no_text_or_too_long_are_refused_in_the_words_of_the_api() {
    let server = Server::new();
    let bad = http::StatusCode::BAD_REQUEST;
    server.check_refusal("/fanal/v1/trace/%FF", bad, None, "address is not readable").await;
    server.check_refusal("/fanal/v1/services/%FF/operations", bad, None, "address is not").await;
    let long = format!("/fanal/v1/search?tag={}", "a".repeat(crate::limits::ADDRESS_BYTES_MAX));
    server.check_refusal(&long, bad, None, "address has 16").await;
    let jaeger = server.get("/api/traces/%FF").await;
    assert_eq!(
        (jaeger.status, &jaeger.json()["errors"][0]["code"]),
        (400, &serde_json::json!(400))
    );
}
