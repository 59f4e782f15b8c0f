//! Encoding a batch as a segment: dictionaries, shapes, granules, directory, trailer.
//!
//! Reads a valid batch, writes bytes; rows keep their order. Does not sort and does not merge.

use super::attributes::{AttributeEncoder, Cells, Context, encode_values, numbers};
use super::classes::{self, Classified};
use super::column_writer::ColumnWriter;
use super::compress::Packer;
use super::directory::{Directory, ITEMS_MAX, TableDirectory};
use super::error::SegmentError;
use super::fixed::FixedCells;
use super::granule::{AttributeStats, Granule, Slowest};
use super::integers::{self, Nature};
use super::layout::{COLUMN_COUNT, Extent, MAGIC, Sink, TEXT_COLUMNS};
use super::pages::{self, Habit, PageEnds};
use super::statistics::{self, CodeSets};
use super::text::{self, ENTRIES_MAX, Renumber, TableForm};
use super::{
    AttributeColumnMeta, AttributeOwner, EncodeOptions, GRANULE_ROWS_MAX, Profile, TextColumn,
};
use fanal_base::cast;
use fanal_model::attributes::AttributeValues;
use fanal_model::{BytesTable, DictionaryColumn, SpanBatch};
use std::ops::Range;
use xxhash_rust::xxh3::xxh3_64;

/// Most bytes of a dictionary of a column that can do without: a fetch of one trace reads it whole.
const DICTIONARY_BYTES_MAX: usize = 1 << 20;

/// Values for each entry from which on a dictionary pays.
const DICTIONARY_USES_MIN: usize = 4;

/// Encodes a valid batch. Rows keep their order.
pub fn encode(batch: &SpanBatch, options: EncodeOptions) -> Result<Vec<u8>, SegmentError> {
    encode_in_pieces(batch, options, &|| ())
}

/// Encodes as [`encode`] does. `pause` is called between granules, so that a caller can let others go first.
pub fn encode_in_pieces(
    batch: &SpanBatch,
    options: EncodeOptions,
    pause: &dyn Fn(),
) -> Result<Vec<u8>, SegmentError> {
    // Checked where batches come in and where they are read back.
    debug_assert!(batch.validate().is_ok());
    let granules = plan(batch, options);
    let classified = match options.profile {
        Profile::Small => classes::classify(batch),
        Profile::Fast => None,
    };
    let mut encoder = Encoder {
        batch,
        is_whole: granules.iter().map(|granule| granule.page_ends.len()).sum::<usize>() <= 1,
        fixed: classified.as_ref().map(|found| FixedCells::find(&batch.attributes, found)),
        classified,
        habits: Default::default(),
        forms: Default::default(),
        attribute_habits: AttributeOwner::ALL
            .map(|owner| vec![Default::default(); table_of(batch, owner).columns.len()]),
        sink: Sink::default(),
        packer: Packer::new(options.profile)?,
        renumber: Renumber::default(),
        sets: [CodeSets::default(), CodeSets::default(), CodeSets::default()],
        directory: Directory::default(),
    };
    encoder.write_dictionaries()?;
    let mut tables = AttributeOwner::ALL.map(|owner| AttributeEncoder::new(table_of(batch, owner)));
    encoder.write_classes()?;
    encoder.write_tables()?;
    for granule in granules {
        pause();
        encoder.write_granule(&granule, &mut tables)?;
    }
    encoder.finish()
}

/// The attribute table of an owner.
pub(super) fn table_of(batch: &SpanBatch, owner: AttributeOwner) -> &fanal_model::AttributeTable {
    match owner {
        AttributeOwner::Span => &batch.attributes,
        AttributeOwner::Event => &batch.events.attributes,
        AttributeOwner::Link => &batch.links.attributes,
    }
}

