//! Reading a segment: the directory at opening, dictionaries and shapes when first asked for, columns of one granule
//! on each call.

use super::assemble::Assembly;
use super::attributes::{decode_shapes, decode_values};
use super::cache::Cache;
use super::chunk::decode_chunk;
use super::classes::Classes;
use super::columns::GranuleReader;
use super::directory::Directory;
use super::fixed::{ClassCells, FixedValues};
use super::integers;
use super::inventory::Part;
use super::layout::{Column, Extent};
use super::resources::ResourceSummary;
use super::text::{ENTRIES_MAX, read_table};
use super::trailer::{TAIL_BYTES, read_directory};
use super::{
    AttributeColumnMeta, AttributeOwner, ColumnValues, DictionaryId, Granule, ReadAt, SegmentError,
    TextColumn, TextValues,
};
use fanal_base::cast;
use fanal_model::nested::Reader;
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
    byte_length: u64,
    directory: Directory,
    cache: Cache,
}

impl Segment {
    /// Reads the directory. Fails where magic, version, lengths or checksum are not those of a segment.
    pub fn open(source: Arc<dyn ReadAt>) -> Result<Self, SegmentError> {
        let byte_length = source.byte_length();
        let directory = read_directory(&*source, byte_length)?;
        Ok(Self { source, byte_length, directory, cache: Cache::default() })
    }

    /// Length in bytes.
    pub fn byte_length(&self) -> u64 {
        self.byte_length
    }

    /// Number of rows.
    pub fn row_count(&self) -> u32 {
        self.granules().last().map_or(0, |granule| granule.rows.end)
    }

    /// Granules in row order.
    pub fn granules(&self) -> &[Granule] {
        &self.directory.granules
    }

    /// Bytes that neither opening nor pruning reads: dictionaries and shapes lie before them, the directory behind.
    pub(crate) fn granule_bytes(&self) -> Range<u64> {
        let end = |granule: &Granule| {
            let columns = granule.column_ends.last().copied().unwrap_or(0);
            let attributes = granule.attributes.last().map_or(0, |stats| stats.end);
            granule.offset + u64::from(columns.max(attributes))
        };
        let opened = self.byte_length.saturating_sub(TAIL_BYTES);
        match (self.granules().first(), self.granules().last()) {
            (Some(first), Some(last)) if first.offset < opened => {
                first.offset..end(last).min(opened)
            }
            _ => self.byte_length..self.byte_length,
        }
    }

    /// Tells the source that granules are about to be scanned: one that is far away fetches the columns of most searches
    /// at once.
    pub(crate) fn will_scan(&self, granules: &[usize]) {
        let front = |granule: &Granule| {
            let end = granule.column_ends.get(Column::TraceIds as usize).copied().unwrap_or(0);
            granule.offset..granule.offset + u64::from(end)
        };
        let found = granules.iter().filter_map(|&index| self.granules().get(index));
        let ranges: Vec<Range<u64>> = found.map(front).collect();
        self.source.will_read(&ranges);
    }

    /// The granule that holds a row; the number of granules where there is no such row.
    pub fn granule_of(&self, row: u32) -> usize {
        self.granules().partition_point(|granule| granule.rows.end <= row)
    }

    /// Attribute columns of an owner.
    pub fn attribute_columns(&self, owner: AttributeOwner) -> &[AttributeColumnMeta] {
        self.directory.tables.get(owner.place()).map_or(&[], |table| &table.columns)
    }

    /// Columns of a key, one for each type that it has. The overflow column may hold the key too.
    pub fn columns_of_key(&self, owner: AttributeOwner, key: &str) -> Vec<u32> {
        let columns = (0..).zip(self.attribute_columns(owner));
        columns
            .filter(|(_, meta)| *meta.key == *key && meta.kind.is_some())
            .map(|(column, _)| column)
            .collect()
    }

