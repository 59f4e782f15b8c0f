//! What the tests of sampling share: batches of spans with a service, a name and a place in their trace.

use fanal_model::{
    Resource, Scope, SpanBatch, SpanBatchBuilder, SpanFields, SpanId, TraceId, Value,
};

/// A batch of spans: service, name, whether it is a root.
pub(crate) fn batch(spans: &[(&str, &str, bool)]) -> SpanBatch {
    let mut builder = SpanBatchBuilder::default();
    let scope = builder.intern_scope(&Scope::default());
    for (service, name, is_root) in spans {
        let attributes = vec![("service.name".to_owned(), Value::String((*service).to_owned()))];
        let resource = builder.intern_resource(&Resource { attributes, ..Resource::default() });
        builder.finish_span(&SpanFields {
            trace_id: TraceId([1; 16]),
            span_id: SpanId([2; 8]),
            parent_span_id: SpanId([if *is_root { 0 } else { 3 }; 8]),
            resource,
            scope,
            name,
            ..SpanFields::default()
        });
    }
    builder.finish()
}
