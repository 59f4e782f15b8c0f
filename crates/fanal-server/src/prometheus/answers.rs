//! Prometheus' envelope: what was asked for with warnings beside it, or an error of a type. Every handler ends here.

use super::promql::PromqlError;
use crate::answer::{self, JSON};
use crate::refusal::Refusal;
use crate::state::App;
use axum::response::{IntoResponse, Response};
use fanal_base::{ErrorKind, cast};
use http::StatusCode;
use serde::ser::SerializeTuple as _;
use serde::{Serialize, Serializer};
use serde_json::json;
use std::collections::BTreeSet;

/// What a handler answers.
pub(super) type Answer = Result<Response, PrometheusRefusal>;

/// A refusal that is written in the envelope.
#[derive(Debug)]
pub(super) struct PrometheusRefusal {
    refusal: Refusal,
    /// Whether the query is sound and its data is not.
    is_of_execution: bool,
}

impl From<Refusal> for PrometheusRefusal {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, is_of_execution: false }
    }
}

impl From<PromqlError> for PrometheusRefusal {
    fn from(error: PromqlError) -> Self {
        let is_of_execution = matches!(error, PromqlError::Execution(_));
        Self { refusal: error.into(), is_of_execution }
    }
}

impl IntoResponse for PrometheusRefusal {
    fn into_response(self) -> Response {
        let refusal = self.refusal;
        let (status, kind) = match refusal.kind {
            _ if self.is_of_execution => (StatusCode::UNPROCESSABLE_ENTITY, "execution"),
            _ if refusal.is_late => (StatusCode::SERVICE_UNAVAILABLE, "timeout"),
            ErrorKind::Invalid => (StatusCode::BAD_REQUEST, "bad_data"),
            ErrorKind::NotFound => (StatusCode::NOT_FOUND, "not_found"),
            ErrorKind::Overloaded | ErrorKind::Unavailable => {
                (StatusCode::SERVICE_UNAVAILABLE, "unavailable")
            }
            ErrorKind::Corrupt | ErrorKind::Internal => {
                (StatusCode::INTERNAL_SERVER_ERROR, "internal")
            }
        };
        let envelope = json!({"status": "error", "errorType": kind, "error": refusal.message});
        answer::body(status, JSON, envelope.to_string())
    }
}

#[derive(Debug, Serialize)]
struct Envelope<'a, T> {
    status: &'static str,
    data: &'a T,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    warnings: BTreeSet<String>,
}

/// Data in the envelope.
pub(super) fn success<T: Serialize>(app: &App, data: &T, warnings: BTreeSet<String>) -> Answer {
    let envelope = Envelope { status: "success", data, warnings };
    let bytes = answer::json_bytes(&envelope, &app.given.limits)?;
    Ok(answer::body(StatusCode::OK, JSON, bytes))
}

/// A number at a time: seconds, and the number as text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sample {
    pub(super) unix_seconds: f64,
    value: f64,
}

impl Sample {
    pub(super) fn new(unix_nanos: u64, value: f64) -> Self {
        Self { unix_seconds: cast::figure(unix_nanos / 1_000_000) / 1e3, value }
    }
}

impl Serialize for Sample {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut pair = serializer.serialize_tuple(2)?;
        pair.serialize_element(&self.unix_seconds)?;
        pair.serialize_element(&number_text(self.value))?;
        pair.end()
    }
}

/// A number as Prometheus writes it.
pub(super) fn number_text(value: f64) -> String {
    if value == f64::INFINITY {
        "+Inf".to_owned()
    } else if value == f64::NEG_INFINITY {
        "-Inf".to_owned()
    } else {
        value.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_text_and_times_are_seconds() {
        let check = |unix_nanos: u64, value: f64, expect: &str| {
            let written = serde_json::to_string(&Sample::new(unix_nanos, value)).expect("JSON");
            assert_eq!(written, expect);
        };
        check(1_767_225_600_123_456_789, 0.1, r#"[1767225600.123,"0.1"]"#);
        check(5_000_000_000, 3.0, r#"[5.0,"3"]"#);
        check(0, f64::NAN, r#"[0.0,"NaN"]"#);
        check(0, f64::INFINITY, r#"[0.0,"+Inf"]"#);
        check(0, f64::NEG_INFINITY, r#"[0.0,"-Inf"]"#);
    }
}
