//! Answers in the words of Honeycomb's API.
//!
//! Used by the door. Invariant: a refusal that a later try may not meet says when to come back.

use crate::compression;
use crate::refusal::Refusal;
use axum::body::Body;
use axum::response::Response;
use fanal_formats::honeycomb::{self, Encoding};
use fanal_pipeline::RequestRejection;
use http::{HeaderMap, HeaderValue, StatusCode, header};

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// The encoding of a request. Whatever is not named as another is read as JSON: Honeycomb's own examples send the content
/// type of web forms, as curl does by itself. Otherwise what to tell the sender.
pub(super) fn encoding_of(headers: &HeaderMap) -> Result<Encoding, String> {
    let value = headers.get(header::CONTENT_TYPE).map_or(Ok(""), HeaderValue::to_str);
    let value = value.unwrap_or("(not text)");
    let media_type = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if media_type.contains("msgpack") || media_type.contains("protobuf") {
        return Err(format!(
            "content-type `{media_type}` is not supported here; send events as application/json"
        ));
    }
    Ok(Encoding::Json)
}

/// What became of each event of a batch.
pub(super) fn batch(encoding: Encoding, outcomes: &[Option<String>]) -> Response {
    json(StatusCode::OK, honeycomb::batch_answer(encoding, outcomes))
}

/// A single event was taken.
pub(super) fn event() -> Response {
    Response::new(Body::empty())
}

/// What a key may do.
pub(super) fn auth() -> Response {
    json(StatusCode::OK, honeycomb::auth())
}

/// A failure in words.
pub(super) fn error(status: StatusCode, message: &str) -> Response {
    json(status, honeycomb::error_answer(message))
}

/// A request that failed as a whole.
pub(super) fn failure(refusal: &Refusal) -> Response {
    let mut response = error(refusal.http_status(), &refusal.message);
    let headers = response.headers_mut();
    if let Some(seconds) = refusal.retry_after_seconds() {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if refusal.kind == RequestRejection::Unsupported {
        let accepted = HeaderValue::from_static(compression::ACCEPTED);
        headers.insert(header::ACCEPT_ENCODING, accepted);
    }
    response
}

fn json(status: StatusCode, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    response
}
