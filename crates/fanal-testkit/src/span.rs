//! A generated span as a plain owned struct, and its way into a batch.

use crate::truth::TraceTruth;
use fanal_model::builder::LinkFields;
use fanal_model::{
    Resource, Scope, SpanBatchBuilder, SpanFields, SpanId, SpanKind, StatusCode, TraceId, Value,
    ValueRef, nested,
};
use std::sync::Arc;

/// Attributes in the order sent.
pub type Attributes = Vec<(&'static str, Value)>;

/// A span. Times are nanoseconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq)]
pub struct GeneratedSpan {
    /// Trace id, not zero.
    pub trace_id: TraceId,
    /// Span id, not zero.
    pub span_id: SpanId,
    /// Parent, zero for the root.
    pub parent_span_id: SpanId,
    /// Start by the clock of its host.
    pub start_unix_nanos: u64,
    /// End by the clock of its host.
    pub end_unix_nanos: u64,
    /// Kind.
    pub kind: SpanKind,
    /// Status.
    pub status_code: StatusCode,
    /// Status text, empty when none.
    pub status_message: String,
    /// W3C trace state, empty when none.
    pub trace_state: String,
    /// OTLP flags.
    pub flags: u32,
    /// Span name.
    pub name: String,
    /// Attributes, keys distinct.
    pub attributes: Attributes,
    /// Events by time.
    pub events: Vec<GeneratedEvent>,
    /// Links.
    pub links: Vec<GeneratedLink>,
    /// The process.
    pub resource: Arc<Resource>,
    /// The instrumentation.
    pub scope: Arc<Scope>,
    /// How long after the rest of the trace it is sent, nanoseconds; 0 when on time.
    pub late_nanos: u64,
    /// Whether it is the second copy of a span of the same trace.
    pub is_duplicate: bool,
}

/// An event of a span.
#[derive(Debug, Clone, PartialEq)]
pub struct GeneratedEvent {
    /// Time, nanoseconds since the Unix epoch.
    pub time_unix_nanos: u64,
    /// Name.
    pub name: &'static str,
    /// Attributes, keys distinct.
    pub attributes: Attributes,
}

/// A link of a span.
#[derive(Debug, Clone, PartialEq)]
pub struct GeneratedLink {
    /// The linked trace.
    pub trace_id: TraceId,
    /// The linked span.
    pub span_id: SpanId,
    /// OTLP flags.
    pub flags: u32,
    /// Attributes, keys distinct.
    pub attributes: Attributes,
}

/// A whole trace with the truth about it.
#[derive(Debug, Clone, PartialEq)]
pub struct GeneratedTrace {
    /// The trace.
    pub trace_id: TraceId,
    /// Its spans, parents before children; second copies follow at the end.
    pub spans: Vec<GeneratedSpan>,
    /// What a store must know in the end.
    pub truth: TraceTruth,
}

/// Appends spans to a batch, in order.
pub fn push_into<'a>(
    spans: impl IntoIterator<Item = &'a GeneratedSpan>,
    builder: &mut SpanBatchBuilder,
) {
    let mut resources = Interned::default();
    let mut scopes = Interned::default();
    for span in spans {
        let resource = resources.code(&span.resource, |it| builder.intern_resource(it));
        let scope = scopes.code(&span.scope, |it| builder.intern_scope(it));
        with_refs(&span.attributes, |key, value| builder.attribute(key, value));
        for event in &span.events {
            with_refs(&event.attributes, |key, value| builder.event_attribute(key, value));
            builder.finish_event(event.time_unix_nanos, event.name, 0);
        }
        for link in &span.links {
            with_refs(&link.attributes, |key, value| builder.link_attribute(key, value));
            builder.finish_link(LinkFields {
                trace_id: link.trace_id,
                span_id: link.span_id,
                flags: link.flags,
                ..LinkFields::default()
            });
        }
        builder.finish_span(&SpanFields {
            trace_id: span.trace_id,
            span_id: span.span_id,
            parent_span_id: span.parent_span_id,
            start_unix_nanos: span.start_unix_nanos,
            end_unix_nanos: span.end_unix_nanos,
            kind: kind_code(span.kind),
            status_code: status_code(span.status_code),
            flags: span.flags,
            name: &span.name,
            trace_state: &span.trace_state,
            status_message: &span.status_message,
            resource,
            scope,
            ..SpanFields::default()
        });
    }
}

/// OTLP number of a kind.
pub(crate) fn kind_code(kind: SpanKind) -> u8 {
    match kind {
        SpanKind::Unspecified => 0,
        SpanKind::Internal => 1,
        SpanKind::Server => 2,
        SpanKind::Client => 3,
        SpanKind::Producer => 4,
        SpanKind::Consumer => 5,
    }
}

/// OTLP number of a status.
pub(crate) fn status_code(code: StatusCode) -> u8 {
    match code {
        StatusCode::Unset => 0,
        StatusCode::Ok => 1,
        StatusCode::Error => 2,
    }
}

/// Codes of shared things, known by their address: few a call, so that a list does.
struct Interned<T>(Vec<(*const T, u32)>);

impl<T> Default for Interned<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Interned<T> {
    fn code(&mut self, shared: &Arc<T>, intern: impl FnOnce(&T) -> u32) -> u32 {
        let address = Arc::as_ptr(shared);
        if let Some(&(_, code)) = self.0.iter().find(|(known, _)| *known == address) {
            return code;
        }
        let code = intern(shared);
        self.0.push((address, code));
        code
    }
}

fn with_refs(attributes: &Attributes, mut push: impl FnMut(&str, ValueRef<'_>)) {
    let mut bytes = Vec::new();
    for (key, value) in attributes {
        let reference = match value {
            Value::Empty => ValueRef::Empty,
            Value::String(text) => ValueRef::String(text),
            Value::Bool(flag) => ValueRef::Bool(*flag),
            Value::Int(number) => ValueRef::Int(*number),
            Value::Float(number) => ValueRef::Float(*number),
            Value::Bytes(bytes) => ValueRef::Bytes(bytes),
            Value::Array(_) | Value::Map(_) => {
                bytes.clear();
                nested::encode(value, &mut bytes);
                match value {
                    Value::Array(_) => ValueRef::Array(&bytes),
                    _ => ValueRef::Map(&bytes),
                }
            }
        };
        push(key, reference);
    }
}
