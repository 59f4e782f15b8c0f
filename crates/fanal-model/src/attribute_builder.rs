//! Builds attribute tables row by row.
//!
//! Fed by the batch builder. Invariant: a column holds exactly the values of the rows whose shapes name it, also after
//! a row was taken back. While a row takes steps that rows before it took, a key costs one comparison; a row that
//! leaves their ways is listed, hashed and looked through for keys sent twice.

use crate::attributes::{AttributeTable, COLUMNS_MAX, write_overflow_entry};
use crate::column_builder::{ColumnBuilder, ValuesBuilder};
use crate::dictionary::{Drain, GiveUp};
use crate::raw::{self, NotText, RawValue};
use crate::shape_tree::{NONE, ROOT, ShapeTree};
use crate::value::{AttributeType, ValueRef};
use fanal_base::cast;
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use std::hash::BuildHasher;

/// Columns and bytes that a builder keeps from one batch to the next; beyond, it forgets all.
const KEPT_COLUMNS_MAX: usize = COLUMNS_MAX / 4;
const KEPT_BYTES_MAX: usize = 4 << 20;

/// Where a key was met last.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    row_mark: u64,
    /// In the row's list of columns.
    position: usize,
}

/// Builds an [`AttributeTable`] row by row: push the attributes of a row, then finish or abandon it.
#[derive(Debug)]
pub struct AttributeTableBuilder {
    rows: Vec<u32>,
    pub(crate) columns: Vec<ColumnBuilder>,
    tree: ShapeTree,
    /// How far the open row came on the tree; `None` once it left, and `open` lists its columns.
    node: Option<u32>,
    open: Vec<u32>,
    column_index: HashTable<u32>,
    key_index: HashTable<(Box<str>, u32)>,
    /// By key code.
    key_last_place: Vec<Place>,
    /// Differs from row to row, never 0.
    row_mark: u64,
    overflow_column: Option<u32>,
    hasher: RandomState,
    duplicate_keys: u64,
    give_up: GiveUp,
}

impl Default for AttributeTableBuilder {
    fn default() -> Self {
        Self::new(GiveUp::LARGE)
    }
}

impl AttributeTableBuilder {
    pub(crate) fn new(give_up: GiveUp) -> Self {
        Self {
            rows: Vec::new(),
            columns: Vec::new(),
            tree: ShapeTree::default(),
            node: Some(ROOT),
            open: Vec::new(),
            column_index: HashTable::new(),
            key_index: HashTable::new(),
            key_last_place: Vec::new(),
            row_mark: 1,
            overflow_column: None,
            hasher: RandomState::default(),
            duplicate_keys: 0,
            give_up,
        }
    }

    /// Adds an attribute to the open row. A key that the row has already keeps its place and takes the new value.
    #[inline]
    pub fn push(&mut self, key: &str, value: ValueRef<'_>) {
        // What is text is checked again where it is new, and passes.
        let outcome = self.push_raw(key.as_bytes(), RawValue::Checked(value));
        debug_assert!(outcome.is_ok());
    }

    /// Like [`AttributeTableBuilder::push`]. Where key or value is no text, nothing is added.
    #[inline]
    pub fn push_raw(&mut self, key: &[u8], value: RawValue<'_>) -> Result<(), NotText> {
        if let Some(node) = self.node {
            let (columns, kind) = (&self.columns, value.attribute_type());
            let is_wanted = |column: u32| columns[cast::index(column)].is_of(key, kind);
            if let Some((child, column)) = self.tree.likely_child(node, is_wanted) {
                self.columns[cast::index(column)].values.push_raw(value)?;
                self.node = Some(child);
                return Ok(());
            }
        }
        self.push_unlikely(key, value)
    }

    #[inline(never)]
    fn push_unlikely(&mut self, key: &[u8], value: RawValue<'_>) -> Result<(), NotText> {
        let kind = value.attribute_type();
        let known = self.find_column(key, kind);
        let text = if known.is_some() { "" } else { raw::text(key)? };
        let value = value.check()?;
        match known.or_else(|| self.new_column(text, kind)) {
            Some(column) => {
                self.place(column);
                self.columns[cast::index(column)].values.push(value);
            }
            None => self.push_overflow(text, value),
        }
        Ok(())
    }

    /// Gives the open row a place for the key of `column`, whose value is pushed next. A value that the row has of
    /// that key already is removed, and its place taken over.
    pub(crate) fn place(&mut self, column: u32) {
        if self.step(column) {
            return;
        }
        let key_code = cast::index(self.columns[cast::index(column)].key_code);
        let last = &mut self.key_last_place[key_code];
        if last.row_mark == self.row_mark {
            let replaced = std::mem::replace(&mut self.open[last.position], column);
            self.columns[cast::index(replaced)].values.pop();
            self.duplicate_keys += 1;
        } else {
            *last = Place { row_mark: self.row_mark, position: self.open.len() };
            self.open.push(column);
        }
    }

