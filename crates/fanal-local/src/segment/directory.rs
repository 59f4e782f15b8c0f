//! The directory: what chunks a segment has and what is known of each granule. Read once, at opening.
//!
//! Chunks lie one after the other from the first byte on, so that the directory needs lengths only and every byte
//! belongs to something. Invariant: a parsed directory's extents tile the bytes before it.

use super::compress::{BLOCK_BYTES_MAX, Packer, read_block};
use super::error::{Flaw, SegmentError};
use super::granule::{AttributeStats, CodeSet, Granule, NumericRange, Slowest};
use super::layout::{COLUMN_COUNT, Extent, TEXT_COLUMNS};
use super::{AttributeColumnMeta, AttributeOwner};
use fanal_base::cast;
use fanal_model::AttributeType;
use fanal_model::nested::{self, Reader, unzigzag, zigzag};

/// Most rows of a granule that is read; encoders keep to less.
const GRANULE_ROWS_READ_MAX: u32 = 1 << 17;

/// Most events, links or values of one attribute in a granule.
pub(super) const ITEMS_MAX: u32 = 1 << 26;

/// Most columns of an attribute table.
const TABLE_COLUMNS_MAX: usize = 1 << 16;

const TYPES: [AttributeType; 8] = [
    AttributeType::Empty,
    AttributeType::String,
    AttributeType::Bool,
    AttributeType::Int,
    AttributeType::Float,
    AttributeType::Bytes,
    AttributeType::Array,
    AttributeType::Map,
];

/// Tag of the overflow column, behind those of `TYPES`.
const OVERFLOW: u8 = 8;

/// What an open segment knows.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Directory {
    /// Dictionaries of the fixed text columns; no bytes where a column has none.
    pub(super) texts: [Extent; TEXT_COLUMNS.len()],
    /// The classes of spans; no bytes where they were not worth it.
    pub(super) classes: Extent,
    /// Attribute tables by owner.
    pub(super) tables: [TableDirectory; AttributeOwner::ALL.len()],
    /// Granules in row order.
    pub(super) granules: Vec<Granule>,
}

/// What is known of an attribute table.
#[derive(Debug, Default, PartialEq)]
pub(super) struct TableDirectory {
    pub(super) shapes: Extent,
    pub(super) columns: Vec<AttributeColumnMeta>,
    /// By column; no bytes where it has none.
    pub(super) dictionaries: Vec<Extent>,
    /// By column: the values that classes fix; no bytes where there are none.
    pub(super) fixed: Vec<Extent>,
}

impl Directory {
    /// The stored form.
    pub(super) fn encode(&self, packer: &mut Packer) -> Result<(u32, Vec<u8>), SegmentError> {
        let mut raw = Vec::new();
        for extent in &self.texts {
            nested::write_varint(u64::from(extent.length), &mut raw);
        }
        nested::write_varint(u64::from(self.classes.length), &mut raw);
        for table in &self.tables {
            write_table(table, &mut raw);
        }
        nested::write_length(self.granules.len(), &mut raw);
        let mut last_start = 0;
        for granule in &self.granules {
            write_granule(granule, last_start, &mut raw);
            last_start = granule.start_min_unix_nanos;
        }
        let mut stored = Vec::new();
        packer.block(&raw, &mut stored)?;
        Ok((cast::narrow(raw.len()), stored))
    }

    /// The inverse of [`Directory::encode`], of `raw_length` bytes before compression, for chunks that end
    /// at `chunk_bytes`.
    pub(super) fn decode(stored: &[u8], raw_length: usize, chunk_bytes: u64) -> Result<Self, Flaw> {
        let mut outer = Reader::new(stored);
        let raw = read_block(&mut outer, BLOCK_BYTES_MAX)?;
        if raw.len() != raw_length {
            return Err(Flaw("decoded length differs"));
        }
        let mut reader = Reader::new(&raw);
        let mut place = 0;
        let mut directory = Self::default();
        for extent in &mut directory.texts {
            *extent = read_extent(&mut reader, &mut place)?;
        }
        directory.classes = read_extent(&mut reader, &mut place)?;
        for table in &mut directory.tables {
            *table = read_table(&mut reader, &mut place)?;
        }
        let count = reader.length()?;
        let (mut row, mut last_start) = (0, 0);
        for _ in 0..count {
            let granule =
                read_granule(&mut reader, &directory.tables, row, last_start, &mut place)?;
            (row, last_start) = (granule.rows.end, granule.start_min_unix_nanos);
            directory.granules.push(granule);
        }
        if !reader.is_at_end() || !outer.is_at_end() || place != chunk_bytes {
            return Err(Flaw("lengths do not add up"));
        }
        Ok(directory)
    }
}