/// A fixed text column.
pub(super) fn text_of(batch: &SpanBatch, column: TextColumn) -> &DictionaryColumn {
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

/// Rows of a granule.
#[derive(Debug, Clone)]
struct GranulePlan {
    rows: Range<usize>,
    /// One past the last row of each page.
    page_ends: Vec<usize>,
}

/// Cuts rows into granules of whole pages.
fn plan(batch: &SpanBatch, options: EncodeOptions) -> Vec<GranulePlan> {
    let granule_rows = options.granule_rows.clamp(1, GRANULE_ROWS_MAX);
    let page_rows = options.page_rows.clamp(1, granule_rows);
    let pages = plan_pages(batch, page_rows);
    pages
        .chunks(granule_rows / page_rows)
        .map(|pages| GranulePlan {
            rows: pages[0].start..pages[pages.len() - 1].end,
            page_ends: pages.iter().map(|page| page.end).collect(),
        })
        .collect()
}

/// Cuts rows at the first trace boundary behind `target` rows, or a quarter further at the latest.
fn plan_pages(batch: &SpanBatch, target: usize) -> Vec<Range<usize>> {
    let rows = batch.len();
    let mut pages = Vec::new();
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
        pages.push(start..end);
        start = end;
    }
    pages
}

/// Items of some rows, from the ends of each row's items.
pub(super) fn items_of(ends: &[u32], rows: &Range<usize>) -> Range<usize> {
    let before = |row: usize| row.checked_sub(1).and_then(|last| ends.get(last)).copied();
    cast::index(before(rows.start).unwrap_or(0))..cast::index(before(rows.end).unwrap_or(0))
}

/// Rows, events or links of a granule.
#[derive(Debug)]
pub(super) struct Items {
    /// Of the batch.
    pub(super) range: Range<usize>,
    /// One past the last of each page, counted within the granule.
    pub(super) page_ends: Vec<usize>,
}

impl Items {
    fn new(range: Range<usize>, row_ends: &[usize], end_of: impl Fn(usize) -> usize) -> Self {
        let page_ends = row_ends.iter().map(|&row| end_of(row) - range.start).collect();
        Self { range, page_ends }
    }

    fn of(ends: &[u32], plan: &GranulePlan) -> Self {
        Self::new(items_of(ends, &plan.rows), &plan.page_ends, |row| {
            items_of(ends, &(row..row)).end
        })
    }

    /// The items of each page, of the batch.
    fn pages(&self) -> Vec<Range<usize>> {
        let starts = std::iter::once(0).chain(self.page_ends.iter().copied());
        let base = self.range.start;
        starts.zip(&self.page_ends).map(|(start, end)| base + start..base + end).collect()
    }
}

/// What encoding a segment keeps.
pub(super) struct Encoder<'a> {
    pub(super) batch: &'a SpanBatch,
    /// Whether one page holds all, so that its own tables serve as well as dictionaries.
    pub(super) is_whole: bool,
    pub(super) sink: Sink,
    pub(super) packer: Packer,
    pub(super) renumber: Renumber,
    sets: [CodeSets; 3],
    pub(super) directory: Directory,
    pub(super) classified: Option<Classified>,
    fixed: Option<FixedCells>,
    pub(super) habits: [Habit; COLUMN_COUNT],
    pub(super) forms: [TableForm; COLUMN_COUNT],
    attribute_habits: [Vec<(Habit, TableForm)>; AttributeOwner::ALL.len()],
}

