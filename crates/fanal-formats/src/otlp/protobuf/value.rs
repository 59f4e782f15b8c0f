//! Walks attributes: `KeyValue` and `AnyValue` into borrowed values, arrays and maps into the nested encoding.
//!
//! Used by the walks of spans, resources and scopes. Invariant: recursion ends at `nested::DEPTH_MAX`.
//! Where a value names several arms the last one wins.

use super::fields::{any_value, key_value, list};
use crate::otlp::decoded::{Refusal, RejectReason};
use crate::wire::{Reader, WireError};
use fanal_model::{ValueRef, nested};

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

#[cold]
pub(super) fn refuse(reason: RejectReason, observed: usize) -> Fault {
    Fault::Refused(Refusal::new(reason, observed))
}

/// The text of a field.
#[inline]
pub(super) fn text(bytes: &[u8]) -> Result<&str, Fault> {
    std::str::from_utf8(bytes).map_err(|error| refuse(RejectReason::Utf8, error.valid_up_to()))
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

/// Reads a `KeyValue`.
#[inline(always)]
#[expect(clippy::inline_always, reason = "measured: runs for every attribute")]
pub(super) fn key_and_value(mut reader: Reader<'_>) -> Result<(&[u8], WireValue<'_>), WireError> {
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
#[inline(always)]
#[expect(clippy::inline_always, reason = "measured: runs for every attribute")]
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

/// Reads a `KeyValue` and hands it on; `scratch` holds an array or map meanwhile.
#[inline]
pub(super) fn walk_attribute<'a>(
    reader: Reader<'a>,
    scratch: &mut Vec<u8>,
    sink: impl FnOnce(&'a str, ValueRef<'_>),
) -> Result<(), Fault> {
    let (key, value) = key_and_value(reader)?;
    let key = text(key)?;
    let value = match value {
        WireValue::Empty => ValueRef::Empty,
        WireValue::String(bytes) => ValueRef::String(text(bytes)?),
        WireValue::Bool(flag) => ValueRef::Bool(flag),
        WireValue::Int(number) => ValueRef::Int(number),
        WireValue::Float(number) => ValueRef::Float(number),
        WireValue::Bytes(bytes) => ValueRef::Bytes(bytes),
        WireValue::Array(_) | WireValue::Map(_) => {
            scratch.clear();
            write_nested(value, scratch, 0)?;
            match value {
                WireValue::Array(_) => ValueRef::Array(scratch),
                _ => ValueRef::Map(scratch),
            }
        }
    };
    sink(key, value);
    Ok(())
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
