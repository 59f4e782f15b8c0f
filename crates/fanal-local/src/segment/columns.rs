//! Columns of one granule, decoded from their chunks.

use super::chunk::{Ahead, decode_chunk};
use super::directory::Directory;
use super::error::{Flaw, SegmentError};
use super::granule::{AttributeStats, Granule};
use super::integers::{self, Word};
use super::layout::{Column, Extent};
use super::source::ReadAt;
use super::{AttributeOwner, ColumnValues, TextColumn, TextValues, attributes, ids, text};
use fanal_base::cast;
use fanal_model::nested::{Reader, unzigzag};
use fanal_model::{DictionaryColumn, SpanId, TraceId};

/// Reads the columns of one granule.
#[derive(Debug)]
pub(super) struct GranuleReader<'a> {
    pub(super) source: &'a dyn ReadAt,
    pub(super) directory: &'a Directory,
    pub(super) granule: &'a Granule,
    pub(super) ahead: Option<Ahead>,
}

impl GranuleReader<'_> {
    /// Reads the chunks of the first `columns` columns in one piece, and of attributes too where it is all of them.
    pub(super) fn read_ahead(&mut self, end: u32) -> Result<(), SegmentError> {
        let extent = Extent::within(self.granule.offset, 0..end);
        self.ahead = Some(Ahead::read(self.source, extent)?);
        Ok(())
    }

    /// End of the last chunk.
    pub(super) fn end(&self) -> u32 {
        let columns_end = self.granule.column_ends[Column::LinkShapes as usize];
        self.granule.attributes.last().map_or(columns_end, |stats| stats.end)
    }

    fn rows(&self) -> usize {
        self.granule.row_count()
    }

    fn item_count(&self, owner: AttributeOwner) -> usize {
        match owner {
            AttributeOwner::Span => self.rows(),
            AttributeOwner::Event => cast::index(self.granule.event_count),
            AttributeOwner::Link => cast::index(self.granule.link_count),
        }
    }

    /// Decodes a column; `None` where it has no chunk.
    fn decode<T>(
        &self,
        column: Column,
        decode: impl FnOnce(&mut Reader<'_>) -> Result<T, Flaw>,
    ) -> Result<Option<T>, SegmentError> {
        let place = column as usize;
        let start = if place == 0 { 0 } else { self.granule.column_ends[place - 1] };
        let extent = Extent::within(self.granule.offset, start..self.granule.column_ends[place]);
        if extent.length == 0 {
            return Ok(None);
        }
        decode_chunk(self.source, self.ahead.as_ref(), extent, column.name(), decode).map(Some)
    }

    fn corrupt(&self, column: Column, found: &'static str) -> SegmentError {
        SegmentError::Corrupt { part: column.name(), offset: self.granule.offset, found }
    }

    /// A column of integers; zeros where it has no chunk.
    pub(super) fn integers<T: Word>(
        &self,
        column: Column,
        count: usize,
    ) -> Result<Vec<T>, SegmentError> {
        let values = self.decode(column, |reader| integers::read(reader, count))?;
        Ok(values.unwrap_or_else(|| vec![T::low(0); count]))
    }

    /// A column of integers by row.
    pub(super) fn by_row<T: Word>(&self, column: Column) -> Result<Vec<T>, SegmentError> {
        self.integers(column, self.rows())
    }

    /// Integers where any is not zero.
    pub(super) fn sparse(
        &self,
        column: Column,
        owner: AttributeOwner,
    ) -> Result<Option<Vec<u32>>, SegmentError> {
        let count = self.item_count(owner);
        self.decode(column, |reader| integers::read(reader, count))
    }

    pub(super) fn trace_ids(&self) -> Result<Vec<TraceId>, SegmentError> {
        let rows = self.rows();
        self.decode(Column::TraceIds, |reader| ids::read_trace_ids(reader, rows))?
            .ok_or_else(|| self.corrupt(Column::TraceIds, "no chunk"))
    }

    pub(super) fn span_ids(&self) -> Result<Vec<SpanId>, SegmentError> {
        let rows = self.rows();
        self.decode(Column::SpanIds, |reader| ids::read_span_ids(reader, rows))?
            .ok_or_else(|| self.corrupt(Column::SpanIds, "no chunk"))
    }

    pub(super) fn parents(&self, span_ids: &[SpanId]) -> Result<Vec<SpanId>, SegmentError> {
        let parents = self.decode(Column::Parents, |reader| ids::read_parents(reader, span_ids))?;
        Ok(parents.unwrap_or_else(|| vec![SpanId::default(); span_ids.len()]))
    }

    /// End minus start, wrapped and signed.
    pub(super) fn signed_durations(&self) -> Result<Vec<i64>, SegmentError> {
        let durations: Vec<u64> = self.by_row(Column::Durations)?;
        Ok(durations.into_iter().map(unzigzag).collect())
    }

    /// Texts of a column of any owner.
    pub(super) fn texts(&self, column: TextColumn) -> Result<TextValues, SegmentError> {
        let count = self.item_count(column.owner());
        let extent = self.directory.texts.get(column.place());
        let has_dictionary = extent.is_some_and(|extent| extent.length > 0);
        let texts =
            self.decode(column.column(), |reader| text::read_texts(reader, count, has_dictionary))?;
        match texts {
            Some(texts) => Ok(texts),
            None if has_dictionary => Ok(TextValues::Coded(vec![0; count])),
            None if count == 0 => Ok(TextValues::Local(DictionaryColumn::default())),
            None => Err(self.corrupt(column.column(), "no chunk")),
        }
    }

    /// Codes of a column that always has a dictionary.
    pub(super) fn codes(&self, column: TextColumn) -> Result<Vec<u32>, SegmentError> {
        match self.texts(column)? {
            TextValues::Coded(codes) => Ok(codes),
            TextValues::Local(_) => Err(self.corrupt(column.column(), "no dictionary")),
        }
    }

    /// By row: one past its last event or link.
    pub(super) fn item_ends(&self, owner: AttributeOwner) -> Result<Vec<u32>, SegmentError> {
        let column = match owner {
            AttributeOwner::Link => Column::LinkCounts,
            _ => Column::EventCounts,
        };
        let mut ends: Vec<u32> = self.by_row(column)?;
        let mut sum = 0_u32;
        for end in &mut ends {
            sum = sum.checked_add(*end).ok_or_else(|| self.corrupt(column, "counts"))?;
            *end = sum;
        }
        if cast::index(sum) == self.item_count(owner) {
            Ok(ends)
        } else {
            Err(self.corrupt(column, "counts do not add up"))
        }
    }

    /// Event times as differences from their span's start, wrapped and signed.
    pub(super) fn event_times(&self) -> Result<Vec<i64>, SegmentError> {
        let times: Vec<u64> =
            self.integers(Column::EventTimes, self.item_count(AttributeOwner::Event))?;
        Ok(times.into_iter().map(unzigzag).collect())
    }

    pub(super) fn link_ids(&self) -> Result<(Vec<TraceId>, Vec<SpanId>), SegmentError> {
        let count = self.item_count(AttributeOwner::Link);
        if count == 0 {
            return Ok((Vec::new(), Vec::new()));
        }
        let trace_ids =
            self.decode(Column::LinkTraceIds, |reader| ids::read_trace_ids(reader, count))?;
        let span_ids =
            self.decode(Column::LinkSpanIds, |reader| ids::read_span_ids(reader, count))?;
        trace_ids.zip(span_ids).ok_or_else(|| self.corrupt(Column::LinkTraceIds, "no chunk"))
    }

    pub(super) fn link_flags(&self) -> Result<Vec<u32>, SegmentError> {
        self.integers(Column::LinkFlags, self.item_count(AttributeOwner::Link))
    }

    /// Shape codes of all items of an owner, each below `shape_count`.
    pub(super) fn shapes(
        &self,
        owner: AttributeOwner,
        shape_count: usize,
    ) -> Result<Vec<u32>, SegmentError> {
        let count = self.item_count(owner);
        let shapes: Vec<u32> = self.integers(owner.shapes(), count)?;
        let is_known = shapes.iter().all(|&shape| cast::index(shape) < shape_count);
        if is_known { Ok(shapes) } else { Err(self.corrupt(owner.shapes(), "unknown shape")) }
    }

    /// Values of an attribute column of which `stats` are known.
    pub(super) fn values(&self, stats: &AttributeStats) -> Result<ColumnValues, SegmentError> {
        let granule = self.granule;
        let place = granule.attributes.partition_point(|other| other.end < stats.end);
        let before = place.checked_sub(1).and_then(|last| granule.attributes.get(last));
        let columns_end = granule.column_ends[Column::LinkShapes as usize];
        let start = before.map_or(columns_end, |before| before.end);
        let part = "attribute values";
        let meta = self
            .directory
            .tables
            .get(stats.owner.place())
            .and_then(|table| table.columns.get(cast::index(stats.column)));
        let corrupt = |found| SegmentError::Corrupt { part, offset: granule.offset, found };
        let meta = meta.ok_or_else(|| corrupt("unknown column"))?;
        let count = cast::index(stats.count);
        if meta.kind == Some(fanal_model::AttributeType::Empty) {
            return Ok(ColumnValues::Empty(count));
        }
        let extent = Extent::within(granule.offset, start..stats.end);
        decode_chunk(self.source, self.ahead.as_ref(), extent, part, |reader| {
            attributes::decode_values(reader, meta, count)
        })
    }
}
