//! Links and events of a span: in its own maps, and as JSON text among its tags, as versions without such maps send them.
//!
//! Used by the walks of spans. Invariant: lists longer than a span may have are refused before they are held.

use super::layout::{Fault, array, id, integer, limited, map, text};
use super::span::trace_id;
use crate::decoded::{ATTRIBUTES_MAX, EVENTS_MAX, LINKS_MAX, RejectReason};
use crate::draft::{DraftEvent, DraftLink, DraftValue};
use crate::json_value::{Attributes, Bounded, Text, raw};
use crate::msgpack::{Reader, any_value};
use fanal_model::{SpanId, TraceId, ValueRef, nested};
use serde::Deserialize;

/// Says that flags were set at all.
const FLAGS_SET: u32 = 1 << 31;

/// Reads a list of links behind those that are there.
pub(super) fn read_links<'a>(
    reader: &mut Reader<'a>,
    links: &mut Vec<DraftLink<'a>>,
) -> Result<(), Fault> {
    let count = limited(array(reader)?, links.len(), LINKS_MAX, RejectReason::LinkCount)?;
    for _ in 0..count {
        let mut link = DraftLink::default();
        let (mut high, mut low) = (0, 0);
        for _ in 0..map(reader)? {
            match reader.text()? {
                b"trace_id" => low = id(reader)?,
                b"trace_id_high" => high = id(reader)?,
                b"span_id" => link.span_id = SpanId(id(reader)?.to_be_bytes()),
                b"tracestate" => link.trace_state = text(reader)?.into(),
                b"flags" => {
                    let flags = u32::try_from(integer(reader)?).unwrap_or_default();
                    link.flags = flags & !FLAGS_SET;
                }
                b"dropped_attributes_count" => {
                    link.dropped_attributes_count = count_of(integer(reader)?);
                }
                b"attributes" => {
                    let held = link.attributes.len();
                    for _ in 0..attributes(reader, held)? {
                        let key = reader.text()?;
                        let value = any_value(reader)?;
                        link.attributes.extend(value.map(|value| (key.into(), value)));
                    }
                }
                _ => reader.skip()?,
            }
        }
        link.trace_id = trace_id(high, low);
        links.push(link);
    }
    Ok(())
}

/// Reads a list of events behind those that are there.
pub(super) fn read_events<'a>(
    reader: &mut Reader<'a>,
    events: &mut Vec<DraftEvent<'a>>,
) -> Result<(), Fault> {
    let count = limited(array(reader)?, events.len(), EVENTS_MAX, RejectReason::EventCount)?;
    for _ in 0..count {
        let mut event = DraftEvent::default();
        for _ in 0..map(reader)? {
            match reader.text()? {
                b"time_unix_nano" => event.time_unix_nanos = id(reader)?,
                b"name" => event.name = text(reader)?.into(),
                b"attributes" => {
                    let held = event.attributes.len();
                    for _ in 0..attributes(reader, held)? {
                        let key = reader.text()?;
                        event.attributes.push((key.into(), TypedValue::read(reader, 0)?.value()));
                    }
                }
                _ => reader.skip()?,
            }
        }
        events.push(event);
    }
    Ok(())
}

fn attributes(reader: &mut Reader<'_>, held: usize) -> Result<usize, Fault> {
    limited(map(reader)?, held, ATTRIBUTES_MAX, RejectReason::AttributeCount)
}

fn count_of(number: i128) -> u32 {
    u32::try_from(number.max(0)).unwrap_or(u32::MAX)
}

/// Value of an event's attribute: a number for its type, and beside it the value, left out where it is that type's zero.
#[derive(Debug, Default)]
struct TypedValue<'a> {
    kind: i128,
    text: &'a [u8],
    flag: bool,
    int: i64,
    double: f64,
    /// In the nested encoding.
    array: Vec<u8>,
}

impl<'a> TypedValue<'a> {
    fn read(reader: &mut Reader<'a>, depth: usize) -> Result<Self, Fault> {
        let mut value = Self::default();
        for _ in 0..map(reader)? {
            match reader.text()? {
                b"type" => value.kind = integer(reader)?,
                b"string_value" => value.text = text(reader)?,
                b"bool_value" if !reader.take_nil() => value.flag = reader.bool()?,
                b"int_value" => {
                    let number = integer(reader)?;
                    value.int = i64::try_from(number).map_err(|_| {
                        Fault::Malformed(format!("int_value {number} is out of range"))
                    })?;
                }
                b"double_value" if !reader.take_nil() => value.double = reader.float()?,
                // Arrays hold scalars; one inside another is none of this format.
                b"array_value" if depth == 0 => value.array = read_array(reader)?,
                _ => reader.skip()?,
            }
        }
        Ok(value)
    }

