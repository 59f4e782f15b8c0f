//! Files of traces, whatever tool wrote them: told by their content, read piece by piece, decoded by the other modules.
//!
//! The binary and the server feed a stream of bytes into a [`FileReader`] and get pieces that each decode alone, so that
//! a file of any length takes the memory of its largest item. Invariant: what cannot be read is told with its place, and
//! everything before it was handed out. Knows no path, no socket and no store.

mod error;
mod first_bytes;
mod item;
mod json_items;
mod piece;
mod protobuf_items;
mod reader;
mod source;
mod tally;

pub use error::FileError;
pub use first_bytes::{Encoding, detect};
pub use piece::Piece;
pub use reader::{FileLimits, FileReader, PIECE_BYTES};
pub use tally::{Part, Tally, TallyReject};

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileFormat {
    /// OTLP requests in JSON: one, one a line, or the answer of a query API.
    OtlpJson,
    /// OTLP requests in protobuf: one, or each with its length before it.
    OtlpProtobuf,
    /// Traces as Jaeger's UI saves them.
    JaegerJson,
    /// Lists of spans of Zipkin's first version, in JSON.
    ZipkinV1Json,
    /// Lists of spans of Zipkin's second version, in JSON.
    ZipkinV2Json,
}

impl FileFormat {
    /// Its name for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OtlpJson => "OTLP JSON",
            Self::OtlpProtobuf => "OTLP protobuf",
            Self::JaegerJson => "Jaeger JSON",
            Self::ZipkinV1Json => "Zipkin v1 JSON",
            Self::ZipkinV2Json => "Zipkin v2 JSON",
        }
    }
}
