//! Reading a segment: the directory at opening, dictionaries and shapes when first asked for, columns of one granule
//! on each call.

use super::assemble::Assembly;
use super::attributes::decode_shapes;
use super::cache::Cache;
use super::chunk::{decode_chunk, read_bytes};
use super::columns::GranuleReader;
use super::directory::Directory;
use super::inventory::Part;
use super::layout::{Column, Extent, MAGIC, VERSION};
use super::text::{ENTRIES_MAX, read_table};
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
use xxhash_rust::xxh3::Xxh3Default;

/// Shapes of an attribute table: lists of columns, in the order of a row's attributes.
pub type Shapes = Arc<[Box<[u32]>]>;

/// Bytes of the trailer: stored and decoded length of the directory, length of the segment, checksum, magic.
const TRAILER_BYTES: u64 = 4 + 4 + 8 + 8 + 8;

/// Bytes of the trailer that the checksum covers, beside the directory.
const TRAILER_CHECKED_BYTES: usize = 4 + 4 + 8;

/// Bytes read at first from the end; a directory that fits needs no second read.
const TAIL_BYTES: u64 = 16 << 10;

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

    /// Bytes on disk by part, in the order of the format: what an operator or a developer looks at to see where the
    /// bytes go. Attribute columns are summed over granules, dictionaries are told apart.
    pub fn bytes_by_part(&self) -> Vec<(Part, u64)> {
        super::inventory::bytes_by_part(&self.directory, self.byte_length)
    }

    /// Bytes held by cached dictionaries and shapes.
    pub fn cached_bytes(&self) -> usize {
        self.cache.bytes()
    }

    /// Forgets cached dictionaries and shapes.
    pub fn release_cache(&self) {
        self.cache.clear();
    }

    #[cfg(test)]
    pub(super) fn directory(&self) -> &Directory {
        &self.directory
    }

    /// Access to the columns of a granule.
    pub(super) fn granule_reader(&self, index: usize) -> Result<GranuleReader<'_>, SegmentError> {
        let granules = self.granules();
        let granule = granules.get(index).ok_or(SegmentError::OutOfRange {
            part: "granule",
            index: cast::wide(index),
            count: cast::wide(granules.len()),
        })?;
        let (source, directory) = (&*self.source, &self.directory);
        Ok(GranuleReader { source, directory, granule, ahead: None })
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
        let reader = self.granule_reader(granule)?;
        let signed = reader.signed_durations()?;
        let latest = reader.granule.start_max_unix_nanos.max(reader.granule.end_max_unix_nanos);
        if i64::try_from(latest).is_ok() {
            return Ok(signed.into_iter().map(|nanos| u64::try_from(nanos).unwrap_or(0)).collect());
        }
        // Differences of such times wrap: only the start tells on which side the end lies.
        let starts: Vec<u64> = reader.by_row(Column::Starts)?;
        let exact = |(start, duration): (u64, i64)| {
            start.wrapping_add(duration.cast_unsigned()).saturating_sub(start)
        };
        Ok(starts.into_iter().zip(signed).map(exact).collect())
    }

    /// Kinds of a granule, numbers of OTLP as sent.
    pub fn kinds(&self, granule: usize) -> Result<Vec<u8>, SegmentError> {
        self.granule_reader(granule)?.by_row(Column::Kinds)
    }

    /// Status codes of a granule, numbers of OTLP as sent.
    pub fn status_codes(&self, granule: usize) -> Result<Vec<u8>, SegmentError> {
        self.granule_reader(granule)?.by_row(Column::StatusCodes)
    }

    /// Flags of a granule.
    pub fn flags(&self, granule: usize) -> Result<Vec<u32>, SegmentError> {
        self.granule_reader(granule)?.by_row(Column::Flags)
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
        let reader = self.granule_reader(granule)?;
        let stats = reader.granule.attribute(owner, column);
        stats.map(|stats| reader.values(stats)).transpose()
    }

    /// For each value of [`Segment::attribute_values`], the row (event, link) within the granule that it belongs to.
    pub fn attribute_rows(
        &self,
        owner: AttributeOwner,
        column: u32,
        granule: usize,
    ) -> Result<Vec<u32>, SegmentError> {
        let shapes = self.shapes(owner)?;
        let uses: Vec<usize> = shapes
            .iter()
            .map(|shape| shape.iter().filter(|&&used| used == column).count())
            .collect();
        let codes = self.granule_reader(granule)?.shapes(owner, shapes.len())?;
        let mut rows = Vec::new();
        for (row, code) in (0..).zip(codes) {
            let count = uses.get(cast::index(code)).copied().unwrap_or(0);
            rows.extend(std::iter::repeat_n(row, count));
        }
        Ok(rows)
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

    /// Spans of some rows; decodes the granules that hold them.
    pub fn read_rows(
        &self,
        rows: Range<u32>,
        projection: Projection,
    ) -> Result<SpanBatch, SegmentError> {
        if rows.end > self.row_count() {
            let (index, count) = (u64::from(rows.end), u64::from(self.row_count()));
            return Err(SegmentError::OutOfRange { part: "row", index, count });
        }
        let mut assembly = Assembly::new(self, projection);
        let mut row = rows.start;
        while row < rows.end {
            let index = self.granule_of(row);
            let granule = self.granule_reader(index)?.granule;
            let end = granule.rows.end.min(rows.end);
            let first = granule.rows.start;
            assembly.append(index, cast::index(row - first)..cast::index(end - first))?;
            row = end;
        }
        Ok(assembly.finish())
    }
}