    fn value(self) -> DraftValue<'a> {
        match self.kind {
            1 => DraftValue::Bool(self.flag),
            2 => DraftValue::Int(self.int),
            3 => DraftValue::Float(self.double),
            4 => DraftValue::Array(if self.array.is_empty() { empty_array() } else { self.array }),
            _ => DraftValue::Text(self.text.into()),
        }
    }
}

fn empty_array() -> Vec<u8> {
    let mut out = Vec::new();
    nested::begin_array(0, &mut out);
    out
}

/// `{values: []}`, as an array in the nested encoding.
fn read_array(reader: &mut Reader<'_>) -> Result<Vec<u8>, Fault> {
    let mut out = empty_array();
    for _ in 0..map(reader)? {
        if reader.text()? != b"values" {
            reader.skip()?;
            continue;
        }
        let count = array(reader)?;
        out.clear();
        nested::begin_array(count, &mut out);
        for _ in 0..count {
            let value = TypedValue::read(reader, 1)?;
            let text = fanal_model::raw::text(value.text).map_err(|error| {
                crate::decoded::Refusal::new(RejectReason::Utf8, error.valid_up_to)
            })?;
            let value = match value.kind {
                1 => ValueRef::Bool(value.flag),
                2 => ValueRef::Int(value.int),
                3 => ValueRef::Float(value.double),
                _ => ValueRef::String(text),
            };
            nested::encode_ref(value, &mut out);
        }
    }
    Ok(out)
}

/// An id as digits of base 16 or as a number.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum JsonId {
    Number(u64),
    Hex(String),
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct JsonLink<'a> {
    trace_id: Option<JsonId>,
    trace_id_high: Option<u64>,
    span_id: Option<JsonId>,
    #[serde(borrow)]
    attributes: Attributes<'a, ATTRIBUTES_MAX>,
    #[serde(borrow)]
    tracestate: Option<Text<'a>>,
    flags: Option<u32>,
    dropped_attributes_count: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct JsonEvent<'a> {
    time_unix_nano: Option<u64>,
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    attributes: Attributes<'a, ATTRIBUTES_MAX>,
}

/// The links of a tag `_dd.span_links`; `None` where it is none.
pub(super) fn read_json_links(json: &[u8]) -> Option<Vec<DraftLink<'_>>> {
    let links: Bounded<JsonLink<'_>, LINKS_MAX> = serde_json::from_slice(json).ok()?;
    links.0.into_iter().map(JsonLink::into_draft).collect()
}

/// The events of a tag `events`; `None` where it is none.
pub(super) fn read_json_events(json: &[u8]) -> Option<Vec<DraftEvent<'_>>> {
    let events: Bounded<JsonEvent<'_>, EVENTS_MAX> = serde_json::from_slice(json).ok()?;
    Some(events.0.into_iter().map(JsonEvent::into_draft).collect())
}

impl<'a> JsonEvent<'a> {
    fn into_draft(self) -> DraftEvent<'a> {
        DraftEvent {
            time_unix_nanos: self.time_unix_nano.unwrap_or_default(),
            name: raw(self.name.unwrap_or_default().0),
            attributes: self.attributes.0,
            dropped_attributes_count: 0,
        }
    }
}

impl<'a> JsonLink<'a> {
    fn into_draft(self) -> Option<DraftLink<'a>> {
        Some(DraftLink {
            trace_id: match self.trace_id? {
                JsonId::Number(low) => trace_id(self.trace_id_high.unwrap_or_default(), low),
                JsonId::Hex(digits) => TraceId::parse_hex(&digits).ok()?,
            },
            span_id: match self.span_id? {
                JsonId::Number(number) => SpanId(number.to_be_bytes()),
                JsonId::Hex(digits) => SpanId::parse_hex(&digits).ok()?,
            },
            trace_state: raw(self.tracestate.unwrap_or_default().0),
            flags: self.flags.unwrap_or_default() & !FLAGS_SET,
            attributes: self.attributes.0,
            dropped_attributes_count: self.dropped_attributes_count.unwrap_or_default(),
        })
    }
}
