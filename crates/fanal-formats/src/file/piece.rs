//! A part of a file that decodes alone.

use super::FileFormat;
use crate::decoded::{DecodeError, Decoded};
use crate::{jaeger, otlp, zipkin};

/// A part of a file that decodes alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// What it holds.
    pub format: FileFormat,
    /// Where it begins, in bytes of the file after decompression.
    pub offset: u64,
    /// It.
    pub bytes: Vec<u8>,
}

impl Piece {
    /// Its spans. `arrived_unix_nanos` is the start of spans that tell no time at all.
    ///
    /// Fails where what the piece holds is not what it looks like; a span that breaks a rule or a limit is refused alone.
    pub fn decode(&self, arrived_unix_nanos: u64) -> Result<Decoded, DecodeError> {
        let bytes = &*self.bytes;
        match self.format {
            FileFormat::OtlpJson => otlp::json::decode_request(bytes),
            FileFormat::OtlpProtobuf => otlp::protobuf::decode_request(bytes),
            FileFormat::JaegerJson => jaeger::decode_query_json(bytes),
            FileFormat::ZipkinV1Json => {
                zipkin::decode(zipkin::Format::V1Json, bytes, arrived_unix_nanos)
            }
            FileFormat::ZipkinV2Json => {
                zipkin::decode(zipkin::Format::V2Json, bytes, arrived_unix_nanos)
            }
        }
    }
}
