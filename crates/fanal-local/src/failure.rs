//! Translation of failures below into the store's errors.

use crate::segment::SegmentError;
use fanal_base::ErrorKind;
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
