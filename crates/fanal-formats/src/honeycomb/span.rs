//! Fields of an event into those of a span, a span event or a link.
//!
//! Used by the walk of requests. Invariant: a field that says what a column holds moves there, every other stays as an
//! attribute, also one of a known name whose value does not fit.

use super::event::{Event, Fields};
use super::id::{take_span_id, take_trace_id};
use crate::draft::{DraftEvent, DraftLink, DraftValue, RawText};
use fanal_model::{SpanId, SpanKind, StatusCode, TraceId};
use std::time::Duration;

const TRACE_ID: &[&str] = &["trace.trace_id", "traceId"];
const SPAN_ID: &[&str] = &["trace.span_id", "spanId"];
const PARENT_ID: &[&str] = &["trace.parent_id", "parentId"];
const LINK_TRACE_ID: &[&str] = &["trace.link.trace_id"];
const LINK_SPAN_ID: &[&str] = &["trace.link.span_id"];
const ANNOTATION_TYPE: &str = "meta.annotation_type";

/// The attribute that tells how many events a span stands for.
const SAMPLE_RATE: &[u8] = b"SampleRate";

/// The ids of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ids {
    pub(super) trace: TraceId,
    pub(super) span: Option<SpanId>,
    /// Zero where there is none.
    pub(super) parent: SpanId,
}

impl Ids {
    /// Takes them out of the fields; `None` where there is no trace.
    pub(super) fn take(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self {
            trace: take_trace_id(fields, TRACE_ID)?,
            span: take_span_id(fields, SPAN_ID),
            parent: take_span_id(fields, PARENT_ID).unwrap_or_default(),
        })
    }
}

/// What an event is about: a part of a span, sent on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Annotation {
    SpanEvent,
    Link,
}

impl Annotation {
    /// What an event says that it is.
    pub(super) fn of(fields: &Fields<'_>) -> Option<Self> {
        match fields.value(fields.find(ANNOTATION_TYPE)?) {
            DraftValue::Text(text) if **text == *b"span_event" => Some(Self::SpanEvent),
            DraftValue::Text(text) if **text == *b"link" => Some(Self::Link),
            _ => None,
        }
    }
}

/// What a span has beside its ids and its events.
#[derive(Debug, Default)]
pub(super) struct SpanParts<'a> {
    pub(super) service: Option<RawText<'a>>,
    pub(super) scope_name: RawText<'a>,
    pub(super) scope_version: RawText<'a>,
    pub(super) name: RawText<'a>,
    pub(super) trace_state: RawText<'a>,
    pub(super) status_message: RawText<'a>,
    pub(super) kind: SpanKind,
    pub(super) status: StatusCode,
    pub(super) start_unix_nanos: u64,
    pub(super) end_unix_nanos: u64,
    /// The link of an event that is one.
    pub(super) link: Option<DraftLink<'a>>,
    pub(super) fields: Fields<'a>,
}

