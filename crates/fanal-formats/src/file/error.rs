//! Why a file is not read, or not to its end.

use std::io;

/// What files may be, for messages.
const TAKEN: &str =
    "OTLP JSON, OTLP protobuf, Jaeger JSON and Zipkin JSON are taken, also in gzip or zstd";

/// Why a file is not read, or not to its end. Places are bytes of the file after decompression.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// There is nothing in it.
    #[error("the file is empty")]
    Empty,
    /// It is something else.
    #[error("the file is no file of traces but {found}; {TAKEN}")]
    Unknown {
        /// What it looks like.
        found: String,
    },
    /// It does not go on as it began.
    #[error("the file is damaged or cut off at byte {offset}: {problem}")]
    Broken {
        /// Where.
        offset: u64,
        /// What is wrong there.
        problem: String,
    },
    /// A trace, a resource with its spans, or a request is too long to be held.
    #[error(
        "the {what} at byte {offset} has more than {limit} bytes, which is the longest that is held at once; {advice}"
    )]
    ItemTooLong {
        /// What it is.
        what: &'static str,
        /// Where it begins.
        offset: u64,
        /// Most bytes.
        limit: usize,
        /// What to do.
        advice: &'static str,
    },
    /// The bytes stopped coming, or their compression is damaged.
    #[error("the file cannot be read beyond byte {offset}")]
    Read {
        /// Where.
        offset: u64,
        /// Why.
        #[source]
        source: io::Error,
    },
}
