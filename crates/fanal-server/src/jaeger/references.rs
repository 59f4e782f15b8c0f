//! Parent and links as Jaeger's references.
//!
//! The parent comes first, as `CHILD_OF`. Links follow, of the type that `opentracing.ref_type` names, and
//! `FOLLOWS_FROM` without one; a link to the parent itself changes the type of the first reference instead.

use super::types::{JaegerRefType, JaegerReference};
use fanal_model::{LinkRef, SpanRef, ValueRef};

/// The references of a span.
pub(crate) fn references(span: &SpanRef<'_>) -> Vec<JaegerReference> {
    let trace_id = span.trace_id();
    let parent = span.parent_span_id();
    let mut references = Vec::new();
    if !parent.is_zero() {
        let ref_type = JaegerRefType::ChildOf;
        references.push(JaegerReference { ref_type, trace_id, span_id: parent });
    }
    for link in span.links() {
        let is_parent =
            !parent.is_zero() && link.trace_id() == trace_id && link.span_id() == parent;
        let ref_type = ref_type(&link);
        if is_parent {
            references[0].ref_type = ref_type;
        } else {
            let (trace_id, span_id) = (link.trace_id(), link.span_id());
            references.push(JaegerReference { ref_type, trace_id, span_id });
        }
    }
    references
}

fn ref_type(link: &LinkRef<'_>) -> JaegerRefType {
    let is_child = link
        .attributes()
        .any(|(key, value)| key == "opentracing.ref_type" && value == ValueRef::String("child_of"));
    if is_child { JaegerRefType::ChildOf } else { JaegerRefType::FollowsFrom }
}