    /// Takes the open row on to `column` where a row before it went; otherwise the row leaves the tree. No way on the
    /// tree has a key twice.
    fn step(&mut self, column: u32) -> bool {
        let Some(node) = self.node else { return false };
        if let Some(child) = self.tree.child(node, column) {
            self.node = Some(child);
            return true;
        }
        self.node = None;
        self.open = self.tree.columns(node);
        for (position, &column) in self.open.iter().enumerate() {
            let column = &self.columns[cast::index(column)];
            if column.kind.is_some() {
                let place = Place { row_mark: self.row_mark, position };
                self.key_last_place[cast::index(column.key_code)] = place;
            }
        }
        false
    }

    /// The column of (key, type), new or known; `None` when the key must go to the overflow column.
    pub(crate) fn column_for(&mut self, key: &str, kind: AttributeType) -> Option<u32> {
        self.find_column(key.as_bytes(), kind).or_else(|| self.new_column(key, kind))
    }

    fn find_column(&self, key: &[u8], kind: AttributeType) -> Option<u32> {
        let hash = self.hasher.hash_one((key, kind));
        let is_wanted = |&column: &u32| self.columns[cast::index(column)].is_of(key, kind);
        self.column_index.find(hash, is_wanted).copied()
    }

    fn new_column(&mut self, key: &str, kind: AttributeType) -> Option<u32> {
        (self.columns.len() < COLUMNS_MAX).then(|| self.add_column(key, Some(kind)))
    }

