//! Gathers attribute tables: columns and shapes of all sources are matched first, then each source's values are
//! written column by column to their places.
//!
//! Where the sources together have more than [`COLUMNS_MAX`] columns, those of the most values stay columns.

use super::places::Places;
use super::texts::{Interning, TextGather};
use super::{Gather, scatter};
use crate::attributes::{
    AttributeColumn, AttributeTable, AttributeValues, COLUMNS_MAX, Locator, write_overflow_entry,
};
use crate::batch::SpanBatch;
use crate::column::DictionaryColumn;
use crate::value::AttributeType;
use fanal_base::cast;
use foldhash::fast::RandomState;
use hashbrown::{HashMap, HashTable};
use std::cmp::Reverse;
use std::hash::BuildHasher;

/// A column that no gathered row has a value in.
const UNUSED: u32 = u32::MAX;

/// What makes a column: key and type, no type for the overflow column.
type ColumnName<'a> = (&'a str, Option<AttributeType>);

const OVERFLOW: ColumnName<'static> = ("", None);

/// The columns of the gathered table, and which of them each column of each source is.
#[derive(Debug, Default)]
struct Columns<'a> {
    /// Name and number of values.
    list: Vec<(ColumnName<'a>, usize)>,
    index: HashMap<ColumnName<'a>, u32, RandomState>,
    /// By source and its column: the column, or [`UNUSED`].
    of_source: Vec<Vec<u32>>,
}

impl<'a> Gather<'a> {
    /// A table of attributes of the items of `places`.
    pub(super) fn table(
        &self,
        places: &Places,
        table: impl Fn(&'a SpanBatch) -> &'a AttributeTable,
    ) -> AttributeTable {
        let tables: Vec<&AttributeTable> =
            self.sources.iter().map(|source| table(source)).collect();
        let columns = Columns::of(&tables, places);
        let mut gathered = gather_shapes(&tables, places, &columns.of_source);
        let mut values: Vec<Values> =
            columns.list.iter().map(|&((_, kind), count)| Values::new(kind, count)).collect();
        gathered.columns.resize_with(values.len(), || AttributeColumn {
            key: Box::default(),
            values: AttributeValues::Empty(0),
        });
        (self.pause)();
        let cells = gathered.locate();
        let mut scratch = Scratch::default();
        for (number, (table, targets)) in tables.iter().zip(&columns.of_source).enumerate() {
            (self.pause)();
            scratch.place_cells(table, places.of(number), &cells);
            for ((column, &target), places) in
                table.columns.iter().zip(targets).zip(scratch.columns())
            {
                if target != UNUSED {
                    values[cast::index(target)].add(column, places);
                }
            }
        }
        for ((column, values), (name, _)) in
            gathered.columns.iter_mut().zip(values).zip(&columns.list)
        {
            *column = values.finish(*name);
        }
        gathered
    }
}

impl<'a> Columns<'a> {
    fn of(tables: &[&'a AttributeTable], places: &Places) -> Self {
        let mut columns = Self::default();
        for (number, table) in tables.iter().enumerate() {
            let counts = value_counts(table, places.of(number), places.count());
            let found = table.columns.iter().zip(counts).map(|(column, count)| match count {
                0 => UNUSED,
                _ => columns.note((&column.key, column.values.kind()), count),
            });
            let found = found.collect();
            columns.of_source.push(found);
        }
        let is_overflow = columns.index.contains_key(&OVERFLOW);
        if columns.list.len() > COLUMNS_MAX + usize::from(is_overflow) {
            columns.shorten();
        }
        columns
    }

    fn note(&mut self, name: ColumnName<'a>, count: usize) -> u32 {
        let code = *self.index.entry(name).or_insert_with(|| {
            self.list.push((name, 0));
            cast::narrow(self.list.len() - 1)
        });
        self.list[cast::index(code)].1 += count;
        code
    }

    /// Lets the columns of the fewest values go to the overflow column.
    fn shorten(&mut self) {
        let mut ranked: Vec<usize> =
            (0..self.list.len()).filter(|&column| self.list[column].0 != OVERFLOW).collect();
        ranked.sort_by_key(|&column| Reverse(self.list[column].1));
        ranked.truncate(COLUMNS_MAX);
        ranked.sort_unstable();
        let mut moved = vec![cast::narrow(ranked.len()); self.list.len()];
        for (place, &column) in (0..).zip(&ranked) {
            moved[column] = place;
        }
        let total: usize = self.list.iter().map(|(_, count)| count).sum();
        let mut list: Vec<_> = ranked.iter().map(|&column| self.list[column]).collect();
        let kept: usize = list.iter().map(|(_, count)| count).sum();
        list.push((OVERFLOW, total - kept));
        self.list = list;
        for column in self.of_source.iter_mut().flatten().filter(|column| **column != UNUSED) {
            *column = moved[cast::index(*column)];
        }
    }
}

/// By column, its values in rows that are not left out.
fn value_counts(table: &AttributeTable, places: &[u32], place_count: usize) -> Vec<usize> {
    let mut uses = vec![0_usize; table.shapes.len()];
    for (&shape, &place) in table.rows.iter().zip(places) {
        uses[cast::index(shape)] += usize::from(cast::index(place) < place_count);
    }
    let mut counts = vec![0; table.columns.len()];
    for (shape, uses) in table.shapes.iter().zip(uses) {
        shape.iter().for_each(|&column| counts[cast::index(column)] += uses);
    }
    counts
}

/// Shapes and rows of the gathered table, without its columns.
fn gather_shapes(
    tables: &[&AttributeTable],
    places: &Places,
    columns: &[Vec<u32>],
) -> AttributeTable {
    let mut gathered =
        AttributeTable { rows: vec![0; places.count()], ..AttributeTable::default() };
    let hasher = RandomState::default();
    let mut index: HashTable<u32> = HashTable::new();
    let (mut codes, mut rows) = (Vec::new(), Vec::new());
    let mut shape: Vec<u32> = Vec::new();
    for (number, (table, columns)) in tables.iter().zip(columns).enumerate() {
        codes.clear();
        for columns_there in &table.shapes {
            shape.clear();
            shape.extend(columns_there.iter().map(|&column| columns[cast::index(column)]));
            // A shape that names an unused column is one of rows that are left out.
            let is_used = !shape.contains(&UNUSED);
            let shapes = &mut gathered.shapes;
            let hash = hasher.hash_one(shape.as_slice());
            let known = index.find(hash, |&code| *shapes[cast::index(code)] == *shape).copied();
            codes.push(known.unwrap_or_else(|| {
                let code = cast::narrow(shapes.len());
                if is_used {
                    shapes.push(shape.as_slice().into());
                    index.insert_unique(hash, code, |&code| {
                        hasher.hash_one(&*shapes[cast::index(code)])
                    });
                }
                code
            }));
        }
        rows.clear();
        rows.extend(table.rows.iter().map(|&shape| codes[cast::index(shape)]));
        scatter(places.of(number), &rows, &mut gathered.rows);
    }
    gathered
}

/// The values of a column as overflow entries.
fn overflow_of(column: &AttributeColumn) -> DictionaryColumn {
    let mut entries = DictionaryColumn::default();
    let mut entry = Vec::new();
    for cell in 0..column.values.len() {
        let (key, value) = column.get(cell);
        entry.clear();
        write_overflow_entry(key, value, &mut entry);
        entries.codes.push(entries.table.push(&entry));
    }
    entries
}

/// For one source at a time: the place of each value of each column.
#[derive(Debug, Default)]
struct Scratch {
    /// By column: where its places begin; then the end.
    starts: Vec<usize>,
    next: Vec<usize>,
    places: Vec<u32>,
}

impl Scratch {
    fn place_cells(&mut self, table: &AttributeTable, places: &[u32], cells: &Locator) {
        self.starts.clear();
        self.starts.push(0);
        let mut end = 0;
        for column in &table.columns {
            end += column.values.len();
            self.starts.push(end);
        }
        self.next.clear();
        self.next.extend_from_slice(&self.starts);
        self.places.clear();
        self.places.resize(end, UNUSED);
        for (&shape, &place) in table.rows.iter().zip(places) {
            let shape = &table.shapes[cast::index(shape)];
            // No cells where the row is left out.
            let cells = cells.cells(cast::index(place));
            if cells.is_empty() {
                shape.iter().for_each(|&column| self.next[cast::index(column)] += 1);
            }
            for (&column, &cell) in shape.iter().zip(cells) {
                let next = &mut self.next[cast::index(column)];
                self.places[*next] = cell;
                *next += 1;
            }
        }
    }

