//! Attributes of many owners (spans, events or links) as columns keyed by (key, type).
//!
//! A row names a *shape*: the ordered list of columns it has a value in. Columns hold the values of the rows that
//! have them and nothing else, so an absent attribute costs nothing, and the order sent survives. Where a batch has
//! more than [`COLUMNS_MAX`] columns, further keys share one overflow column.

use crate::column::DictionaryColumn;
use crate::nested;
use crate::value::{AttributeType, ValueRef};
use fanal_base::cast;

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

    /// The texts of a column of texts, bytes, arrays, maps or overflow entries.
    pub fn texts(&self) -> Option<&DictionaryColumn> {
        match self {
            Self::String(texts)
            | Self::Bytes(texts)
            | Self::Array(texts)
            | Self::Map(texts)
            | Self::Overflow(texts) => Some(texts),
            Self::Empty(_) | Self::Bool(_) | Self::Int(_) | Self::Float(_) => None,
        }
    }

    /// Values of a type that [`AttributeValues::texts`] has; no type for overflow entries.
    pub(crate) fn of_texts(kind: Option<AttributeType>, texts: DictionaryColumn) -> Self {
        match kind {
            None => Self::Overflow(texts),
            Some(AttributeType::String) => Self::String(texts),
            Some(AttributeType::Array) => Self::Array(texts),
            Some(AttributeType::Map) => Self::Map(texts),
            Some(_) => Self::Bytes(texts),
        }
    }

    /// Type of the values; `None` for the overflow column.
    pub fn kind(&self) -> Option<AttributeType> {
        match self {
            Self::Empty(_) => Some(AttributeType::Empty),
            Self::String(_) => Some(AttributeType::String),
            Self::Bool(_) => Some(AttributeType::Bool),
            Self::Int(_) => Some(AttributeType::Int),
            Self::Float(_) => Some(AttributeType::Float),
            Self::Bytes(_) => Some(AttributeType::Bytes),
            Self::Array(_) => Some(AttributeType::Array),
            Self::Map(_) => Some(AttributeType::Map),
            Self::Overflow(_) => None,
        }
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

/// Appends an entry of the overflow column.
pub(crate) fn write_overflow_entry(key: &str, value: ValueRef<'_>, out: &mut Vec<u8>) {
    nested::write_bytes(key.as_bytes(), out);
    nested::encode_ref(value, out);
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
        locator.cells.reserve((0..self.rows.len()).map(|row| self.shape(row).len()).sum());
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
        let nested_ok = nested::is_value;
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
