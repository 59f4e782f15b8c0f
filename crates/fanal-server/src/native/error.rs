//! Refusals in the words of the native API.

use super::types::{ErrorBody, ErrorResponse};
use crate::answer::{self, JSON};
use crate::refusal::Refusal;
use axum::response::{IntoResponse, Response};
use fanal_query::QueryError;
use http::HeaderValue;
use http::header::RETRY_AFTER;

/// A [`Refusal`] that is written as [`ErrorResponse`].
#[derive(Debug)]
pub(crate) struct NativeRefusal(pub(crate) Refusal);

impl From<Refusal> for NativeRefusal {
    fn from(refusal: Refusal) -> Self {
        Self(refusal)
    }
}

impl From<QueryError> for NativeRefusal {
    fn from(error: QueryError) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for NativeRefusal {
    fn into_response(self) -> Response {
        let status = self.0.status();
        let is_retryable = self.0.kind.is_retryable();
        let error = ErrorBody {
            kind: self.0.kind.as_str().to_owned(),
            message: self.0.message,
            parameter: self.0.parameter,
        };
        let bytes = serde_json::to_vec(&ErrorResponse { error }).unwrap_or_default();
        let mut response = answer::body(status, JSON, bytes);
        if is_retryable {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
