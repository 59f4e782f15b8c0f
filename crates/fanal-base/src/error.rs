//! The one classification of failures, from which retries and protocol statuses follow.
//!
//! Every error type of the project answers `kind()` with one of these; doors translate the kind alone.

/// What went wrong, as far as a caller must know to react.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The thing asked for does not exist.
    NotFound,
    /// The request is wrong and will be wrong again.
    Invalid,
    /// Stored bytes do not check out.
    Corrupt,
    /// A limit is reached; the same request may succeed later.
    Overloaded,
    /// A part is stopping, starting or unreachable; retry.
    Unavailable,
    /// A bug or an unexpected failure of the system below.
    Internal,
}

impl ErrorKind {
    /// Whether the same request may succeed later.
    pub fn is_retryable(self) -> bool {
        matches!(self, Self::Overloaded | Self::Unavailable)
    }

    /// The word used in answers and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::Invalid => "invalid",
            Self::Corrupt => "corrupt",
            Self::Overloaded => "overloaded",
            Self::Unavailable => "unavailable",
            Self::Internal => "internal",
        }
    }
}
