//! Columns of one granule, or of some of its pages, decoded from their chunks.

use super::chunk::Ahead;
use super::classes::Classes;
use super::error::{Flaw, SegmentError};
use super::granule::{AttributeStats, Granule};
use super::integers::{self, Word};
use super::layout::{Column, Extent};
use super::pages::{Count, PagedChunk, Values};
use super::reader::Segment;
use super::{AttributeOwner, ColumnValues, TextColumn, TextValues, attributes, ids, text};
use fanal_base::cast;
use fanal_model::nested::{Reader, unzigzag};
use fanal_model::{AttributeType, DictionaryColumn, SpanId, TraceId};
use std::cell::OnceCell;
use std::ops::Range;
use std::sync::Arc;

/// Only numbers share tables.
const UNSHARED: Flaw = Flaw("pages with shared tables");

/// Reads the columns of some pages of a granule. Every column has the values of these pages' rows alone.
#[derive(Debug)]
pub(crate) struct GranuleReader<'a> {
    segment: &'a Segment,
    pub(super) granule: &'a Granule,
    pages: Range<usize>,
    /// By page of the granule: whether its rows are looked at; empty: they all are.
    needed: Vec<bool>,
    ahead: Option<Ahead>,
    /// Class of each row.
    class_codes: OnceCell<Vec<u32>>,
}

impl<'a> GranuleReader<'a> {
    /// Access to the pages that hold some rows, which are counted within the granule.
    pub(super) fn new(segment: &'a Segment, granule: &'a Granule, rows: &Range<usize>) -> Self {
        let pages = granule.pages_of(rows);
        let class_codes = OnceCell::new();
        Self { segment, granule, pages, needed: Vec::new(), ahead: None, class_codes }
    }

    /// The same of a whole granule for a caller who looks at marked rows only: in columns with a value a row, pages
    /// without a mark need not be decoded, and may then be zeros.
    pub(crate) fn of_marked(&self, marks: &[bool]) -> Self {
        let mut needed = Vec::with_capacity(self.granule.page_ends.len());
        let mut start = 0;
        for &end in &self.granule.page_ends {
            let end = cast::index(end);
            let is_any_marked = |marks: &[bool]| marks.iter().fold(false, |any, mark| any | mark);
            needed.push(marks.get(start..end).is_none_or(is_any_marked));
            start = end;
        }
        Self { needed, ..Self::new(self.segment, self.granule, &(0..self.granule.row_count())) }
    }

    /// Reads the chunks from the front of the granule to `end` in one piece, where all pages are wanted.
    pub(super) fn read_ahead(&mut self, end: u32) -> Result<(), SegmentError> {
        if self.is_all() {
            let extent = Extent::within(self.granule.offset, 0..end);
            self.ahead = Some(Ahead::read(self.segment.source(), extent)?);
        }
        Ok(())
    }

    /// End of the last chunk.
    pub(super) fn end(&self) -> u32 {
        let columns_end = self.granule.column_ends[Column::LinkShapes as usize];
        self.granule.attributes.last().map_or(columns_end, |stats| stats.end)
    }

    fn is_all(&self) -> bool {
        self.pages == (0..self.granule.page_ends.len())
    }

    /// Rows of the pages, counted within the granule.
    pub(super) fn rows(&self) -> Range<usize> {
        self.granule.rows_of(&self.pages)
    }

    fn item_count(&self, owner: AttributeOwner) -> Result<usize, SegmentError> {
        match owner {
            AttributeOwner::Span => Ok(self.rows().len()),
            AttributeOwner::Event if self.is_all() => Ok(cast::index(self.granule.event_count)),
            AttributeOwner::Link if self.is_all() => Ok(cast::index(self.granule.link_count)),
            _ => Ok(self.item_ends(owner)?.last().map_or(0, |&end| cast::index(end))),
        }
    }

    fn count_of(&self, column: Column) -> Count {
        match column.owner() {
            AttributeOwner::Span => Count::Rows,
            AttributeOwner::Event => Count::Items(cast::index(self.granule.event_count)),
            AttributeOwner::Link => Count::Items(cast::index(self.granule.link_count)),
        }
    }

