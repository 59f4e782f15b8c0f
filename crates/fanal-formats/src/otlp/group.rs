//! Brings spans back under their resources and scopes, as OTLP messages want them.
//!
//! Used by both encoders. Invariant: every span occurs once; resources, scopes and spans keep the order in which
//! they are first met, also across batches.

use fanal_base::cast;
use fanal_model::{IndexedBatch, Resource, Scope, SpanRef};
use foldhash::fast::RandomState;
use hashbrown::HashMap;

/// A resource with its spans, as `ResourceSpans`.
pub(super) struct ResourceGroup<'a> {
    pub(super) resource: &'a Resource,
    pub(super) scopes: Vec<ScopeGroup<'a>>,
}

/// A scope with its spans, as `ScopeSpans`.
pub(super) struct ScopeGroup<'a> {
    pub(super) scope: &'a Scope,
    pub(super) spans: Vec<SpanRef<'a>>,
}

/// Groups the spans of all batches. Resources and scopes are equal when their encoded bytes are.
pub(super) fn group<'a>(batches: &[&'a IndexedBatch]) -> Vec<ResourceGroup<'a>> {
    let mut groups: Vec<ResourceGroup<'a>> = Vec::new();
    let mut resource_at: HashMap<&[u8], usize, RandomState> = HashMap::default();
    let mut scope_at: HashMap<(usize, &[u8]), usize, RandomState> = HashMap::default();
    for indexed in batches {
        let batch = indexed.batch();
        // Of this batch's codes: where their spans go.
        let mut place_of: HashMap<(u32, u32), (usize, usize), RandomState> = HashMap::default();
        for span in indexed.spans() {
            let codes = (batch.resources.codes[span.row()], batch.scopes.codes[span.row()]);
            let (resource, scope) = *place_of.entry(codes).or_insert_with(|| {
                let resource_bytes = batch.resources.table.get(codes.0);
                let resource = *resource_at.entry(resource_bytes).or_insert_with(|| {
                    let resource = &indexed.resources()[cast::index(codes.0)];
                    groups.push(ResourceGroup { resource, scopes: Vec::new() });
                    groups.len() - 1
                });
                let scopes = &mut groups[resource].scopes;
                let scope_bytes = batch.scopes.table.get(codes.1);
                let scope = *scope_at.entry((resource, scope_bytes)).or_insert_with(|| {
                    let scope = &indexed.scopes()[cast::index(codes.1)];
                    scopes.push(ScopeGroup { scope, spans: Vec::new() });
                    scopes.len() - 1
                });
                (resource, scope)
            });
            groups[resource].scopes[scope].spans.push(span);
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use fanal_model::{SpanBatchBuilder, SpanFields, SpanId, TraceId};
    use std::sync::Arc;

    /// `input` is batches of spans, each a resource and a scope; `expect` is what is grouped, with span numbers.
    fn check(input: &[&[(&str, &str)]], expect: &str) {
        let mut number = 0;
        let batches: Vec<IndexedBatch> = input
            .iter()
            .map(|spans| {
                let mut builder = SpanBatchBuilder::default();
                for (resource, scope) in *spans {
                    number += 1;
                    let resource =
                        Resource { schema_url: (*resource).into(), ..Resource::default() };
                    let scope = Scope { name: (*scope).into(), ..Scope::default() };
                    let (resource, scope) =
                        (builder.intern_resource(&resource), builder.intern_scope(&scope));
                    builder.finish_span(&SpanFields {
                        trace_id: TraceId([1; 16]),
                        span_id: SpanId([number; 8]),
                        resource,
                        scope,
                        ..SpanFields::default()
                    });
                }
                IndexedBatch::new(Arc::new(builder.finish())).expect("decodes")
            })
            .collect();
        let shown: Vec<String> = group(&batches.iter().collect::<Vec<_>>())
            .iter()
            .flat_map(|group| group.scopes.iter().map(|scope| (group.resource, scope)))
            .map(|(resource, group)| {
                let numbers: Vec<u8> = group.spans.iter().map(|span| span.span_id().0[0]).collect();
                format!("{}/{} {numbers:?}", resource.schema_url, group.scope.name)
            })
            .collect();
        assert_eq!(shown.join(", "), expect);
    }

    #[test]
    fn groups_in_the_order_first_met() {
        check(&[], "");
        check(
            &[&[("b", "y"), ("a", "x"), ("b", "y"), ("b", "x")], &[("a", "y"), ("b", "x")]],
            "b/y [1, 3], b/x [4, 6], a/x [2], a/y [5]",
        );
    }
}