    fn add_column(&mut self, key: &str, kind: Option<AttributeType>) -> u32 {
        let index = cast::narrow(self.columns.len());
        let key_code = self.key_code(key);
        let values = ValuesBuilder::new(kind, self.give_up);
        self.columns.push(ColumnBuilder { key: key.into(), key_code, kind, values });
        if let Some(kind) = kind {
            let (columns, hasher) = (&self.columns, &self.hasher);
            let hash = hasher.hash_one((key.as_bytes(), kind));
            self.column_index.insert_unique(hash, index, |&column| {
                let column = &columns[cast::index(column)];
                let kind = column.kind.unwrap_or(AttributeType::Empty);
                hasher.hash_one((column.key.as_bytes(), kind))
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
        write_overflow_entry(key, value, &mut entry);
        if !self.step(column) {
            self.open.push(column);
        }
        if let ValuesBuilder::Dictionary(builder) = &mut self.columns[cast::index(column)].values {
            builder.push(&entry);
        }
    }

    /// Ends the open row.
    #[inline]
    pub fn finish_row(&mut self) {
        let node = match self.node {
            Some(node) => node,
            None => self.tree.descend(&self.open),
        };
        let shape = self.tree.shape(node);
        self.rows.push(shape);
        self.begin_row();
    }

    #[inline]
    fn begin_row(&mut self) {
        self.node = Some(ROOT);
        self.open.clear();
        self.row_mark += 1;
    }

    /// Takes back the attributes of the open row.
    pub fn abandon_row(&mut self) {
        let columns = match self.node {
            Some(node) => self.tree.columns(node),
            None => std::mem::take(&mut self.open),
        };
        for column in columns {
            self.columns[cast::index(column)].values.pop();
        }
        self.begin_row();
    }

    /// Takes back the last finished row; no row is open.
    pub fn pop_row(&mut self) {
        if let Some(shape) = self.rows.pop() {
            for &column in &self.tree.shapes()[cast::index(shape)] {
                self.columns[cast::index(column)].values.pop();
            }
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
        let columns: usize = self.columns.iter().map(|c| 192 + c.values.memory_bytes()).sum();
        columns + self.rows.capacity() * 4 + self.tree.memory_bytes()
    }

    /// The table.
    pub fn finish(mut self) -> AttributeTable {
        self.drain(Drain::Last)
    }

    /// The table of all finished rows, with the columns and shapes that they use. The builder begins anew and remembers,
    /// within limits, the columns and shapes that it met.
    pub(crate) fn drain(&mut self, drain: Drain) -> AttributeTable {
        self.abandon_row();
        self.duplicate_keys = 0;
        let mut column_numbers = vec![NONE; self.columns.len()];
        let mut columns = Vec::new();
        for (builder, number) in self.columns.iter_mut().zip(&mut column_numbers) {
            if builder.values.len() > 0 {
                *number = cast::narrow(columns.len());
                columns.push(builder.drain(drain));
            } else {
                builder.values.clear();
            }
        }
        let mut rows = drain.vec(&mut self.rows);
        let shapes = self.used_shapes(&mut rows, &column_numbers);
        if self.columns.len() > KEPT_COLUMNS_MAX || self.memory_bytes() > KEPT_BYTES_MAX {
            *self = Self::new(self.give_up);
        }
        AttributeTable { shapes, rows, columns }
    }

    /// The shapes of `rows`, which are renumbered, with their columns renumbered.
    fn used_shapes(&self, rows: &mut [u32], column_numbers: &[u32]) -> Vec<Box<[u32]>> {
        let known = self.tree.shapes();
        let mut numbers = vec![NONE; known.len()];
        let mut shapes = Vec::new();
        for row in rows {
            let shape = cast::index(*row);
            if numbers[shape] == NONE {
                numbers[shape] = cast::narrow(shapes.len());
                let columns = known[shape].iter();
                shapes.push(columns.map(|&column| column_numbers[cast::index(column)]).collect());
            }
            *row = numbers[shape];
        }
        shapes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Value;

    /// Small random numbers, the same in every run.
    struct Dice(u64);

    impl Dice {
        fn roll(&mut self, sides: u64) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            cast::size(self.0 % sides)
        }
    }

    type Row = Vec<(String, Value)>;

    fn read(table: &AttributeTable) -> Vec<Row> {
        assert!(table.is_valid());
        let cells = table.locate();
        let cell = |(&column, &cell): (&u32, &u32)| {
            let (key, value) = table.columns[cast::index(column)].get(cast::index(cell));
            (key.to_owned(), value.to_value())
        };
        let row = |row| table.shape(row).iter().zip(cells.cells(row)).map(cell).collect();
        (0..table.rows.len()).map(row).collect()
    }

    /// Pushes a random row; answers it as it should be read.
    fn push_row(builder: &mut AttributeTableBuilder, dice: &mut Dice, keys: &[String]) -> Row {
        let mut row = Row::new();
        for _ in 0..dice.roll(9) {
            let key = &keys[dice.roll(cast::wide(keys.len()))];
            let value = match dice.roll(4) {
                0 => Value::Int(7),
                1 => Value::Empty,
                _ => Value::String("x".repeat(dice.roll(40))),
            };
            let raw = match &value {
                Value::String(text) => RawValue::Text(text.as_bytes()),
                Value::Int(number) => RawValue::Checked(ValueRef::Int(*number)),
                _ => RawValue::Checked(ValueRef::Empty),
            };
            assert_eq!(builder.push_raw(key.as_bytes(), raw), Ok(()));
            match row.iter_mut().find(|(known, _)| known == key) {
                Some((_, known)) => *known = value,
                None => row.push((key.clone(), value)),
            }
        }
        row
    }

    /// Batches of random rows, some taken back, against lists of what was pushed.
    fn check(key_count: usize, drain: Drain) {
        let keys: Vec<String> = (0..key_count).map(|number| format!("key{number}")).collect();
        let mut dice = Dice(cast::wide(key_count) + 1);
        let mut builder = AttributeTableBuilder::new(GiveUp { values_min: 50 });
        for _ in 0..20 {
            let mut rows: Vec<Row> = Vec::new();
            for _ in 0..dice.roll(200) {
                let row = push_row(&mut builder, &mut dice, &keys);
                match dice.roll(9) {
                    0 => builder.abandon_row(),
                    1 => {
                        assert!(builder.push_raw(b"\xff", RawValue::Text(b"x")).is_err());
                        assert!(builder.push_raw(b"key0", RawValue::Text(b"\xff")).is_err());
                        builder.finish_row();
                        rows.push(row);
                    }
                    2 => {
                        builder.finish_row();
                        builder.pop_row();
                    }
                    _ => {
                        builder.finish_row();
                        rows.push(row);
                    }
                }
            }
            let table = builder.drain(drain);
            let is_used = |column: &crate::attributes::AttributeColumn| !column.values.is_empty();
            assert!(table.columns.iter().all(is_used), "no column without a value");
            assert_eq!(read(&table), rows);
        }
    }

    #[test]
    fn rows_are_read_as_they_were_pushed() {
        for drain in [Drain::Next, Drain::Last] {
            check(3, drain);
            check(20, drain);
            check(KEPT_COLUMNS_MAX, drain);
        }
    }

    #[test]
    fn keys_sent_twice_are_counted_on_and_off_the_tree() {
        let mut builder = AttributeTableBuilder::default();
        let mut check = |keys: &str, expect_shape: u32, expect_duplicates: u64| {
            for key in keys.chars() {
                builder.push(&key.to_string(), ValueRef::Int(1));
            }
            builder.finish_row();
            assert_eq!(builder.rows.last(), Some(&expect_shape), "{keys}");
            assert_eq!(builder.duplicate_keys(), expect_duplicates, "{keys}");
        };
        check("abc", 0, 0);
        check("abca", 0, 1);
        check("abbc", 0, 2);
        check("ab", 1, 2);
        check("ac", 2, 2);
        check("aac", 2, 3);
    }
}
