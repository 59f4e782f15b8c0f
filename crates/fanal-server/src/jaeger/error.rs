//! Refusals in Jaeger's words: its envelope without data, sent as text.

use super::types::{JaegerEnvelope, JaegerError};
use crate::answer;
use crate::refusal::Refusal;
use axum::response::{IntoResponse, Response};
use fanal_query::QueryError;

/// The type that Jaeger sends its errors as.
const TEXT: &str = "text/plain; charset=utf-8";

/// A [`Refusal`] that is written in Jaeger's envelope.
#[derive(Debug)]
pub(crate) struct JaegerRefusal(pub(crate) Refusal);

impl From<Refusal> for JaegerRefusal {
    fn from(refusal: Refusal) -> Self {
        Self(refusal)
    }
}

impl From<QueryError> for JaegerRefusal {
    fn from(error: QueryError) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for JaegerRefusal {
    fn into_response(self) -> Response {
        let status = self.0.status();
        let error =
            JaegerError { code: Some(status.as_u16()), msg: self.0.message, trace_id: None };
        let envelope = JaegerEnvelope::new((), 0, vec![error]);
        answer::body(status, TEXT, serde_json::to_vec(&envelope).unwrap_or_default())
    }
}
