//! Reading a segment: the directory at opening, dictionaries and shapes when first asked for, columns of one granule
//! on each call.

use super::{
    AttributeColumnMeta, AttributeOwner, ColumnValues, DictionaryId, Granule, ReadAt, SegmentError,
    TextColumn, TextValues,
};
use fanal_model::{BytesTable, SpanBatch, SpanId, TraceId};
use fanal_storage::Projection;
use std::ops::Range;
use std::sync::Arc;

/// Shapes of an attribute table: lists of columns, in the order of a row's attributes.
pub type Shapes = Arc<[Box<[u32]>]>;

/// An open segment. Calls may run at the same time from many threads.
#[derive(Debug)]
pub struct Segment {
    source: Arc<dyn ReadAt>,
    granules: Vec<Granule>,
}

const PENDING: SegmentError = SegmentError::Compress { part: "pending" };

#[expect(unused_variables, reason = "signatures first")]
impl Segment {
    /// Reads the directory. Fails where magic, version, lengths or checksum are not those of a segment.
    pub fn open(source: Arc<dyn ReadAt>) -> Result<Self, SegmentError> {
        Err(PENDING)
    }

    /// Length in bytes.
    pub fn byte_length(&self) -> u64 {
        self.source.byte_length()
    }

    /// Number of rows.
    pub fn row_count(&self) -> u32 {
        self.granules.last().map_or(0, |granule| granule.rows.end)
    }

    /// Granules in row order.
    pub fn granules(&self) -> &[Granule] {
        &self.granules
    }

    /// The granule that holds a row; the number of granules where there is no such row.
    pub fn granule_of(&self, row: u32) -> usize {
        self.granules.partition_point(|granule| granule.rows.end <= row)
    }

    /// Attribute columns of an owner.
    pub fn attribute_columns(&self, owner: AttributeOwner) -> &[AttributeColumnMeta] {
        &[]
    }

    /// Columns of a key, one for each type that it has. The overflow column may hold the key too.
    pub fn columns_of_key(&self, owner: AttributeOwner, key: &str) -> Vec<u32> {
        Vec::new()
    }

    /// The overflow column of an owner, where there is one.
    pub fn overflow_column(&self, owner: AttributeOwner) -> Option<u32> {
        None
    }

    /// A dictionary; `None` where the column has none. Cached, as far as the cache's limit goes.
    pub fn dictionary(&self, id: DictionaryId) -> Result<Option<Arc<BytesTable>>, SegmentError> {
        Err(PENDING)
    }

    /// Shapes of the attributes of an owner. Cached like dictionaries.
    pub fn shapes(&self, owner: AttributeOwner) -> Result<Shapes, SegmentError> {
        Err(PENDING)
    }

    /// Bytes held by cached dictionaries and shapes.
    pub fn cached_bytes(&self) -> usize {
        0
    }

    /// Forgets cached dictionaries and shapes.
    pub fn release_cache(&self) {}

    /// Trace ids of a granule.
    pub fn trace_ids(&self, granule: usize) -> Result<Vec<TraceId>, SegmentError> {
        Err(PENDING)
    }

    /// Span ids of a granule.
    pub fn span_ids(&self, granule: usize) -> Result<Vec<SpanId>, SegmentError> {
        Err(PENDING)
    }

    /// Parent span ids of a granule; reads the span ids too.
    pub fn parent_span_ids(&self, granule: usize) -> Result<Vec<SpanId>, SegmentError> {
        Err(PENDING)
    }

    /// Starts of a granule, nanoseconds since the Unix epoch.
    pub fn starts(&self, granule: usize) -> Result<Vec<u64>, SegmentError> {
        Err(PENDING)
    }

    /// Ends of a granule, nanoseconds since the Unix epoch; reads the starts too.
    pub fn ends(&self, granule: usize) -> Result<Vec<u64>, SegmentError> {
        Err(PENDING)
    }

    /// Durations of a granule in nanoseconds, 0 where the end is not after the start.
    pub fn durations(&self, granule: usize) -> Result<Vec<u64>, SegmentError> {
        Err(PENDING)
    }

    /// Kinds of a granule, numbers of OTLP as sent.
    pub fn kinds(&self, granule: usize) -> Result<Vec<u8>, SegmentError> {
        Err(PENDING)
    }

    /// Status codes of a granule, numbers of OTLP as sent.
    pub fn status_codes(&self, granule: usize) -> Result<Vec<u8>, SegmentError> {
        Err(PENDING)
    }

    /// Flags of a granule.
    pub fn flags(&self, granule: usize) -> Result<Vec<u32>, SegmentError> {
        Err(PENDING)
    }

    /// Name codes of a granule, into the dictionary of [`TextColumn::Names`].
    pub fn name_codes(&self, granule: usize) -> Result<Vec<u32>, SegmentError> {
        Err(PENDING)
    }

    /// Resource codes of a granule, into the dictionary of [`TextColumn::Resources`].
    pub fn resource_codes(&self, granule: usize) -> Result<Vec<u32>, SegmentError> {
        Err(PENDING)
    }

    /// Scope codes of a granule, into the dictionary of [`TextColumn::Scopes`].
    pub fn scope_codes(&self, granule: usize) -> Result<Vec<u32>, SegmentError> {
        Err(PENDING)
    }

    /// Any fixed text column of a granule.
    pub fn texts(&self, column: TextColumn, granule: usize) -> Result<TextValues, SegmentError> {
        Err(PENDING)
    }

    /// By row of a granule: one past its last event, counted within the granule.
    pub fn event_ends(&self, granule: usize) -> Result<Vec<u32>, SegmentError> {
        Err(PENDING)
    }

    /// By row of a granule: one past its last link, counted within the granule.
    pub fn link_ends(&self, granule: usize) -> Result<Vec<u32>, SegmentError> {
        Err(PENDING)
    }

    /// By row (event, link) of a granule: its shape, an index into [`Segment::shapes`].
    pub fn attribute_shapes(
        &self,
        owner: AttributeOwner,
        granule: usize,
    ) -> Result<Vec<u32>, SegmentError> {
        Err(PENDING)
    }

    /// Values of an attribute column in a granule; `None` where it has none there.
    pub fn attribute_values(
        &self,
        owner: AttributeOwner,
        column: u32,
        granule: usize,
    ) -> Result<Option<ColumnValues>, SegmentError> {
        Err(PENDING)
    }

    /// For each value of [`Segment::attribute_values`], the row (event, link) within the granule that it belongs to.
    pub fn attribute_rows(
        &self,
        owner: AttributeOwner,
        column: u32,
        granule: usize,
    ) -> Result<Vec<u32>, SegmentError> {
        Err(PENDING)
    }

    /// Spans of whole granules. Dictionaries of the batch hold what its rows use, not more.
    pub fn read_batch(
        &self,
        granules: Range<usize>,
        projection: Projection,
    ) -> Result<SpanBatch, SegmentError> {
        Err(PENDING)
    }

    /// Spans of some rows; decodes the granules that hold them.
    pub fn read_rows(
        &self,
        rows: Range<u32>,
        projection: Projection,
    ) -> Result<SpanBatch, SegmentError> {
        Err(PENDING)
    }
}
