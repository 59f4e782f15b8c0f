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

const JSON_TYPE: &str = "application/json";
const MSGPACK_TYPE: &str = "application/msgpack";

/// The encodings of a request and of its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Encodings {
    pub(super) request: Encoding,
    pub(super) answer: Encoding,
}

/// The encodings that a content type asks for. Whatever is not named as another is read as JSON: Honeycomb's own examples
/// send the content type of web forms, as curl does by itself. Otherwise what to tell the sender.
pub(super) fn encodings(headers: &HeaderMap) -> Result<Encodings, String> {
    let value = headers.get(header::CONTENT_TYPE).map_or(Ok(""), HeaderValue::to_str);
    let value = value.unwrap_or("(not text)");
    let media_type = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let (request, answer) = match &*media_type {
        MSGPACK_TYPE => (Encoding::Msgpack, Encoding::Msgpack),
        // Older clients, which read answers in JSON only.
        "application/x-msgpack" => (Encoding::Msgpack, Encoding::Json),
        "application/x-protobuf" | "application/protobuf" => {
            return Err(format!(
                "content-type `{media_type}` is not supported here; send events as {JSON_TYPE} or \
                 {MSGPACK_TYPE}, and OTLP to the OTLP/HTTP port, 4318 by default"
            ));
        }
        _ => (Encoding::Json, Encoding::Json),
    };
    Ok(Encodings { request, answer })
}

/// What became of each event of a batch.
pub(super) fn batch(encoding: Encoding, outcomes: &[Option<String>]) -> Response {
    let content_type = match encoding {
        Encoding::Json => JSON_TYPE,
        Encoding::Msgpack => MSGPACK_TYPE,
    };
    encoded(StatusCode::OK, content_type, honeycomb::batch_answer(encoding, outcomes))
}

/// A single event was taken.
pub(super) fn event() -> Response {
    Response::new(Body::empty())
}

/// What a key may do.
pub(super) fn auth() -> Response {
    encoded(StatusCode::OK, JSON_TYPE, honeycomb::auth())
}

/// A failure in words.
pub(super) fn error(status: StatusCode, message: &str) -> Response {
    encoded(status, JSON_TYPE, honeycomb::error_answer(message))
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

fn encoded(status: StatusCode, content_type: &'static str, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let content_type = HeaderValue::from_static(content_type);
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_types_choose_how_to_read_and_how_to_answer() {
        use Encoding::{Json, Msgpack};
        let check = |content_type: &str, expect: Option<(Encoding, Encoding)>| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, content_type.parse().expect("header"));
            let found = encodings(&headers).ok().map(|found| (found.request, found.answer));
            assert_eq!(found, expect, "{content_type}");
        };
        check("", Some((Json, Json)));
        check("application/json; charset=utf-8", Some((Json, Json)));
        check("application/x-www-form-urlencoded", Some((Json, Json)));
        check("application/msgpack", Some((Msgpack, Msgpack)));
        check("Application/MsgPack ; v=5", Some((Msgpack, Msgpack)));
        check("application/x-msgpack", Some((Msgpack, Json)));
        check("application/x-protobuf", None);
    }
}
