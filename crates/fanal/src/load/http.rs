//! OTLP over HTTP/1.1 with protobuf bodies: one connection a request in flight, kept open.

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

/// Sends over one connection, which is opened when needed; a clone has its own.
#[derive(Debug)]
pub(crate) struct HttpSender {
    target: String,
    connection: Option<SendRequest<Full<Bytes>>>,
}

impl Clone for HttpSender {
    fn clone(&self) -> Self {
        Self::new(&self.target)
    }
}

impl HttpSender {
    pub(crate) fn new(target: &str) -> Self {
        Self { target: target.to_owned(), connection: None }
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
        let request = http::Request::post("/v1/traces")
            .header(HOST, &self.target)
            .header(CONTENT_TYPE, "application/x-protobuf")
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
            200 => Answer::Accepted { rejected_spans: rejected_spans(&body) },
            429 | 502 | 503 | 504 => Answer::Retry { after, why: status.to_string() },
            _ => Answer::Refused { why: status.to_string() },
        })
    }
}
