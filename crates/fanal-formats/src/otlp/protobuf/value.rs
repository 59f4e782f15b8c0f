//! Walks attributes: `KeyValue` and `AnyValue` into borrowed values, arrays and maps into the nested encoding.
//!
//! Used by the walks of spans, resources and scopes. Invariant: recursion ends at `nested::DEPTH_MAX`.
//! Where a value names several arms the last one wins.

use super::fields::{any_value, key_value, list};
use crate::decoded::{Refusal, RejectReason};
use crate::wire::{Reader, WireError};
use fanal_model::{NotText, RawValue, ValueRef, nested, raw};

/// Why a walk stops: the whole request is broken, or this span is refused.
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

impl From<NotText> for Fault {
    #[cold]
    fn from(error: NotText) -> Self {
        refuse(RejectReason::Utf8, error.valid_up_to)
    }
}

#[cold]
pub(super) fn refuse(reason: RejectReason, observed: usize) -> Fault {
    Fault::Refused(Refusal::new(reason, observed))
}

/// The text of a field.
#[inline]
pub(super) fn text(bytes: &[u8]) -> Result<&str, Fault> {
    Ok(raw::text(bytes)?)
}

/// An `AnyValue` as it lies on the wire.
#[derive(Debug, Clone, Copy)]
pub(super) enum WireValue<'a> {
    Empty,
    String(&'a [u8]),
    Bool(bool),
    Int(i64),
    Float(f64),
    Bytes(&'a [u8]),
    Array(Reader<'a>),
    Map(Reader<'a>),
}

/// A `KeyValue` as nearly every sender writes it: the key, then the value, with lengths of one byte.
#[inline(always)]
#[expect(clippy::inline_always, reason = "measured: runs for every attribute")]
fn usual_key_and_value(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (key, rest) = short_field(bytes, key_value::KEY)?;
    let (value, rest) = short_field(rest, key_value::VALUE)?;
    rest.is_empty().then_some((key, value))
}

/// A number or flag that is all of an `AnyValue`.
#[inline(always)]
#[expect(clippy::inline_always, reason = "measured: runs for every third attribute")]
fn usual_scalar(value: &[u8]) -> Option<ValueRef<'static>> {
    let (&tag, payload) = value.split_first()?;
    match u32::from(tag) {
        any_value::INT => {
            let mut reader = Reader::new(payload);
            let number = reader.varint().ok()?.cast_signed();
            reader.is_at_end().then_some(ValueRef::Int(number))
        }
        any_value::BOOL => match payload {
            [flag @ (0 | 1)] => Some(ValueRef::Bool(*flag == 1)),
            _ => None,
        },
        any_value::DOUBLE => {
            let bits = payload.try_into().map(u64::from_le_bytes).ok()?;
            Some(ValueRef::Float(f64::from_bits(bits)))
        }
        _ => None,
    }
}

/// A field of bytes whose tag and length have one byte each, and what follows it.
#[inline(always)]
#[expect(clippy::inline_always, reason = "measured: runs for every attribute")]
fn short_field(bytes: &[u8], tag: u32) -> Option<(&[u8], &[u8])> {
    match bytes {
        [first, length @ 0..0x80, rest @ ..] if u32::from(*first) == tag => {
            rest.split_at_checked(usize::from(*length))
        }
        _ => None,
    }
}

/// Reads a `KeyValue`.
fn key_and_value(mut reader: Reader<'_>) -> Result<(&[u8], WireValue<'_>), WireError> {
    let mut key: &[u8] = &[];
    let mut value = WireValue::Empty;
    while !reader.is_at_end() {
        match reader.tag()? {
            key_value::KEY => key = reader.bytes()?,
            key_value::VALUE => read_value(reader.message()?, &mut value)?,
            other => reader.skip(other)?,
        }
    }
    Ok((key, value))
}

/// Reads an `AnyValue` over what an earlier occurrence of its field gave.
fn read_value<'a>(mut reader: Reader<'a>, value: &mut WireValue<'a>) -> Result<(), WireError> {
    while !reader.is_at_end() {
        *value = match reader.tag()? {
            any_value::STRING => WireValue::String(reader.bytes()?),
            any_value::BOOL => WireValue::Bool(reader.varint()? != 0),
            any_value::INT => WireValue::Int(reader.varint()?.cast_signed()),
            any_value::DOUBLE => WireValue::Float(f64::from_bits(reader.fixed64()?)),
            any_value::ARRAY => WireValue::Array(reader.message()?),
            any_value::MAP => WireValue::Map(reader.message()?),
            any_value::BYTES => WireValue::Bytes(reader.bytes()?),
            other => {
                reader.skip(other)?;
                continue;
            }
        };
    }
    Ok(())
}

/// Reads a `KeyValue` and hands it to `sink`, its texts not checked; `scratch` holds an array or map meanwhile.
#[inline(always)]
#[expect(clippy::inline_always, reason = "measured: runs for every attribute")]
pub(super) fn walk_attribute(
    reader: Reader<'_>,
    scratch: &mut Vec<u8>,
    mut sink: impl FnMut(&[u8], RawValue<'_>) -> Result<(), NotText>,
) -> Result<(), Fault> {
    if let Some((key, value)) = usual_key_and_value(reader.rest()) {
        if let Some((text, [])) = short_field(value, any_value::STRING) {
            return Ok(sink(key, RawValue::Text(text))?);
        }
        if let Some(scalar) = usual_scalar(value) {
            return Ok(sink(key, RawValue::Checked(scalar))?);
        }
    }
    walk_rare_attribute(reader, scratch, sink)
}

#[inline(never)]
fn walk_rare_attribute(
    reader: Reader<'_>,
    scratch: &mut Vec<u8>,
    sink: impl FnOnce(&[u8], RawValue<'_>) -> Result<(), NotText>,
) -> Result<(), Fault> {
    let (key, value) = key_and_value(reader)?;
    let value = match value {
        WireValue::String(bytes) => RawValue::Text(bytes),
        WireValue::Int(number) => RawValue::Checked(ValueRef::Int(number)),
        WireValue::Bool(flag) => RawValue::Checked(ValueRef::Bool(flag)),
        WireValue::Float(number) => RawValue::Checked(ValueRef::Float(number)),
        other => RawValue::Checked(rare_value(key, other, scratch)?),
    };
    Ok(sink(key, value)?)
}

/// A value of one of the other types. Checks the key before what lies in the value, so that the first fault counts.
fn rare_value<'s>(
    key: &[u8],
    value: WireValue<'s>,
    scratch: &'s mut Vec<u8>,
) -> Result<ValueRef<'s>, Fault> {
    match value {
        WireValue::Bytes(bytes) => Ok(ValueRef::Bytes(bytes)),
        WireValue::Array(_) | WireValue::Map(_) => {
            text(key)?;
            scratch.clear();
            write_nested(value, scratch, 0)?;
            Ok(match value {
                WireValue::Array(_) => ValueRef::Array(scratch),
                _ => ValueRef::Map(scratch),
            })
        }
        _ => Ok(ValueRef::Empty),
    }
}

/// Appends a value in the nested encoding; `depth` arrays and maps lie around it.
fn write_nested(value: WireValue<'_>, out: &mut Vec<u8>, depth: usize) -> Result<(), Fault> {
    let scalar = match value {
        WireValue::Array(items) => return write_array(items, out, depth),
        WireValue::Map(entries) => return write_map(entries, out, depth),
        WireValue::Empty => ValueRef::Empty,
        WireValue::String(bytes) => ValueRef::String(text(bytes)?),
        WireValue::Bool(flag) => ValueRef::Bool(flag),
        WireValue::Int(number) => ValueRef::Int(number),
        WireValue::Float(number) => ValueRef::Float(number),
        WireValue::Bytes(bytes) => ValueRef::Bytes(bytes),
    };
    nested::encode_ref(scalar, out);
    Ok(())
}

fn write_array(mut items: Reader<'_>, out: &mut Vec<u8>, depth: usize) -> Result<(), Fault> {
    nested::begin_array(count_values(items, depth)?, out);
    while !items.is_at_end() {
        match items.tag()? {
            list::VALUES => {
                let mut value = WireValue::Empty;
                read_value(items.message()?, &mut value)?;
                write_nested(value, out, depth + 1)?;
            }
            other => items.skip(other)?,
        }
    }
    Ok(())
}

fn write_map(mut entries: Reader<'_>, out: &mut Vec<u8>, depth: usize) -> Result<(), Fault> {
    nested::begin_map(count_values(entries, depth)?, out);
    while !entries.is_at_end() {
        match entries.tag()? {
            list::VALUES => {
                let (key, value) = key_and_value(entries.message()?)?;
                nested::write_bytes(text(key)?.as_bytes(), out);
                write_nested(value, out, depth + 1)?;
            }
            other => entries.skip(other)?,
        }
    }
    Ok(())
}

/// The nested encoding has the count before the items, the wire has none.
fn count_values(mut reader: Reader<'_>, depth: usize) -> Result<usize, Fault> {
    if depth >= nested::DEPTH_MAX {
        return Err(refuse(RejectReason::NestingDepth, depth));
    }
    let mut count = 0;
    while !reader.is_at_end() {
        let tag = reader.tag()?;
        reader.skip(tag)?;
        count += usize::from(tag == list::VALUES);
    }
    Ok(count)
}
