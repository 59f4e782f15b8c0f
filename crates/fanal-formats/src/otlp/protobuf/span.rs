//! Walks one span into the columns of the builder.
//!
//! The hot path of ingest: no allocation per span beside the columns themselves. Called by the request walk, which
//! takes a refused span back. Invariant: fields in any order give the same span.

use super::fields::{event, link, span, status};
use super::value::{Fault, refuse, text, walk_attribute};
use crate::decoded::{ATTRIBUTES_MAX, EVENTS_MAX, LINKS_MAX, RejectReason};
use crate::wire::Reader;
use fanal_model::builder::LinkFields;
use fanal_model::{SpanBatchBuilder, SpanFields, SpanId, SpanTexts, TraceId};

/// The ids of a span as they lie on the wire.
#[derive(Default)]
struct WireIds<'a> {
    trace: &'a [u8],
    span: &'a [u8],
    parent: &'a [u8],
}

/// Reads a `Span` into the builder and ends it there. When it fails, the span is still open.
pub(super) fn read_span(
    mut reader: Reader<'_>,
    builder: &mut SpanBatchBuilder,
    scratch: &mut Vec<u8>,
    (resource, scope): (u32, u32),
) -> Result<(), Fault> {
    let (mut ids, mut texts) = (WireIds::default(), SpanTexts::default());
    let mut fields = SpanFields { resource, scope, ..SpanFields::default() };
    let (mut attributes, mut events, mut links) = (0, 0, 0);
    while !reader.is_at_end() {
        match reader.tag()? {
            span::ATTRIBUTES => {
                count(&mut attributes, ATTRIBUTES_MAX, RejectReason::AttributeCount)?;
                walk_attribute(reader.message()?, scratch, |key, value| {
                    builder.raw_attribute(key, value)
                })?;
            }
            span::TRACE_ID => ids.trace = reader.bytes()?,
            span::SPAN_ID => ids.span = reader.bytes()?,
            span::TRACE_STATE => texts.trace_state = reader.bytes()?,
            span::PARENT_SPAN_ID => ids.parent = reader.bytes()?,
            span::NAME => texts.name = reader.bytes()?,
            span::KIND => fields.kind = enum_code(reader.varint32()?),
            span::START => fields.start_unix_nanos = reader.fixed64()?,
            span::END => fields.end_unix_nanos = reader.fixed64()?,
            span::DROPPED_ATTRIBUTES_COUNT => {
                fields.dropped_attributes_count = reader.varint32()?;
            }
            span::EVENTS => {
                count(&mut events, EVENTS_MAX, RejectReason::EventCount)?;
                read_event(reader.message()?, builder, scratch)?;
            }
            span::DROPPED_EVENTS_COUNT => fields.dropped_events_count = reader.varint32()?,
            span::LINKS => {
                count(&mut links, LINKS_MAX, RejectReason::LinkCount)?;
                read_link(reader.message()?, builder, scratch)?;
            }
            span::DROPPED_LINKS_COUNT => fields.dropped_links_count = reader.varint32()?,
            span::STATUS => read_status(reader.message()?, &mut texts, &mut fields)?,
            span::FLAGS => fields.flags = reader.fixed32()?,
            other => reader.skip(other)?,
        }
    }
    read_ids(&ids, &mut fields)?;
    Ok(builder.finish_raw_span(&fields, &texts)?)
}

#[inline]
fn count(items: &mut usize, limit: usize, reason: RejectReason) -> Result<(), Fault> {
    *items += 1;
    if *items > limit { Err(refuse(reason, *items)) } else { Ok(()) }
}

/// Numbers that no byte holds are no known kind or status.
#[inline]
fn enum_code(number: u32) -> u8 {
    u8::try_from(number).unwrap_or(0)
}

