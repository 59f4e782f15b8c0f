//! Attribute tables in a segment: shapes once, values of each column by granule.

use super::compress::{BLOCK_BYTES_MAX, Packer, read_block};
use super::error::{Flaw, SegmentError};
use super::fixed::FixedCells;
use super::integers::{self, Nature};
use super::text::{self, Renumber, TableForm};
use super::{AttributeColumnMeta, ColumnValues, Profile};
use fanal_base::cast;
use fanal_model::attributes::AttributeValues;
use fanal_model::nested::{self, Reader};
use fanal_model::{AttributeTable, AttributeType, DictionaryColumn};
use std::borrow::Cow;
use std::ops::Range;

/// Forms of floats.
const FLOAT_BITS: u8 = 0;
const FLOAT_PCO: u8 = 1;

/// Below this many values pco's own tables cost more than they save.
const FLOAT_PCO_VALUES_MIN: usize = 48;

/// pco level of floats.
const FLOAT_PCO_LEVEL: usize = 4;

/// Sign bit: turns the order of signed integers into that of unsigned ones.
const SIGN: u64 = 1 << 63;

/// Type and texts of a column.
pub(super) fn describe(
    values: &AttributeValues,
) -> (Option<AttributeType>, Option<&DictionaryColumn>) {
    match values {
        AttributeValues::Empty(_) => (Some(AttributeType::Empty), None),
        AttributeValues::Bool(_) => (Some(AttributeType::Bool), None),
        AttributeValues::Int(_) => (Some(AttributeType::Int), None),
        AttributeValues::Float(_) => (Some(AttributeType::Float), None),
        AttributeValues::String(texts) => (Some(AttributeType::String), Some(texts)),
        AttributeValues::Bytes(texts) => (Some(AttributeType::Bytes), Some(texts)),
        AttributeValues::Array(texts) => (Some(AttributeType::Array), Some(texts)),
        AttributeValues::Map(texts) => (Some(AttributeType::Map), Some(texts)),
        AttributeValues::Overflow(texts) => (None, Some(texts)),
    }
}

/// Appends the shapes of a table; nothing where there are none or only the empty one.
pub(super) fn encode_shapes(
    table: &AttributeTable,
    packer: &mut Packer,
    out: &mut Vec<u8>,
) -> Result<(), SegmentError> {
    if table.shapes.len() <= 1 && table.shapes.iter().all(|shape| shape.is_empty()) {
        return Ok(());
    }
    let mut raw = Vec::new();
    nested::write_length(table.shapes.len(), &mut raw);
    for shape in &table.shapes {
        nested::write_length(shape.len(), &mut raw);
        shape.iter().for_each(|&column| nested::write_varint(u64::from(column), &mut raw));
    }
    packer.block(&raw, out)
}

/// Reads shapes; each names columns below `column_count`.
pub(super) fn decode_shapes(
    reader: &mut Reader<'_>,
    column_count: usize,
) -> Result<Vec<Box<[u32]>>, Flaw> {
    let raw = read_block(reader, BLOCK_BYTES_MAX)?;
    let mut reader = Reader::new(&raw);
    let count = reader.length()?;
    let mut shapes = Vec::with_capacity(count);
    for _ in 0..count {
        let length = reader.length()?;
        let mut shape = Vec::with_capacity(length);
        for _ in 0..length {
            let column = reader.varint()?;
            if column >= cast::wide(column_count) {
                return Err(Flaw("shape names a column that is not there"));
            }
            shape.push(u32::try_from(column).map_err(|_| Flaw("number out of range"))?);
        }
        shapes.push(shape.into());
    }
    if reader.is_at_end() { Ok(shapes) } else { Err(Flaw("bytes left over")) }
}

/// The cells of a column that a granule stores.
#[derive(Debug)]
pub(super) struct Cells {
    pub(super) column: u32,
    /// Every cell of the granule's rows.
    pub(super) all: Range<usize>,
    /// Those that are stored; `None`: all.
    pub(super) kept: Option<Vec<u32>>,
    /// One past the last stored cell of each page, counted within the granule.
    pub(super) page_ends: Vec<usize>,
}

impl Cells {
    /// These cells of a column, as one page.
    pub(super) fn listed(column: u32, cells: Vec<u32>) -> Self {
        let page_ends = vec![cells.len()];
        Self { column, all: 0..0, kept: Some(cells), page_ends }
    }

    /// How many are stored.
    pub(super) fn stored(&self) -> usize {
        self.page_ends.last().copied().unwrap_or(0)
    }