    /// By column: the place of each of its values.
    fn columns(&self) -> impl Iterator<Item = &[u32]> {
        self.starts.windows(2).map(|bounds| &self.places[bounds[0]..bounds[1]])
    }
}

/// Growing values of a gathered column.
#[derive(Debug)]
enum Values {
    Empty(usize),
    Bool(Vec<bool>),
    Int(Vec<i64>),
    Float(Vec<f64>),
    Texts(TextGather),
    Overflow(TextGather),
}

impl Values {
    fn new(kind: Option<AttributeType>, count: usize) -> Self {
        match kind {
            Some(AttributeType::Empty) => Self::Empty(count),
            Some(AttributeType::Bool) => Self::Bool(vec![false; count]),
            Some(AttributeType::Int) => Self::Int(vec![0; count]),
            Some(AttributeType::Float) => Self::Float(vec![0.0; count]),
            Some(_) => Self::Texts(TextGather::new(count, Interning::WherePays)),
            None => Self::Overflow(TextGather::new(count, Interning::WherePays)),
        }
    }

    /// Adds the values of a source's column. `self` is the column of its name, or the overflow column.
    fn add(&mut self, column: &AttributeColumn, places: &[u32]) {
        match (self, &column.values) {
            (Self::Bool(gathered), AttributeValues::Bool(values)) => {
                scatter(places, values, gathered);
            }
            (Self::Int(gathered), AttributeValues::Int(values)) => {
                scatter(places, values, gathered);
            }
            (Self::Float(gathered), AttributeValues::Float(values)) => {
                scatter(places, values, gathered);
            }
            (Self::Overflow(gathered), AttributeValues::Overflow(texts)) => {
                gathered.add(texts, places);
            }
            (Self::Overflow(gathered), _) => gathered.add(&overflow_of(column), places),
            (Self::Texts(gathered), values) => {
                values.texts().into_iter().for_each(|texts| gathered.add(texts, places));
            }
            // Counted already; other pairs do not meet, because a column has one type.
            _ => {}
        }
    }

    fn finish(self, (key, kind): ColumnName<'_>) -> AttributeColumn {
        let values = match self {
            Self::Empty(count) => AttributeValues::Empty(count),
            Self::Bool(values) => AttributeValues::Bool(values),
            Self::Int(values) => AttributeValues::Int(values),
            Self::Float(values) => AttributeValues::Float(values),
            Self::Texts(texts) | Self::Overflow(texts) => {
                AttributeValues::of_texts(kind, texts.finish())
            }
        };
        AttributeColumn { key: key.into(), values }
    }
}
