//! Values as they lie on the wire, their texts not yet known to be UTF-8.
//!
//! Formats hand them to builders, which check each distinct text once: what equals a known text is one. Knows no wire
//! format.

use crate::value::{AttributeType, ValueRef};

/// Bytes that should be text are not UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("text breaks UTF-8 after {valid_up_to} bytes")]
pub struct NotText {
    /// Bytes before the first that breaks the rules.
    pub valid_up_to: usize,
}

/// A value whose text is not checked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RawValue<'a> {
    /// Text, if it is UTF-8.
    Text(&'a [u8]),
    /// Any other value. Arrays and maps are in the encoding of [`crate::nested`], with checked texts.
    Checked(ValueRef<'a>),
}

impl<'a> RawValue<'a> {
    /// The type.
    #[inline]
    pub fn attribute_type(&self) -> AttributeType {
        match self {
            Self::Text(_) => AttributeType::String,
            Self::Checked(value) => value.attribute_type(),
        }
    }

    /// The value, where its text is one.
    pub fn check(self) -> Result<ValueRef<'a>, NotText> {
        match self {
            Self::Text(bytes) => text(bytes).map(ValueRef::String),
            Self::Checked(value) => Ok(value),
        }
    }
}

/// The text that bytes are.
#[inline]
pub fn text(bytes: &[u8]) -> Result<&str, NotText> {
    std::str::from_utf8(bytes).map_err(|error| NotText { valid_up_to: error.valid_up_to() })
}

/// Fails where bytes are no text; faster than [`text`] on ASCII.
#[inline]
pub(crate) fn check_text(bytes: &[u8]) -> Result<(), NotText> {
    if bytes.is_ascii() { Ok(()) } else { text(bytes).map(drop) }
}