fn read_extent(reader: &mut Reader<'_>, place: &mut u64) -> Result<Extent, Flaw> {
    let extent = Extent { offset: *place, length: read_u32(reader)? };
    *place = place.saturating_add(u64::from(extent.length));
    Ok(extent)
}

fn read_u32(reader: &mut Reader<'_>) -> Result<u32, Flaw> {
    u32::try_from(reader.varint()?).map_err(|_| Flaw("number out of range"))
}

fn write_table(table: &TableDirectory, out: &mut Vec<u8>) {
    nested::write_varint(u64::from(table.shapes.length), out);
    nested::write_length(table.columns.len(), out);
    let extents = table.dictionaries.iter().zip(&table.fixed);
    for (column, (dictionary, fixed)) in table.columns.iter().zip(extents) {
        nested::write_bytes(column.key.as_bytes(), out);
        let place = TYPES.iter().zip(0..).find(|(kind, _)| Some(**kind) == column.kind);
        out.push(place.map_or(OVERFLOW, |(_, tag)| tag));
        nested::write_varint(u64::from(dictionary.length), out);
        nested::write_varint(u64::from(fixed.length), out);
    }
}

fn read_table(reader: &mut Reader<'_>, place: &mut u64) -> Result<TableDirectory, Flaw> {
    let mut table = TableDirectory { shapes: read_extent(reader, place)?, ..Default::default() };
    let count = reader.length()?;
    if count > TABLE_COLUMNS_MAX {
        return Err(Flaw("too many attribute columns"));
    }
    for _ in 0..count {
        let key = reader.text()?.into();
        let tag = reader.take(1)?[0];
        let kind = TYPES.get(usize::from(tag)).copied();
        if kind.is_none() && tag != OVERFLOW {
            return Err(Flaw("unknown attribute type"));
        }
        let dictionary = read_extent(reader, place)?;
        let has_dictionary = dictionary.length > 0;
        table.columns.push(AttributeColumnMeta { key, kind, has_dictionary });
        table.dictionaries.push(dictionary);
        table.fixed.push(read_extent(reader, place)?);
    }
    Ok(table)
}

fn write_granule(granule: &Granule, last_start: u64, out: &mut Vec<u8>) {
    let numbers = [
        u64::from(granule.rows.end - granule.rows.start),
        u64::from(granule.event_count),
        u64::from(granule.link_count),
        difference(granule.start_min_unix_nanos, last_start),
        granule.start_max_unix_nanos.wrapping_sub(granule.start_min_unix_nanos),
        difference(granule.end_max_unix_nanos, granule.start_min_unix_nanos),
        granule.duration_min_nanos,
        granule.duration_max_nanos,
    ];
    numbers.into_iter().for_each(|number| nested::write_varint(number, out));
    write_slowest(&granule.slowest, out);
    write_pages(&granule.page_ends, out);
    out.extend_from_slice(&[granule.kinds, granule.status_codes]);
    for set in [&granule.names, &granule.resources, &granule.scopes] {
        write_set(set, out);
    }
    let mut last = 0;
    for &end in &granule.column_ends {
        nested::write_varint(u64::from(end - last), out);
        last = end;
    }
    nested::write_length(granule.attributes.len(), out);
    let mut last_place = (AttributeOwner::Span, 0);
    for stats in &granule.attributes {
        let base = if stats.owner == last_place.0 { last_place.1 } else { 0 };
        out.push(cast::narrow(stats.owner.place()).to_le_bytes()[0]);
        nested::write_varint(u64::from(stats.column - base), out);
        nested::write_varint(u64::from(stats.count), out);
        nested::write_varint(u64::from(stats.count - stats.stored), out);
        nested::write_varint(u64::from(stats.end - last), out);
        write_range(stats.range, out);
        last_place = (stats.owner, stats.column);
        last = stats.end;
    }
}

