//! Everything about one span.

use super::types::{Event, Link, Resource, Scope, SpanDetail};
use super::values::{attributes, owned_attributes};
use crate::refusal::Refusal;
use fanal_base::cast;
use fanal_model::{EventRef, LinkRef, SpanId, SpanRef};
use fanal_query::Trace;

/// The detail of a row. Fails where `{span}` names none, or one for a parent that never arrived.
pub(crate) fn detail(trace: &Trace, text: &str) -> Result<SpanDetail, Refusal> {
    let ordinal = find(trace, text)?;
    let row = trace.rows.get(ordinal).ok_or_else(|| {
        let message =
            format!("span {ordinal} is not in the trace, which has {} rows", trace.rows.len());
        Refusal { parameter: Some("span".to_owned()), ..Refusal::not_found(message) }
    })?;
    let Some(index) = row.span else {
        let message = format!("span {} never arrived; only its children name it", row.span_id);
        return Err(Refusal { parameter: Some("span".to_owned()), ..Refusal::not_found(message) });
    };
    let span = trace.spans.span(cast::index(index));
    Ok(write(&span, cast::narrow(ordinal), row.is_cycle_broken))
}

/// The ordinal: 16 hex digits are a span id, and fewer decimal digits an ordinal.
fn find(trace: &Trace, text: &str) -> Result<usize, Refusal> {
    let refuse = || {
        let message = format!(
            "span `{}` is neither an ordinal of the trace nor 16 hex digits",
            text.chars().take(64).collect::<String>()
        );
        Refusal::parameter("span", message)
    };
    if text.len() < SpanId::LENGTH * 2 {
        return text.parse().map_err(|_| refuse());
    }
    if text.len() > SpanId::LENGTH * 2 {
        return Err(refuse());
    }
    let id = SpanId::parse_hex(text).map_err(|_| refuse())?;
    trace.rows.iter().position(|row| row.span_id == id).ok_or_else(|| {
        let message = format!("span {id} is not in the trace");
        Refusal { parameter: Some("span".to_owned()), ..Refusal::not_found(message) }
    })
}

fn write(span: &SpanRef<'_>, ordinal: u32, is_cycle_broken: bool) -> SpanDetail {
    let parent = span.parent_span_id();
    let mut events: Vec<EventRef<'_>> = span.events().collect();
    events.sort_by_key(EventRef::time_unix_nanos);
    let resource = span.resource();
    let scope = span.scope();
    SpanDetail {
        ordinal,
        trace_id: span.trace_id().to_string(),
        span_id: span.span_id().to_string(),
        parent_span_id: (!parent.is_zero()).then(|| parent.to_string()),
        name: span.name().to_owned(),
        service: span.service_name().to_owned(),
        kind: span.kind().as_str().to_owned(),
        status: span.status_code().as_str().to_owned(),
        status_message: span.status_message().to_owned(),
        start_unix_nano: span.start_unix_nanos().to_string(),
        end_unix_nano: span.end_unix_nanos().to_string(),
        duration_nanos: span.duration_nanos().to_string(),
        trace_state: span.trace_state().to_owned(),
        flags: span.flags(),
        attributes: attributes(span.attributes()),
        dropped_attributes_count: span.dropped_attributes_count(),
        events: events.iter().map(event).collect(),
        dropped_events_count: span.dropped_events_count(),
        links: span.links().map(|item| link(&item)).collect(),
        dropped_links_count: span.dropped_links_count(),
        resource: Resource {
            attributes: owned_attributes(&resource.attributes),
            dropped_attributes_count: resource.dropped_attributes_count,
            schema_url: resource.schema_url.clone(),
        },
        scope: Scope {
            name: scope.name.clone(),
            version: scope.version.clone(),
            attributes: owned_attributes(&scope.attributes),
            dropped_attributes_count: scope.dropped_attributes_count,
            schema_url: scope.schema_url.clone(),
        },
        warnings: warnings(span, is_cycle_broken),
    }
}

fn event(event: &EventRef<'_>) -> Event {
    Event {
        time_unix_nano: event.time_unix_nanos().to_string(),
        name: event.name().to_owned(),
        attributes: attributes(event.attributes()),
        dropped_attributes_count: event.dropped_attributes_count(),
    }
}

fn link(link: &LinkRef<'_>) -> Link {
    Link {
        trace_id: link.trace_id().to_string(),
        span_id: link.span_id().to_string(),
        trace_state: link.trace_state().to_owned(),
        flags: link.flags(),
        attributes: attributes(link.attributes()),
        dropped_attributes_count: link.dropped_attributes_count(),
    }
}

/// What is odd about a span, in words.
pub(crate) fn warnings(span: &SpanRef<'_>, is_cycle_broken: bool) -> Vec<String> {
    let mut warnings = Vec::new();
    if span.end_unix_nanos() < span.start_unix_nanos() {
        let nanos = span.start_unix_nanos() - span.end_unix_nanos();
        warnings.push(format!("end lies {nanos} ns before start; the duration is shown as 0"));
    }
    if is_cycle_broken {
        let parent = span.parent_span_id();
        warnings.push(format!("parent {parent} is also below this span; shown as a root"));
    }
    warnings
}
