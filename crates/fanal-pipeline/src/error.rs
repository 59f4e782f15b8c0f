//! Failures of the pipeline.
//!
//! Receivers turn the kind into their protocol's status.

use fanal_base::ErrorKind;
use fanal_storage::StoreError;

/// Why spans were not taken.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// The bytes in flight are used up for now.
    #[error(
        "in_flight_bytes_max is reached: the request needs {requested} bytes more, \
         {used} of {allowed} are in use; retry later"
    )]
    Overloaded {
        /// Bytes asked for.
        requested: usize,
        /// Bytes in use.
        used: usize,
        /// Bytes allowed.
        allowed: usize,
    },
    /// One request needs more than all requests together may have.
    #[error(
        "request needs {requested} bytes of memory, above in_flight_bytes_max of {allowed}; \
         send smaller batches or raise in_flight_bytes_max"
    )]
    TooLarge {
        /// Bytes that the request came to.
        requested: usize,
        /// Bytes allowed.
        allowed: usize,
    },
    /// The store did not take the spans.
    #[error("spans were not stored")]
    Store(#[from] StoreError),
}

impl PipelineError {
    /// How a caller reacts.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Overloaded { .. } => ErrorKind::Overloaded,
            Self::TooLarge { .. } => ErrorKind::Invalid,
            Self::Store(error) => error.kind(),
        }
    }
}
