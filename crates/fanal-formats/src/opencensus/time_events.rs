//! Time events, links and stack traces of an OpenCensus span.
//!
//! Used by the walk of spans.

use super::value::{Fault, attributes, count, timestamp, truncatable, unsigned};
use crate::decoded::{EVENTS_MAX, LINKS_MAX, RejectReason};
use crate::draft::{Draft, DraftEvent, DraftLink, DraftValue};
use crate::wire::{Reader, WireError, bytes_tag, varint_tag};
use fanal_model::{SpanId, TraceId};
use std::fmt::Write;

/// Most frames of a stack trace that are written; the rest is counted.
const FRAMES_MAX: usize = 1_000;

/// Reads `TimeEvents` into events.
pub(super) fn read_time_events<'a>(
    mut reader: Reader<'a>,
    draft: &mut Draft<'a>,
) -> Result<(), Fault> {
    const TIME_EVENT: u32 = bytes_tag(1);
    const DROPPED_ANNOTATIONS: u32 = varint_tag(2);
    const DROPPED_MESSAGE_EVENTS: u32 = varint_tag(3);
    let (mut annotations, mut messages) = (0_u32, 0);
    while !reader.is_at_end() {
        match reader.tag()? {
            TIME_EVENT => {
                count(draft.events.len(), EVENTS_MAX, RejectReason::EventCount)?;
                draft.events.push(read_time_event(reader.message()?)?);
            }
            DROPPED_ANNOTATIONS => annotations = reader.varint32()?,
            DROPPED_MESSAGE_EVENTS => messages = reader.varint32()?,
            other => reader.skip(other)?,
        }
    }
    draft.fields.dropped_events_count = annotations.saturating_add(messages);
    Ok(())
}

fn read_time_event(mut reader: Reader<'_>) -> Result<DraftEvent<'_>, Fault> {
    const TIME: u32 = bytes_tag(1);
    const ANNOTATION: u32 = bytes_tag(2);
    const MESSAGE_EVENT: u32 = bytes_tag(3);
    let mut event = DraftEvent::default();
    while !reader.is_at_end() {
        match reader.tag()? {
            TIME => event.time_unix_nanos = timestamp(reader.message()?)?,
            ANNOTATION => read_annotation(reader.message()?, &mut event)?,
            MESSAGE_EVENT => read_message_event(reader.message()?, &mut event)?,
            other => reader.skip(other)?,
        }
    }
    Ok(event)
}

fn read_annotation<'a>(mut reader: Reader<'a>, event: &mut DraftEvent<'a>) -> Result<(), Fault> {
    const DESCRIPTION: u32 = bytes_tag(1);
    const ATTRIBUTES: u32 = bytes_tag(2);
    while !reader.is_at_end() {
        match reader.tag()? {
            DESCRIPTION => event.name = truncatable(reader.message()?)?.into(),
            ATTRIBUTES => {
                event.dropped_attributes_count =
                    attributes(reader.message()?, &mut event.attributes)?;
            }
            other => reader.skip(other)?,
        }
    }
    Ok(())
}

/// A message that was sent or received, under the names that the Collector gives.
fn read_message_event(mut reader: Reader<'_>, event: &mut DraftEvent<'_>) -> Result<(), WireError> {
    const TYPE: u32 = varint_tag(1);
    const ID: u32 = varint_tag(2);
    const UNCOMPRESSED_SIZE: u32 = varint_tag(3);
    const COMPRESSED_SIZE: u32 = varint_tag(4);
    const NAMES: [&str; 3] = [
        "messaging.message_id",
        "messaging.message_payload_size_bytes",
        "messaging.message_payload_compressed_size_bytes",
    ];
    let (mut direction, mut numbers) = (0, [0; NAMES.len()]);
    while !reader.is_at_end() {
        match reader.tag()? {
            TYPE => direction = reader.varint()?,
            ID => numbers[0] = reader.varint()?,
            UNCOMPRESSED_SIZE => numbers[1] = reader.varint()?,
            COMPRESSED_SIZE => numbers[2] = reader.varint()?,
            other => reader.skip(other)?,
        }
    }
    event.name = b"message"[..].into();
    let word: &[u8] = match direction {
        1 => b"SENT",
        2 => b"RECEIVED",
        _ => b"TYPE_UNSPECIFIED",
    };
    event.attributes.push((b"message.type"[..].into(), DraftValue::Text(word.into())));
    for (name, number) in NAMES.into_iter().zip(numbers) {
        // A size of nothing is one that nobody told; an id may well be zero.
        if number > 0 || name == NAMES[0] {
            event.attributes.push((name.as_bytes().into(), unsigned(number)));
        }
    }
    Ok(())
}

/// Reads `Links`.
pub(super) fn read_links<'a>(mut reader: Reader<'a>, draft: &mut Draft<'a>) -> Result<(), Fault> {
    const LINK: u32 = bytes_tag(1);
    const DROPPED_LINKS_COUNT: u32 = varint_tag(2);
    while !reader.is_at_end() {
        match reader.tag()? {
            LINK => {
                count(draft.links.len(), LINKS_MAX, RejectReason::LinkCount)?;
                draft.links.push(read_link(reader.message()?)?);
            }
            DROPPED_LINKS_COUNT => draft.fields.dropped_links_count = reader.varint32()?,
            other => reader.skip(other)?,
        }
    }
    Ok(())
}