fn read_granule(
    reader: &mut Reader<'_>,
    tables: &[TableDirectory],
    row: u32,
    last_start: u64,
    place: &mut u64,
) -> Result<Granule, Flaw> {
    let row_count = bounded(reader, GRANULE_ROWS_READ_MAX)?;
    let event_count = bounded(reader, ITEMS_MAX)?;
    let link_count = bounded(reader, ITEMS_MAX)?;
    let start_min = sum(last_start, reader.varint()?);
    let start_max = start_min.wrapping_add(reader.varint()?);
    let end_max = sum(start_min, reader.varint()?);
    let (duration_min, duration_max) = (reader.varint()?, reader.varint()?);
    let slowest = read_slowest(reader)?;
    let page_ends = read_pages(reader, row_count)?;
    let bits = reader.take(2)?;
    let (kinds, status_codes) = (bits[0], bits[1]);
    let sets = [read_set(reader)?, read_set(reader)?, read_set(reader)?];
    let [names, resources, scopes] = sets;
    let mut end = 0;
    let mut column_ends = [0; COLUMN_COUNT];
    for column_end in &mut column_ends {
        *column_end = read_end(reader, &mut end)?;
    }
    let attributes = read_attributes(reader, tables, &mut end)?;
    let offset = *place;
    *place += u64::from(end);
    Ok(Granule {
        rows: row..row.checked_add(row_count).ok_or(Flaw("too many rows"))?,
        event_count,
        link_count,
        start_min_unix_nanos: start_min,
        start_max_unix_nanos: start_max,
        end_max_unix_nanos: end_max,
        duration_min_nanos: duration_min,
        duration_max_nanos: duration_max,
        slowest,
        kinds,
        status_codes,
        names,
        resources,
        scopes,
        page_ends,
        attributes,
        offset,
        column_ends,
    })
}

fn write_slowest(slowest: &Slowest, out: &mut Vec<u8>) {
    out.push(slowest.others);
    nested::write_length(slowest.classes.len(), out);
    let mut last = 0;
    for &(class, _) in &slowest.classes {
        nested::write_varint(u64::from(class - last), out);
        last = class;
    }
    out.extend(slowest.classes.iter().map(|&(_, step)| step));
}

fn read_slowest(reader: &mut Reader<'_>) -> Result<Slowest, Flaw> {
    let others = reader.take(1)?[0];
    let count = reader.length()?;
    let mut codes = Vec::with_capacity(count);
    let mut code = 0_u32;
    for place in 0..count {
        let gap = read_u32(reader)?;
        let next = code.checked_add(gap).filter(|_| gap > 0 || place == 0);
        code = next.ok_or(Flaw("order of classes"))?;
        codes.push(code);
    }
    let steps = reader.take(count)?;
    Ok(Slowest { classes: codes.into_iter().zip(steps.iter().copied()).collect(), others })
}

/// Number of pages, then the rows of all but the last.
fn write_pages(ends: &[u32], out: &mut Vec<u8>) {
    nested::write_length(ends.len(), out);
    let mut last = 0;
    for &end in ends.iter().rev().skip(1).rev() {
        nested::write_varint(u64::from(end - last), out);
        last = end;
    }
}

fn read_pages(reader: &mut Reader<'_>, rows: u32) -> Result<Box<[u32]>, Flaw> {
    let count = read_u32(reader)?;
    // A page has a row at least; a granule without rows has one page of none.
    if count == 0 || count > rows.max(1) {
        return Err(Flaw("number of pages"));
    }
    let mut ends = Vec::new();
    let mut end = 0_u32;
    for _ in 1..count {
        let page = read_u32(reader)?;
        end = end.checked_add(page).filter(|&end| page > 0 && end < rows).ok_or(Flaw("pages"))?;
        ends.push(end);
    }
    ends.push(rows);
    Ok(ends.into())
}

fn bounded(reader: &mut Reader<'_>, limit: u32) -> Result<u32, Flaw> {
    let number = read_u32(reader)?;
    if number <= limit { Ok(number) } else { Err(Flaw("count beyond the limit")) }
}

fn read_end(reader: &mut Reader<'_>, end: &mut u32) -> Result<u32, Flaw> {
    *end = end.checked_add(read_u32(reader)?).ok_or(Flaw("granule too large"))?;
    Ok(*end)
}