/// Reads and checks trailer and directory.
fn read_directory(source: &dyn ReadAt, byte_length: u64) -> Result<Directory, SegmentError> {
    let tail_length = byte_length.min(TAIL_BYTES);
    let tail_start = byte_length - tail_length;
    let extent = Extent { offset: tail_start, length: cast::narrow(cast::size(tail_length)) };
    let mut tail = read_bytes(source, extent)?;
    let (directory_bytes, raw_length) = check_trailer(&tail, byte_length)?;
    let needed = u64::from(directory_bytes) + TRAILER_BYTES;
    let corrupt = |found| SegmentError::Corrupt { part: "directory", offset: tail_start, found };
    let chunk_bytes = byte_length
        .checked_sub(needed)
        .ok_or_else(|| corrupt("directory longer than the segment"))?;
    if needed > tail_length {
        let missing =
            Extent { offset: chunk_bytes, length: cast::narrow(cast::size(needed - tail_length)) };
        let mut bytes = read_bytes(source, missing)?;
        bytes.append(&mut tail);
        tail = bytes;
    }
    let from = tail.len() - cast::size(needed);
    let stored = &tail[from..from + cast::index(directory_bytes)];
    let trailer = &tail[tail.len() - cast::size(TRAILER_BYTES)..];
    let mut checksum = Xxh3Default::new();
    checksum.update(stored);
    checksum.update(&trailer[..TRAILER_CHECKED_BYTES]);
    if checksum.digest().to_le_bytes() != trailer[TRAILER_CHECKED_BYTES..][..8] {
        return Err(corrupt("checksum differs"));
    }
    Directory::decode(stored, cast::index(raw_length), chunk_bytes).map_err(|flaw| corrupt(flaw.0))
}

/// Stored and decoded length of the directory.
fn check_trailer(tail: &[u8], byte_length: u64) -> Result<(u32, u32), SegmentError> {
    let unknown = |found| SegmentError::Unknown { found, expected: VERSION };
    let Some((front, magic)) = tail.split_last_chunk::<8>() else {
        return Err(unknown([0; 8]));
    };
    if *magic != MAGIC {
        return Err(unknown(*magic));
    }
    let corrupt = |found| SegmentError::Corrupt { part: "trailer", offset: byte_length, found };
    let (front, _) = front.split_last_chunk::<8>().ok_or_else(|| corrupt("too short"))?;
    let (front, length) = front.split_last_chunk::<8>().ok_or_else(|| corrupt("too short"))?;
    let (front, raw) = front.split_last_chunk::<4>().ok_or_else(|| corrupt("too short"))?;
    let (_, stored) = front.split_last_chunk::<4>().ok_or_else(|| corrupt("too short"))?;
    if u64::from_le_bytes(*length) != byte_length {
        return Err(corrupt("length of the segment differs"));
    }
    Ok((u32::from_le_bytes(*stored), u32::from_le_bytes(*raw)))
}
