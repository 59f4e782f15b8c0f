//! Handing out stored spans in pieces, for exports: every span of the traces that a search would find.

use crate::error::StoreError;
use crate::predicate::SpanCondition;
use fanal_model::IndexedBatch;
use std::fmt::Debug;

/// Most traces that an export with conditions or a time range is made of; more are refused.
pub const EXPORT_TRACES_MAX: usize = 2_000_000;

/// An export: all spans of every trace that has a span on which every condition holds and that starts in the range.
#[derive(Debug, Clone, PartialEq)]
pub struct ExportSpans {
    /// Conditions, combined by AND on one span.
    pub conditions: Vec<SpanCondition>,
    /// Earliest start of that span, inclusive, nanoseconds since the Unix epoch.
    pub start_min_unix_nanos: u64,
    /// Latest start of that span, inclusive.
    pub start_max_unix_nanos: u64,
}

impl ExportSpans {
    /// Whether it is everything there is, so that nothing need be searched.
    pub fn is_everything(&self) -> bool {
        self.conditions.is_empty()
            && self.start_min_unix_nanos == 0
            && self.start_max_unix_nanos == u64::MAX
    }
}

/// The spans of an export, piece by piece, as they were at the moment of asking.
pub trait SpanPieces: Send + Debug {
    /// The next spans, in no order; `None` at the end. May block. A failure tells of spans that could not be read; asking
    /// on leaves them out.
    fn next_piece(&mut self) -> Result<Option<IndexedBatch>, StoreError>;

    /// Why spans may be missing, as far as it is known before the first piece.
    fn warnings(&self) -> &[String];
}

/// Spans that are in memory already.
#[derive(Debug, Default)]
pub struct ReadyPieces(pub Option<IndexedBatch>);

impl SpanPieces for ReadyPieces {
    fn next_piece(&mut self) -> Result<Option<IndexedBatch>, StoreError> {
        Ok(self.0.take())
    }

    fn warnings(&self) -> &[String] {
        &[]
    }
}
