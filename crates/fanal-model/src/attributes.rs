//! Attributes of many owners (spans, events or links) as columns keyed by (key, type).
//!
//! A row names a *shape*: the ordered list of columns it has a value in. Columns hold the values of the rows that
//! have them and nothing else, so an absent attribute costs nothing, and the order sent survives. Where a batch has
//! more than [`COLUMNS_MAX`] columns, further keys share one overflow column.

use crate::column::{DictionaryBuilder, DictionaryColumn};
use crate::nested;
use crate::value::{AttributeType, ValueRef};
use fanal_base::cast;
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use std::hash::BuildHasher;

/// Columns of one table before rare keys share the overflow column.
pub const COLUMNS_MAX: usize = 1024;

/// Attributes of many owners.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AttributeTable {
    /// Distinct lists of columns, in the order of a row's attributes.
    pub shapes: Vec<Box<[u32]>>,
    /// Shape of each row.
    pub rows: Vec<u32>,
    /// The columns.
    pub columns: Vec<AttributeColumn>,
}

/// The values of one (key, type), of the rows whose shape names the column, in row order.
#[derive(Debug, Clone, PartialEq)]
pub struct AttributeColumn {
    /// The key; empty for the overflow column.
    pub key: Box<str>,
    /// The values.
    pub values: AttributeValues,
}

/// Values of one type.
#[derive(Debug, Clone, PartialEq)]
pub enum AttributeValues {
    /// So many keys without a value.
    Empty(usize),
    /// Text.
    String(DictionaryColumn),
    /// Booleans.
    Bool(Vec<bool>),
    /// Integers.
    Int(Vec<i64>),
    /// Floats.
    Float(Vec<f64>),
    /// Bytes.
    Bytes(DictionaryColumn),
    /// Arrays in the encoding of [`nested`].
    Array(DictionaryColumn),
    /// Maps in the encoding of [`nested`].
    Map(DictionaryColumn),
    /// Rare keys: each entry is a key with its length before it, then a value in the encoding of [`nested`].
    Overflow(DictionaryColumn),
}

impl AttributeValues {
    /// Number of values.
    pub fn len(&self) -> usize {
        match self {
            Self::Empty(count) => *count,
            Self::Bool(values) => values.len(),
            Self::Int(values) => values.len(),
            Self::Float(values) => values.len(),
            Self::String(column)
            | Self::Bytes(column)
            | Self::Array(column)
            | Self::Map(column)
            | Self::Overflow(column) => column.codes.len(),
        }
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of memory held.
    pub fn memory_bytes(&self) -> usize {
        match self {
            Self::Empty(_) => 0,
            Self::Bool(values) => values.capacity(),
            Self::Int(values) => values.capacity() * 8,
            Self::Float(values) => values.capacity() * 8,
            Self::String(column)
            | Self::Bytes(column)
            | Self::Array(column)
            | Self::Map(column)
            | Self::Overflow(column) => column.memory_bytes(),
        }
    }
}

impl AttributeColumn {
    /// Key and value of a cell. Out of range, which a validated batch excludes, reads as empty.
    pub fn get(&self, cell: usize) -> (&str, ValueRef<'_>) {
        let value = match &self.values {
            AttributeValues::Empty(_) => ValueRef::Empty,
            AttributeValues::String(column) => ValueRef::String(column.get_str(cell)),
            AttributeValues::Bool(values) => {
                ValueRef::Bool(values.get(cell).copied().unwrap_or_default())
            }
            AttributeValues::Int(values) => ValueRef::Int(values.get(cell).copied().unwrap_or(0)),
            AttributeValues::Float(values) => {
                ValueRef::Float(values.get(cell).copied().unwrap_or(0.0))
            }
            AttributeValues::Bytes(column) => ValueRef::Bytes(column.get(cell)),
            AttributeValues::Array(column) => ValueRef::Array(column.get(cell)),
            AttributeValues::Map(column) => ValueRef::Map(column.get(cell)),
            AttributeValues::Overflow(column) => return overflow_entry(column.get(cell)),
        };
        (&self.key, value)
    }
}

/// Key and value of an entry of the overflow column; empty where the bytes are not one.
pub fn overflow_entry(entry: &[u8]) -> (&str, ValueRef<'_>) {
    let mut reader = nested::Reader::new(entry);
    let key = reader.text().unwrap_or_default();
    (key, nested::decode_ref(reader.rest()).unwrap_or(ValueRef::Empty))
}

/// Where each attribute of each row lies: `cells[first[row]..first[row + 1]]` are, in the order of the row's
/// shape, the positions of its values in their columns.
#[derive(Debug, Clone, Default)]
pub struct Locator {
    first: Vec<u32>,
    cells: Vec<u32>,
}

impl Locator {
    /// Cells of a row, parallel to its shape.
    #[inline]
    pub fn cells(&self, row: usize) -> &[u32] {
        match (self.first.get(row), self.first.get(row + 1)) {
            (Some(&start), Some(&end)) => &self.cells[cast::index(start)..cast::index(end)],
            _ => &[],
        }
    }
}

impl AttributeTable {
    /// One pass over all rows that tells where each value lies.
    pub fn locate(&self) -> Locator {
        let mut next = vec![0_u32; self.columns.len()];
        let mut locator = Locator::default();
        locator.first.reserve(self.rows.len() + 1);
        locator.first.push(0);
        for row in 0..self.rows.len() {
            for &column in self.shape(row) {
                let cell = &mut next[cast::index(column)];
                locator.cells.push(*cell);
                *cell += 1;
            }
            locator.first.push(cast::narrow(locator.cells.len()));
        }
        locator
    }

