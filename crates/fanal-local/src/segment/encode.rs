//! Encoding a batch as a segment: dictionaries, shapes, granules, directory, trailer.
//!
//! Reads a valid batch, writes bytes; rows keep their order. Does not sort and does not merge.

use super::attributes::{AttributeEncoder, encode_values};
use super::compress::Packer;
use super::directory::{Directory, ITEMS_MAX, TableDirectory};
use super::error::SegmentError;
use super::granule::{AttributeStats, Granule};
use super::ids;
use super::integers::{self, Nature};
use super::layout::{COLUMN_COUNT, Column, Extent, MAGIC, Sink, TEXT_COLUMNS};
use super::statistics::{self, CodeSets};
use super::text::{self, ENTRIES_MAX, Renumber};
use super::{AttributeOwner, EncodeOptions, GRANULE_ROWS_MAX, TextColumn};
use fanal_base::cast;
use fanal_model::nested::zigzag;
use fanal_model::{BytesTable, DictionaryColumn, SpanBatch, SparseColumn};
use std::ops::Range;
use xxhash_rust::xxh3::xxh3_64;

/// Most bytes of a dictionary of a column that can do without: a fetch of one trace reads it whole.
const DICTIONARY_BYTES_MAX: usize = 1 << 20;

/// Values for each entry from which on a dictionary pays.
const DICTIONARY_USES_MIN: usize = 4;

/// Encodes a valid batch. Rows keep their order.
pub fn encode(batch: &SpanBatch, options: EncodeOptions) -> Result<Vec<u8>, SegmentError> {
    // Checked where batches come in and where they are read back.
    debug_assert!(batch.validate().is_ok());
    let granules = plan(batch, options.granule_rows);
    let mut encoder = Encoder {
        batch,
        is_whole: granules.len() <= 1,
        sink: Sink::default(),
        packer: Packer::new(options.profile)?,
        renumber: Renumber::default(),
        sets: [CodeSets::default(), CodeSets::default(), CodeSets::default()],
        directory: Directory::default(),
    };
    encoder.write_dictionaries()?;
    let mut tables = AttributeOwner::ALL.map(|owner| AttributeEncoder::new(table_of(batch, owner)));
    encoder.write_tables()?;
    for rows in granules {
        encoder.write_granule(rows, &mut tables)?;
    }
    encoder.finish()
}

/// The attribute table of an owner.
fn table_of(batch: &SpanBatch, owner: AttributeOwner) -> &fanal_model::AttributeTable {
    match owner {
        AttributeOwner::Span => &batch.attributes,
        AttributeOwner::Event => &batch.events.attributes,
        AttributeOwner::Link => &batch.links.attributes,
    }
}

fn text_of(batch: &SpanBatch, column: TextColumn) -> &DictionaryColumn {
    match column {
        TextColumn::Names => &batch.names,
        TextColumn::Resources => &batch.resources,
        TextColumn::Scopes => &batch.scopes,
        TextColumn::TraceStates => &batch.trace_states,
        TextColumn::StatusMessages => &batch.status_messages,
        TextColumn::EventNames => &batch.events.names,
        TextColumn::LinkTraceStates => &batch.links.trace_states,
    }
}

/// Cuts rows into granules: at the first trace boundary behind `granule_rows`, or a quarter further at the latest.
fn plan(batch: &SpanBatch, granule_rows: usize) -> Vec<Range<usize>> {
    let target = granule_rows.clamp(1, GRANULE_ROWS_MAX);
    let rows = batch.len();
    let mut granules = Vec::new();
    let mut start = 0;
    while start < rows {
        let earliest = start + target;
        let latest = earliest + target / 4;
        let end = if latest >= rows {
            rows
        } else {
            let is_boundary =
                |&row: &usize| batch.trace_ids.get(row) != batch.trace_ids.get(row - 1);
            (earliest..=latest).find(is_boundary).unwrap_or(earliest)
        };
        granules.push(start..end);
        start = end;
    }
    granules
}

/// Items of some rows, from the ends of each row's items.
fn items_of(ends: &[u32], rows: &Range<usize>) -> Range<usize> {
    let before = |row: usize| row.checked_sub(1).and_then(|last| ends.get(last)).copied();
    cast::index(before(rows.start).unwrap_or(0))..cast::index(before(rows.end).unwrap_or(0))
}

/// How many items each row has.
fn counts_of(ends: &[u32], rows: &Range<usize>) -> Vec<u32> {
    let mut last = cast::narrow(items_of(ends, rows).start);
    let mut count = |&end: &u32| {
        let count = end - last;
        last = end;
        count
    };
    ends[rows.clone()].iter().map(&mut count).collect()
}

