//! gRPC with bodies that are sent as they are: no generated types, no copy.
//!
//! A clone shares the connection, which is opened when needed and again when it broke.

use super::{Answer, RETRY_AFTER};
use anyhow::Context;
use bytes::{Buf, Bytes};
use http::header::{CONTENT_TYPE, TE};
use http::{HeaderMap, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::io::Cursor;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::Mutex;

/// Where OTLP is sent.
pub(super) const OTLP_EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
/// Where Jaeger's batches are sent.
pub(super) const JAEGER_POST_SPANS: &str = "/jaeger.api_v2.CollectorService/PostSpans";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// HTTP/2 flow control windows, in bytes.
const WINDOW_BYTES: u32 = 8 << 20;
/// Largest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// Bytes before a gRPC message: a flag and its length.
const PREFIX_BYTES: usize = 5;

/// A message behind its prefix.
type Message = Full<bytes::buf::Chain<Cursor<[u8; PREFIX_BYTES]>, Bytes>>;

/// Sends over one connection.
#[derive(Debug, Clone)]
pub(super) struct GrpcSender {
    target: Arc<str>,
    method: Uri,
    connection: Arc<Mutex<Option<SendRequest<Message>>>>,
}

impl GrpcSender {
    pub(super) async fn connect(target: &str, method: &str) -> anyhow::Result<Self> {
        let method = format!("http://{target}{method}")
            .parse()
            .with_context(|| format!("--target {target}: write HOST:PORT"))?;
        let sender = Self { target: target.into(), method, connection: Arc::default() };
        let why = || format!("cannot reach a gRPC receiver at {target}");
        sender.open().await.with_context(why)?;
        Ok(sender)
    }

    async fn open(&self) -> anyhow::Result<SendRequest<Message>> {
        let mut connection = self.connection.lock().await;
        if let Some(open) = connection.as_ref().filter(|open| !open.is_closed()) {
            return Ok(open.clone());
        }
        let connecting = TcpStream::connect(&*self.target);
        let stream = tokio::time::timeout(CONNECT_TIMEOUT, connecting).await??;
        stream.set_nodelay(true)?;
        let (sender, driver) = Builder::new(TokioExecutor::new())
            .initial_stream_window_size(WINDOW_BYTES)
            .initial_connection_window_size(WINDOW_BYTES)
            .handshake(TokioIo::new(stream))
            .await?;
        tokio::spawn(driver);
        Ok(connection.insert(sender).clone())
    }

    pub(super) async fn send(&mut self, body: Bytes) -> Answer {
        self.try_send(body).await.unwrap_or_else(|error| Answer::Retry {
            after: RETRY_AFTER,
            why: format!("not connected: {error:#}"),
        })
    }

    async fn try_send(&self, body: Bytes) -> anyhow::Result<Answer> {
        let mut prefix = [0; PREFIX_BYTES];
        prefix[1..].copy_from_slice(&u32::try_from(body.len())?.to_be_bytes());
        let mut connection = self.open().await?;
        connection.ready().await?;
        let request = Request::post(self.method.clone())
            .header(CONTENT_TYPE, "application/grpc")
            .header(TE, "trailers")
            .body(Full::new(Cursor::new(prefix).chain(body)))?;
        let (head, body) = connection.send_request(request).await?.into_parts();
        if head.status != StatusCode::OK {
            return Ok(Answer::Retry { after: RETRY_AFTER, why: head.status.to_string() });
        }
        let body = Limited::new(body, ANSWER_BYTES_MAX)
            .collect()
            .await
            .map_err(|error| anyhow::anyhow!("{error}"))?;
        // An answer without a message has its status among the headers.
        let outcome = body.trailers().unwrap_or(&head.headers).clone();
        Ok(answer_of(&outcome, body.to_bytes().get(PREFIX_BYTES..).unwrap_or_default()))
    }
}

/// What the status of an answer means, by the OTLP specification's table of codes that may be tried again.
fn answer_of(outcome: &HeaderMap, message: &[u8]) -> Answer {
    let text = |name: &str| outcome.get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
    let why = format!("gRPC status {}: {}", text("grpc-status"), text("grpc-message"));
    match text("grpc-status").parse::<u8>() {
        Ok(0) => Answer::Accepted { rejected_spans: rejected_spans(message) },
        // Cancelled, unknown, deadline exceeded, aborted, out of range, unavailable, data loss.
        Ok(1 | 2 | 4 | 10 | 11 | 14 | 15) | Err(_) => Answer::Retry { after: RETRY_AFTER, why },
        // Resource exhausted, and when to come back.
        Ok(8) if outcome.contains_key("grpc-status-details-bin") => {
            Answer::Retry { after: RETRY_AFTER, why }
        }
        Ok(_) => Answer::Refused { why },
    }
}

/// `ExportTraceServiceResponse.partial_success.rejected_spans`: fields 1 and 1.
pub(super) fn rejected_spans(response: &[u8]) -> u64 {
    let inner = match response {
        [0x0a, length, rest @ ..] if *length < 0x80 => {
            &rest[..rest.len().min(usize::from(*length))]
        }
        [0x0a, _, _, rest @ ..] => rest,
        _ => return 0,
    };
    let [0x08, number @ ..] = inner else { return 0 };
    let mut value = 0;
    for (index, byte) in number.iter().take(9).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            break;
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partial_success_is_read() {
        let check =
            |bytes: &[u8], expect: u64| assert_eq!(rejected_spans(bytes), expect, "{bytes:?}");
        check(&[], 0);
        check(&[0x0a, 0x02, 0x08, 0x03], 3);
        check(&[0x0a, 0x03, 0x08, 0xac, 0x02], 300);
        check(&[0x0a, 0x03, 0x12, 0x01, b'x'], 0);
    }
    #[test]
    fn statuses_are_understood() {
        let check = |pairs: &[(&'static str, &'static str)], expect: &str| {
            let mut outcome = HeaderMap::new();
            for (name, value) in pairs {
                outcome.insert(*name, http::HeaderValue::from_static(value));
            }
            let answer = format!("{:?}", answer_of(&outcome, &[]));
            assert!(answer.starts_with(expect), "{pairs:?}: {answer}");
        };
        check(&[("grpc-status", "0")], "Accepted");
        check(&[("grpc-status", "14")], "Retry");
        check(&[("grpc-status", "8")], "Refused");
        check(&[("grpc-status", "8"), ("grpc-status-details-bin", "")], "Retry");
        check(
            &[("grpc-status", "3"), ("grpc-message", "no")],
            "Refused { why: \"gRPC status 3: no\"",
        );
        check(&[], "Retry");
    }
}