    /// Columns of a row, in the order of its attributes.
    #[inline]
    pub fn shape(&self, row: usize) -> &[u32] {
        self.rows
            .get(row)
            .and_then(|&shape| self.shapes.get(cast::index(shape)))
            .map_or(&[], |columns| columns)
    }

    /// For each value of `column`, in order, the row it belongs to.
    pub fn rows_of(&self, column: usize) -> Vec<u32> {
        let uses: Vec<usize> = self
            .shapes
            .iter()
            .map(|shape| shape.iter().filter(|&&used| cast::index(used) == column).count())
            .collect();
        let mut rows = Vec::with_capacity(self.columns.get(column).map_or(0, |c| c.values.len()));
        for (row, &shape) in self.rows.iter().enumerate() {
            for _ in 0..uses[cast::index(shape)] {
                rows.push(cast::narrow(row));
            }
        }
        rows
    }

    /// Whether shapes name existing columns, rows existing shapes, and columns have just the values that rows name.
    pub fn is_valid(&self) -> bool {
        let column_count = cast::narrow(self.columns.len());
        let shape_count = cast::narrow(self.shapes.len());
        if !self.shapes.iter().flatten().all(|&column| column < column_count)
            || !self.rows.iter().all(|&shape| shape < shape_count)
        {
            return false;
        }
        let mut shape_uses = vec![0_usize; self.shapes.len()];
        self.rows.iter().for_each(|&shape| shape_uses[cast::index(shape)] += 1);
        let mut value_counts = vec![0_usize; self.columns.len()];
        for (shape, uses) in self.shapes.iter().zip(shape_uses) {
            shape.iter().for_each(|&column| value_counts[cast::index(column)] += uses);
        }
        self.columns
            .iter()
            .zip(value_counts)
            .all(|(column, count)| column.values.len() == count && column.values.is_valid())
    }

    /// Bytes of memory held.
    pub fn memory_bytes(&self) -> usize {
        let columns: usize =
            self.columns.iter().map(|c| 96 + c.key.len() + c.values.memory_bytes()).sum();
        let shapes: usize = self.shapes.iter().map(|shape| 16 + shape.len() * 4).sum();
        columns + shapes + self.rows.capacity() * 4
    }
}

impl AttributeValues {
    fn is_valid(&self) -> bool {
        let nested_ok = |entry: &[u8]| nested::decode(entry).is_ok();
        match self {
            Self::Empty(_) | Self::Bool(_) | Self::Int(_) | Self::Float(_) => true,
            Self::String(column) => column.is_valid() && column.table.is_text(),
            Self::Bytes(column) => column.is_valid(),
            Self::Array(column) | Self::Map(column) => {
                column.is_valid() && column.table.iter().all(nested_ok)
            }
            Self::Overflow(column) => {
                column.is_valid()
                    && column.table.iter().all(|entry| {
                        let mut reader = nested::Reader::new(entry);
                        reader.text().is_ok() && nested_ok(reader.rest())
                    })
            }
        }
    }
}

#[derive(Debug)]
pub(crate) struct ColumnBuilder {
    key: Box<str>,
    key_code: u32,
    kind: Option<AttributeType>,
    pub(crate) values: ValuesBuilder,
}

#[derive(Debug)]
pub(crate) enum ValuesBuilder {
    Empty(usize),
    Bool(Vec<bool>),
    Int(Vec<i64>),
    Float(Vec<f64>),
    /// String, bytes, array, map, or overflow (no type): what they are is the column's type.
    Dictionary(DictionaryBuilder),
}

impl ValuesBuilder {
    fn new(kind: Option<AttributeType>) -> Self {
        match kind {
            Some(AttributeType::Empty) => Self::Empty(0),
            Some(AttributeType::Bool) => Self::Bool(Vec::new()),
            Some(AttributeType::Int) => Self::Int(Vec::new()),
            Some(AttributeType::Float) => Self::Float(Vec::new()),
            _ => Self::Dictionary(DictionaryBuilder::default()),
        }
    }

