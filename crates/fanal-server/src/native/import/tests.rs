//! Files through the whole router: imported, refused, and back from a download.

use crate::testing::{Answer, CHECKOUT, PING, Server};
use axum::body::Body;
use http_body::Frame;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

const IMPORT: &str = "/fanal/v1/import";

async fn download(server: &Server, trace: &str, format: &str) -> Answer {
    let answer = server.get(&format!("/fanal/v1/trace/{trace}/download?format={format}")).await;
    assert_eq!(answer.status, 200, "{format}: {}", answer.text());
    answer
}

/// What was downloaded and imported into an empty server downloads the same.
#[tokio::test]
async fn a_trace_goes_out_and_comes_back() {
    let source = Server::with_traces().await;
    // Jaeger's and Zipkin's forms lose some of it, and the same every time; OTLP loses nothing.
    for (format, also) in [
        ("otlp-json", "otlp-json"),
        ("otlp-protobuf", "otlp-json"),
        ("jaeger-json", "jaeger-json"),
        ("zipkin-json", "zipkin-json"),
    ] {
        for (trace, spans) in [(CHECKOUT, 3), (PING, 1)] {
            let target = Server::new();
            let file = download(&source, trace, format).await;
            let answer = target.post(IMPORT, file.body).await;
            assert_eq!(answer.status, 200, "{format}: {}", answer.text());
            let answer = answer.json();
            let counts = (&answer["accepted_spans"], &answer["rejected_spans"]);
            assert_eq!(counts, (&spans.into(), &0.into()), "{format}: {answer}");
            assert_eq!((&answer["trace_id"], &answer["trace_count"]), (&trace.into(), &1.into()));
            let there = download(&target, trace, also).await.json();
            assert_eq!(there, download(&source, trace, also).await.json(), "{format}");
        }
    }
}

#[tokio::test]
async fn a_download_has_its_name_and_type() {
    let server = Server::with_traces().await;
    let check = async |format: &str, media_type: &str, extension: &str| {
        let answer = download(&server, CHECKOUT, format).await;
        assert_eq!(answer.header("content-type"), media_type, "{format}");
        let name = format!("attachment; filename=\"trace-{CHECKOUT}.{extension}\"");
        assert_eq!(answer.header("content-disposition"), name);
    };
    check("otlp-json", "application/json", "otlp.json").await;
    check("otlp-protobuf", "application/x-protobuf", "otlp.pb").await;
    check("jaeger-json", "application/json", "jaeger.json").await;
    check("zipkin-json", "application/json", "zipkin.json").await;
    let path = format!("/fanal/v1/trace/{CHECKOUT}/download?format=xml");
    let message = "format `xml` is none of otlp-json, ";
    server.check_refusal(&path, http::StatusCode::BAD_REQUEST, Some("format"), message).await;
    let path = "/fanal/v1/trace/1/download";
    server.check_refusal(path, http::StatusCode::NOT_FOUND, None, "no span of trace").await;
}

#[tokio::test]
async fn a_file_is_stored_and_told() {
    let server = Server::new();
    let file = r#"[{"traceId":"a","id":"1","timestamp":5,"tags":{}},{"traceId":"b","id":"2","timestamp":9},{"id":"3"}]"#;
    let answer = server.post(IMPORT, file).await.json();
    let expect = serde_json::json!({
        "format": "Zipkin v2 JSON",
        "accepted_spans": 2,
        "rejected_spans": 1,
        "rejects": [{
            "reason": "trace_id_length",
            "span_count": 1,
            "detail": "trace id has 0 hex digits, expected 1 to 32, behind byte 1 of the file",
        }],
        "trace_count": 2,
        "has_more_traces": false,
        "trace_id": "0000000000000000000000000000000a",
        "start_min_unix_nano": "5000",
        "start_max_unix_nano": "9000",
    });
    assert_eq!(answer, expect);
    let snapshot = server.pipeline().snapshot();
    assert_eq!((snapshot.accepted_spans(), snapshot.rejected_spans()), (2, 1));
    let empty = server.post(IMPORT, "[]").await.json();
    assert_eq!((&empty["format"], &empty["accepted_spans"]), (&"".into(), &0.into()));
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_refused_and_one_that_breaks_off_is_kept() {
    let server = Server::new();
    let refused = async |file: &'static [u8], message: &str| {
        let answer = server.post(IMPORT, file).await;
        assert_eq!(answer.status, 400, "{}", answer.text());
        let found = answer.json()["error"]["message"].as_str().expect("words").to_owned();
        assert!(found.contains(message), "{found}");
    };
    refused(b"", "the file is empty").await;
    refused(b"hello", "text that begins with `hello`").await;
    refused(b"{\"a\":1}", "a JSON object with `a`").await;
    refused(b"\x1f\x8b\x08\0", "cannot be read beyond byte 0: ").await;
    refused(b"\x0a\x02\x0a\x05", "the file is damaged behind byte 0: ").await;
    assert_eq!(server.pipeline().snapshot().rejected_requests(), 5);
    let broken = server.post(IMPORT, r#"[{"traceId":"a","id":"1","tags":{}},{"#).await;
    assert_eq!((broken.status, &broken.json()["accepted_spans"]), (200, &1.into()));
    let problem = broken.json()["problem"].as_str().expect("words").to_owned();
    assert!(problem.starts_with("the file is damaged or cut off at byte"), "{problem}");
    let answer = server.ask("POST", "/fanal/v1/import?x=1", &[]).await;
    assert_eq!(answer.status, 400);
}

/// A body that never comes, or breaks.
struct Odd(bool);

impl http_body::Body for Odd {
    type Data = bytes::Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<bytes::Bytes>>>> {
        if self.0 { Poll::Ready(Some(Err(io::Error::other("reset")))) } else { Poll::Pending }
    }
}

#[tokio::test]
async fn few_files_are_read_at_once() {
    let server = std::sync::Arc::new(Server::new());
    let broken = server.post(IMPORT, Body::new(Odd(true))).await;
    assert!(broken.text().contains("reset"), "{}", broken.text());
    let waiting: Vec<_> = (0..crate::limits::IMPORTS_MAX)
        .map(|_| {
            let server = std::sync::Arc::clone(&server);
            tokio::spawn(async move { server.post(IMPORT, Body::new(Odd(false))).await })
        })
        .collect();
    tokio::task::yield_now().await;
    let answer = server.post(IMPORT, "[]").await;
    assert_eq!((answer.status, answer.header("retry-after")), (429, "1"));
    waiting.iter().for_each(tokio::task::JoinHandle::abort);
}
