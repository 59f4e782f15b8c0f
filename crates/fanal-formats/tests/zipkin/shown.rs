//! Spans as text, so that a test can say what it expects in a line.

use fanal_formats::Decoded;
use fanal_formats::zipkin::{Format, decode};
use fanal_model::{IndexedBatch, Resource, SpanRef, Value, ValueRef};
use std::sync::Arc;

/// When requests arrive.
pub(crate) const ARRIVED: u64 = 9_000;

pub(crate) fn decoded(format: Format, bytes: &[u8]) -> Decoded {
    let decoded = decode(format, bytes, ARRIVED).expect("decodes");
    assert_eq!(decoded.batch.validate(), Ok(()));
    decoded
}

/// The spans of a request, none of which may be refused.
pub(crate) fn spans(format: Format, bytes: &[u8]) -> IndexedBatch {
    let decoded = decoded(format, bytes);
    assert_eq!(decoded.message(), None);
    IndexedBatch::new(Arc::new(decoded.batch)).expect("indexes")
}

/// Ids, place, name, kind, status, times in microseconds; then a line for each attribute, event and link.
pub(crate) fn span(span: SpanRef<'_>) -> String {
    let parent = match span.parent_span_id() {
        id if id.is_zero() => String::new(),
        id => format!(" < {id}"),
    };
    let status = match (span.status_code().as_str(), span.status_message()) {
        ("unset", "") => String::new(),
        (code, "") => format!(" {code}"),
        (code, message) => format!(" {code} ({message})"),
    };
    let times = format!("{}+{}", span.start_unix_nanos() / 1_000, span.duration_nanos() / 1_000);
    let ids = format!("{} {}{parent}", span.trace_id(), span.span_id());
    let scope = span.scope();
    let scope = format!("{} {}", scope.name, scope.version);
    let mut lines = vec![
        format!("{ids} {:?} {}{status} {times}", span.name(), span.kind().as_str()),
        format!("in {}", resource(span.resource())),
    ];
    lines.extend((scope != " ").then(|| format!("by {scope}")));
    lines.extend(span.attributes().map(|pair| attribute(&pair)));
    for event in span.events() {
        let attributes: Vec<String> = event.attributes().map(|pair| attribute(&pair)).collect();
        let micros = event.time_unix_nanos() / 1_000;
        let dropped = event.dropped_attributes_count();
        lines.push(format!("@{micros} {:?} {attributes:?} -{dropped}", event.name()));
    }
    for link in span.links() {
        let attributes: Vec<String> = link.attributes().map(|pair| attribute(&pair)).collect();
        let (trace, span) = (link.trace_id(), link.span_id());
        lines.push(format!("-> {trace} {span} {:?} {attributes:?}", link.trace_state()));
    }
    lines.extend((!span.trace_state().is_empty()).then(|| format!("state {}", span.trace_state())));
    lines.join("\n")
}

fn resource(resource: &Resource) -> String {
    let pair = |(key, value): &(String, Value)| format!("{key}={}", value.to_text());
    resource.attributes.iter().map(pair).collect::<Vec<_>>().join(" ")
}

/// Text bare, other types by name.
fn attribute((key, value): &(&str, ValueRef<'_>)) -> String {
    match value {
        ValueRef::String(text) => format!("{key}={text}"),
        other => format!("{key}={:?}:{}", other.attribute_type(), other.to_text()),
    }
}
