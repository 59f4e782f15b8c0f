//! A small HTTP client for the commands that ask a running server.

use anyhow::{Context, bail};
use bytes::Bytes;
use http::HeaderMap;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde::Deserialize;

/// Largest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 1 << 30;

/// A server's UI port.
#[derive(Debug)]
pub(crate) struct Client {
    authority: String,
    base_path: String,
}

#[derive(Debug, Deserialize)]
struct ErrorAnswer {
    error: ErrorBody,
}

#[derive(Debug, Deserialize)]
struct ErrorBody {
    message: String,
}

impl Client {
    /// For an address such as `http://127.0.0.1:16686`; the scheme may be left out.
    pub(crate) fn new(server: &str) -> anyhow::Result<Self> {
        if server.starts_with("https://") {
            bail!("{server}: https is not spoken here; go through http or a tunnel");
        }
        let address = server.strip_prefix("http://").unwrap_or(server);
        let (authority, path) = address.split_once('/').unwrap_or((address, ""));
        let authority = if authority.contains(':') {
            authority.to_owned()
        } else {
            format!("{authority}:16686")
        };
        let path = path.trim_end_matches('/');
        let base_path = if path.is_empty() { String::new() } else { format!("/{path}") };
        Ok(Self { authority, base_path })
    }

    /// Host and port.
    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    /// What stands before every path; empty or beginning with a slash.
    pub(crate) fn base_path(&self) -> &str {
        &self.base_path
    }

    /// The address for a browser.
    pub(crate) fn address(&self) -> String {
        format!("http://{}{}", self.authority, self.base_path)
    }

    /// The body of `GET path`; an answer other than 2xx is an error with the server's words.
    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Bytes> {
        let (_, body) = self.stream(path).await?;
        read(body).await
    }

    /// The body of the answer to `POST path` with JSON; an answer other than 2xx is an error with the server's words.
    pub(crate) async fn post(&self, path: &str, json: String) -> anyhow::Result<Bytes> {
        let request = http::Request::post(format!("{}{path}", self.base_path))
            .header(http::header::CONTENT_TYPE, "application/json");
        let (_, body) = self.send(path, request, json.into()).await?;
        read(body).await
    }

    /// As [`Client::get`], but the headers, and a body that is still to be read.
    pub(crate) async fn stream(&self, path: &str) -> anyhow::Result<(HeaderMap, Incoming)> {
        let request = http::Request::get(format!("{}{path}", self.base_path));
        self.send(path, request, Bytes::new()).await
    }

    async fn send(
        &self,
        path: &str,
        request: http::request::Builder,
        body: Bytes,
    ) -> anyhow::Result<(HeaderMap, Incoming)> {
        let stream = tokio::net::TcpStream::connect(&self.authority).await.with_context(|| {
            format!(
                "cannot reach a Fanal server at {}; start one with `fanal serve` or name another with --server",
                self.authority
            )
        })?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        hyper::rt::Executor::execute(&TokioExecutor::new(), connection);
        let request = request.header(http::header::HOST, &self.authority).body(Full::new(body))?;
        let response = sender.send_request(request).await?;
        let status = response.status();
        let (parts, body) = response.into_parts();
        if status.is_success() {
            return Ok((parts.headers, body));
        }
        match serde_json::from_slice::<ErrorAnswer>(&read(body).await?) {
            Ok(answer) => bail!("{}", answer.error.message),
            Err(_) => {
                bail!("{} answered {status} to {path}; is it a Fanal server?", self.authority)
            }
        }
    }
}

async fn read(body: Incoming) -> anyhow::Result<Bytes> {
    let read = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
    let body = read.map_err(|error| anyhow::anyhow!("the answer could not be read: {error}"))?;
    Ok(body.to_bytes())
}

/// A query string from names and values, with `?` before it; empty without parameters.
pub(crate) fn query_string(parameters: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (name, value) in parameters {
        text.push(if text.is_empty() { '?' } else { '&' });
        text.push_str(name);
        text.push('=');
        for byte in value.bytes() {
            if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
                text.push(char::from(byte));
            } else {
                text.push_str(&format!("%{byte:02X}"));
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        let check = |input: &str, authority: &str, base: &str| {
            let client = Client::new(input).expect("valid");
            assert_eq!((&*client.authority, &*client.base_path), (authority, base), "{input}");
        };
        check("http://127.0.0.1:1", "127.0.0.1:1", "");
        check("tracing", "tracing:16686", "");
        check("http://tracing:80/fanal/", "tracing:80", "/fanal");
        assert!(Client::new("https://x").is_err());
    }

    #[test]
    fn parameters_are_escaped() {
        assert_eq!(query_string(&[("tag", "a=ü"), ("n", "1")]), "?tag=a%3D%C3%BC&n=1");
        assert_eq!(query_string(&[]), "");
    }
}