/// A link. Its ids may be left out, as in OTLP.
fn read_link(mut reader: Reader<'_>) -> Result<DraftLink<'_>, Fault> {
    const TRACE_ID: u32 = bytes_tag(1);
    const SPAN_ID: u32 = bytes_tag(2);
    const TYPE: u32 = varint_tag(3);
    const ATTRIBUTES: u32 = bytes_tag(4);
    const TRACESTATE: u32 = bytes_tag(5);
    let mut link = DraftLink::default();
    let (mut trace_id, mut span_id): (&[u8], &[u8]) = (&[], &[]);
    let mut relation: &[u8] = &[];
    while !reader.is_at_end() {
        match reader.tag()? {
            TRACE_ID => trace_id = reader.bytes()?,
            SPAN_ID => span_id = reader.bytes()?,
            TYPE => {
                relation = match reader.varint()? {
                    1 => b"child_linked_span",
                    2 => b"parent_linked_span",
                    _ => b"",
                }
            }
            ATTRIBUTES => {
                link.dropped_attributes_count =
                    attributes(reader.message()?, &mut link.attributes)?;
            }
            TRACESTATE => link.trace_state = read_tracestate(reader.message()?)?.into(),
            other => reader.skip(other)?,
        }
    }
    let refuse = |id: &[u8]| crate::decoded::Refusal::new(RejectReason::LinkIdLength, id.len());
    if !trace_id.is_empty() {
        link.trace_id = TraceId::from_slice(trace_id).ok_or_else(|| refuse(trace_id))?;
    }
    if !span_id.is_empty() {
        link.span_id = SpanId::from_slice(span_id).ok_or_else(|| refuse(span_id))?;
    }
    if !relation.is_empty() {
        let key = b"opencensus.link_type"[..].into();
        link.attributes.push((key, DraftValue::Text(relation.into())));
    }
    Ok(link)
}

/// A `Tracestate` as its header would be.
pub(super) fn read_tracestate(mut reader: Reader<'_>) -> Result<Vec<u8>, WireError> {
    const ENTRIES: u32 = bytes_tag(1);
    let mut state = Vec::new();
    while !reader.is_at_end() {
        match reader.tag()? {
            ENTRIES => {
                let (key, value) = super::value::entry(reader.message()?)?;
                if !state.is_empty() {
                    state.push(b',');
                }
                state.extend_from_slice(key);
                state.push(b'=');
                state.extend_from_slice(value.rest());
            }
            other => reader.skip(other)?,
        }
    }
    Ok(state)
}

/// What a `StackTrace` says.
#[derive(Debug, Default)]
pub(super) struct StackTrace {
    /// A line for each frame.
    pub(super) frames: String,
    /// Tells equal traces apart from others where the frames were sent before.
    pub(super) hash_id: u64,
}

/// Reads a `StackTrace`.
pub(super) fn read_stack_trace(mut reader: Reader<'_>) -> Result<StackTrace, WireError> {
    const STACK_FRAMES: u32 = bytes_tag(1);
    const HASH_ID: u32 = varint_tag(2);
    let mut trace = StackTrace::default();
    while !reader.is_at_end() {
        match reader.tag()? {
            STACK_FRAMES => read_frames(reader.message()?, &mut trace.frames)?,
            HASH_ID => trace.hash_id = reader.varint()?,
            other => reader.skip(other)?,
        }
    }
    Ok(trace)
}

fn read_frames(mut reader: Reader<'_>, into: &mut String) -> Result<(), WireError> {
    const FRAME: u32 = bytes_tag(1);
    const DROPPED_FRAMES_COUNT: u32 = varint_tag(2);
    let (mut frames, mut dropped) = (0, 0_u64);
    while !reader.is_at_end() {
        match reader.tag()? {
            FRAME if frames < FRAMES_MAX => {
                read_frame(reader.message()?, into)?;
                frames += 1;
            }
            FRAME => {
                reader.message()?;
                dropped += 1;
            }
            DROPPED_FRAMES_COUNT => dropped += u64::from(reader.varint32()?),
            other => reader.skip(other)?,
        }
    }
    if dropped > 0 {
        // Writing to a String cannot fail.
        let _ = writeln!(into, "... {dropped} more");
    }
    Ok(())
}

/// One line: `function (file:line:column)`.
fn read_frame(mut reader: Reader<'_>, into: &mut String) -> Result<(), WireError> {
    const FUNCTION: u32 = bytes_tag(1);
    const ORIGINAL_FUNCTION: u32 = bytes_tag(2);
    const FILE: u32 = bytes_tag(3);
    const LINE: u32 = varint_tag(4);
    const COLUMN: u32 = varint_tag(5);
    let (mut function, mut original, mut file): (&[u8], &[u8], &[u8]) = (&[], &[], &[]);
    let (mut line, mut column) = (0, 0);
    while !reader.is_at_end() {
        match reader.tag()? {
            FUNCTION => function = truncatable(reader.message()?)?,
            ORIGINAL_FUNCTION => original = truncatable(reader.message()?)?,
            FILE => file = truncatable(reader.message()?)?,
            LINE => line = reader.varint()?.cast_signed(),
            COLUMN => column = reader.varint()?.cast_signed(),
            other => reader.skip(other)?,
        }
    }
    let function = if function.is_empty() { original } else { function };
    let (function, file) = (String::from_utf8_lossy(function), String::from_utf8_lossy(file));
    let _ = write!(into, "{function} ({file}:{line}");
    if column > 0 {
        let _ = write!(into, ":{column}");
    }
    into.push_str(")\n");
    Ok(())
}
