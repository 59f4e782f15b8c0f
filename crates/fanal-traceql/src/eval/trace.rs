//! A whole trace as the evaluator sees it: plain spans, with what their tree tells.

use super::tree::Tree;
use crate::ast::SERVICE_NAME;
use fanal_model::{IndexedBatch, SpanId, SpanKind, SpanRef, StatusCode, TraceId, Value};
use std::collections::BTreeMap;

/// A whole trace. Its spans are ordered by start, then id, then as they came; exact duplicates count, so they must be removed
/// before.
#[derive(Debug, Clone)]
pub struct Trace {
    /// Its id.
    pub trace_id: TraceId,
    /// Its spans.
    pub spans: Vec<Span>,
    pub(super) tree: Tree,
}

/// A span. Times are nanoseconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// Id.
    pub span_id: SpanId,
    /// Parent, zero for a root.
    pub parent_span_id: SpanId,
    /// Start.
    pub start: u64,
    /// End as sent.
    pub end: u64,
    /// Name.
    pub name: String,
    /// Kind.
    pub kind: SpanKind,
    /// Status.
    pub status: StatusCode,
    /// Text of the status.
    pub status_message: String,
    /// Attributes of the span.
    pub attributes: Vec<(String, Value)>,
    /// Attributes of its resource.
    pub resource: Vec<(String, Value)>,
    /// Name of its instrumentation scope.
    pub scope_name: String,
    /// Version of its instrumentation scope.
    pub scope_version: String,
    /// Attributes of its instrumentation scope.
    pub scope: Vec<(String, Value)>,
    /// Events as sent.
    pub events: Vec<Event>,
    /// Links as sent.
    pub links: Vec<Link>,
}

/// An event of a span.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Nanoseconds since the Unix epoch.
    pub time: u64,
    /// Name.
    pub name: String,
    /// Attributes.
    pub attributes: Vec<(String, Value)>,
}

/// A link of a span.
#[derive(Debug, Clone, PartialEq)]
pub struct Link {
    /// The linked trace.
    pub trace_id: TraceId,
    /// The linked span.
    pub span_id: SpanId,
    /// Attributes.
    pub attributes: Vec<(String, Value)>,
}

impl Trace {
    /// A trace of these spans.
    pub fn new(trace_id: TraceId, mut spans: Vec<Span>) -> Self {
        spans.sort_by_key(|span| (span.start, span.span_id));
        let tree = Tree::of(&spans);
        Self { trace_id, spans, tree }
    }

    /// The traces of a batch, by ascending id.
    pub fn of_batch(batch: &IndexedBatch) -> Vec<Self> {
        let mut traces: BTreeMap<TraceId, Vec<Span>> = BTreeMap::new();
        for span in batch.spans() {
            traces.entry(span.trace_id()).or_default().push(Span::of(&span));
        }
        traces.into_iter().map(|(trace_id, spans)| Self::new(trace_id, spans)).collect()
    }

    /// Earliest start.
    pub fn start(&self) -> u64 {
        self.spans.iter().map(|span| span.start).min().unwrap_or(0)
    }

    /// Latest end; no span ends before it starts.
    pub fn end(&self) -> u64 {
        self.spans.iter().map(|span| span.end.max(span.start)).max().unwrap_or(0)
    }

    /// The root span: without a parent's id, of several the first.
    pub fn root(&self) -> Option<&Span> {
        self.spans.iter().find(|span| span.parent_span_id.is_zero())
    }

    /// Whether a search of this range, both ends included, sees the trace.
    pub fn is_candidate(&self, start: u64, end: u64) -> bool {
        self.start() <= end && self.end() >= start
    }
}

impl Span {
    fn of(span: &SpanRef<'_>) -> Self {
        let owned =
            |(key, value): (&str, fanal_model::ValueRef<'_>)| (key.to_owned(), value.to_value());
        Self {
            span_id: span.span_id(),
            parent_span_id: span.parent_span_id(),
            start: span.start_unix_nanos(),
            end: span.end_unix_nanos(),
            name: span.name().to_owned(),
            kind: span.kind(),
            status: span.status_code(),
            status_message: span.status_message().to_owned(),
            attributes: span.attributes().map(owned).collect(),
            resource: span.resource().attributes.clone(),
            scope_name: span.scope().name.clone(),
            scope_version: span.scope().version.clone(),
            scope: span.scope().attributes.clone(),
            events: span
                .events()
                .map(|event| Event {
                    time: event.time_unix_nanos(),
                    name: event.name().to_owned(),
                    attributes: event.attributes().map(owned).collect(),
                })
                .collect(),
            links: span
                .links()
                .map(|link| Link {
                    trace_id: link.trace_id(),
                    span_id: link.span_id(),
                    attributes: link.attributes().map(owned).collect(),
                })
                .collect(),
        }
    }

    /// End minus start, 0 where the end is not after the start.
    pub fn duration(&self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    /// The service of its resource, empty when none.
    pub fn service_name(&self) -> String {
        match find(&self.resource, SERVICE_NAME) {
            Some(Value::String(name)) => name.clone(),
            Some(other) => other.to_text(),
            None => String::new(),
        }
    }
}

/// The value of a key.
pub(super) fn find<'a>(attributes: &'a [(String, Value)], key: &str) -> Option<&'a Value> {
    attributes.iter().find(|(name, _)| name == key).map(|(_, value)| value)
}
