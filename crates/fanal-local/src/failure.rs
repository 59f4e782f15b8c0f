//! Translation of failures below into the store's errors.

use crate::segment::SegmentError;
use fanal_base::{ErrorKind, cast};
use fanal_storage::StoreError;
use std::io;
use std::path::Path;

/// For `map_err` on file operations: names operation and file.
pub(crate) fn io(operation: &str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let operation = format!("{operation} {}", path.display());
    move |source| StoreError::Io { operation, source }
}

/// For `map_err` on segment operations: names the object.
pub(crate) fn segment(object: &str) -> impl FnOnce(SegmentError) -> StoreError {
    move |error| match error.kind() {
        ErrorKind::Corrupt => {
            StoreError::Corrupt { object: object.to_owned(), message: error.to_string() }
        }
        ErrorKind::Invalid => StoreError::Invalid { message: chain(&error) },
        _ => StoreError::Io {
            operation: format!("reading or writing {object}"),
            source: io::Error::other(error),
        },
    }
}

/// An error with what caused it, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

/// The answer of an engine that ends.
pub(crate) fn stopping() -> StoreError {
    StoreError::Unavailable { message: "the embedded engine is stopping".to_owned() }
}

/// A disk that does not take a new tenant now may take it later.
pub(crate) fn unavailable(error: StoreError) -> StoreError {
    match error {
        StoreError::Io { .. } => StoreError::Unavailable { message: chain(&error) },
        other => other,
    }
}

/// A limit that is reached.
pub(crate) fn overloaded(limit: &'static str, observed: usize, allowed: usize) -> StoreError {
    StoreError::Overloaded { limit, observed: cast::wide(observed), allowed: cast::wide(allowed) }
}
