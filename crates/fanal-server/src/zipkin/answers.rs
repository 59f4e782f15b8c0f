//! Answers and refusals in Zipkin's words: JSON, plain text for errors, and warnings in a header.
//!
//! Every handler ends here.

use crate::answer::{self, JSON};
use crate::limits::Limits;
use crate::refusal::Refusal;
use axum::response::{IntoResponse, Response};
use fanal_query::QueryError;
use http::header::{CACHE_CONTROL, HeaderName};
use http::{HeaderValue, StatusCode};
use serde::Serialize;

/// Says why an answer may lack something.
pub(crate) const WARNING: HeaderName = HeaderName::from_static("x-fanal-warning");

/// Longest header of a warning, in bytes.
const WARNING_BYTES_MAX: usize = 1 << 10;

/// How long a list of names may be kept.
const NAMES_CACHE: HeaderValue = HeaderValue::from_static("max-age=300, must-revalidate");

/// Lists of names up to so many are not kept: a young installation grows.
pub(crate) const NAMES_UNCACHED_MAX: usize = 3;

/// What a handler answers.
pub(crate) type Answer = Result<Response, ZipkinRefusal>;

/// A [`Refusal`] that is written as plain text.
#[derive(Debug)]
pub(crate) struct ZipkinRefusal(pub(crate) Refusal);

impl From<Refusal> for ZipkinRefusal {
    fn from(refusal: Refusal) -> Self {
        Self(refusal)
    }
}

impl From<QueryError> for ZipkinRefusal {
    fn from(error: QueryError) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for ZipkinRefusal {
    fn into_response(self) -> Response {
        answer::body(self.0.status(), "text/plain; charset=utf-8", self.0.message)
    }
}

/// A value as JSON, with what the reader must know of it.
pub(crate) fn json(value: &impl Serialize, warnings: &[String], limits: &Limits) -> Answer {
    let bytes = answer::json_bytes(value, limits)?;
    Ok(with_warnings(answer::body(StatusCode::OK, JSON, bytes), warnings))
}

/// Adds the header where there is a warning.
pub(crate) fn with_warnings(mut response: Response, warnings: &[String]) -> Response {
    if !warnings.is_empty() {
        let visible = |c: char| if c.is_ascii_graphic() { c } else { ' ' };
        let text: String =
            warnings.join("; ").chars().map(visible).take(WARNING_BYTES_MAX).collect();
        if let Ok(value) = HeaderValue::from_str(&text) {
            response.headers_mut().insert(WARNING, value);
        }
    }
    response
}

/// Lets clients keep the answer for a while.
pub(crate) fn cached(mut response: Response, is_worth: bool) -> Response {
    if is_worth {
        response.headers_mut().insert(CACHE_CONTROL, NAMES_CACHE);
    }
    response
}