    /// The values of a range of the stored cells.
    fn pick<'v, T: Copy>(&self, values: &'v [T], range: Range<usize>) -> Cow<'v, [T]> {
        match &self.kept {
            None => {
                Cow::Borrowed(&values[self.all.start + range.start..self.all.start + range.end])
            }
            Some(kept) => kept[range].iter().map(|&cell| values[cast::index(cell)]).collect(),
        }
    }
}

/// Walks the rows of a table granule by granule and tells where each column's values lie.
#[derive(Debug)]
pub(super) struct AttributeEncoder<'a> {
    table: &'a AttributeTable,
    next: Vec<u32>,
    shape_uses: Vec<u32>,
}

impl<'a> AttributeEncoder<'a> {
    pub(super) fn new(table: &'a AttributeTable) -> Self {
        let next = vec![0; table.columns.len()];
        Self { table, next, shape_uses: vec![0; table.shapes.len()] }
    }

    /// Columns that the next rows have values in, ascending. With classes of all rows, what they fix is not stored.
    pub(super) fn cells(
        &mut self,
        pages: &[Range<usize>],
        fixed: Option<(&[u32], &FixedCells)>,
    ) -> Vec<Cells> {
        let begin = self.next.clone();
        let mut kept: Vec<Vec<u32>> = vec![Vec::new(); self.next.len()];
        let mut page_ends: Vec<Vec<usize>> = vec![Vec::new(); self.next.len()];
        for page in pages {
            match fixed {
                Some((classes, fixed)) => {
                    self.keep(page, classes, fixed, &mut kept);
                    for (ends, kept) in page_ends.iter_mut().zip(&kept) {
                        ends.push(kept.len());
                    }
                }
                None => {
                    self.count(page);
                    let counts = self.next.iter().zip(&begin).map(|(next, begin)| next - begin);
                    for (ends, count) in page_ends.iter_mut().zip(counts) {
                        ends.push(cast::index(count));
                    }
                }
            }
        }
        let ranges = begin.into_iter().zip(&self.next);
        (0..)
            .zip(ranges.zip(kept).zip(page_ends))
            .filter(|(_, (((begin, end), _), _))| begin < *end)
            .map(|(column, (((begin, &end), kept), page_ends))| {
                let all = cast::index(begin)..cast::index(end);
                let is_all = fixed.is_none() || kept.len() == all.len();
                Cells { column, all, kept: if is_all { None } else { Some(kept) }, page_ends }
            })
            .collect()
    }

    fn keep(
        &mut self,
        rows: &Range<usize>,
        classes: &[u32],
        fixed: &FixedCells,
        kept: &mut [Vec<u32>],
    ) {
        let shapes = &self.table.rows[rows.clone()];
        for (&shape, &class) in shapes.iter().zip(&classes[rows.clone()]) {
            let columns = &self.table.shapes[cast::index(shape)];
            for (&column, &is_fixed) in columns.iter().zip(fixed.of_class(class)) {
                let next = &mut self.next[cast::index(column)];
                if !is_fixed {
                    kept[cast::index(column)].push(*next);
                }
                *next += 1;
            }
        }
    }

    fn count(&mut self, rows: &Range<usize>) {
        let mut met = Vec::new();
        for &shape in &self.table.rows[rows.clone()] {
            let uses = &mut self.shape_uses[cast::index(shape)];
            if *uses == 0 {
                met.push(shape);
            }
            *uses += 1;
        }
        for shape in met {
            let uses = std::mem::take(&mut self.shape_uses[cast::index(shape)]);
            for &column in &self.table.shapes[cast::index(shape)] {
                self.next[cast::index(column)] += uses;
            }
        }
    }
}

/// What encoding values needs beside them.
pub(super) struct Context<'a> {
    pub(super) has_dictionary: bool,
    pub(super) is_whole: bool,
    pub(super) renumber: &'a mut Renumber,
    pub(super) form: &'a mut TableForm,
    pub(super) packer: &'a mut Packer,
}

