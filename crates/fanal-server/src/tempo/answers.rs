//! Answers and refusals in Tempo's words: a message as JSON or protobuf, what it cannot say in headers, errors as text.
//!
//! Every handler ends here.

use crate::answer::{self, JSON};
use crate::refusal::Refusal;
use crate::state::App;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use fanal_base::ErrorKind;
use fanal_query::QueryError;
use http::header::{ACCEPT, HeaderName};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;

/// Tempo's media type for protobuf.
pub(crate) const PROTOBUF: &str = "application/protobuf";

const WARNING: HeaderName = HeaderName::from_static("fanal-warning");
const PARTIAL: HeaderName = HeaderName::from_static("fanal-partial");
const CURSOR: HeaderName = HeaderName::from_static("fanal-cursor");

/// Longest header of a note, in bytes.
const NOTE_BYTES_MAX: usize = 1 << 10;

/// What a handler answers.
pub(super) type Answer = Result<Response, TempoRefusal>;

/// A [`Refusal`] that is written as plain text.
#[derive(Debug)]
pub(super) struct TempoRefusal(pub(super) Refusal);

impl From<Refusal> for TempoRefusal {
    fn from(refusal: Refusal) -> Self {
        Self(refusal)
    }
}

impl From<QueryError> for TempoRefusal {
    fn from(error: QueryError) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for TempoRefusal {
    fn into_response(self) -> Response {
        let status = if self.0.is_late { StatusCode::GATEWAY_TIMEOUT } else { self.0.status() };
        text(status, self.0.message)
    }
}

/// What the message of an answer has no place for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Notes {
    /// What a person should know.
    pub(super) warnings: Vec<String>,
    /// Why the answer may lack something.
    pub(super) partial: Vec<String>,
    /// Where to go on.
    pub(super) cursor: Option<String>,
}

impl Notes {
    /// The notes as headers, each within a limit of bytes.
    pub(super) fn write(&self, headers: &mut HeaderMap) {
        for warning in &self.warnings {
            headers.extend(visible(warning).map(|text| (WARNING, text)));
        }
        let cursor = self.cursor.as_ref().and_then(|it| HeaderValue::from_str(it).ok());
        headers.extend(cursor.map(|cursor| (CURSOR, cursor)));
        if !self.partial.is_empty() {
            headers.extend(visible(&self.partial.join("; ")).map(|text| (PARTIAL, text)));
        }
    }
}

fn visible(text: &str) -> Option<HeaderValue> {
    let shown = text.chars().map(|c| if c.is_ascii_graphic() { c } else { ' ' });
    HeaderValue::from_str(&shown.take(NOTE_BYTES_MAX).collect::<String>()).ok()
}

/// Whether the client wants protobuf.
pub(super) fn wants_protobuf(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    values.into_iter().any(|value| value.contains(PROTOBUF))
}

/// A message in the form that the client wants.
pub(super) fn message<M: prost::Message + Serialize>(
    app: &App,
    headers: &HeaderMap,
    message: &M,
    notes: &Notes,
) -> Answer {
    let limits = &app.given.limits;
    let mut response = if wants_protobuf(headers) {
        let bytes = answer::within_limit(message.encode_to_vec(), limits)?;
        answer::body(StatusCode::OK, PROTOBUF, bytes)
    } else {
        answer::body(StatusCode::OK, JSON, answer::json_bytes(message, limits)?)
    };
    notes.write(response.headers_mut());
    Ok(response)
}

/// A plain text.
pub(super) fn text(status: StatusCode, text: impl Into<Body>) -> Response {
    answer::body(status, "text/plain; charset=utf-8", text)
}

/// A trace that is not there, to the first of the two calls that fetch one: an empty body.
pub(super) fn absent() -> Response {
    text(StatusCode::NOT_FOUND, Body::empty())
}

/// The status of a trace that is larger than an answer may be.
pub(super) fn too_large(refusal: Refusal) -> Response {
    match refusal.kind {
        ErrorKind::Invalid => text(StatusCode::UNPROCESSABLE_ENTITY, refusal.message),
        _ => TempoRefusal(refusal).into_response(),
    }
}
