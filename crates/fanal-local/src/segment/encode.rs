//! Encoding a batch as a segment.

use super::{EncodeOptions, SegmentError};
use fanal_model::SpanBatch;

/// Encodes a valid batch. Rows keep their order.
#[expect(unused_variables, reason = "signatures first")]
pub fn encode(batch: &SpanBatch, options: EncodeOptions) -> Result<Vec<u8>, SegmentError> {
    Err(SegmentError::Compress { part: "pending" })
}
