//! The tier's only way to an object store, so that tests can fail, slow and empty it at every call.
//!
//! Calls block. Asked by the mover and by reads of blocks that moved. [`super::RemoteBucket`] is the real one;
//! [`super::MemoryBucket`] is for tests and simulation.

use crate::segment::ReadAt;
use bytes::Bytes;
use fanal_base::ErrorKind;
use std::fmt::Debug;
use std::ops::Range;

/// A place for objects: whole files that are written once, read in parts, and removed.
///
/// An object is visible once [`Bucket::put`] has succeeded, whole or not at all, and stays until it is removed.
pub trait Bucket: Send + Sync + Debug {
    /// What an operator calls it: its URL, without secrets.
    fn name(&self) -> &str;

    /// Writes an object, in place of one of that name, durably.
    fn put(&self, object: &str, content: &dyn ReadAt) -> Result<(), BucketError>;

    /// Length of an object in bytes.
    fn byte_length(&self, object: &str) -> Result<u64, BucketError>;

    /// Reads ranges of an object, at the same time where that is faster; each answer has the length of its range.
    fn read(&self, object: &str, ranges: &[Range<u64>]) -> Result<Vec<Bytes>, BucketError>;

    /// Removes an object; one that is not there is fine.
    fn remove(&self, object: &str) -> Result<(), BucketError>;

    /// Lets calls under way and later ones fail soon, because the store is closing.
    fn close(&self) {}
}

/// Why an object store did not do what it was asked. The words stand in warnings of answers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BucketError {
    /// It has no such object.
    #[error("the object store has no {object}")]
    NotFound {
        /// Name of the object.
        object: String,
    },
    /// It did not answer in time, could not be reached, or said that it is overloaded or closing.
    #[error("the object store {bucket} cannot be reached: {message}")]
    Unavailable {
        /// Its name.
        bucket: String,
        /// What was observed.
        message: String,
    },
    /// It refused: no such bucket, wrong credentials, not allowed, not supported.
    #[error("the object store {bucket} refused: {message}")]
    Refused {
        /// Its name.
        bucket: String,
        /// What was observed.
        message: String,
    },
    /// It answered something that cannot be.
    #[error("the object store {bucket} answered wrongly: {message}")]
    Wrong {
        /// Its name.
        bucket: String,
        /// What was observed.
        message: String,
    },
    /// The local file of an object to write did not read.
    #[error("a local file did not read: {message}")]
    Local {
        /// The system's word.
        message: String,
    },
}

impl BucketError {
    /// How a caller reacts.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound { .. } => ErrorKind::NotFound,
            Self::Unavailable { .. } => ErrorKind::Unavailable,
            Self::Refused { .. } => ErrorKind::Invalid,
            Self::Wrong { .. } => ErrorKind::Corrupt,
            Self::Local { .. } => ErrorKind::Internal,
        }
    }
}

impl From<BucketError> for std::io::Error {
    fn from(error: BucketError) -> Self {
        let kind = match error.kind() {
            ErrorKind::NotFound => std::io::ErrorKind::NotFound,
            ErrorKind::Unavailable => std::io::ErrorKind::TimedOut,
            ErrorKind::Corrupt => std::io::ErrorKind::InvalidData,
            _ => std::io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}
