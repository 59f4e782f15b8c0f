//! OTLP in files, as the OpenTelemetry Collector's file exporter and receiver have it: one request after the other.
//!
//! The server streams exports in it, the binary writes and reads them. JSON is a request a line; protobuf is a request
//! with its length before it, four bytes, big endian. Follows
//! <https://github.com/open-telemetry/opentelemetry-collector-contrib/tree/main/exporter/fileexporter>.

use super::{json, protobuf};
use fanal_model::IndexedBatch;

/// Bytes of the length before a request in protobuf.
pub const LENGTH_BYTES: usize = 4;

/// Encoding of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileFormat {
    /// A request a line.
    JsonLines,
    /// A request with its length before it.
    Protobuf,
}

impl FileFormat {
    /// Both.
    pub const ALL: [Self; 2] = [Self::JsonLines, Self::Protobuf];

    /// Its word in parameters.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::JsonLines => "jsonl",
            Self::Protobuf => "protobuf",
        }
    }

    /// The format of a word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.as_str() == word)
    }
}

/// Spans as one request of a file.
pub fn encode(spans: &IndexedBatch, format: FileFormat) -> Vec<u8> {
    match format {
        FileFormat::JsonLines => {
            let mut line = json::encode_traces(&[spans]);
            line.push(b'\n');
            line
        }
        FileFormat::Protobuf => {
            let request = protobuf::encode_traces(&[spans]);
            // Spans come from requests whose length is limited, and pieces of them are shorter.
            let length = u32::try_from(request.len()).unwrap_or(u32::MAX);
            let mut framed = Vec::with_capacity(LENGTH_BYTES + request.len());
            framed.extend_from_slice(&length.to_be_bytes());
            framed.extend_from_slice(&request);
            framed
        }
    }
}

/// Length of the request that begins with these bytes of a protobuf file.
pub fn request_length(length: [u8; LENGTH_BYTES]) -> usize {
    fanal_base::cast::index(u32::from_be_bytes(length))
}
