//! Walks one OpenCensus span into a draft.
//!
//! Called by the stream decoder. Invariant: fields in any order give the same span; what no column holds becomes an
//! attribute.

use super::time_events::{read_links, read_stack_trace, read_time_events, read_tracestate};
use super::value::{Fault, attributes, timestamp, truncatable, unsigned, wrapped};
use crate::decoded::{Refusal, RejectReason};
use crate::draft::{Draft, DraftValue};
use crate::wire::{Reader, WireError, bytes_tag, varint_tag};
use fanal_model::{SpanId, SpanKind, StatusCode, TraceId};

mod field {
    use super::{bytes_tag, varint_tag};
    pub(super) const TRACE_ID: u32 = bytes_tag(1);
    pub(super) const SPAN_ID: u32 = bytes_tag(2);
    pub(super) const PARENT_SPAN_ID: u32 = bytes_tag(3);
    pub(super) const NAME: u32 = bytes_tag(4);
    pub(super) const START_TIME: u32 = bytes_tag(5);
    pub(super) const END_TIME: u32 = bytes_tag(6);
    pub(super) const ATTRIBUTES: u32 = bytes_tag(7);
    pub(super) const STACK_TRACE: u32 = bytes_tag(8);
    pub(super) const TIME_EVENTS: u32 = bytes_tag(9);
    pub(super) const LINKS: u32 = bytes_tag(10);
    pub(super) const STATUS: u32 = bytes_tag(11);
    pub(super) const SAME_PROCESS_AS_PARENT: u32 = bytes_tag(12);
    pub(super) const CHILD_SPAN_COUNT: u32 = bytes_tag(13);
    pub(super) const KIND: u32 = varint_tag(14);
    pub(super) const TRACESTATE: u32 = bytes_tag(15);
    pub(super) const RESOURCE: u32 = bytes_tag(16);
}

/// Reads a `Span` into a cleared draft. Returns the resource that it brings along.
pub(super) fn read_span<'a>(
    mut reader: Reader<'a>,
    draft: &mut Draft<'a>,
) -> Result<Option<Reader<'a>>, Fault> {
    let (mut trace_id, mut span_id, mut parent): (&[u8], &[u8], &[u8]) = (&[], &[], &[]);
    let (mut kind, mut resource) = (0, None);
    while !reader.is_at_end() {
        match reader.tag()? {
            field::TRACE_ID => trace_id = reader.bytes()?,
            field::SPAN_ID => span_id = reader.bytes()?,
            field::PARENT_SPAN_ID => parent = reader.bytes()?,
            field::NAME => draft.name = truncatable(reader.message()?)?.into(),
            field::START_TIME => draft.fields.start_unix_nanos = timestamp(reader.message()?)?,
            field::END_TIME => draft.fields.end_unix_nanos = timestamp(reader.message()?)?,
            field::ATTRIBUTES => {
                draft.fields.dropped_attributes_count =
                    attributes(reader.message()?, &mut draft.attributes)?;
            }
            field::TIME_EVENTS => read_time_events(reader.message()?, draft)?,
            field::LINKS => read_links(reader.message()?, draft)?,
            field::KIND => kind = reader.varint()?,
            field::TRACESTATE => draft.trace_state = read_tracestate(reader.message()?)?.into(),
            field::RESOURCE => resource = Some(reader.message()?),
            other => read_extra(other, &mut reader, draft)?,
        }
    }
    read_ids(trace_id, span_id, parent, draft)?;
    conclude(kind, draft);
    Ok(resource)
}

/// The fields that become attributes, and the status, one of them beside itself.
fn read_extra<'a>(
    tag: u32,
    reader: &mut Reader<'a>,
    draft: &mut Draft<'a>,
) -> Result<(), WireError> {
    match tag {
        field::STATUS => read_status(reader.message()?, draft)?,
        field::STACK_TRACE => {
            let trace = read_stack_trace(reader.message()?)?;
            if !trace.frames.is_empty() {
                let frames = DraftValue::Text(trace.frames.into_bytes().into());
                draft.attribute(&b"code.stacktrace"[..], frames);
            }
            if trace.hash_id != 0 {
                draft.attribute(&b"opencensus.stack_trace_hash_id"[..], unsigned(trace.hash_id));
            }
        }
        field::SAME_PROCESS_AS_PARENT => {
            let flag = wrapped(reader.message()?)? != 0;
            let key = &b"opencensus.same_process_as_parent_span"[..];
            draft.attribute(key, DraftValue::Bool(flag));
        }
        field::CHILD_SPAN_COUNT => {
            // Clients that do not count write zero.
            let children = wrapped(reader.message()?)?;
            if children > 0 {
                draft.attribute(&b"opencensus.child_span_count"[..], unsigned(children));
            }
        }
        other => reader.skip(other)?,
    }
    Ok(())
}

fn read_ids(
    trace_id: &[u8],
    span_id: &[u8],
    parent: &[u8],
    draft: &mut Draft<'_>,
) -> Result<(), Refusal> {
    let refuse = |reason, id: &[u8]| Refusal::new(reason, id.len());
    draft.fields.trace_id = TraceId::from_slice(trace_id)
        .ok_or_else(|| refuse(RejectReason::TraceIdLength, trace_id))?;
    draft.fields.span_id =
        SpanId::from_slice(span_id).ok_or_else(|| refuse(RejectReason::SpanIdLength, span_id))?;
    if !parent.is_empty() {
        draft.fields.parent_span_id = SpanId::from_slice(parent)
            .ok_or_else(|| refuse(RejectReason::ParentSpanIdLength, parent))?;
    }
    Ok(())
}

/// A code of gRPC, of which all but zero are errors.
fn read_status<'a>(mut reader: Reader<'a>, draft: &mut Draft<'a>) -> Result<(), WireError> {
    const CODE: u32 = varint_tag(1);
    const MESSAGE: u32 = bytes_tag(2);
    let mut code = 0;
    while !reader.is_at_end() {
        match reader.tag()? {
            CODE => code = reader.varint()?.cast_signed(),
            MESSAGE => draft.status_message = reader.bytes()?.into(),
            other => reader.skip(other)?,
        }
    }
    if code != 0 {
        draft.fields.status_code = StatusCode::Error as u8;
        draft.attribute(&b"opencensus.status_code"[..], DraftValue::Int(code));
    }
    Ok(())
}

/// Kind and status, which attributes may say better than their fields.
fn conclude(kind: u64, draft: &mut Draft<'_>) {
    let kind = match kind {
        1 => Some(SpanKind::Server),
        2 => Some(SpanKind::Client),
        _ => take_word(draft, "span.kind", SpanKind::parse),
    };
    draft.fields.kind = kind.unwrap_or_default() as u8;
    if let Some(status) = take_word(draft, "otel.status_code", StatusCode::parse) {
        draft.fields.status_code = status as u8;
    }
}

/// Takes an attribute out whose text, in any case, is a word that `parse` knows.
fn take_word<T>(
    draft: &mut Draft<'_>,
    key: &str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Option<T> {
    let at = draft.attributes.iter().rposition(|(name, _)| **name == *key.as_bytes())?;
    let DraftValue::Text(text) = &draft.attributes[at].1 else { return None };
    let word = parse(&std::str::from_utf8(text).ok()?.to_ascii_lowercase())?;
    draft.attributes.remove(at);
    Some(word)
}