/// Appends some of the stored values of a column.
pub(super) fn encode_values(
    values: &AttributeValues,
    cells: &Cells,
    range: Range<usize>,
    context: &mut Context<'_>,
    out: &mut Vec<u8>,
) -> Result<(), SegmentError> {
    let packer = &mut *context.packer;
    match values {
        AttributeValues::Empty(_) => Ok(()),
        AttributeValues::Bool(values) => {
            let bits: Vec<u8> =
                cells.pick(values, range).iter().map(|&value| u8::from(value)).collect();
            integers::write(&bits, Nature::Codes, packer, out)
        }
        AttributeValues::Int(values) => {
            let values = cells.pick(values, range);
            let numbers: Vec<u64> =
                values.iter().map(|value| value.cast_unsigned() ^ SIGN).collect();
            integers::write(&numbers, Nature::Numbers, packer, out)
        }
        AttributeValues::Float(values) => encode_floats(&cells.pick(values, range), packer, out),
        AttributeValues::String(texts)
        | AttributeValues::Bytes(texts)
        | AttributeValues::Array(texts)
        | AttributeValues::Map(texts)
        | AttributeValues::Overflow(texts) => {
            let codes = cells.pick(&texts.codes, range);
            if context.has_dictionary {
                return integers::write(&codes, Nature::Codes, packer, out);
            }
            let is_whole = context.is_whole && cells.kept.is_none();
            let kept = (&mut *context.renumber, &mut *context.form);
            text::write_local(&codes, &texts.table, is_whole, kept, packer, out)
        }
    }
}

fn encode_floats(
    values: &[f64],
    packer: &mut Packer,
    out: &mut Vec<u8>,
) -> Result<(), SegmentError> {
    let bits: Vec<u64> = values.iter().map(|value| value.to_bits()).collect();
    let begin = out.len();
    out.push(FLOAT_BITS);
    integers::write(&bits, Nature::Random, packer, out)?;
    if packer.profile() == Profile::Small && values.len() >= FLOAT_PCO_VALUES_MIN {
        let config = pco::ChunkConfig::default().with_compression_level(FLOAT_PCO_LEVEL);
        let trial = pco::standalone::simple_compress(values, &config)
            .map_err(|_| SegmentError::Compress { part: "floats" })?;
        if trial.len() + 1 < out.len() - begin {
            out.truncate(begin);
            out.push(FLOAT_PCO);
            out.extend_from_slice(&trial);
        }
    }
    Ok(())
}

/// Reads `count` values of a column.
pub(super) fn decode_values(
    reader: &mut Reader<'_>,
    column: &AttributeColumnMeta,
    count: usize,
) -> Result<ColumnValues, Flaw> {
    match column.kind {
        Some(AttributeType::Empty) => Ok(ColumnValues::Empty(count)),
        Some(AttributeType::Bool) => {
            let bits: Vec<u8> = integers::read(reader, count)?;
            Ok(ColumnValues::Bool(bits.into_iter().map(|bit| bit != 0).collect()))
        }
        Some(AttributeType::Int) => from_numbers(integers::read(reader, count)?, column),
        Some(AttributeType::Float) => decode_floats(reader, count).map(ColumnValues::Float),
        _ => text::read_texts(reader, count, column.has_dictionary).map(ColumnValues::Text),
    }
}

/// Values of a column of integers as numbers whose order is theirs; `None` for other types.
pub(super) fn numbers(values: &AttributeValues, cells: &Cells) -> Option<Vec<u64>> {
    let AttributeValues::Int(values) = values else { return None };
    let values = cells.pick(values, 0..cells.stored());
    Some(values.iter().map(|value| value.cast_unsigned() ^ SIGN).collect())
}

/// The inverse of [`numbers`].
pub(super) fn from_numbers(
    numbers: Vec<u64>,
    column: &AttributeColumnMeta,
) -> Result<ColumnValues, Flaw> {
    if column.kind != Some(AttributeType::Int) {
        return Err(Flaw("numbers in a column of another type"));
    }
    let signed = numbers.into_iter().map(|number| (number ^ SIGN).cast_signed());
    Ok(ColumnValues::Int(signed.collect()))
}

fn decode_floats(reader: &mut Reader<'_>, count: usize) -> Result<Vec<f64>, Flaw> {
    match reader.take(1)?[0] {
        FLOAT_BITS => {
            let bits: Vec<u64> = integers::read(reader, count)?;
            Ok(bits.into_iter().map(f64::from_bits).collect())
        }
        FLOAT_PCO => {
            let bytes = reader.take(reader.rest().len())?;
            let mut values = vec![0.0; count];
            let progress = pco::standalone::simple_decompress_into(bytes, &mut values)
                .map_err(|_| Flaw("pco data"))?;
            let is_all = progress.n_processed == count && progress.finished;
            if is_all { Ok(values) } else { Err(Flaw("number of floats")) }
        }
        _ => Err(Flaw("unknown form of floats")),
    }
}
