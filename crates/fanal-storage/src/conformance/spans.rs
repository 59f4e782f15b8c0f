//! Spans written short, and the batches made of them.

use fanal_model::builder::LinkFields;
use fanal_model::{
    Resource, Scope, SpanBatch, SpanBatchBuilder, SpanFields, SpanId, TraceId, Value, ValueRef,
    nested,
};

/// Base of the times that scenarios use, nanoseconds since the Unix epoch.
pub(super) const START: u64 = 1_750_000_000_000_000_000;

/// Keys with values, in order.
pub(super) type Attributes = Vec<(String, Value)>;

/// A span with everything that is not its default.
#[derive(Debug, Clone, Default)]
pub(super) struct Span {
    pub(super) trace: TraceId,
    pub(super) id: SpanId,
    pub(super) parent: SpanId,
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) kind: u8,
    pub(super) status: u8,
    pub(super) flags: u32,
    pub(super) name: String,
    pub(super) trace_state: String,
    pub(super) status_message: String,
    pub(super) dropped: u32,
    pub(super) resource: Resource,
    pub(super) scope: Scope,
    pub(super) attributes: Attributes,
    pub(super) events: Vec<(u64, String, Attributes)>,
    pub(super) links: Vec<(TraceId, SpanId, Attributes)>,
}

/// A trace id of a number.
pub(super) fn trace_id(number: u64) -> TraceId {
    TraceId(u128::from(number).to_be_bytes())
}

/// A span of 10 ns of a service, `start` nanoseconds after [`START`].
pub(super) fn span(trace: u64, id: u64, service: &str, start: u64) -> Span {
    Span {
        trace: trace_id(trace),
        id: SpanId(id.to_be_bytes()),
        start: START + start,
        end: START + start + 10,
        name: "work".into(),
        resource: resource(service),
        ..Span::default()
    }
}

pub(super) fn resource(service: &str) -> Resource {
    let attributes = vec![("service.name".into(), Value::String(service.into()))];
    Resource { attributes, ..Resource::default() }
}

/// The batch of these spans.
pub(super) fn batch(spans: &[Span]) -> SpanBatch {
    let mut builder = SpanBatchBuilder::default();
    for span in spans {
        let resource = builder.intern_resource(&span.resource);
        let scope = builder.intern_scope(&span.scope);
        with_refs(&span.attributes, |key, value| builder.attribute(key, value));
        for (time, name, attributes) in &span.events {
            with_refs(attributes, |key, value| builder.event_attribute(key, value));
            builder.finish_event(*time, name, span.dropped);
        }
        for (trace_id, span_id, attributes) in &span.links {
            with_refs(attributes, |key, value| builder.link_attribute(key, value));
            builder.finish_link(LinkFields {
                trace_id: *trace_id,
                span_id: *span_id,
                trace_state: &span.trace_state,
                flags: span.flags,
                dropped_attributes_count: span.dropped,
            });
        }
        builder.finish_span(&SpanFields {
            trace_id: span.trace,
            span_id: span.id,
            parent_span_id: span.parent,
            start_unix_nanos: span.start,
            end_unix_nanos: span.end,
            kind: span.kind,
            status_code: span.status,
            flags: span.flags,
            name: &span.name,
            trace_state: &span.trace_state,
            status_message: &span.status_message,
            resource,
            scope,
            dropped_attributes_count: span.dropped,
            dropped_events_count: span.dropped / 2,
            dropped_links_count: span.dropped / 3,
        });
    }
    builder.finish()
}

fn with_refs(attributes: &Attributes, mut push: impl FnMut(&str, ValueRef<'_>)) {
    for (key, value) in attributes {
        let mut bytes = Vec::new();
        nested::encode(value, &mut bytes);
        push(key, nested::decode_ref(&bytes).unwrap_or(ValueRef::Empty));
    }
}
