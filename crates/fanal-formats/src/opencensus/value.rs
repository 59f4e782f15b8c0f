//! The small messages of OpenCensus: texts that may be cut, times, wrapped scalars, attributes.
//!
//! Used by the walks of spans and of their owners. Texts are not checked here: builders do.

use crate::decoded::{ATTRIBUTES_MAX, Refusal, RejectReason};
use crate::draft::{DraftAttribute, DraftValue};
use crate::wire::{Reader, WireError, bytes_tag, fixed64_tag, varint_tag};
use fanal_model::NotText;
use fanal_model::raw;

/// Why a walk stops: the whole message is broken, or this span is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    Wire(WireError),
    Refused(Refusal),
}

impl From<WireError> for Fault {
    fn from(error: WireError) -> Self {
        Self::Wire(error)
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<NotText> for Fault {
    fn from(error: NotText) -> Self {
        Self::Refused(Refusal::new(RejectReason::Utf8, error.valid_up_to))
    }
}

/// The text of a field.
pub(super) fn text(bytes: &[u8]) -> Result<&str, Fault> {
    Ok(raw::text(bytes)?)
}

/// Counts an item of a list that may have at most `limit`.
pub(super) fn count(items: usize, limit: usize, reason: RejectReason) -> Result<(), Refusal> {
    if items >= limit { Err(Refusal::new(reason, items + 1)) } else { Ok(()) }
}

/// A `TruncatableString`.
pub(super) fn truncatable(mut reader: Reader<'_>) -> Result<&[u8], WireError> {
    let mut value: &[u8] = &[];
    while !reader.is_at_end() {
        match reader.tag()? {
            VALUE => value = reader.bytes()?,
            other => reader.skip(other)?,
        }
    }
    Ok(value)
}

/// The value of a `BoolValue` or `UInt32Value`.
pub(super) fn wrapped(mut reader: Reader<'_>) -> Result<u64, WireError> {
    let mut value = 0;
    while !reader.is_at_end() {
        match reader.tag()? {
            NUMBER => value = reader.varint()?,
            other => reader.skip(other)?,
        }
    }
    Ok(value)
}

/// A `Timestamp` in nanoseconds since the Unix epoch; one before it is refused.
pub(super) fn timestamp(mut reader: Reader<'_>) -> Result<u64, Fault> {
    const NANOS: u32 = varint_tag(2);
    let (mut seconds, mut nanos) = (0, 0);
    while !reader.is_at_end() {
        match reader.tag()? {
            NUMBER => seconds = reader.varint()?,
            NANOS => nanos = reader.varint32()?,
            other => reader.skip(other)?,
        }
    }
    // Negative numbers are huge here.
    let total = seconds.checked_mul(1_000_000_000).filter(|_| nanos < 1_000_000_000);
    let total = total.and_then(|total| total.checked_add(u64::from(nanos)));
    total.ok_or(Fault::Refused(Refusal::new(RejectReason::Malformed, 0)))
}

const VALUE: u32 = bytes_tag(1);
const NUMBER: u32 = varint_tag(1);

/// Reads an entry of a map: field 1 is the key, field 2 the value.
pub(super) fn entry(mut reader: Reader<'_>) -> Result<(&[u8], Reader<'_>), WireError> {
    const KEY: u32 = bytes_tag(1);
    const VALUE: u32 = bytes_tag(2);
    let (mut key, mut value): (&[u8], _) = (&[], Reader::new(&[]));
    while !reader.is_at_end() {
        match reader.tag()? {
            KEY => key = reader.bytes()?,
            VALUE => value = reader.message()?,
            other => reader.skip(other)?,
        }
    }
    Ok((key, value))
}

/// Reads `Attributes` behind those in `into`; returns how many the sender dropped.
pub(super) fn attributes<'a>(
    mut reader: Reader<'a>,
    into: &mut Vec<DraftAttribute<'a>>,
) -> Result<u32, Fault> {
    const ATTRIBUTE_MAP: u32 = bytes_tag(1);
    const DROPPED_ATTRIBUTES_COUNT: u32 = varint_tag(2);
    let mut dropped = 0;
    while !reader.is_at_end() {
        match reader.tag()? {
            ATTRIBUTE_MAP => {
                count(into.len(), ATTRIBUTES_MAX, RejectReason::AttributeCount)?;
                let (key, value) = entry(reader.message()?)?;
                into.push((key.into(), attribute_value(value)?));
            }
            DROPPED_ATTRIBUTES_COUNT => dropped = reader.varint32()?,
            other => reader.skip(other)?,
        }
    }
    Ok(dropped)
}

/// An `AttributeValue`; one without a value is an empty text.
fn attribute_value(mut reader: Reader<'_>) -> Result<DraftValue<'_>, WireError> {
    const STRING: u32 = bytes_tag(1);
    const INT: u32 = varint_tag(2);
    const BOOL: u32 = varint_tag(3);
    const DOUBLE: u32 = fixed64_tag(4);
    let mut value = DraftValue::Text((&[][..]).into());
    while !reader.is_at_end() {
        value = match reader.tag()? {
            STRING => DraftValue::Text(truncatable(reader.message()?)?.into()),
            INT => DraftValue::Int(reader.varint()?.cast_signed()),
            BOOL => DraftValue::Bool(reader.varint()? != 0),
            DOUBLE => DraftValue::Float(f64::from_bits(reader.fixed64()?)),
            other => {
                reader.skip(other)?;
                continue;
            }
        };
    }
    Ok(value)
}

/// A number of 64 bits without a sign; the few that do not fit an attribute are texts of their digits.
pub(super) fn unsigned(number: u64) -> DraftValue<'static> {
    match i64::try_from(number) {
        Ok(number) => DraftValue::Int(number),
        Err(_) => DraftValue::Text(number.to_string().into_bytes().into()),
    }
}
