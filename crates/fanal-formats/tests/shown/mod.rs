//! Decoded spans as lines of text, for tests that compare what a foreign span became.
#![allow(dead_code, reason = "each test program uses a part")]
#![expect(clippy::expect_used, reason = "a failing test says why")]

use fanal_formats::Decoded;
use fanal_model::{IndexedBatch, SpanRef, ValueRef};
use std::sync::Arc;

/// Every accepted span.
pub(crate) fn spans(decoded: Decoded) -> Vec<String> {
    assert_eq!(decoded.batch.validate(), Ok(()));
    let batch = IndexedBatch::new(Arc::new(decoded.batch)).expect("a valid batch");
    batch.spans().map(span).collect()
}

/// One span: ids, name, kind, status, times, and one line for resource, attributes, each event and each link.
pub(crate) fn span(span: SpanRef<'_>) -> String {
    let mut lines = vec![
        format!("{}/{} under {}", span.trace_id(), span.span_id(), span.parent_span_id()),
        format!("name: {} ({})", span.name(), span.kind().as_str()),
        format!("status: {} {}", span.status_code().as_str(), span.status_message()),
        format!("times: {} to {}", span.start_unix_nanos(), span.end_unix_nanos()),
    ];
    let resource = span.resource().attributes.iter();
    let resource = resource.map(|(key, value)| format!("{key}={}", value.to_text()));
    let mut resource: Vec<String> = resource.collect();
    resource.sort();
    lines.push(format!("resource: {}", resource.join(", ")));
    if !span.trace_state().is_empty() {
        lines.push(format!("state: {}", span.trace_state()));
    }
    lines.push(format!("attributes: {}", attributes(span.attributes())));
    for event in span.events() {
        let own = attributes(event.attributes());
        lines.push(format!("event: {} at {} {own}", event.name(), event.time_unix_nanos()));
    }
    for link in span.links() {
        let (own, ids) = (attributes(link.attributes()), (link.trace_id(), link.span_id()));
        let (state, flags) = (link.trace_state(), link.flags());
        lines.push(format!("link: {}/{} [{state}] {flags} {own}", ids.0, ids.1));
    }
    lines.join("\n")
}

/// Keys in order, with values that tell their types.
fn attributes<'a>(attributes: impl Iterator<Item = (&'a str, ValueRef<'a>)>) -> String {
    let mut shown: Vec<String> = attributes
        .map(|(key, value)| match value {
            ValueRef::String(text) => format!("{key}={text:?}"),
            ValueRef::Float(number) => format!("{key}={number:?}"),
            other => format!("{key}={}", other.to_text()),
        })
        .collect();
    shown.sort();
    shown.join(", ")
}