/// The parts of an event whose ids are taken; it arrived at `arrival_unix_nanos`.
pub(super) fn span_parts(event: Event<'_>, arrival_unix_nanos: u64) -> SpanParts<'_> {
    let Event { time_unix_nanos, sample_rate, mut fields } = event;
    let start = time_unix_nanos.unwrap_or(arrival_unix_nanos);
    let duration = fields.take("duration_ms", duration_nanos).unwrap_or(0);
    let status = fields.take("status_code", status_code);
    let failed = take_error(&mut fields);
    let status_message = fields.take_text("status_message");
    let link = match Annotation::of(&fields) {
        Some(Annotation::Link) => Some(take_link(&mut fields)),
        _ => None,
    };
    let mut parts = SpanParts {
        service: take_service(&mut fields),
        scope_name: fields.take_text("library.name").unwrap_or_default(),
        scope_version: fields.take_text("library.version").unwrap_or_default(),
        name: fields.take_text("name").unwrap_or_default(),
        trace_state: fields.take_text("trace.trace_state").unwrap_or_default(),
        kind: take_kind(&mut fields),
        status: if failed.is_some() { StatusCode::Error } else { status.unwrap_or_default() },
        status_message: status_message.or(failed).unwrap_or_default(),
        start_unix_nanos: start,
        end_unix_nanos: start.saturating_add(duration),
        link,
        fields,
    };
    if let Some(rate) = sample_rate {
        parts.fields.push(SAMPLE_RATE.into(), rate);
    }
    parts
}

/// An annotation as an event of its span. Its ids are taken.
pub(super) fn span_event(event: Event<'_>, arrival_unix_nanos: u64) -> DraftEvent<'_> {
    let Event { time_unix_nanos, sample_rate, mut fields } = event;
    leave_out_what_the_span_says(&mut fields);
    if let Some(rate) = sample_rate {
        fields.push(SAMPLE_RATE.into(), rate);
    }
    DraftEvent {
        time_unix_nanos: time_unix_nanos.unwrap_or(arrival_unix_nanos),
        name: fields.take_text("name").unwrap_or_default(),
        attributes: fields.into_attributes(),
        dropped_attributes_count: 0,
    }
}

/// An annotation as a link of its span. Its ids are taken.
pub(super) fn span_link(event: Event<'_>) -> DraftLink<'_> {
    let mut fields = event.fields;
    leave_out_what_the_span_says(&mut fields);
    let mut link = take_link(&mut fields);
    link.trace_state = fields.take_text("trace.trace_state").unwrap_or_default();
    link.attributes = fields.into_attributes();
    link
}

fn leave_out_what_the_span_says(fields: &mut Fields<'_>) {
    for name in [ANNOTATION_TYPE, "parent_name", "service.name", "service_name"] {
        fields.take_text(name);
    }
}

/// The link that an event is, without attributes: those are the event's.
fn take_link<'a>(fields: &mut Fields<'a>) -> DraftLink<'a> {
    DraftLink {
        trace_id: take_trace_id(fields, LINK_TRACE_ID).unwrap_or_default(),
        span_id: take_span_id(fields, LINK_SPAN_ID).unwrap_or_default(),
        ..DraftLink::default()
    }
}

/// Both spellings of the service; a second one that says something else stays.
fn take_service<'a>(fields: &mut Fields<'a>) -> Option<RawText<'a>> {
    let service = fields.take_text("service.name").or_else(|| fields.take_text("service_name"))?;
    fields.take("service_name", |value| match value {
        DraftValue::Text(other) if *other == service => Some(()),
        _ => None,
    });
    Some(service)
}

/// `span.kind` and `type` where they are kinds; a `type` such as `http_server` tells the kind and stays.
fn take_kind(fields: &mut Fields<'_>) -> SpanKind {
    let exact = |value: &DraftValue<'_>| match value {
        DraftValue::Text(text) => kind(text),
        _ => None,
    };
    let by_kind = fields.take("span.kind", exact);
    let by_type = fields.take("type", exact);
    let by_suffix = || match fields.value(fields.find("type")?) {
        DraftValue::Text(text) => text.rsplit(|byte| *byte == b'_').next().and_then(kind),
        _ => None,
    };
    by_kind.or(by_type).or_else(by_suffix).unwrap_or_default()
}

fn kind(text: &[u8]) -> Option<SpanKind> {
    let is = |kind: &SpanKind| text.eq_ignore_ascii_case(kind.as_str().as_bytes());
    SpanKind::ALL.into_iter().find(is)
}

/// Milliseconds with a fraction, in nanoseconds.
fn duration_nanos(value: &DraftValue<'_>) -> Option<u64> {
    match value {
        DraftValue::Int(millis) => u64::try_from(*millis).ok()?.checked_mul(1_000_000),
        DraftValue::Float(millis) => {
            let duration = Duration::try_from_secs_f64(millis / 1000.0).ok()?;
            u64::try_from(duration.as_nanos()).ok()
        }
        _ => None,
    }
}

fn status_code(value: &DraftValue<'_>) -> Option<StatusCode> {
    match value {
        DraftValue::Int(0) => Some(StatusCode::Unset),
        DraftValue::Int(1) => Some(StatusCode::Ok),
        DraftValue::Int(2) => Some(StatusCode::Error),
        _ => None,
    }
}

/// Whether `error` says that the span failed, and in which words. The words stay as an attribute.
fn take_error<'a>(fields: &mut Fields<'a>) -> Option<RawText<'a>> {
    let is_true = |value: &DraftValue<'_>| (*value == DraftValue::Bool(true)).then_some(());
    if fields.take("error", is_true).is_some() {
        return Some(RawText::default());
    }
    match fields.value(fields.find("error")?) {
        DraftValue::Text(text) if !text.is_empty() => Some(text.clone()),
        _ => None,
    }
}
