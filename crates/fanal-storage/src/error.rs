//! Failures of a store.

use fanal_base::ErrorKind;

/// Why a store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The request can never succeed.
    #[error("{message}")]
    Invalid {
        /// What is wrong with it.
        message: String,
    },
    /// A limit is reached for now.
    #[error("{limit} is reached: {observed} of {allowed}; retry later")]
    Overloaded {
        /// Name of the limit, with its unit.
        limit: &'static str,
        /// What the request would have come to.
        observed: u64,
        /// What is allowed.
        allowed: u64,
    },
    /// The store is stopping or its disk does not take writes.
    #[error("store is unavailable: {message}; retry later")]
    Unavailable {
        /// Why.
        message: String,
    },
    /// Stored bytes do not check out.
    #[error("{object} is corrupt: {message}")]
    Corrupt {
        /// File and place in it.
        object: String,
        /// What was observed.
        message: String,
    },
    /// The system below failed.
    #[error("{operation} failed")]
    Io {
        /// Operation and object.
        operation: String,
        /// The system's word.
        #[source]
        source: std::io::Error,
    },
}

impl StoreError {
    /// How a caller reacts.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Invalid { .. } => ErrorKind::Invalid,
            Self::Overloaded { .. } => ErrorKind::Overloaded,
            Self::Unavailable { .. } => ErrorKind::Unavailable,
            Self::Corrupt { .. } => ErrorKind::Corrupt,
            Self::Io { .. } => ErrorKind::Internal,
        }
    }
}
