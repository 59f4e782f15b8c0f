//! Builds one attribute column: a key, a type and the values of the rows that have it.
//!
//! Owned by the attribute table builder, which chooses the column by key and type.

use crate::attributes::{AttributeColumn, AttributeValues};
use crate::dictionary::{Drain, GiveUp, ValueDictionary, is_same};
use crate::raw::{NotText, RawValue};
use crate::value::{AttributeType, ValueRef};

#[derive(Debug)]
pub(crate) struct ColumnBuilder {
    pub(crate) key: Box<str>,
    pub(crate) key_code: u32,
    /// `None` for the overflow column.
    pub(crate) kind: Option<AttributeType>,
    pub(crate) values: ValuesBuilder,
}

#[derive(Debug)]
pub(crate) enum ValuesBuilder {
    Empty(usize),
    Bool(Vec<bool>),
    Int(Vec<i64>),
    Float(Vec<f64>),
    /// String, bytes, array, map, or overflow (no type): what they are is the column's type.
    Dictionary(ValueDictionary),
}

impl ValuesBuilder {
    pub(crate) fn new(kind: Option<AttributeType>, give_up: GiveUp) -> Self {
        match kind {
            Some(AttributeType::Empty) => Self::Empty(0),
            Some(AttributeType::Bool) => Self::Bool(Vec::new()),
            Some(AttributeType::Int) => Self::Int(Vec::new()),
            Some(AttributeType::Float) => Self::Float(Vec::new()),
            _ => Self::Dictionary(ValueDictionary::new(give_up)),
        }
    }

    #[inline]
    pub(crate) fn push_raw(&mut self, value: RawValue<'_>) -> Result<(), NotText> {
        match (self, value) {
            (Self::Dictionary(builder), RawValue::Text(text)) => builder.push_text(text),
            (values, RawValue::Checked(value)) => {
                values.push(value);
                Ok(())
            }
            // The column was chosen by the value's own type.
            _ => {
                debug_assert!(false, "text pushed to a column of another type");
                Ok(())
            }
        }
    }

    #[inline]
    pub(crate) fn push(&mut self, value: ValueRef<'_>) {
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

    pub(crate) fn pop(&mut self) {
        match self {
            Self::Empty(count) => *count -= 1,
            Self::Bool(values) => drop(values.pop()),
            Self::Int(values) => drop(values.pop()),
            Self::Float(values) => drop(values.pop()),
            Self::Dictionary(builder) => builder.pop(),
        }
    }

    /// Forgets the entries of values that were taken back.
    pub(crate) fn clear(&mut self) {
        if let Self::Dictionary(builder) = self {
            builder.clear();
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Empty(count) => *count,
            Self::Bool(values) => values.len(),
            Self::Int(values) => values.len(),
            Self::Float(values) => values.len(),
            Self::Dictionary(builder) => builder.len(),
        }
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        match self {
            Self::Empty(_) => 0,
            Self::Bool(values) => values.capacity(),
            Self::Int(values) => values.capacity() * 8,
            Self::Float(values) => values.capacity() * 8,
            Self::Dictionary(builder) => builder.memory_bytes(),
        }
    }
}

impl ColumnBuilder {
    /// Whether this is the column of a key and a type.
    #[inline]
    pub(crate) fn is_of(&self, key: &[u8], kind: AttributeType) -> bool {
        self.kind == Some(kind) && is_same(self.key.as_bytes(), key)
    }

    /// The column; the builder begins anew.
    pub(crate) fn drain(&mut self, drain: Drain) -> AttributeColumn {
        let values = match (&mut self.values, self.kind) {
            (ValuesBuilder::Empty(count), _) => AttributeValues::Empty(std::mem::take(count)),
            (ValuesBuilder::Bool(values), _) => AttributeValues::Bool(drain.vec(values)),
            (ValuesBuilder::Int(values), _) => AttributeValues::Int(drain.vec(values)),
            (ValuesBuilder::Float(values), _) => AttributeValues::Float(drain.vec(values)),
            (ValuesBuilder::Dictionary(builder), kind) => {
                AttributeValues::of_texts(kind, builder.drain(drain))
            }
        };
        AttributeColumn { key: self.key.clone(), values }
    }
}