fn read_ids(ids: &WireIds<'_>, fields: &mut SpanFields<'_>) -> Result<(), Fault> {
    let length = |bytes: &[u8], reason| refuse(reason, bytes.len());
    fields.trace_id = TraceId::from_slice(ids.trace)
        .ok_or_else(|| length(ids.trace, RejectReason::TraceIdLength))?;
    fields.span_id =
        SpanId::from_slice(ids.span).ok_or_else(|| length(ids.span, RejectReason::SpanIdLength))?;
    if !ids.parent.is_empty() {
        fields.parent_span_id = SpanId::from_slice(ids.parent)
            .ok_or_else(|| length(ids.parent, RejectReason::ParentSpanIdLength))?;
    }
    if fields.trace_id.is_zero() {
        return Err(refuse(RejectReason::ZeroTraceId, 0));
    }
    if fields.span_id.is_zero() {
        return Err(refuse(RejectReason::ZeroSpanId, 0));
    }
    Ok(())
}

fn read_status<'a>(
    mut reader: Reader<'a>,
    texts: &mut SpanTexts<'a>,
    fields: &mut SpanFields<'_>,
) -> Result<(), Fault> {
    while !reader.is_at_end() {
        match reader.tag()? {
            status::MESSAGE => texts.status_message = reader.bytes()?,
            status::CODE => fields.status_code = enum_code(reader.varint32()?),
            other => reader.skip(other)?,
        }
    }
    Ok(())
}

fn read_event(
    mut reader: Reader<'_>,
    builder: &mut SpanBatchBuilder,
    scratch: &mut Vec<u8>,
) -> Result<(), Fault> {
    let (mut time, mut name, mut dropped, mut attributes) = (0, &[][..], 0, 0);
    while !reader.is_at_end() {
        match reader.tag()? {
            event::TIME => time = reader.fixed64()?,
            event::NAME => name = reader.bytes()?,
            event::ATTRIBUTES => {
                count(&mut attributes, ATTRIBUTES_MAX, RejectReason::AttributeCount)?;
                walk_attribute(reader.message()?, scratch, |key, value| {
                    builder.raw_event_attribute(key, value)
                })?;
            }
            event::DROPPED_ATTRIBUTES_COUNT => dropped = reader.varint32()?,
            other => reader.skip(other)?,
        }
    }
    Ok(builder.finish_raw_event(time, name, dropped)?)
}

/// Links of invalid contexts are legal: an id that is left out reads as zero.
fn read_link(
    mut reader: Reader<'_>,
    builder: &mut SpanBatchBuilder,
    scratch: &mut Vec<u8>,
) -> Result<(), Fault> {
    let mut fields = LinkFields::default();
    let (mut trace_id, mut span_id, mut state, mut attributes) = (&[][..], &[][..], &[][..], 0);
    while !reader.is_at_end() {
        match reader.tag()? {
            link::TRACE_ID => trace_id = reader.bytes()?,
            link::SPAN_ID => span_id = reader.bytes()?,
            link::TRACE_STATE => state = reader.bytes()?,
            link::ATTRIBUTES => {
                count(&mut attributes, ATTRIBUTES_MAX, RejectReason::AttributeCount)?;
                walk_attribute(reader.message()?, scratch, |key, value| {
                    builder.raw_link_attribute(key, value)
                })?;
            }
            link::DROPPED_ATTRIBUTES_COUNT => {
                fields.dropped_attributes_count = reader.varint32()?;
            }
            link::FLAGS => fields.flags = reader.fixed32()?,
            other => reader.skip(other)?,
        }
    }
    if !trace_id.is_empty() {
        fields.trace_id = TraceId::from_slice(trace_id)
            .ok_or_else(|| refuse(RejectReason::LinkIdLength, trace_id.len()))?;
    }
    if !span_id.is_empty() {
        fields.span_id = SpanId::from_slice(span_id)
            .ok_or_else(|| refuse(RejectReason::LinkIdLength, span_id.len()))?;
    }
    fields.trace_state = text(state)?;
    builder.finish_link(fields);
    Ok(())
}