    /// The overflow column of an owner, where there is one.
    pub fn overflow_column(&self, owner: AttributeOwner) -> Option<u32> {
        let mut columns = (0..).zip(self.attribute_columns(owner));
        columns.find(|(_, meta)| meta.kind.is_none()).map(|(column, _)| column)
    }

    /// A dictionary; `None` where the column has none. Cached, as far as the cache's limit goes.
    pub fn dictionary(&self, id: DictionaryId) -> Result<Option<Arc<BytesTable>>, SegmentError> {
        let extent = match id {
            DictionaryId::Text(column) => self.directory.texts.get(column.place()).copied(),
            DictionaryId::Attribute(owner, column) => {
                let table = self.directory.tables.get(owner.place());
                table.and_then(|table| table.dictionaries.get(cast::index(column))).copied()
            }
        };
        let Some(extent) = extent.filter(|extent| extent.length > 0) else { return Ok(None) };
        if let Some(table) = self.cache.dictionary(id) {
            return Ok(Some(table));
        }
        let read = |reader: &mut Reader<'_>| read_table(reader, ENTRIES_MAX);
        let table = Arc::new(decode_chunk(&*self.source, None, extent, "dictionary", read)?);
        self.cache.keep_dictionary(id, &table);
        Ok(Some(table))
    }

    /// Services and keys of the resources. Cached like dictionaries.
    pub fn resource_summary(&self) -> Result<Arc<ResourceSummary>, SegmentError> {
        if let Some(summary) = self.cache.resource_summary() {
            return Ok(summary);
        }
        let table = self.dictionary(DictionaryId::Text(TextColumn::Resources))?.unwrap_or_default();
        let summary = Arc::new(ResourceSummary::of(&table));
        self.cache.keep_resource_summary(&summary);
        Ok(summary)
    }

    /// Shapes of the attributes of an owner. Cached like dictionaries.
    pub fn shapes(&self, owner: AttributeOwner) -> Result<Shapes, SegmentError> {
        if let Some(shapes) = self.cache.shapes(owner) {
            return Ok(shapes);
        }
        let table = self.directory.tables.get(owner.place());
        let (extent, columns) =
            table.map_or((Extent::default(), 0), |table| (table.shapes, table.columns.len()));
        let shapes: Shapes = if extent.length == 0 {
            Arc::from([Box::default()])
        } else {
            let read = |reader: &mut Reader<'_>| decode_shapes(reader, columns);
            decode_chunk(&*self.source, None, extent, "shapes", read)?.into()
        };
        self.cache.keep_shapes(owner, &shapes);
        Ok(shapes)
    }

    /// The classes of spans; `None` where spans have too little in common. Cached like dictionaries.
    pub fn classes(&self) -> Result<Option<Arc<Classes>>, SegmentError> {
        let extent = self.directory.classes;
        if extent.length == 0 {
            return Ok(None);
        }
        if let Some(classes) = self.cache.classes() {
            return Ok(Some(classes));
        }
        let shape_count = self.shapes(AttributeOwner::Span)?.len();
        let read = |reader: &mut Reader<'_>| Classes::decode(reader, shape_count);
        let classes = Arc::new(decode_chunk(&*self.source, None, extent, "classes", read)?);
        self.cache.keep_classes(&classes);
        Ok(Some(classes))
    }