fn read_attributes(
    reader: &mut Reader<'_>,
    tables: &[TableDirectory],
    end: &mut u32,
) -> Result<Vec<AttributeStats>, Flaw> {
    let count = reader.length()?;
    let mut attributes: Vec<AttributeStats> = Vec::with_capacity(count);
    for _ in 0..count {
        let place = usize::from(reader.take(1)?[0]);
        let owner = *AttributeOwner::ALL.get(place).ok_or(Flaw("unknown attribute owner"))?;
        let last = attributes.last().map(|last| (last.owner, last.column));
        let gap = read_u32(reader)?;
        let column = match last {
            Some((last_owner, column)) if last_owner == owner => column.saturating_add(gap),
            _ => gap,
        };
        let columns = tables.get(place).map_or(0, |table| table.columns.len());
        if cast::index(column) >= columns || last.is_some_and(|last| (owner, column) <= last) {
            return Err(Flaw("order of attribute columns"));
        }
        let count = bounded(reader, ITEMS_MAX)?;
        let stored = count.checked_sub(read_u32(reader)?).ok_or(Flaw("number of values"))?;
        let end = read_end(reader, end)?;
        let range = read_range(reader)?;
        attributes.push(AttributeStats { owner, column, count, stored, range, end });
    }
    Ok(attributes)
}

/// A signed difference of unsigned numbers, any of which fits.
fn difference(number: u64, base: u64) -> u64 {
    zigzag(number.wrapping_sub(base).cast_signed())
}

/// The inverse of [`difference`].
fn sum(base: u64, difference: u64) -> u64 {
    base.wrapping_add(unzigzag(difference).cast_unsigned())
}

fn write_set(set: &CodeSet, out: &mut Vec<u8>) {
    match set {
        CodeSet::List(codes) => {
            out.push(0);
            nested::write_length(codes.len(), out);
            let mut last = 0;
            for &code in codes {
                nested::write_varint(u64::from(code - last), out);
                last = code;
            }
        }
        CodeSet::Bitmap(words) => {
            out.push(1);
            nested::write_length(words.len(), out);
            words.iter().for_each(|word| out.extend_from_slice(&word.to_le_bytes()));
        }
        CodeSet::Between(min, max) => {
            out.push(2);
            nested::write_varint(u64::from(*min), out);
            nested::write_varint(u64::from(*max), out);
        }
    }
}

fn read_set(reader: &mut Reader<'_>) -> Result<CodeSet, Flaw> {
    match reader.take(1)?[0] {
        0 => {
            let count = reader.length()?;
            let mut codes = Vec::with_capacity(count);
            let mut code = 0_u32;
            for _ in 0..count {
                code = code.checked_add(read_u32(reader)?).ok_or(Flaw("number out of range"))?;
                codes.push(code);
            }
            Ok(CodeSet::List(codes.into()))
        }
        1 => {
            let count = reader.length()?;
            let bytes = reader.take(count.saturating_mul(8))?;
            let words = bytes.chunks_exact(8).filter_map(|word| word.try_into().ok());
            Ok(CodeSet::Bitmap(words.map(u64::from_le_bytes).collect()))
        }
        2 => Ok(CodeSet::Between(read_u32(reader)?, read_u32(reader)?)),
        _ => Err(Flaw("unknown set of codes")),
    }
}

fn write_range(range: Option<NumericRange>, out: &mut Vec<u8>) {
    match range {
        None => out.push(0),
        Some(NumericRange::Int { min, max }) => {
            out.push(1);
            nested::write_varint(zigzag(min), out);
            nested::write_varint(max.wrapping_sub(min).cast_unsigned(), out);
        }
        Some(NumericRange::Float { min, max }) => {
            out.push(2);
            out.extend_from_slice(&min.to_bits().to_le_bytes());
            out.extend_from_slice(&max.to_bits().to_le_bytes());
        }
    }
}

fn read_range(reader: &mut Reader<'_>) -> Result<Option<NumericRange>, Flaw> {
    match reader.take(1)?[0] {
        0 => Ok(None),
        1 => {
            let min = unzigzag(reader.varint()?);
            let max = min.wrapping_add(reader.varint()?.cast_signed());
            Ok(Some(NumericRange::Int { min, max }))
        }
        2 => Ok(Some(NumericRange::Float { min: reader.float()?, max: reader.float()? })),
        _ => Err(Flaw("unknown range")),
    }
}
