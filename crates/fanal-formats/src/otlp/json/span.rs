//! Reads one JSON span into the columns of the builder.
//!
//! Called by the request walk, which takes a refused span back.

use super::message::{OtlpEvent, OtlpLink, OtlpSpan};
use super::value::{Fault, number, object, read_attributes, refuse, text};
use crate::decoded::{EVENTS_MAX, LINKS_MAX, RejectReason};
use crate::json::Text;
use fanal_model::builder::LinkFields;
use fanal_model::{SpanBatchBuilder, SpanFields, SpanId, SpanKind, StatusCode, TraceId};
use serde_json::value::RawValue;

/// Reads a span into the builder and ends it there. When it fails, the span is still open.
pub(super) fn read_span(
    raw: &RawValue,
    builder: &mut SpanBatchBuilder,
    scratch: &mut Vec<u8>,
    (resource, scope): (u32, u32),
) -> Result<(), Fault> {
    let span: OtlpSpan<'_> = object(raw)?;
    read_attributes(&span.attributes, scratch, |key, value| builder.attribute(key, value))?;
    for event in items(span.events.as_deref(), EVENTS_MAX, RejectReason::EventCount)? {
        read_event(event, builder, scratch)?;
    }
    for link in items(span.links.as_deref(), LINKS_MAX, RejectReason::LinkCount)? {
        read_link(link, builder, scratch)?;
    }
    let status = span.status.unwrap_or_default();
    let kinds = SpanKind::ALL.map(SpanKind::as_str);
    let codes = StatusCode::ALL.map(StatusCode::as_str);
    let fields = SpanFields {
        trace_id: TraceId(id("traceId", span.trace_id.as_ref(), RejectReason::TraceIdLength)?),
        span_id: SpanId(id("spanId", span.span_id.as_ref(), RejectReason::SpanIdLength)?),
        parent_span_id: SpanId(optional_id(
            "parentSpanId",
            span.parent_span_id.as_ref(),
            RejectReason::ParentSpanIdLength,
        )?),
        start_unix_nanos: number("startTimeUnixNano", span.start_time_unix_nano)?,
        end_unix_nanos: number("endTimeUnixNano", span.end_time_unix_nano)?,
        kind: span.kind.map_or(0, |kind| kind.number("SPAN_KIND_", kinds)),
        status_code: status.code.map_or(0, |code| code.number("STATUS_CODE_", codes)),
        flags: number("flags", span.flags)?,
        name: text(span.name.as_ref()),
        trace_state: text(span.trace_state.as_ref()),
        status_message: text(status.message.as_ref()),
        resource,
        scope,
        dropped_attributes_count: number("droppedAttributesCount", span.dropped_attributes_count)?,
        dropped_events_count: number("droppedEventsCount", span.dropped_events_count)?,
        dropped_links_count: number("droppedLinksCount", span.dropped_links_count)?,
    };
    if fields.trace_id.is_zero() {
        return Err(refuse(RejectReason::ZeroTraceId, 0));
    }
    if fields.span_id.is_zero() {
        return Err(refuse(RejectReason::ZeroSpanId, 0));
    }
    builder.finish_span(&fields);
    Ok(())
}

fn items<'l, 'a>(
    list: Option<&'l [&'a RawValue]>,
    limit: usize,
    reason: RejectReason,
) -> Result<&'l [&'a RawValue], Fault> {
    let list = list.unwrap_or_default();
    if list.len() > limit { Err(refuse(reason, list.len())) } else { Ok(list) }
}

/// Exactly two hex digits a byte, in any letter case.
fn id<const N: usize>(
    field: &str,
    value: Option<&Text<'_>>,
    reason: RejectReason,
) -> Result<[u8; N], Fault> {
    let digits = text(value).as_bytes();
    if digits.len() != N * 2 {
        return Err(refuse(reason, digits.len()));
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let (Some(high), Some(low)) = (nibble(pair[0]), nibble(pair[1])) else {
            return Err(Fault::Malformed(format!("{field} has a character that is no hex digit")));
        };
        *byte = high << 4 | low;
    }
    Ok(bytes)
}

/// Like [`id`]; absent or empty is zero.
fn optional_id<const N: usize>(
    field: &str,
    value: Option<&Text<'_>>,
    reason: RejectReason,
) -> Result<[u8; N], Fault> {
    if text(value).is_empty() { Ok([0; N]) } else { id(field, value, reason) }
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

fn read_event(
    raw: &RawValue,
    builder: &mut SpanBatchBuilder,
    scratch: &mut Vec<u8>,
) -> Result<(), Fault> {
    let event: OtlpEvent<'_> = object(raw)?;
    read_attributes(&event.attributes, scratch, |key, value| builder.event_attribute(key, value))?;
    builder.finish_event(
        number("timeUnixNano", event.time_unix_nano)?,
        text(event.name.as_ref()),
        number("droppedAttributesCount", event.dropped_attributes_count)?,
    );
    Ok(())
}

/// Links of invalid contexts are legal: an id that is left out reads as zero.
fn read_link(
    raw: &RawValue,
    builder: &mut SpanBatchBuilder,
    scratch: &mut Vec<u8>,
) -> Result<(), Fault> {
    let link: OtlpLink<'_> = object(raw)?;
    read_attributes(&link.attributes, scratch, |key, value| builder.link_attribute(key, value))?;
    let reason = RejectReason::LinkIdLength;
    builder.finish_link(LinkFields {
        trace_id: TraceId(optional_id("traceId", link.trace_id.as_ref(), reason)?),
        span_id: SpanId(optional_id("spanId", link.span_id.as_ref(), reason)?),
        trace_state: text(link.trace_state.as_ref()),
        flags: number("flags", link.flags)?,
        dropped_attributes_count: number("droppedAttributesCount", link.dropped_attributes_count)?,
    });
    Ok(())
}
