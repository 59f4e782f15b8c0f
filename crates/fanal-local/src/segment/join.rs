//! Joins texts and attribute tables of several granules to columns of one batch.

use super::error::Flaw;
use super::{AttributeColumnMeta, ColumnValues, TextValues};
use fanal_base::cast;
use fanal_model::attributes::{AttributeColumn, AttributeValues};
use fanal_model::{AttributeTable, AttributeType, BytesTable, DictionaryColumn};
use std::ops::Range;

/// Not numbered yet.
const UNKNOWN: u32 = u32::MAX;

/// Grows one dictionary column.
#[derive(Debug, Default)]
pub(super) struct TextJoin {
    column: DictionaryColumn,
    /// Code in the segment's dictionary to code here.
    numbers: Vec<u32>,
}

impl TextJoin {
    /// Appends some of the texts of a granule.
    pub(super) fn append(
        &mut self,
        values: TextValues,
        items: &Range<usize>,
        dictionary: Option<&BytesTable>,
    ) -> Result<(), Flaw> {
        match values {
            TextValues::Coded(codes) => {
                let table = dictionary.ok_or(Flaw("no dictionary"))?;
                self.numbers.resize(table.len(), UNKNOWN);
                append_codes(&codes[items.clone()], table, &mut self.numbers, &mut self.column)
            }
            TextValues::Local(local) => {
                let mut numbers = vec![UNKNOWN; local.table.len()];
                let codes = &local.codes[items.clone()];
                append_codes(codes, &local.table, &mut numbers, &mut self.column)
            }
        }
    }

    pub(super) fn finish(self) -> DictionaryColumn {
        self.column
    }
}

fn append_codes(
    codes: &[u32],
    table: &BytesTable,
    numbers: &mut [u32],
    column: &mut DictionaryColumn,
) -> Result<(), Flaw> {
    column.codes.reserve(codes.len());
    for &code in codes {
        let number = numbers.get_mut(cast::index(code)).ok_or(Flaw("code without an entry"))?;
        if *number == UNKNOWN {
            *number = column.table.push(table.get(code));
        }
        column.codes.push(*number);
    }
    Ok(())
}

/// How the rows of a granule use an attribute column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ColumnUse {
    /// Values in the granule.
    pub(super) total: u32,
    /// Those of the rows asked for.
    pub(super) cells: Range<usize>,
}

/// Grows one attribute table.
#[derive(Debug, Default)]
pub(super) struct TableJoin {
    table: AttributeTable,
    /// Joins of the text columns of `table`, by column.
    texts: Vec<TextJoin>,
    /// Column of the segment to column here.
    column_numbers: Vec<u32>,
    /// Shape of the segment to shape here.
    shape_numbers: Vec<u32>,
}

impl TableJoin {
    /// For each column that the granule's `codes` of shapes name: how many values, and which belong to `items`.
    pub(super) fn count(
        &mut self,
        codes: &[u32],
        items: &Range<usize>,
        shapes: &[Box<[u32]>],
        column_count: usize,
    ) -> Vec<(u32, ColumnUse)> {
        self.column_numbers.resize(column_count, UNKNOWN);
        self.shape_numbers.resize(shapes.len(), UNKNOWN);
        let before = count_columns(&codes[..items.start], shapes, column_count);
        let within = count_columns(&codes[items.clone()], shapes, column_count);
        let after = count_columns(&codes[items.end..], shapes, column_count);
        let counts = before.into_iter().zip(within).zip(after);
        (0..)
            .zip(counts)
            .map(|(column, ((before, within), after))| {
                let start = cast::index(before);
                let cells = start..start + cast::index(within);
                let total = before.saturating_add(within).saturating_add(after);
                (column, ColumnUse { total, cells })
            })
            .filter(|(_, column_use)| column_use.total > 0)
            .collect()
    }