impl Encoder<'_> {
    /// Whether a dictionary pays for a column of which granules store so many values.
    fn uses_dictionary(&self, column: &DictionaryColumn, values: usize) -> bool {
        let entries = column.table.len();
        let pays = entries <= values / DICTIONARY_USES_MIN
            && column.table.bytes.len() <= DICTIONARY_BYTES_MAX;
        !column.codes.is_empty() && (entries == 1 || (pays && !self.is_whole))
    }

    fn write_dictionary(&mut self, table: &BytesTable) -> Result<Extent, SegmentError> {
        if table.len() > ENTRIES_MAX {
            return Err(SegmentError::TooLarge {
                part: "entries of a dictionary",
                observed: cast::wide(table.len()),
                limit: cast::wide(ENTRIES_MAX),
            });
        }
        let form = &mut TableForm::default();
        let (packer, out) = (&mut self.packer, &mut self.sink.bytes);
        text::write_table(&table.ends, &table.bytes, form, packer, out)?;
        self.sink.close_chunk()
    }

    fn write_dictionaries(&mut self) -> Result<(), SegmentError> {
        for column in TEXT_COLUMNS {
            let texts = text_of(self.batch, column);
            let is_needed = column.is_always_coded() && !texts.codes.is_empty();
            if is_needed || self.uses_dictionary(texts, texts.codes.len()) {
                self.directory.texts[column.place()] = self.write_dictionary(&texts.table)?;
            }
        }
        Ok(())
    }

    fn write_classes(&mut self) -> Result<(), SegmentError> {
        if let Some(classified) = &self.classified {
            classified.classes.encode(&mut self.packer, &mut self.sink.bytes)?;
            self.directory.classes = self.sink.close_chunk()?;
        }
        Ok(())
    }

    fn write_tables(&mut self) -> Result<(), SegmentError> {
        for owner in AttributeOwner::ALL {
            let table = table_of(self.batch, owner);
            let mut directory = TableDirectory::default();
            super::attributes::encode_shapes(table, &mut self.packer, &mut self.sink.bytes)?;
            directory.shapes = self.sink.close_chunk()?;
            for (number, column) in table.columns.iter().enumerate() {
                let (kind, texts) = super::attributes::describe(&column.values);
                let fixed = self.fixed.as_ref().filter(|_| owner == AttributeOwner::Span);
                let fixed_count = fixed.map_or(0, |fixed| fixed.count(number));
                let stored = column.values.len().saturating_sub(fixed_count);
                let dictionary = match texts {
                    Some(texts) if self.uses_dictionary(texts, stored) => {
                        self.write_dictionary(&texts.table)?
                    }
                    _ => Extent::default(),
                };
                let has_dictionary = dictionary.length > 0;
                let key = column.key.clone();
                directory.columns.push(AttributeColumnMeta { key, kind, has_dictionary });
                directory.dictionaries.push(dictionary);
                let fixed = match fixed_count {
                    0 => Extent::default(),
                    _ => self.write_fixed(number, &column.values, has_dictionary)?,
                };
                directory.fixed.push(fixed);
            }
            self.directory.tables[owner.place()] = directory;
        }
        Ok(())
    }

    /// Appends the values of a column of span attributes that classes fix.
    fn write_fixed(
        &mut self,
        column: usize,
        values: &AttributeValues,
        has_dictionary: bool,
    ) -> Result<Extent, SegmentError> {
        let Some(fixed) = &self.fixed else { return Ok(Extent::default()) };
        let (flags, cells) = fixed.column(column);
        let cells = Cells::listed(cast::narrow(column), cells);
        integers::write(&flags, Nature::Codes, &mut self.packer, &mut self.sink.bytes)?;
        let mut context = Context {
            has_dictionary,
            is_whole: false,
            renumber: &mut self.renumber,
            form: &mut TableForm::default(),
            packer: &mut self.packer,
        };
        let range = 0..cells.stored();
        encode_values(values, &cells, range, &mut context, &mut self.sink.bytes)?;
        self.sink.close_chunk()
    }

    fn write_granule(
        &mut self,
        plan: &GranulePlan,
        tables: &mut [AttributeEncoder<'_>; 3],
    ) -> Result<(), SegmentError> {
        let batch = self.batch;
        let rows = plan.rows.clone();
        let offset = self.sink.offset();
        let items = [
            Items::new(rows.clone(), &plan.page_ends, |row| row),
            Items::of(&batch.events.ends, plan),
            Items::of(&batch.links.ends, plan),
        ];
        let column_ends = ColumnWriter::new(self, offset, &items).write_all()?;
        let mut attributes = Vec::new();
        for (owner, items) in AttributeOwner::ALL.into_iter().zip(&items) {
            self.write_attributes(owner, items, offset, tables, &mut attributes)?;
        }
        let times = statistics::times(batch, rows.clone());
        let slowest = self.classified.as_ref().map_or_else(Slowest::unknown, |found| {
            statistics::slowest(batch, rows.clone(), &found.codes)
        });
        let [names, resources, scopes] = &mut self.sets;
        let set = |sets: &mut CodeSets, column: &DictionaryColumn| {
            sets.build(&column.codes[rows.clone()], column.table.len())
        };
        self.directory.granules.push(Granule {
            rows: cast::narrow(rows.start)..cast::narrow(rows.end),
            event_count: bounded("events of a granule", items[1].range.len())?,
            link_count: bounded("links of a granule", items[2].range.len())?,
            start_min_unix_nanos: times.start_min,
            start_max_unix_nanos: times.start_max,
            end_max_unix_nanos: times.end_max,
            duration_min_nanos: times.duration_min,
            duration_max_nanos: times.duration_max,
            slowest,
            kinds: statistics::kinds(&batch.kinds[rows.clone()]),
            status_codes: statistics::status_codes(&batch.status_codes[rows.clone()]),
            names: set(names, &batch.names),
            resources: set(resources, &batch.resources),
            scopes: set(scopes, &batch.scopes),
            page_ends: items[0].page_ends.iter().map(|&end| cast::narrow(end)).collect(),
            attributes,
            offset,
            column_ends,
        });
        Ok(())
    }

    fn write_attributes(
        &mut self,
        owner: AttributeOwner,
        items: &Items,
        offset: u64,
        tables: &mut [AttributeEncoder<'_>; 3],
        stats: &mut Vec<AttributeStats>,
    ) -> Result<(), SegmentError> {
        let table = table_of(self.batch, owner);
        let fixed = self.classified.as_ref().zip(self.fixed.as_ref());
        let fixed = fixed
            .filter(|(found, _)| owner == AttributeOwner::Span && found.classes.has_shapes())
            .map(|(found, fixed)| (&*found.codes, fixed));
        for cells in tables[owner.place()].cells(&items.pages(), fixed) {
            let place = cast::index(cells.column);
            let values = &table.columns[place].values;
            let meta = &self.directory.tables[owner.place()].columns[place];
            let is_empty = matches!(values, AttributeValues::Empty(_));
            if cells.stored() > 0 && !is_empty {
                let (habit, form) = &mut self.attribute_habits[owner.place()][place];
                let mut context = Context {
                    form,
                    has_dictionary: meta.has_dictionary,
                    is_whole: self.is_whole,
                    renumber: &mut self.renumber,
                    packer: &mut self.packer,
                };
                let pages = PageEnds { ends: &cells.page_ends, are_rows: false };
                let numbers = numbers(values, &cells);
                pages::write_chunk(
                    &mut self.sink,
                    pages,
                    habit,
                    numbers.as_deref(),
                    |range, out| encode_values(values, &cells, range, &mut context, out),
                )?;
            }
            stats.push(AttributeStats {
                owner,
                column: cells.column,
                count: bounded("values of an attribute in a granule", cells.all.len())?,
                stored: bounded("values of an attribute in a granule", cells.stored())?,
                range: statistics::range(values, cells.all.clone()),
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

/// Length of the granule at `offset` so far.
pub(super) fn relative_end(sink: &Sink, offset: u64) -> Result<u32, SegmentError> {
    let observed = sink.offset() - offset;
    u32::try_from(observed).map_err(|_| SegmentError::TooLarge {
        part: "bytes of a granule",
        observed,
        limit: u64::from(u32::MAX),
    })
}
