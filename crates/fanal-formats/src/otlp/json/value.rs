//! Reads JSON objects, attributes and values: scalars borrowed, arrays and maps in the nested encoding.
//!
//! Used by the walks of requests and spans. Invariant: recursion ends at `nested::DEPTH_MAX`, long before the stack.
//! Where a value names several arms the first in the order of their numbers counts.

use super::message::{List, OtlpAnyValue, OtlpKeyValue, OtlpList};
use crate::decoded::{ATTRIBUTES_MAX, Refusal, RejectReason};
use crate::json::{Integer, Text, decode_base64, problem, read_object};
use fanal_model::{ValueRef, nested};
use serde::Deserialize;
use serde_json::value::RawValue;

/// Why a span is refused.
#[derive(Debug)]
pub(super) enum Fault {
    Refused(Refusal),
    Malformed(String),
}

pub(super) fn refuse(reason: RejectReason, observed: usize) -> Fault {
    Fault::Refused(Refusal::new(reason, observed))
}

/// Reads an object of a span or of one of its owners.
pub(super) fn object<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Result<T, Fault> {
    read_object(raw).map_err(|error| Fault::Malformed(problem(&error)))
}

/// The number of a field, 0 when absent.
pub(super) fn number<T: TryFrom<i128> + Default>(
    field: &str,
    value: Option<Integer>,
) -> Result<T, Fault> {
    let Some(Integer(number)) = value else { return Ok(T::default()) };
    T::try_from(number).map_err(|_| Fault::Malformed(format!("{field} {number} is out of range")))
}

/// The text of a field, empty when absent.
pub(super) fn text<'t>(value: Option<&'t Text<'_>>) -> &'t str {
    value.map_or("", |text| &text.0)
}

/// Hands each attribute on; `scratch` holds what is not borrowed meanwhile.
pub(super) fn read_attributes(
    list: &List<'_>,
    scratch: &mut Vec<u8>,
    mut sink: impl FnMut(&str, ValueRef<'_>),
) -> Result<(), Fault> {
    let list = list.as_deref().unwrap_or_default();
    if list.len() > ATTRIBUTES_MAX {
        return Err(refuse(RejectReason::AttributeCount, list.len()));
    }
    for raw in list {
        let attribute: OtlpKeyValue<'_> = object(raw)?;
        let key = text(attribute.key.as_ref());
        let value = attribute.value.map_or_else(|| Ok(OtlpAnyValue::default()), object)?;
        sink(key, value_ref(&value, scratch)?);
    }
    Ok(())
}

fn value_ref<'v>(
    value: &'v OtlpAnyValue<'_>,
    scratch: &'v mut Vec<u8>,
) -> Result<ValueRef<'v>, Fault> {
    scratch.clear();
    if let Some(text) = &value.string_value {
        Ok(ValueRef::String(&text.0))
    } else if let Some(flag) = value.bool_value {
        Ok(ValueRef::Bool(flag))
    } else if value.int_value.is_some() {
        number("intValue", value.int_value).map(ValueRef::Int)
    } else if let Some(number) = value.double_value {
        Ok(ValueRef::Float(number.0))
    } else if let Some(array) = value.array_value {
        write_array(array, scratch, 0)?;
        Ok(ValueRef::Array(scratch))
    } else if let Some(map) = value.kvlist_value {
        write_map(map, scratch, 0)?;
        Ok(ValueRef::Map(scratch))
    } else if let Some(text) = &value.bytes_value {
        read_base64(&text.0, scratch)?;
        Ok(ValueRef::Bytes(scratch))
    } else {
        Ok(ValueRef::Empty)
    }
}

/// Appends a value in the nested encoding; `depth` arrays and maps lie around it.
fn write_nested(value: &OtlpAnyValue<'_>, out: &mut Vec<u8>, depth: usize) -> Result<(), Fault> {
    if let Some(array) = value.array_value {
        return write_array(array, out, depth);
    }
    if let Some(map) = value.kvlist_value {
        return write_map(map, out, depth);
    }
    let mut bytes = Vec::new();
    nested::encode_ref(value_ref(value, &mut bytes)?, out);
    Ok(())
}

fn write_array(raw: &RawValue, out: &mut Vec<u8>, depth: usize) -> Result<(), Fault> {
    let values = read_list(raw, depth)?;
    nested::begin_array(values.len(), out);
    for value in values {
        write_nested(&object(value)?, out, depth + 1)?;
    }
    Ok(())
}

fn write_map(raw: &RawValue, out: &mut Vec<u8>, depth: usize) -> Result<(), Fault> {
    let entries = read_list(raw, depth)?;
    nested::begin_map(entries.len(), out);
    for entry in entries {
        let entry: OtlpKeyValue<'_> = object(entry)?;
        nested::write_bytes(text(entry.key.as_ref()).as_bytes(), out);
        let value = entry.value.map_or_else(|| Ok(OtlpAnyValue::default()), object)?;
        write_nested(&value, out, depth + 1)?;
    }
    Ok(())
}

fn read_list(raw: &RawValue, depth: usize) -> Result<Vec<&RawValue>, Fault> {
    if depth >= nested::DEPTH_MAX {
        return Err(refuse(RejectReason::NestingDepth, depth));
    }
    object::<OtlpList<'_>>(raw).map(|list| list.values.unwrap_or_default())
}

fn read_base64(text: &str, out: &mut Vec<u8>) -> Result<(), Fault> {
    decode_base64(text, out)
        .map_err(|error| Fault::Malformed(format!("bytesValue is not base64: {error}")))
}
