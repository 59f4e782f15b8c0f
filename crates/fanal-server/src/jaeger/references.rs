//! Parent and links as Jaeger's references.
//!
//! The parent comes first, as `CHILD_OF`. Links follow, of the type that `opentracing.ref_type` names, and
//! `FOLLOWS_FROM` without one; a link to the parent itself changes the type of the first reference instead.

use super::ids;
use super::types::JaegerReference;
use fanal_model::{LinkRef, SpanRef, ValueRef};

const CHILD_OF: &str = "CHILD_OF";
const FOLLOWS_FROM: &str = "FOLLOWS_FROM";

/// The references of a span. Links without a trace are left out unless `is_raw`.
pub(crate) fn references(span: &SpanRef<'_>, is_raw: bool) -> Vec<JaegerReference> {
    let trace_id = span.trace_id();
    let parent = span.parent_span_id();
    let mut references = Vec::new();
    if !parent.is_zero() {
        references.push(JaegerReference {
            ref_type: CHILD_OF,
            trace_id: ids::write(trace_id),
            span_id: parent.to_string(),
        });
    }
    for link in span.links() {
        let is_parent =
            !parent.is_zero() && link.trace_id() == trace_id && link.span_id() == parent;
        if is_parent {
            references[0].ref_type = ref_type(&link);
        } else if is_raw || !link.trace_id().is_zero() {
            references.push(JaegerReference {
                ref_type: ref_type(&link),
                trace_id: ids::write(link.trace_id()),
                span_id: link.span_id().to_string(),
            });
        }
    }
    references
}

fn ref_type(link: &LinkRef<'_>) -> &'static str {
    let is_child = link
        .attributes()
        .any(|(key, value)| key == "opentracing.ref_type" && value == ValueRef::String("child_of"));
    if is_child { CHILD_OF } else { FOLLOWS_FROM }
}
