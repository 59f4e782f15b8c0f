//! Refusals of the newer API: an object of their own, sent as text.

use crate::answer;
use crate::refusal::Refusal;
use axum::response::{IntoResponse, Response};
use fanal_query::QueryError;
use serde_json::json;

/// The type that Jaeger sends its errors as.
const TEXT: &str = "text/plain; charset=utf-8";

/// A [`Refusal`] in the words of `/api/v3`.
#[derive(Debug)]
pub(crate) struct V3Refusal(pub(crate) Refusal);

impl From<Refusal> for V3Refusal {
    fn from(refusal: Refusal) -> Self {
        Self(refusal)
    }
}

impl From<QueryError> for V3Refusal {
    fn from(error: QueryError) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for V3Refusal {
    fn into_response(self) -> Response {
        let status = self.0.status();
        let error = json!({"httpCode": status.as_u16(), "message": self.0.message});
        answer::body(status, TEXT, json!({ "error": error }).to_string())
    }
}