    #[inline]
    fn push(&mut self, value: ValueRef<'_>) {
        match (self, value) {
            (Self::Bool(values), ValueRef::Bool(value)) => values.push(value),
            (Self::Int(values), ValueRef::Int(value)) => values.push(value),
            (Self::Float(values), ValueRef::Float(value)) => values.push(value),
            (Self::Dictionary(builder), ValueRef::String(text)) => builder.push(text.as_bytes()),
            (
                Self::Dictionary(builder),
                ValueRef::Bytes(bytes) | ValueRef::Array(bytes) | ValueRef::Map(bytes),
            ) => builder.push(bytes),
            (Self::Empty(count), _) => *count += 1,
            // The column was chosen by the value's own type.
            _ => debug_assert!(false, "value pushed to a column of another type"),
        }
    }

    fn pop(&mut self) {
        match self {
            Self::Empty(count) => *count -= 1,
            Self::Bool(values) => drop(values.pop()),
            Self::Int(values) => drop(values.pop()),
            Self::Float(values) => drop(values.pop()),
            Self::Dictionary(builder) => builder.pop(),
        }
    }

    fn memory_bytes(&self) -> usize {
        match self {
            Self::Empty(_) => 0,
            Self::Bool(values) => values.capacity(),
            Self::Int(values) => values.capacity() * 8,
            Self::Float(values) => values.capacity() * 8,
            Self::Dictionary(builder) => builder.memory_bytes(),
        }
    }
}

/// Where a key was met last.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    /// One more than the row, 0 for none.
    row_mark: usize,
    /// In the row's list of columns.
    position: usize,
}

/// Builds an [`AttributeTable`] row by row: push the attributes of a row, then finish or abandon it.
#[derive(Debug, Default)]
pub struct AttributeTableBuilder {
    shapes: Vec<Box<[u32]>>,
    rows: Vec<u32>,
    pub(crate) columns: Vec<ColumnBuilder>,
    open: Vec<u32>,
    shape_index: HashTable<u32>,
    column_index: HashTable<u32>,
    key_index: HashTable<(Box<str>, u32)>,
    /// By key code.
    key_last_place: Vec<Place>,
    overflow_column: Option<u32>,
    hasher: RandomState,
    duplicate_keys: u64,
}

impl AttributeTableBuilder {
    /// Adds an attribute to the open row. A key that the row has already keeps its place and takes the new value.
    pub fn push(&mut self, key: &str, value: ValueRef<'_>) {
        let Some(column) = self.column_for(key, value.attribute_type()) else {
            self.push_overflow(key, value);
            return;
        };
        self.place(column);
        self.columns[cast::index(column)].values.push(value);
    }

    /// Gives the open row a place for the key of `column`, whose value is pushed next. A value that the row has of
    /// that key already is removed, and its place taken over.
    pub(crate) fn place(&mut self, column: u32) {
        let key_code = cast::index(self.columns[cast::index(column)].key_code);
        let row_mark = self.rows.len() + 1;
        let last = &mut self.key_last_place[key_code];
        if last.row_mark == row_mark {
            let replaced = std::mem::replace(&mut self.open[last.position], column);
            self.columns[cast::index(replaced)].values.pop();
            self.duplicate_keys += 1;
        } else {
            *last = Place { row_mark, position: self.open.len() };
            self.open.push(column);
        }
    }

    /// The column of (key, type), new or known; `None` when the key must go to the overflow column.
    pub(crate) fn column_for(&mut self, key: &str, kind: AttributeType) -> Option<u32> {
        let expected = self
            .rows
            .last()
            .and_then(|&shape| self.shapes[cast::index(shape)].get(self.open.len()))
            .copied();
        let is_match = |column: &ColumnBuilder| column.kind == Some(kind) && *column.key == *key;
        if let Some(column) = expected
            && is_match(&self.columns[cast::index(column)])
        {
            return Some(column);
        }
        let hash = self.hasher.hash_one((key, kind));
        let columns = &self.columns;
        if let Some(&column) =
            self.column_index.find(hash, |&column| is_match(&columns[cast::index(column)]))
        {
            return Some(column);
        }
        (self.columns.len() < COLUMNS_MAX).then(|| self.add_column(key, Some(kind)))
    }

