//! HTTP/1.1: one connection a request in flight, kept open.

use super::grpc::rejected_spans;
use super::{Answer, RETRY_AFTER};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, RETRY_AFTER as RETRY_AFTER_HEADER};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use std::time::Duration;
use tokio::net::TcpStream;

/// Largest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// Where each protocol is sent, and what its bodies are.
pub(super) const OTLP_PATH: &str = "/v1/traces";
pub(super) const ZIPKIN_PATH: &str = "/api/v2/spans";
pub(super) const DATADOG_PATH: &str = "/v0.5/traces";
pub(super) const PROTOBUF: &str = "application/x-protobuf";
pub(super) const JSON: &str = "application/json";
pub(super) const MSGPACK: &str = "application/msgpack";

/// Sends over one connection, which is opened when needed; a clone has its own.
#[derive(Debug)]
pub(crate) struct HttpSender {
    target: String,
    /// What a server has before every path.
    base_path: String,
    path: &'static str,
    content_type: &'static str,
    connection: Option<SendRequest<Full<Bytes>>>,
}

impl Clone for HttpSender {
    fn clone(&self) -> Self {
        let base_path = self.base_path.clone();
        Self { base_path, ..Self::new(&self.target, self.path, self.content_type) }
    }
}

impl HttpSender {
    /// To an OTLP receiver.
    pub(crate) fn otlp(target: &str) -> Self {
        Self::new(target, OTLP_PATH, PROTOBUF)
    }

    /// To the OTLP receiver of a server that has `base_path` before every path.
    pub(crate) fn below(target: &str, base_path: &str) -> Self {
        Self { base_path: base_path.to_owned(), ..Self::otlp(target) }
    }

    pub(super) fn new(target: &str, path: &'static str, content_type: &'static str) -> Self {
        Self {
            target: target.to_owned(),
            base_path: String::new(),
            path,
            content_type,
            connection: None,
        }
    }

    pub(crate) async fn send(&mut self, body: Bytes) -> Answer {
        match self.try_send(body).await {
            Ok(answer) => answer,
            Err(error) => {
                self.connection = None;
                Answer::Retry { after: RETRY_AFTER, why: format!("not connected: {error:#}") }
            }
        }
    }

    async fn try_send(&mut self, body: Bytes) -> anyhow::Result<Answer> {
        let connection = match self.connection.take() {
            Some(open) if !open.is_closed() => open,
            _ => {
                let stream = TcpStream::connect(&self.target).await?;
                stream.set_nodelay(true)?;
                let (sender, connection) = handshake(TokioIo::new(stream)).await?;
                tokio::spawn(connection);
                sender
            }
        };
        let connection = self.connection.insert(connection);
        connection.ready().await?;
        let request = http::Request::post(format!("{}{}", self.base_path, self.path))
            .header(HOST, &self.target)
            .header(CONTENT_TYPE, self.content_type)
            .body(Full::new(body))?;
        let response = connection.send_request(request).await?;
        let status = response.status();
        let after = response
            .headers()
            .get(RETRY_AFTER_HEADER)
            .and_then(|value| value.to_str().ok()?.parse().ok())
            .map_or(RETRY_AFTER, Duration::from_secs);
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX)
            .collect()
            .await
            .map_err(|error| anyhow::anyhow!("{error}"))?
            .to_bytes();
        Ok(match status.as_u16() {
            200 if self.path == OTLP_PATH => {
                Answer::Accepted { rejected_spans: rejected_spans(&body) }
            }
            200 | 202 => Answer::Accepted { rejected_spans: 0 },
            429 | 502 | 503 | 504 => Answer::Retry { after, why: status.to_string() },
            _ => Answer::Refused { why: status.to_string() },
        })
    }
}
