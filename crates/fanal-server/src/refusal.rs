//! The one form of a refusal inside this crate, before an API writes it in its own words.
//!
//! Handlers and the query crate's errors feed it; `native::error` and `jaeger::error` render it. The kind alone
//! decides the status. A failure that is not the client's is logged here, once, with its whole chain.

use fanal_base::ErrorKind;
use fanal_query::QueryError;
use http::StatusCode;
use std::error::Error;
use std::fmt::Write as _;

/// Why a request gets no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// What a client must know to react.
    pub(crate) kind: ErrorKind,
    /// For a person.
    pub(crate) message: String,
    /// The parameter at fault.
    pub(crate) parameter: Option<String>,
    /// Whether the time for the question was over.
    pub(crate) is_late: bool,
}

impl Refusal {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), parameter: None, is_late: false }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotFound, message)
    }

    /// The refusal of one parameter.
    pub(crate) fn parameter(name: &str, message: impl Into<String>) -> Self {
        Self { parameter: Some(name.to_owned()), ..Self::invalid(message) }
    }

    pub(crate) fn status(&self) -> StatusCode {
        match self.kind {
            ErrorKind::Invalid => StatusCode::BAD_REQUEST,
            ErrorKind::NotFound => StatusCode::NOT_FOUND,
            ErrorKind::Overloaded => StatusCode::TOO_MANY_REQUESTS,
            ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            ErrorKind::Corrupt | ErrorKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl From<QueryError> for Refusal {
    fn from(error: QueryError) -> Self {
        let message = chain(&error);
        let kind = error.kind();
        if matches!(kind, ErrorKind::Corrupt | ErrorKind::Internal) {
            tracing::error!("question failed: {message}");
        }
        Self::new(kind, message)
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

#[cfg(test)]
mod tests {
    use super::*;
    use fanal_storage::StoreError;

    #[test]
    fn kinds_decide_statuses() {
        let check = |error: StoreError, status: u16, message: &str| {
            let refusal = Refusal::from(QueryError::from(error));
            assert_eq!((refusal.status().as_u16(), refusal.message.as_str()), (status, message));
        };
        check(StoreError::Invalid { message: "bad".into() }, 400, "bad");
        check(
            StoreError::Overloaded { limit: "head_bytes_max", observed: 2, allowed: 1 },
            429,
            "head_bytes_max is reached: 2 of 1; retry later",
        );
        check(
            StoreError::Unavailable { message: "stopping".into() },
            503,
            "store is unavailable: stopping; retry later",
        );
        let source = std::io::Error::other("no such disk");
        check(
            StoreError::Io { operation: "read of block 7".into(), source },
            500,
            "read of block 7 failed: no such disk",
        );
        assert_eq!(Refusal::not_found("none").status().as_u16(), 404);
    }
}
