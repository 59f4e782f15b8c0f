//! A trace as Grafana can draw it: no two spans share an id, and every resource says something, because Grafana leaves out
//! the spans of a resource without attributes.

use crate::jaeger::adjust::ids_of_their_own;
use crate::refusal::Refusal;
use fanal_base::{ErrorKind, cast};
use fanal_model::resource::UNKNOWN_SERVICE;
use fanal_model::{BytesTable, IndexedBatch, Resource, SpanBatch, Value};
use fanal_query::Trace;
use std::sync::Arc;

/// The spans of a trace. Those that came from a server with the id of its client get one of their own.
pub(super) fn spans(trace: &Trace) -> Result<IndexedBatch, Refusal> {
    let mut batch = (**trace.spans.batch()).clone();
    let ids = ids_of_their_own(trace);
    for (row, &id) in trace.rows.iter().zip(&ids) {
        let Some(span) = row.span.map(cast::index) else { continue };
        batch.span_ids[span] = id;
        if let Some(parent) = row.parent {
            batch.parent_span_ids[span] = ids[cast::index(parent)];
        }
    }
    if trace.spans.resources().iter().any(|resource| resource.attributes.is_empty()) {
        let mut table = BytesTable::default();
        for resource in trace.spans.resources() {
            table.push(&telling(resource).encode());
        }
        batch.resources.table = table;
    }
    indexed(batch, trace)
}

/// Spans of a trace, ready to be written.
pub(super) fn indexed(batch: SpanBatch, trace: &Trace) -> Result<IndexedBatch, Refusal> {
    IndexedBatch::new(Arc::new(batch)).map_err(|error| {
        tracing::error!("preparing trace {} for Grafana failed: {error}", trace.trace_id);
        Refusal::new(ErrorKind::Internal, "preparing the trace failed; the log says why")
    })
}

fn telling(resource: &Resource) -> Resource {
    let mut resource = resource.clone();
    if resource.attributes.is_empty() {
        let service = Value::String(UNKNOWN_SERVICE.to_owned());
        resource.attributes.push(("service.name".to_owned(), service));
    }
    resource
}

#[cfg(test)]
mod tests {
    use super::*;
    use fanal_model::{Scope, SpanBatchBuilder, SpanFields, SpanId, TraceId};

    #[test]
    fn pairs_are_parted_and_resources_named() {
        let mut builder = SpanBatchBuilder::default();
        let scope = builder.intern_scope(&Scope::default());
        let silent = builder.intern_resource(&Resource::default());
        let attributes = vec![("host".to_owned(), Value::Int(1))];
        let told = builder.intern_resource(&Resource { attributes, ..Resource::default() });
        let spans_sent = [(1, 0, 2, silent), (2, 1, 3, told), (2, 1, 2, silent), (3, 2, 3, told)];
        for (start, (id, parent, kind, resource)) in (1..).zip(spans_sent) {
            builder.finish_span(&SpanFields {
                trace_id: TraceId([1; 16]),
                span_id: SpanId([0, 0, 0, 0, 0, 0, 0, id]),
                parent_span_id: SpanId([0, 0, 0, 0, 0, 0, 0, parent]),
                start_unix_nanos: start,
                end_unix_nanos: start,
                kind,
                resource,
                scope,
                ..SpanFields::default()
            });
        }
        let trace = Trace::build(TraceId([1; 16]), builder.finish(), Vec::new()).expect("decodes");
        let spans = spans(&trace).expect("prepared");
        let shown: Vec<(u8, u8, &str)> = spans
            .spans()
            .map(|it| {
                let key = it.resource().attributes[0].0.as_str();
                (it.span_id().0[7], it.parent_span_id().0[7], key)
            })
            .collect();
        let service = "service.name";
        assert_eq!(shown, [(1, 0, service), (2, 1, "host"), (4, 2, service), (3, 4, "host")]);
    }
}