struct Encoder<'a> {
    batch: &'a SpanBatch,
    /// Whether one granule holds all, so that its own tables serve as well as dictionaries.
    is_whole: bool,
    sink: Sink,
    packer: Packer,
    renumber: Renumber,
    sets: [CodeSets; 3],
    directory: Directory,
}

impl Encoder<'_> {
    fn uses_dictionary(&self, column: &DictionaryColumn) -> bool {
        let (values, entries) = (column.codes.len(), column.table.len());
        let pays = entries <= values / DICTIONARY_USES_MIN
            && column.table.bytes.len() <= DICTIONARY_BYTES_MAX;
        values > 0 && (entries == 1 || (pays && !self.is_whole))
    }

    fn write_dictionary(&mut self, table: &BytesTable) -> Result<Extent, SegmentError> {
        if table.len() > ENTRIES_MAX {
            return Err(SegmentError::TooLarge {
                part: "entries of a dictionary",
                observed: cast::wide(table.len()),
                limit: cast::wide(ENTRIES_MAX),
            });
        }
        text::write_table(&table.ends, &table.bytes, &mut self.packer, &mut self.sink.bytes)?;
        self.sink.close_chunk()
    }

    fn write_dictionaries(&mut self) -> Result<(), SegmentError> {
        for column in TEXT_COLUMNS {
            let texts = text_of(self.batch, column);
            let is_needed = column.is_always_coded() && !texts.codes.is_empty();
            if is_needed || self.uses_dictionary(texts) {
                self.directory.texts[column.place()] = self.write_dictionary(&texts.table)?;
            }
        }
        Ok(())
    }

    fn write_tables(&mut self) -> Result<(), SegmentError> {
        for owner in AttributeOwner::ALL {
            let table = table_of(self.batch, owner);
            let mut directory = TableDirectory::default();
            super::attributes::encode_shapes(table, &mut self.packer, &mut self.sink.bytes)?;
            directory.shapes = self.sink.close_chunk()?;
            for column in &table.columns {
                let (kind, texts) = super::attributes::describe(&column.values);
                let dictionary = match texts {
                    Some(texts) if self.uses_dictionary(texts) => {
                        self.write_dictionary(&texts.table)?
                    }
                    _ => Extent::default(),
                };
                directory.columns.push(super::AttributeColumnMeta {
                    key: column.key.clone(),
                    kind,
                    has_dictionary: dictionary.length > 0,
                });
                directory.dictionaries.push(dictionary);
            }
            self.directory.tables[owner.place()] = directory;
        }
        Ok(())
    }

    fn write_granule(
        &mut self,
        rows: Range<usize>,
        tables: &mut [AttributeEncoder<'_>; 3],
    ) -> Result<(), SegmentError> {
        let batch = self.batch;
        let offset = self.sink.offset();
        let events = items_of(&batch.events.ends, &rows);
        let links = items_of(&batch.links.ends, &rows);
        let mut column_ends = [0; COLUMN_COUNT];
        self.write_span_columns(&rows, offset, &mut column_ends)?;
        self.write_event_columns(&rows, &events, offset, &mut column_ends)?;
        self.write_link_columns(&rows, &links, offset, &mut column_ends)?;
        let mut attributes = Vec::new();
        for (owner, items) in AttributeOwner::ALL.into_iter().zip([&rows, &events, &links]) {
            self.write_attributes(owner, items, offset, tables, &mut attributes)?;
        }
        let times = statistics::times(batch, rows.clone());
        let [names, resources, scopes] = &mut self.sets;
        let set = |sets: &mut CodeSets, column: &DictionaryColumn| {
            sets.build(&column.codes[rows.clone()], column.table.len())
        };
        self.directory.granules.push(Granule {
            rows: cast::narrow(rows.start)..cast::narrow(rows.end),
            event_count: bounded("events of a granule", events.len())?,
            link_count: bounded("links of a granule", links.len())?,
            start_min_unix_nanos: times.start_min,
            start_max_unix_nanos: times.start_max,
            end_max_unix_nanos: times.end_max,
            duration_min_nanos: times.duration_min,
            duration_max_nanos: times.duration_max,
            kinds: statistics::kinds(&batch.kinds[rows.clone()]),
            status_codes: statistics::status_codes(&batch.status_codes[rows.clone()]),
            names: set(names, &batch.names),
            resources: set(resources, &batch.resources),
            scopes: set(scopes, &batch.scopes),
            attributes,
            offset,
            column_ends,
        });
        Ok(())
    }

    fn write_span_columns(
        &mut self,
        rows: &Range<usize>,
        offset: u64,
        ends: &mut [u32; COLUMN_COUNT],
    ) -> Result<(), SegmentError> {
        let batch = self.batch;
        let starts = &batch.start_unix_nanos[rows.clone()];
        let span_ids = &batch.span_ids[rows.clone()];
        let mut writer = ColumnWriter { encoder: self, offset, ends };
        writer.integers(Column::Starts, starts, Nature::Numbers)?;
        let durations: Vec<u64> = starts
            .iter()
            .zip(&batch.end_unix_nanos[rows.clone()])
            .map(|(&start, &end)| zigzag(end.wrapping_sub(start).cast_signed()))
            .collect();
        writer.integers(Column::Durations, &durations, Nature::Numbers)?;
        writer.texts(TextColumn::Names, rows)?;
        writer.texts(TextColumn::Resources, rows)?;
        writer.texts(TextColumn::Scopes, rows)?;
        writer.integers(Column::Kinds, &batch.kinds[rows.clone()], Nature::Codes)?;
        writer.integers(Column::StatusCodes, &batch.status_codes[rows.clone()], Nature::Codes)?;
        writer.chunk(Column::TraceIds, |packer, out| {
            ids::write_trace_ids(&batch.trace_ids[rows.clone()], packer, out)
        })?;
        writer.chunk(Column::SpanIds, |packer, out| ids::write_span_ids(span_ids, packer, out))?;
        let parents = &batch.parent_span_ids[rows.clone()];
        if parents.iter().any(|parent| !parent.is_zero()) {
            writer.chunk(Column::Parents, |packer, out| {
                ids::write_parents(parents, span_ids, packer, out)
            })?;
        }
        writer.integers(Column::Flags, &batch.flags[rows.clone()], Nature::Codes)?;
        writer.texts(TextColumn::TraceStates, rows)?;
        writer.texts(TextColumn::StatusMessages, rows)?;
        writer.sparse(Column::DroppedAttributes, &batch.dropped_attributes_counts, rows)?;
        writer.sparse(Column::DroppedEvents, &batch.dropped_events_counts, rows)?;
        writer.sparse(Column::DroppedLinks, &batch.dropped_links_counts, rows)?;
        let shapes = &batch.attributes.rows[rows.clone()];
        writer.integers(Column::SpanShapes, shapes, Nature::Codes)
    }

    fn write_event_columns(
        &mut self,
        rows: &Range<usize>,
        items: &Range<usize>,
        offset: u64,
        ends: &mut [u32; COLUMN_COUNT],
    ) -> Result<(), SegmentError> {
        let (batch, events) = (self.batch, &self.batch.events);
        let mut writer = ColumnWriter { encoder: self, offset, ends };
        let counts = counts_of(&events.ends, rows);
        writer.integers(Column::EventCounts, &counts, Nature::Codes)?;
        let span_starts = batch.start_unix_nanos[rows.clone()]
            .iter()
            .zip(&counts)
            .flat_map(|(&start, &count)| std::iter::repeat_n(start, cast::index(count)));
        let times: Vec<u64> = events.time_unix_nanos[items.clone()]
            .iter()
            .zip(span_starts)
            .map(|(&time, start)| zigzag(time.wrapping_sub(start).cast_signed()))
            .collect();
        writer.integers(Column::EventTimes, &times, Nature::Numbers)?;
        writer.texts(TextColumn::EventNames, items)?;
        writer.sparse(Column::EventDropped, &events.dropped_attributes_counts, items)?;
        let shapes = &events.attributes.rows[items.clone()];
        writer.integers(Column::EventShapes, shapes, Nature::Codes)
    }

    fn write_link_columns(
        &mut self,
        rows: &Range<usize>,
        items: &Range<usize>,
        offset: u64,
        ends: &mut [u32; COLUMN_COUNT],
    ) -> Result<(), SegmentError> {
        let links = &self.batch.links;
        let mut writer = ColumnWriter { encoder: self, offset, ends };
        writer.integers(Column::LinkCounts, &counts_of(&links.ends, rows), Nature::Codes)?;
        if !items.is_empty() {
            writer.chunk(Column::LinkTraceIds, |packer, out| {
                ids::write_trace_ids(&links.trace_ids[items.clone()], packer, out)
            })?;
            writer.chunk(Column::LinkSpanIds, |packer, out| {
                ids::write_span_ids(&links.span_ids[items.clone()], packer, out)
            })?;
        }
        writer.texts(TextColumn::LinkTraceStates, items)?;
        writer.integers(Column::LinkFlags, &links.flags[items.clone()], Nature::Codes)?;
        writer.sparse(Column::LinkDropped, &links.dropped_attributes_counts, items)?;
        let shapes = &links.attributes.rows[items.clone()];
        writer.integers(Column::LinkShapes, shapes, Nature::Codes)?;
        // Columns that were skipped end where the one before them ends.
        for place in 1..COLUMN_COUNT {
            ends[place] = ends[place].max(ends[place - 1]);
        }
        Ok(())
    }

    fn write_attributes(
        &mut self,
        owner: AttributeOwner,
        items: &Range<usize>,
        offset: u64,
        tables: &mut [AttributeEncoder<'_>; 3],
        stats: &mut Vec<AttributeStats>,
    ) -> Result<(), SegmentError> {
        let table = table_of(self.batch, owner);
        for (column, cells) in tables[owner.place()].cells(items) {
            let values = &table.columns[cast::index(column)].values;
            let meta = &self.directory.tables[owner.place()].columns[cast::index(column)];
            let mut context = super::attributes::Context {
                has_dictionary: meta.has_dictionary,
                is_whole: self.is_whole,
                renumber: &mut self.renumber,
                packer: &mut self.packer,
            };
            encode_values(values, cells.clone(), &mut context, &mut self.sink.bytes)?;
            self.sink.close_chunk()?;
            stats.push(AttributeStats {
                owner,
                column,
                count: bounded("values of an attribute in a granule", cells.len())?,
                range: statistics::range(values, cells),
                end: relative_end(&self.sink, offset)?,
            });
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Vec<u8>, SegmentError> {
        let (raw_length, stored) = self.directory.encode(&mut self.packer)?;
        let mut bytes = self.sink.bytes;
        let start = bytes.len();
        bytes.extend_from_slice(&stored);
        bytes.extend_from_slice(&cast::narrow(stored.len()).to_le_bytes());
        bytes.extend_from_slice(&raw_length.to_le_bytes());
        let length = bytes.len() + 8 + 8 + MAGIC.len();
        bytes.extend_from_slice(&cast::wide(length).to_le_bytes());
        let checksum = xxh3_64(&bytes[start..]);
        bytes.extend_from_slice(&checksum.to_le_bytes());
        bytes.extend_from_slice(&MAGIC);
        Ok(bytes)
    }
}

fn bounded(part: &'static str, count: usize) -> Result<u32, SegmentError> {
    let observed = cast::wide(count);
    match u32::try_from(count) {
        Ok(count) if count <= ITEMS_MAX => Ok(count),
        _ => Err(SegmentError::TooLarge { part, observed, limit: u64::from(ITEMS_MAX) }),
    }
}

fn relative_end(sink: &Sink, offset: u64) -> Result<u32, SegmentError> {
    let observed = sink.offset() - offset;
    u32::try_from(observed).map_err(|_| SegmentError::TooLarge {
        part: "bytes of a granule",
        observed,
        limit: u64::from(u32::MAX),
    })
}

/// Writes the fixed columns of one granule.
struct ColumnWriter<'w, 'a> {
    encoder: &'w mut Encoder<'a>,
    offset: u64,
    ends: &'w mut [u32; COLUMN_COUNT],
}

impl ColumnWriter<'_, '_> {
    fn chunk(
        &mut self,
        column: Column,
        write: impl FnOnce(&mut Packer, &mut Vec<u8>) -> Result<(), SegmentError>,
    ) -> Result<(), SegmentError> {
        write(&mut self.encoder.packer, &mut self.encoder.sink.bytes)?;
        self.encoder.sink.close_chunk()?;
        self.ends[column as usize] = relative_end(&self.encoder.sink, self.offset)?;
        Ok(())
    }

    /// No chunk where every value is zero.
    fn integers<T: integers::Word>(
        &mut self,
        column: Column,
        values: &[T],
        nature: Nature,
    ) -> Result<(), SegmentError> {
        if values.iter().all(|value| value.wide() == 0) {
            return Ok(());
        }
        self.chunk(column, |packer, out| integers::write(values, nature, packer, out))
    }

    fn sparse(
        &mut self,
        column: Column,
        values: &SparseColumn,
        rows: &Range<usize>,
    ) -> Result<(), SegmentError> {
        if values.values.len() <= rows.start {
            return Ok(());
        }
        let values: Vec<u32> = rows.clone().map(|row| values.get(row)).collect();
        self.integers(column, &values, Nature::Codes)
    }

    fn texts(&mut self, column: TextColumn, rows: &Range<usize>) -> Result<(), SegmentError> {
        let encoder = &mut *self.encoder;
        let texts = text_of(encoder.batch, column);
        let codes = &texts.codes[rows.clone()];
        if codes.is_empty() {
            return Ok(());
        }
        if encoder.directory.texts[column.place()].length > 0 {
            return self.integers(column.column(), codes, Nature::Codes);
        }
        let is_whole = encoder.is_whole;
        text::write_local(
            codes,
            &texts.table,
            is_whole,
            &mut encoder.renumber,
            &mut encoder.packer,
            &mut encoder.sink.bytes,
        )?;
        self.chunk(column.column(), |_, _| Ok(()))
    }
}
