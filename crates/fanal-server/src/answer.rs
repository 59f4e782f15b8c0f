//! Bodies of answers: JSON within the size limit, and compression for clients that accept it.
//!
//! Every handler of an API ends here. Knows no API.

use crate::limits::{COMPRESS_BYTES_MIN, COMPRESS_INLINE_BYTES_MAX, Limits};
use crate::refusal::Refusal;
use crate::tempo;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use fanal_base::ErrorKind;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, VARY};
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body::Body as _;
use serde::Serialize;
use std::io::Write as _;

/// JSON's media type.
pub(crate) const JSON: &str = "application/json";

/// OTLP's media type for protobuf.
pub(crate) const PROTOBUF: &str = "application/x-protobuf";

/// The bytes of `value` as JSON. Fails above the size limit.
pub(crate) fn json_bytes(value: &impl Serialize, limits: &Limits) -> Result<Vec<u8>, Refusal> {
    let bytes = serde_json::to_vec(value).map_err(|error| {
        tracing::error!("writing an answer as JSON failed: {error}");
        Refusal::new(ErrorKind::Internal, "writing the answer as JSON failed")
    })?;
    within_limit(bytes, limits)
}

/// The bytes, unless they are more than an answer may have.
pub(crate) fn within_limit(bytes: Vec<u8>, limits: &Limits) -> Result<Vec<u8>, Refusal> {
    if bytes.len() > limits.answer_bytes_max {
        let message = format!(
            "answer has {} bytes, at most {} are sent; ask for fewer traces, or fetch the trace as OTLP protobuf",
            bytes.len(),
            limits.answer_bytes_max
        );
        return Err(Refusal::invalid(message));
    }
    Ok(bytes)
}

/// An answer of a type.
pub(crate) fn body(
    status: StatusCode,
    media_type: &'static str,
    bytes: impl Into<Body>,
) -> Response {
    (status, [(CONTENT_TYPE, HeaderValue::from_static(media_type))], bytes.into()).into_response()
}

/// Whether the client takes gzip.
pub(crate) fn accepts_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let mut accepted = false;
    for item in values.flat_map(|value| value.split(',')) {
        let mut parts = item.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let is_refused = parts
            .filter_map(|part| part.strip_prefix("q="))
            .any(|quality| quality.parse::<f32>().is_ok_and(|quality| quality <= 0.0));
        if name.eq_ignore_ascii_case("gzip") {
            return !is_refused;
        }
        accepted |= name == "*" && !is_refused;
    }
    accepted
}

/// Compresses answers of JSON and protobuf that are long enough.
pub(crate) async fn compress(request: Request, next: Next) -> Response {
    let is_accepted = accepts_gzip(request.headers());
    let mut response = next.run(request).await;
    if !is_compressible(&response) {
        return response;
    }
    response.headers_mut().append(VARY, HeaderValue::from_static("accept-encoding"));
    if !is_accepted {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    // The body is ours, whole, and its length was held to the limit when it was made.
    let Ok(plain) = to_bytes(body, usize::MAX).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let compressed = if plain.len() <= COMPRESS_INLINE_BYTES_MAX {
        gzip(&plain)
    } else {
        let source = plain.clone();
        tokio::task::spawn_blocking(move || gzip(&source)).await.unwrap_or_default()
    };
    let Some(compressed) = compressed else {
        return Response::from_parts(parts, Body::from(plain));
    };
    parts.headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    parts.headers.remove(CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(compressed))
}

fn is_compressible(response: &Response) -> bool {
    let is_long = response
        .body()
        .size_hint()
        .exact()
        .is_some_and(|bytes| bytes >= fanal_base::cast::wide(COMPRESS_BYTES_MIN));
    let media_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    is_long
        && !response.headers().contains_key(CONTENT_ENCODING)
        && media_type.is_some_and(|name| {
            name.starts_with(JSON) || name == PROTOBUF || name == tempo::PROTOBUF
        })
}

/// Speed counts here more than the last percent: answers are made for one reader.
fn gzip(plain: &Bytes) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(plain).ok()?;
    encoder.finish().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_accepted_when_named_and_not_refused() {
        let check = |value: &str, expect: bool| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, value.parse().expect("a header value"));
            assert_eq!(accepts_gzip(&headers), expect, "{value}");
        };
        check("gzip, deflate, br", true);
        check("br;q=1.0, GZIP;q=0.8", true);
        check("gzip;q=0", false);
        check("*", true);
        check("*, gzip;q=0.0", false);
        check("identity", false);
        assert!(!accepts_gzip(&HeaderMap::new()));
    }

    #[test]
    fn answers_are_held_to_the_limit() {
        let limits = Limits { answer_bytes_max: 4, ..Limits::default() };
        assert_eq!(json_bytes(&"ab", &limits), Ok(b"\"ab\"".to_vec()));
        assert_eq!(json_bytes(&"abc", &limits).expect_err("long").kind, ErrorKind::Invalid);
    }
}