    fn chunk(&self, extent: Extent, part: &'static str, count: Count) -> PagedChunk<'_> {
        PagedChunk {
            source: self.segment.source(),
            ahead: self.ahead.as_ref(),
            granule: self.granule,
            pages: self.pages.clone(),
            needed: if matches!(count, Count::Rows) { &self.needed } else { &[] },
            extent,
            part,
            count,
        }
    }

    /// Decodes a column; `None` where it has no chunk or no value. `decode` gets the number of values.
    fn decode<V: Values>(
        &self,
        column: Column,
        decode: impl Fn(&mut Reader<'_>, usize) -> Result<V, Flaw>,
    ) -> Result<Option<V>, SegmentError> {
        let extent = self.extent(column);
        if extent.length == 0 {
            return Ok(None);
        }
        let chunk = self.chunk(extent, column.name(), self.count_of(column));
        chunk.decode(|reader, count, _| decode(reader, count), |_| Err(UNSHARED))
    }

    fn decode_integers<T: Word>(&self, column: Column) -> Result<Option<Vec<T>>, SegmentError> {
        let extent = self.extent(column);
        if extent.length == 0 {
            return Ok(None);
        }
        let chunk = self.chunk(extent, column.name(), self.count_of(column));
        chunk.decode(|reader, count, _| integers::read(reader, count), integers::narrowed)
    }

    fn extent(&self, column: Column) -> Extent {
        let place = column as usize;
        let start = if place == 0 { 0 } else { self.granule.column_ends[place - 1] };
        Extent::within(self.granule.offset, start..self.granule.column_ends[place])
    }

    fn corrupt(&self, column: Column, found: &'static str) -> SegmentError {
        SegmentError::Corrupt { part: column.name(), offset: self.granule.offset, found }
    }

    /// A column of integers; zeros where it has no chunk.
    fn integers<T: Word>(&self, column: Column) -> Result<Vec<T>, SegmentError> {
        if let Some(values) = self.decode_integers(column)? {
            return Ok(values);
        }
        Ok(vec![T::low(0); self.item_count(column.owner())?])
    }

    /// A column of integers by row.
    pub(super) fn by_row<T: Word>(&self, column: Column) -> Result<Vec<T>, SegmentError> {
        self.integers(column)
    }

    /// The classes, where they hold a column.
    fn classes_with(&self, column: Column) -> Result<Option<Arc<Classes>>, SegmentError> {
        Ok(self.segment.classes()?.filter(|classes| classes.hold(column)))
    }

    /// Class of each row, each below the number of classes.
    pub(crate) fn class_codes(&self, classes: &Classes) -> Result<&[u32], SegmentError> {
        if let Some(codes) = self.class_codes.get() {
            return Ok(codes);
        }
        let codes: Vec<u32> = self.integers(Column::Classes)?;
        // The greatest of all is found faster than the first that is too great.
        let greatest = codes.iter().copied().fold(0, u32::max);
        if cast::index(greatest) >= classes.len() {
            return Err(self.corrupt(Column::Classes, "unknown class"));
        }
        Ok(self.class_codes.get_or_init(|| codes))
    }

    /// A column that classes may hold.
    fn classed<T: Word>(
        &self,
        column: Column,
        part: fn(&Classes) -> &[T],
    ) -> Result<Vec<T>, SegmentError> {
        let Some(classes) = self.classes_with(column)? else { return self.integers(column) };
        let values = part(&classes);
        let codes = self.class_codes(&classes)?;
        let value = |&code: &u32| values.get(cast::index(code)).copied();
        let values: Option<Vec<T>> = codes.iter().map(value).collect();
        values.ok_or_else(|| self.corrupt(column, "unknown class"))
    }

    /// Kinds, numbers of OTLP as sent.
    pub(crate) fn kinds(&self) -> Result<Vec<u8>, SegmentError> {
        self.classed(Column::Kinds, |classes| &classes.kinds)
    }

    /// Status codes, numbers of OTLP as sent.
    pub(crate) fn status_codes(&self) -> Result<Vec<u8>, SegmentError> {
        self.classed(Column::StatusCodes, |classes| &classes.status_codes)
    }

    /// Flags of spans.
    pub(super) fn flags(&self) -> Result<Vec<u32>, SegmentError> {
        self.classed(Column::Flags, |classes| &classes.flags)
    }

    /// Integers where any is not zero.
    pub(super) fn sparse(&self, column: Column) -> Result<Option<Vec<u32>>, SegmentError> {
        self.decode_integers(column)
    }

    pub(crate) fn trace_ids(&self) -> Result<Vec<TraceId>, SegmentError> {
        self.decode(Column::TraceIds, ids::read_trace_ids)?
            .ok_or_else(|| self.corrupt(Column::TraceIds, "no chunk"))
    }

    /// Ids of spans.
    pub(crate) fn span_ids(&self) -> Result<Vec<SpanId>, SegmentError> {
        self.decode(Column::SpanIds, ids::read_span_ids)?
            .ok_or_else(|| self.corrupt(Column::SpanIds, "no chunk"))
    }

    /// Ids of parents; `span_ids` are those of the same pages.
    pub(crate) fn parents(&self, span_ids: &[SpanId]) -> Result<Vec<SpanId>, SegmentError> {
        let extent = self.extent(Column::Parents);
        if extent.length == 0 {
            return Ok(vec![SpanId::default(); span_ids.len()]);
        }
        let first = self.rows().start;
        let chunk = self.chunk(extent, Column::Parents.name(), Count::Rows);
        let read = |reader: &mut Reader<'_>, _: usize, rows: Range<usize>| {
            let own = rows.start.checked_sub(first).and_then(|start| span_ids.get(start..));
            let own = own.and_then(|own| own.get(..rows.len()));
            ids::read_parents(reader, own.ok_or(Flaw("parents are not in pages"))?)
        };
        let parents = chunk.decode(read, |_| Err(UNSHARED))?;
        parents.ok_or_else(|| self.corrupt(Column::Parents, "no page"))
    }

    /// Which spans have no parent.
    pub(crate) fn roots(&self) -> Result<Vec<bool>, SegmentError> {
        let roots = self.decode(Column::Parents, ids::read_roots)?;
        Ok(roots.unwrap_or_else(|| vec![true; self.rows().len()]))
    }

    /// End minus start, wrapped and signed.
    pub(super) fn signed_durations(&self) -> Result<Vec<i64>, SegmentError> {
        let durations: Vec<u64> = self.by_row(Column::Durations)?;
        Ok(durations.into_iter().map(unzigzag).collect())
    }

    /// Starts, nanoseconds since the Unix epoch.
    pub(crate) fn starts(&self) -> Result<Vec<u64>, SegmentError> {
        self.by_row(Column::Starts)
    }

    /// Durations in nanoseconds, 0 where the end is not after the start.
    pub(crate) fn durations(&self) -> Result<Vec<u64>, SegmentError> {
        let stored: Vec<u64> = self.by_row(Column::Durations)?;
        let latest = self.granule.start_max_unix_nanos.max(self.granule.end_max_unix_nanos);
        if i64::try_from(latest).is_ok() {
            let positive = |number| unzigzag(number).max(0).cast_unsigned();
            return Ok(stored.into_iter().map(positive).collect());
        }
        // Differences of such times wrap: only the start tells on which side the end lies.
        let starts: Vec<u64> = self.by_row(Column::Starts)?;
        let exact = |(start, number): (u64, u64)| {
            start.wrapping_add(unzigzag(number).cast_unsigned()).saturating_sub(start)
        };
        Ok(starts.into_iter().zip(stored).map(exact).collect())
    }

    /// Values of an attribute column; `None` where the granule has none.
    pub(crate) fn attribute_values(
        &self,
        owner: AttributeOwner,
        column: u32,
    ) -> Result<Option<ColumnValues>, SegmentError> {
        let stats = self.granule.attribute(owner, column);
        stats.map(|stats| self.values(stats)).transpose()
    }

    /// The values of a column of span attributes that classes do not fix, and the row of each.
    pub(crate) fn stored_attribute(
        &self,
        column: u32,
    ) -> Result<Option<(ColumnValues, Vec<u32>)>, SegmentError> {
        let Some(stats) = self.granule.attribute(AttributeOwner::Span, column) else {
            return Ok(None);
        };
        let Some(values) = self.stored_values(stats)? else { return Ok(None) };
        let rows = match (self.segment.fixed(column)?, self.segment.classes()?) {
            (Some(fixed), Some(classes)) => fixed.stored_rows(self.class_codes(&classes)?),
            _ => self.attribute_rows(AttributeOwner::Span, column)?,
        };
        if rows.len() != values.count() {
            return Err(self.corrupt(Column::SpanShapes, "number of values"));
        }
        Ok(Some((values, rows)))
    }

    /// For each value of an attribute column, the row (event, link) within the granule that it belongs to.
    pub(crate) fn attribute_rows(
        &self,
        owner: AttributeOwner,
        column: u32,
    ) -> Result<Vec<u32>, SegmentError> {
        let shapes = self.segment.shapes(owner)?;
        let uses: Vec<usize> = shapes
            .iter()
            .map(|shape| shape.iter().filter(|&&used| used == column).count())
            .collect();
        let codes = self.shapes(owner, shapes.len())?;
        let mut rows = Vec::new();
        for (row, code) in (0..).zip(codes) {
            let count = uses.get(cast::index(code)).copied().unwrap_or(0);
            rows.extend(std::iter::repeat_n(row, count));
        }
        Ok(rows)
    }

    /// Texts of a column of any owner.
    pub(crate) fn texts(&self, text: TextColumn) -> Result<TextValues, SegmentError> {
        let column = text.column();
        let classed = match text {
            TextColumn::Names | TextColumn::Scopes => self.classes_with(column)?,
            _ => None,
        };
        if classed.is_some() {
            let part: fn(&Classes) -> &[u32] = match text {
                TextColumn::Names => |classes| &classes.names,
                _ => |classes| &classes.scopes,
            };
            return self.classed(column, part).map(TextValues::Coded);
        }
        let has_dictionary = self.segment.directory().texts[text.place()].length > 0;
        let texts =
            self.decode(column, |reader, count| text::read_texts(reader, count, has_dictionary))?;
        if let Some(texts) = texts {
            return Ok(texts);
        }
        match self.item_count(column.owner())? {
            count if has_dictionary => Ok(TextValues::Coded(vec![0; count])),
            0 => Ok(TextValues::Local(DictionaryColumn::default())),
            _ => Err(self.corrupt(column, "no chunk")),
        }
    }

    /// Codes of a column that always has a dictionary.
    pub(crate) fn codes(&self, column: TextColumn) -> Result<Vec<u32>, SegmentError> {
        match self.texts(column)? {
            TextValues::Coded(codes) => Ok(codes),
            TextValues::Local(_) => Err(self.corrupt(column.column(), "no dictionary")),
        }
    }

    /// By row: one past its last event or link, counted within the pages.
    pub(crate) fn item_ends(&self, owner: AttributeOwner) -> Result<Vec<u32>, SegmentError> {
        let (column, total) = match owner {
            AttributeOwner::Link => (Column::LinkCounts, self.granule.link_count),
            _ => (Column::EventCounts, self.granule.event_count),
        };
        let mut ends: Vec<u32> = self.by_row(column)?;
        let mut sum = 0_u32;
        for end in &mut ends {
            sum = sum.checked_add(*end).ok_or_else(|| self.corrupt(column, "counts"))?;
            *end = sum;
        }
        if if self.is_all() { sum == total } else { sum <= total } {
            Ok(ends)
        } else {
            Err(self.corrupt(column, "counts do not add up"))
        }
    }

    /// Event times as differences from their span's start, wrapped and signed.
    pub(super) fn event_times(&self) -> Result<Vec<i64>, SegmentError> {
        let times: Vec<u64> = self.integers(Column::EventTimes)?;
        Ok(times.into_iter().map(unzigzag).collect())
    }

    pub(super) fn link_ids(&self) -> Result<(Vec<TraceId>, Vec<SpanId>), SegmentError> {
        if self.item_count(AttributeOwner::Link)? == 0 {
            return Ok((Vec::new(), Vec::new()));
        }
        let trace_ids = self.decode(Column::LinkTraceIds, ids::read_trace_ids)?;
        let span_ids = self.decode(Column::LinkSpanIds, ids::read_span_ids)?;
        trace_ids.zip(span_ids).ok_or_else(|| self.corrupt(Column::LinkTraceIds, "no chunk"))
    }

    pub(super) fn link_flags(&self) -> Result<Vec<u32>, SegmentError> {
        self.integers(Column::LinkFlags)
    }

    /// Shape codes of all items of an owner, each below `shape_count`.
    pub(super) fn shapes(
        &self,
        owner: AttributeOwner,
        shape_count: usize,
    ) -> Result<Vec<u32>, SegmentError> {
        let shapes = match owner {
            AttributeOwner::Span => self.classed(Column::SpanShapes, |classes| &classes.shapes)?,
            _ => self.integers(owner.shapes())?,
        };
        let is_known = shapes.iter().all(|&shape| cast::index(shape) < shape_count);
        if is_known { Ok(shapes) } else { Err(self.corrupt(owner.shapes(), "unknown shape")) }
    }

    /// Values of an attribute column of which `stats` are known.
    pub(super) fn values(&self, stats: &AttributeStats) -> Result<ColumnValues, SegmentError> {
        let part = "attribute values";
        let corrupt = |found| SegmentError::Corrupt { part, offset: self.granule.offset, found };
        let stored = self.stored_values(stats)?;
        let fixed = match stats.owner {
            AttributeOwner::Span => self.segment.fixed(stats.column)?,
            _ => None,
        };
        let Some(fixed) = fixed else { return stored.ok_or_else(|| corrupt("no chunk")) };
        let classes = self.segment.classes()?.ok_or_else(|| corrupt("no classes"))?;
        let codes = self.class_codes(&classes)?;
        fixed.blend(codes, stored).map_err(|flaw| corrupt(flaw.0))
    }

    /// Values that the granule itself has; `None` where it has none.
    fn stored_values(&self, stats: &AttributeStats) -> Result<Option<ColumnValues>, SegmentError> {
        let granule = self.granule;
        let place = granule
            .attributes
            .partition_point(|other| (other.owner, other.column) < (stats.owner, stats.column));
        let before = place.checked_sub(1).and_then(|last| granule.attributes.get(last));
        let columns_end = granule.column_ends[Column::LinkShapes as usize];
        let start = before.map_or(columns_end, |before| before.end);
        let part = "attribute values";
        let metas = self.segment.attribute_columns(stats.owner);
        let corrupt = |found| SegmentError::Corrupt { part, offset: granule.offset, found };
        let meta = metas.get(cast::index(stats.column)).ok_or_else(|| corrupt("unknown column"))?;
        if meta.kind == Some(AttributeType::Empty) {
            return self.empty_values(stats).map(Some);
        }
        let extent = Extent::within(granule.offset, start..stats.end);
        if extent.length == 0 {
            return Ok(None);
        }
        let chunk = self.chunk(extent, part, Count::Items(cast::index(stats.stored)));
        chunk.decode(
            |reader, count, _| attributes::decode_values(reader, meta, count),
            |numbers| attributes::from_numbers(numbers, meta),
        )
    }

    /// Keys without a value have no bytes: shapes tell how many there are.
    fn empty_values(&self, stats: &AttributeStats) -> Result<ColumnValues, SegmentError> {
        if self.is_all() {
            return Ok(ColumnValues::Empty(cast::index(stats.count)));
        }
        let shapes = self.segment.shapes(stats.owner)?;
        let codes = self.shapes(stats.owner, shapes.len())?;
        let uses = |code: u32| {
            let shape = shapes.get(cast::index(code)).map_or(&[][..], |shape| shape);
            shape.iter().filter(|&&column| column == stats.column).count()
        };
        Ok(ColumnValues::Empty(codes.into_iter().map(uses).sum()))
    }
}
