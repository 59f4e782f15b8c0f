//! Builds attribute tables row by row.
//!
//! Fed by the batch builder. Invariant: a column holds exactly the values of the rows whose shapes name it, also after a row
//! was taken back. Guesses that a row repeats the columns of the last one, and hashes only where the guess fails.

use crate::attributes::{AttributeColumn, AttributeTable, AttributeValues, COLUMNS_MAX};
use crate::column::DictionaryBuilder;
use crate::nested;
use crate::value::{AttributeType, ValueRef};
use fanal_base::cast;
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use std::hash::BuildHasher;

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
