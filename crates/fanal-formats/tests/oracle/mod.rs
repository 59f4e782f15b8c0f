//! What the generated OTLP types say about a request, in a form that ignores what the model may change.
//!
//! Used by the round-trip tests and the program that checks recordings. The model may group spans anew, keeps the last
//! of duplicate keys, and does not tell an absent message from an empty one.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};

/// One line of text a span with everything that it and its owners carry, ordered by owners and then as sent.
pub(crate) fn describe(request: &ExportTraceServiceRequest) -> Vec<String> {
    let mut lines = Vec::new();
    for resource_spans in &request.resource_spans {
        for scope_spans in &resource_spans.scope_spans {
            let owners = describe_owners(resource_spans, scope_spans);
            for span in &scope_spans.spans {
                lines.push((owners.clone(), format!("{:?}", normal_span(span.clone()))));
            }
        }
    }
    // Stable: spans of equal owners keep their order.
    lines.sort_by(|left, right| left.0.cmp(&right.0));
    lines.into_iter().map(|(owners, span)| owners + &span).collect()
}

fn describe_owners(resource_spans: &ResourceSpans, scope_spans: &ScopeSpans) -> String {
    let mut resource = resource_spans.resource.clone().unwrap_or_default();
    normal_attributes(&mut resource.attributes);
    let mut scope = scope_spans.scope.clone().unwrap_or_default();
    normal_attributes(&mut scope.attributes);
    let schemas = (&resource_spans.schema_url, &scope_spans.schema_url);
    format!("{resource:?} {scope:?} {schemas:?} ")
}

fn normal_span(mut span: Span) -> Span {
    normal_attributes(&mut span.attributes);
    for event in &mut span.events {
        normal_attributes(&mut event.attributes);
    }
    for link in &mut span.links {
        normal_attributes(&mut link.attributes);
        if link.trace_id.is_empty() {
            link.trace_id = vec![0; 16];
        }
        if link.span_id.is_empty() {
            link.span_id = vec![0; 8];
        }
    }
    if span.parent_span_id.iter().all(|&byte| byte == 0) {
        span.parent_span_id.clear();
    }
    span.status.get_or_insert_default();
    span
}

fn normal_attributes(attributes: &mut Vec<KeyValue>) {
    let mut kept: Vec<KeyValue> = Vec::new();
    for attribute in attributes.drain(..) {
        match kept.iter_mut().find(|known| known.key == attribute.key) {
            Some(known) => known.value = attribute.value,
            None => kept.push(attribute),
        }
    }
    kept.iter_mut().for_each(normal_key_value);
    *attributes = kept;
}

fn normal_key_value(attribute: &mut KeyValue) {
    attribute.key_strindex = 0;
    normal_value(attribute.value.get_or_insert_default());
}

fn normal_value(value: &mut AnyValue) {
    match &mut value.value {
        Some(Value::ArrayValue(array)) => array.values.iter_mut().for_each(normal_value),
        Some(Value::KvlistValue(map)) => map.values.iter_mut().for_each(normal_key_value),
        Some(Value::StringValueStrindex(_)) => value.value = None,
        _ => {}
    }
}