    fn add_column(&mut self, key: &str, kind: Option<AttributeType>) -> u32 {
        let index = cast::narrow(self.columns.len());
        let key_code = self.key_code(key);
        let values = ValuesBuilder::new(kind);
        self.columns.push(ColumnBuilder { key: key.into(), key_code, kind, values });
        if let Some(kind) = kind {
            let (columns, hasher) = (&self.columns, &self.hasher);
            let hash = hasher.hash_one((key, kind));
            self.column_index.insert_unique(hash, index, |&column| {
                let column = &columns[cast::index(column)];
                hasher.hash_one((&*column.key, column.kind.unwrap_or(AttributeType::Empty)))
            });
        }
        index
    }

    fn key_code(&mut self, key: &str) -> u32 {
        let hash = self.hasher.hash_one(key);
        if let Some((_, code)) = self.key_index.find(hash, |(known, _)| **known == *key) {
            return *code;
        }
        let code = cast::narrow(self.key_last_place.len());
        self.key_last_place.push(Place::default());
        let hasher = &self.hasher;
        self.key_index.insert_unique(hash, (key.into(), code), |(key, _)| hasher.hash_one(&**key));
        code
    }

    fn push_overflow(&mut self, key: &str, value: ValueRef<'_>) {
        let column = self.overflow_column.unwrap_or_else(|| self.add_column("", None));
        self.overflow_column = Some(column);
        let mut entry = Vec::new();
        nested::write_bytes(key.as_bytes(), &mut entry);
        nested::encode_ref(value, &mut entry);
        if let ValuesBuilder::Dictionary(builder) = &mut self.columns[cast::index(column)].values {
            builder.push(&entry);
        }
        self.open.push(column);
    }

    /// Ends the open row.
    pub fn finish_row(&mut self) {
        let code = match self.rows.last() {
            Some(&last) if *self.shapes[cast::index(last)] == *self.open => last,
            _ => self.intern_shape(),
        };
        self.rows.push(code);
        self.open.clear();
    }

    fn intern_shape(&mut self) -> u32 {
        let hash = self.hasher.hash_one(self.open.as_slice());
        let (shapes, open) = (&self.shapes, &self.open);
        if let Some(&code) =
            self.shape_index.find(hash, |&code| *shapes[cast::index(code)] == **open)
        {
            return code;
        }
        let code = cast::narrow(self.shapes.len());
        self.shapes.push(self.open.as_slice().into());
        let (shapes, hasher) = (&self.shapes, &self.hasher);
        self.shape_index
            .insert_unique(hash, code, |&code| hasher.hash_one(&*shapes[cast::index(code)]));
        code
    }

    /// Takes back the attributes of the open row.
    pub fn abandon_row(&mut self) {
        for column in std::mem::take(&mut self.open) {
            let column = &mut self.columns[cast::index(column)];
            column.values.pop();
            self.key_last_place[cast::index(column.key_code)] = Place::default();
        }
    }

    /// Takes back the last finished row.
    pub fn pop_row(&mut self) {
        if let Some(shape) = self.rows.pop() {
            self.open = self.shapes[cast::index(shape)].to_vec();
            self.abandon_row();
        }
    }

    /// Keys that were sent twice for one row; the last value won.
    pub fn duplicate_keys(&self) -> u64 {
        self.duplicate_keys
    }

    /// Finished rows.
    pub fn row_count(&self) -> usize {
        self.rows.len()
    }

    /// Bytes of memory held.
    pub fn memory_bytes(&self) -> usize {
        let columns: usize = self.columns.iter().map(|c| 160 + c.values.memory_bytes()).sum();
        columns + self.rows.capacity() * 4 + self.shapes.len() * 64
    }

    /// The table.
    pub fn finish(mut self) -> AttributeTable {
        self.abandon_row();
        let columns = self.columns.into_iter().map(ColumnBuilder::finish).collect();
        AttributeTable { shapes: self.shapes, rows: self.rows, columns }
    }
}

impl ColumnBuilder {
    fn finish(self) -> AttributeColumn {
        let values = match (self.values, self.kind) {
            (ValuesBuilder::Empty(count), _) => AttributeValues::Empty(count),
            (ValuesBuilder::Bool(values), _) => AttributeValues::Bool(values),
            (ValuesBuilder::Int(values), _) => AttributeValues::Int(values),
            (ValuesBuilder::Float(values), _) => AttributeValues::Float(values),
            (ValuesBuilder::Dictionary(builder), kind) => {
                let column = builder.finish();
                match kind {
                    None => AttributeValues::Overflow(column),
                    Some(AttributeType::String) => AttributeValues::String(column),
                    Some(AttributeType::Array) => AttributeValues::Array(column),
                    Some(AttributeType::Map) => AttributeValues::Map(column),
                    Some(_) => AttributeValues::Bytes(column),
                }
            }
        };
        AttributeColumn { key: self.key, values }
    }
}