    /// Values of a column of span attributes that classes fix.
    pub(super) fn fixed(&self, column: u32) -> Result<Option<Arc<FixedValues>>, SegmentError> {
        let place = cast::index(column);
        let table = &self.directory.tables[AttributeOwner::Span.place()];
        let extent = table.fixed.get(place).copied().unwrap_or_default();
        let Some(meta) = table.columns.get(place).filter(|_| extent.length > 0) else {
            return Ok(None);
        };
        if let Some(fixed) = self.cache.fixed(column) {
            return Ok(Some(fixed));
        }
        let classes = self.classes()?.unwrap_or_default();
        let shapes = self.shapes(AttributeOwner::Span)?;
        let read = |reader: &mut Reader<'_>| {
            let count = FixedValues::flag_count(column, &classes, &shapes);
            let flags: Vec<u8> = integers::read(reader, count)?;
            let fixed_count = flags.iter().map(|&flag| usize::from(flag == 1)).sum();
            let values = decode_values(reader, meta, fixed_count)?;
            Ok(FixedValues::new(column, &classes, &shapes, &flags, values))
        };
        let fixed = Arc::new(decode_chunk(&*self.source, None, extent, "fixed values", read)?);
        self.cache.keep_fixed(column, &fixed);
        Ok(Some(fixed))
    }

    /// What classes tell of a column of span attributes; `None` where they have no shapes.
    pub(crate) fn class_cells(&self, column: u32) -> Result<Option<ClassCells>, SegmentError> {
        let Some(classes) = self.classes()?.filter(|classes| classes.has_shapes()) else {
            return Ok(None);
        };
        Ok(Some(match self.fixed(column)? {
            Some(fixed) => fixed.cells(),
            None => {
                let shapes = self.shapes(AttributeOwner::Span)?;
                ClassCells::stored(column, &classes, &shapes)
            }
        }))
    }

    /// Bytes on disk by part, in the order of the format: what an operator or a developer looks at to see where the
    /// bytes go. Attribute columns are summed over granules, dictionaries are told apart.
    pub fn bytes_by_part(&self) -> Vec<(Part, u64)> {
        super::inventory::bytes_by_part(&self.directory, self.byte_length)
    }

    /// Bytes held by cached tables, and the number of their last use: the greater, the later.
    pub fn cache_usage(&self) -> (usize, u64) {
        self.cache.usage()
    }

    /// Forgets large cached tables.
    pub fn release_large(&self) {
        self.cache.release_large();
    }

    /// Forgets all cached tables.
    pub fn release_cache(&self) {
        self.cache.clear();
    }

    pub(super) fn source(&self) -> &dyn ReadAt {
        &*self.source
    }

    pub(super) fn directory(&self) -> &Directory {
        &self.directory
    }

    /// Access to the columns of a granule.
    pub(crate) fn granule_reader(&self, index: usize) -> Result<GranuleReader<'_>, SegmentError> {
        let granules = self.granules();
        let granule = granules.get(index).ok_or(SegmentError::OutOfRange {
            part: "granule",
            index: cast::wide(index),
            count: cast::wide(granules.len()),
        })?;
        Ok(GranuleReader::new(self, granule, &(0..granule.row_count())))
    }

    /// Access to the columns of the pages of a granule that hold some rows, which are counted within it.
    pub(super) fn page_reader(
        &self,
        index: usize,
        rows: &Range<usize>,
    ) -> Result<GranuleReader<'_>, SegmentError> {
        let granule = self.granule_reader(index)?.granule;
        Ok(GranuleReader::new(self, granule, rows))
    }

    /// Reads a column of some rows page by page.
    fn of_rows<T>(
        &self,
        rows: Range<u32>,
        read: impl Fn(&GranuleReader<'_>) -> Result<Vec<T>, SegmentError>,
    ) -> Result<Vec<T>, SegmentError> {
        let mut values = Vec::with_capacity(rows.len());
        for (index, rows) in self.parts_of(rows)? {
            let reader = self.page_reader(index, &rows)?;
            let skipped = rows.start - reader.rows().start;
            values.extend(read(&reader)?.into_iter().skip(skipped).take(rows.len()));
        }
        Ok(values)
    }

    /// The granules that hold some rows, each with its rows, counted within it.
    fn parts_of(&self, rows: Range<u32>) -> Result<Vec<(usize, Range<usize>)>, SegmentError> {
        if rows.end > self.row_count() {
            let (index, count) = (u64::from(rows.end), u64::from(self.row_count()));
            return Err(SegmentError::OutOfRange { part: "row", index, count });
        }
        let mut parts = Vec::new();
        let mut row = rows.start;
        while row < rows.end {
            let index = self.granule_of(row);
            let granule = self.granule_reader(index)?.granule;
            let end = granule.rows.end.min(rows.end);
            let first = granule.rows.start;
            parts.push((index, cast::index(row - first)..cast::index(end - first)));
            row = end;
        }
        Ok(parts)
    }

    /// Rows of the page that holds a row; none where there is no such row. What lies in one page is read together.
    pub fn page_of(&self, row: u32) -> Range<u32> {
        let Some(granule) = self.granules().get(self.granule_of(row)) else { return row..row };
        let first = granule.rows.start;
        let within = cast::index(row - first);
        let pages = granule.pages_of(&(within..within + 1));
        let rows = granule.rows_of(&pages);
        first + cast::narrow(rows.start)..first + cast::narrow(rows.end)
    }

    /// Trace ids of some rows; reads the pages that hold them.
    pub fn trace_ids_of(&self, rows: Range<u32>) -> Result<Vec<TraceId>, SegmentError> {
        self.of_rows(rows, trace_ids)
    }

    /// Starts of some rows, nanoseconds since the Unix epoch; reads the pages that hold them.
    pub fn starts_of(&self, rows: Range<u32>) -> Result<Vec<u64>, SegmentError> {
        self.of_rows(rows, |reader| reader.by_row(Column::Starts))
    }

    /// Classes of the spans of a granule, indices into [`Segment::classes`]; `None` where there are none.
    pub fn class_codes(&self, granule: usize) -> Result<Option<Vec<u32>>, SegmentError> {
        let Some(classes) = self.classes()? else { return Ok(None) };
        Ok(Some(self.granule_reader(granule)?.class_codes(&classes)?.to_vec()))
    }

    /// Trace ids of a granule.
    pub fn trace_ids(&self, granule: usize) -> Result<Vec<TraceId>, SegmentError> {
        self.granule_reader(granule)?.trace_ids()
    }

    /// Span ids of a granule.
    pub fn span_ids(&self, granule: usize) -> Result<Vec<SpanId>, SegmentError> {
        self.granule_reader(granule)?.span_ids()
    }

    /// Parent span ids of a granule; reads the span ids too.
    pub fn parent_span_ids(&self, granule: usize) -> Result<Vec<SpanId>, SegmentError> {
        let reader = self.granule_reader(granule)?;
        reader.parents(&reader.span_ids()?)
    }

    /// Starts of a granule, nanoseconds since the Unix epoch.
    pub fn starts(&self, granule: usize) -> Result<Vec<u64>, SegmentError> {
        self.granule_reader(granule)?.by_row(Column::Starts)
    }

    /// Ends of a granule, nanoseconds since the Unix epoch; reads the starts too.
    pub fn ends(&self, granule: usize) -> Result<Vec<u64>, SegmentError> {
        let reader = self.granule_reader(granule)?;
        let mut ends: Vec<u64> = reader.by_row(Column::Starts)?;
        for (end, duration) in ends.iter_mut().zip(reader.signed_durations()?) {
            *end = end.wrapping_add(duration.cast_unsigned());
        }
        Ok(ends)
    }

    /// Durations of a granule in nanoseconds, 0 where the end is not after the start.
    pub fn durations(&self, granule: usize) -> Result<Vec<u64>, SegmentError> {
        self.granule_reader(granule)?.durations()
    }

    /// Kinds of a granule, numbers of OTLP as sent.
    pub fn kinds(&self, granule: usize) -> Result<Vec<u8>, SegmentError> {
        self.granule_reader(granule)?.kinds()
    }

    /// Status codes of a granule, numbers of OTLP as sent.
    pub fn status_codes(&self, granule: usize) -> Result<Vec<u8>, SegmentError> {
        self.granule_reader(granule)?.status_codes()
    }

    /// Flags of a granule.
    pub fn flags(&self, granule: usize) -> Result<Vec<u32>, SegmentError> {
        self.granule_reader(granule)?.flags()
    }

    /// Name codes of a granule, into the dictionary of [`TextColumn::Names`].
    pub fn name_codes(&self, granule: usize) -> Result<Vec<u32>, SegmentError> {
        self.granule_reader(granule)?.codes(TextColumn::Names)
    }

    /// Resource codes of a granule, into the dictionary of [`TextColumn::Resources`].
    pub fn resource_codes(&self, granule: usize) -> Result<Vec<u32>, SegmentError> {
        self.granule_reader(granule)?.codes(TextColumn::Resources)
    }

    /// Scope codes of a granule, into the dictionary of [`TextColumn::Scopes`].
    pub fn scope_codes(&self, granule: usize) -> Result<Vec<u32>, SegmentError> {
        self.granule_reader(granule)?.codes(TextColumn::Scopes)
    }

    /// Any fixed text column of a granule.
    pub fn texts(&self, column: TextColumn, granule: usize) -> Result<TextValues, SegmentError> {
        self.granule_reader(granule)?.texts(column)
    }

    /// By row of a granule: one past its last event, counted within the granule.
    pub fn event_ends(&self, granule: usize) -> Result<Vec<u32>, SegmentError> {
        self.granule_reader(granule)?.item_ends(AttributeOwner::Event)
    }

    /// By row of a granule: one past its last link, counted within the granule.
    pub fn link_ends(&self, granule: usize) -> Result<Vec<u32>, SegmentError> {
        self.granule_reader(granule)?.item_ends(AttributeOwner::Link)
    }

    /// By row (event, link) of a granule: its shape, an index into [`Segment::shapes`].
    pub fn attribute_shapes(
        &self,
        owner: AttributeOwner,
        granule: usize,
    ) -> Result<Vec<u32>, SegmentError> {
        let shape_count = self.shapes(owner)?.len();
        self.granule_reader(granule)?.shapes(owner, shape_count)
    }

    /// Values of an attribute column in a granule; `None` where it has none there.
    pub fn attribute_values(
        &self,
        owner: AttributeOwner,
        column: u32,
        granule: usize,
    ) -> Result<Option<ColumnValues>, SegmentError> {
        self.granule_reader(granule)?.attribute_values(owner, column)
    }

    /// For each value of [`Segment::attribute_values`], the row (event, link) within the granule that it belongs to.
    pub fn attribute_rows(
        &self,
        owner: AttributeOwner,
        column: u32,
        granule: usize,
    ) -> Result<Vec<u32>, SegmentError> {
        self.granule_reader(granule)?.attribute_rows(owner, column)
    }

    /// Spans of whole granules. Dictionaries of the batch hold what its rows use, not more.
    pub fn read_batch(
        &self,
        granules: Range<usize>,
        projection: Projection,
    ) -> Result<SpanBatch, SegmentError> {
        let mut assembly = Assembly::new(self, projection);
        for index in granules {
            let rows = self.granule_reader(index)?.granule.row_count();
            assembly.append(index, 0..rows)?;
        }
        Ok(assembly.finish())
    }

    /// Spans of some rows; reads the pages that hold them.
    pub fn read_rows(
        &self,
        rows: Range<u32>,
        projection: Projection,
    ) -> Result<SpanBatch, SegmentError> {
        let mut assembly = Assembly::new(self, projection);
        for (index, rows) in self.parts_of(rows)? {
            assembly.append(index, rows)?;
        }
        Ok(assembly.finish())
    }
}

/// A function of any lifetime, which the method is not.
fn trace_ids(reader: &GranuleReader<'_>) -> Result<Vec<TraceId>, SegmentError> {
    reader.trace_ids()
}