    /// Appends the values of some cells of a column.
    pub(super) fn append_values(
        &mut self,
        column: u32,
        meta: &AttributeColumnMeta,
        values: ColumnValues,
        cells: &Range<usize>,
        dictionary: Option<&BytesTable>,
    ) -> Result<(), Flaw> {
        let number = self.column_number(column, meta);
        let target = &mut self.table.columns[number].values;
        match (target, values) {
            (AttributeValues::Empty(count), ColumnValues::Empty(_)) => *count += cells.len(),
            (AttributeValues::Bool(target), ColumnValues::Bool(values)) => {
                target.extend_from_slice(&values[cells.clone()]);
            }
            (AttributeValues::Int(target), ColumnValues::Int(values)) => {
                target.extend_from_slice(&values[cells.clone()]);
            }
            (AttributeValues::Float(target), ColumnValues::Float(values)) => {
                target.extend_from_slice(&values[cells.clone()]);
            }
            (_, ColumnValues::Text(values)) => {
                self.texts[number].append(values, cells, dictionary)?;
            }
            _ => return Err(Flaw("values of another type")),
        }
        Ok(())
    }

    fn column_number(&mut self, column: u32, meta: &AttributeColumnMeta) -> usize {
        let number = &mut self.column_numbers[cast::index(column)];
        if *number == UNKNOWN {
            *number = cast::narrow(self.table.columns.len());
            let values = empty_values(meta.kind);
            self.table.columns.push(AttributeColumn { key: meta.key.clone(), values });
            self.texts.push(TextJoin::default());
        }
        cast::index(*number)
    }

    /// Appends rows of the shapes of `codes`, whose columns have got their values.
    pub(super) fn append_rows(&mut self, codes: &[u32], shapes: &[Box<[u32]>]) {
        for &code in codes {
            let number = &mut self.shape_numbers[cast::index(code)];
            if *number == UNKNOWN {
                *number = cast::narrow(self.table.shapes.len());
                let columns = shapes[cast::index(code)].iter();
                let renumbered = columns.map(|&column| self.column_numbers[cast::index(column)]);
                self.table.shapes.push(renumbered.collect());
            }
            self.table.rows.push(*number);
        }
    }

    pub(super) fn finish(mut self) -> AttributeTable {
        for (column, texts) in self.table.columns.iter_mut().zip(self.texts) {
            match &mut column.values {
                AttributeValues::String(target)
                | AttributeValues::Bytes(target)
                | AttributeValues::Array(target)
                | AttributeValues::Map(target)
                | AttributeValues::Overflow(target) => *target = texts.finish(),
                _ => {}
            }
        }
        self.table
    }
}

fn count_columns(codes: &[u32], shapes: &[Box<[u32]>], column_count: usize) -> Vec<u32> {
    let mut counts = vec![0_u32; column_count];
    let mut uses = vec![0_u32; if codes.is_empty() { 0 } else { shapes.len() }];
    codes.iter().for_each(|&code| uses[cast::index(code)] += 1);
    for (shape, uses) in shapes.iter().zip(uses).filter(|(_, uses)| *uses > 0) {
        for &column in shape {
            let count = &mut counts[cast::index(column)];
            *count = count.saturating_add(uses);
        }
    }
    counts
}

fn empty_values(kind: Option<AttributeType>) -> AttributeValues {
    let texts = DictionaryColumn::default();
    match kind {
        Some(AttributeType::Empty) => AttributeValues::Empty(0),
        Some(AttributeType::Bool) => AttributeValues::Bool(Vec::new()),
        Some(AttributeType::Int) => AttributeValues::Int(Vec::new()),
        Some(AttributeType::Float) => AttributeValues::Float(Vec::new()),
        Some(AttributeType::String) => AttributeValues::String(texts),
        Some(AttributeType::Bytes) => AttributeValues::Bytes(texts),
        Some(AttributeType::Array) => AttributeValues::Array(texts),
        Some(AttributeType::Map) => AttributeValues::Map(texts),
        None => AttributeValues::Overflow(texts),
    }
}
