//! Why a request is refused, in terms of every protocol at once.
//!
//! Built by whatever step fails, answered by the door in its protocol's words, counted by kind. Invariant: a
//! refusal that a later try may not meet carries a wait, any other carries none.

use fanal_base::ErrorKind;
use fanal_pipeline::{Pipeline, PipelineError, RequestRejection};
use http::StatusCode;
use std::error::Error;
use std::fmt::Write;
use std::time::Duration;

/// Status codes of gRPC that Fanal answers (<https://grpc.io/docs/guides/status-codes/>).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GrpcCode {
    InvalidArgument = 3,
    ResourceExhausted = 8,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
}

impl GrpcCode {
    pub(crate) fn number(self) -> i32 {
        self as i32
    }
}

/// A refused request.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) kind: RequestRejection,
    pub(crate) message: String,
    pub(crate) grpc_code: GrpcCode,
    /// Present exactly where the same request may succeed later.
    pub(crate) retry_after: Option<Duration>,
}

impl Refusal {
    /// A refusal that stands however often the request is sent.
    pub(crate) fn lasting(kind: RequestRejection, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), grpc_code: grpc_code(kind), retry_after: None }
    }

    /// A refusal of a request that may succeed later.
    pub(crate) fn passing(kind: RequestRejection, message: String, retry_after: Duration) -> Self {
        Self { kind, message, grpc_code: grpc_code(kind), retry_after: Some(retry_after) }
    }

    /// A request that breaks gRPC's own rules rather than those of the service.
    pub(crate) fn grpc_protocol(code: GrpcCode, message: impl Into<String>) -> Self {
        Self { grpc_code: code, ..Self::lasting(RequestRejection::Invalid, message) }
    }

    /// What the pipeline answered.
    pub(crate) fn from_pipeline(error: &PipelineError, pipeline: &Pipeline) -> Self {
        let kind = match (error, error.kind()) {
            (PipelineError::TooLarge { .. }, _) => RequestRejection::TooLarge,
            (_, ErrorKind::Invalid | ErrorKind::NotFound) => RequestRejection::Invalid,
            (_, ErrorKind::Overloaded) => RequestRejection::Overloaded,
            (_, ErrorKind::Unavailable) => RequestRejection::Unavailable,
            (_, ErrorKind::Corrupt | ErrorKind::Internal) => RequestRejection::Internal,
        };
        let message = chain(error);
        if error.kind().is_retryable() {
            Self::passing(kind, message, pipeline.retry_after())
        } else {
            Self::lasting(kind, message)
        }
    }

    /// The status of an HTTP answer.
    pub(crate) fn http_status(&self) -> StatusCode {
        match self.kind {
            RequestRejection::Invalid => StatusCode::BAD_REQUEST,
            RequestRejection::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            RequestRejection::Unsupported => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            RequestRejection::Overloaded => StatusCode::TOO_MANY_REQUESTS,
            // Not 408: OTLP senders drop what they were sending on it.
            RequestRejection::Incomplete | RequestRejection::Unavailable => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            RequestRejection::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Whole seconds for a `Retry-After` header, at least 1.
    pub(crate) fn retry_after_seconds(&self) -> Option<u64> {
        let wait = self.retry_after?;
        Some((wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1))
    }
}

fn grpc_code(kind: RequestRejection) -> GrpcCode {
    match kind {
        RequestRejection::Invalid => GrpcCode::InvalidArgument,
        RequestRejection::TooLarge | RequestRejection::Overloaded => GrpcCode::ResourceExhausted,
        RequestRejection::Unsupported => GrpcCode::Unimplemented,
        RequestRejection::Incomplete | RequestRejection::Unavailable => GrpcCode::Unavailable,
        RequestRejection::Internal => GrpcCode::Internal,
    }
}

/// An error with everything that caused it, in one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let _ = write!(text, ": {cause}");
        source = cause.source();
    }
    text
}
