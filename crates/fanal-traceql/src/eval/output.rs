//! What an answer shows of the spans that a search found.

use super::expression::Context;
use super::trace::Trace;
use crate::ast::{
    Attribute, Body, Intrinsic, MetricsPipeline, Pipeline, Query, SpansetQuery, Stage,
};
use crate::value::Value;
use fanal_model::{SpanId, Value as ModelValue};
use std::collections::BTreeSet;

/// A span as an answer shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct SpanOutput {
    /// Id.
    pub span_id: SpanId,
    /// Unix nanoseconds.
    pub start: u64,
    /// Nanoseconds.
    pub duration: u64,
    /// The name, where the query mentions it.
    pub name: Option<String>,
    /// The fields that the query mentions and the span has, by attribute name without scope or by intrinsic.
    pub attributes: Vec<(String, Value)>,
}

/// Fields that an answer never shows as attributes of a span: they have places of their own.
const SHOWN_ELSEWHERE: [Intrinsic; 7] = [
    Intrinsic::Name,
    Intrinsic::Duration,
    Intrinsic::TraceDuration,
    Intrinsic::RootName,
    Intrinsic::RootServiceName,
    Intrinsic::TraceId,
    Intrinsic::SpanId,
];

/// The fields that a search mentions or selects, each once, in the order of the text.
pub fn fields(query: &Query) -> Vec<&Attribute> {
    let mut fields = Vec::new();
    if let Body::Search(query) = &query.body {
        of_query(query, &mut fields);
    }
    once(fields)
}

/// The fields that a metrics query mentions: in its pipeline, its grouping and its argument.
pub(super) fn fields_of_metrics(query: &MetricsPipeline) -> Vec<&Attribute> {
    let mut fields = Vec::new();
    of_pipeline(&query.pipeline, &mut fields);
    fields.extend(query.aggregate.by.iter().map(|field| &field.item));
    fields.extend(query.aggregate.function.argument().map(|field| &field.item));
    once(fields)
}

/// Each field where it comes first.
fn once(mut fields: Vec<&Attribute>) -> Vec<&Attribute> {
    let mut seen = BTreeSet::new();
    fields.retain(|field| seen.insert(*field));
    fields
}

fn of_query<'a>(query: &'a SpansetQuery, fields: &mut Vec<&'a Attribute>) {
    match query {
        SpansetQuery::Pipeline(pipeline) => of_pipeline(pipeline, fields),
        SpansetQuery::Combined { left, right, .. } => {
            of_query(left, fields);
            of_query(right, fields);
        }
    }
}

fn of_pipeline<'a>(pipeline: &'a Pipeline, fields: &mut Vec<&'a Attribute>) {
    for stage in &pipeline.stages {
        stage.visit_expressions(&mut |expression| {
            expression.visit_attributes(&mut |field, _| fields.push(field));
        });
        if let Stage::Select(selected) = stage {
            fields.extend(selected.iter().map(|field| &field.item));
        }
    }
}

/// The value of a field of a span, outside of filters.
pub fn field(trace: &Trace, position: usize, field: &Attribute) -> Value {
    Context::outside(trace, position).field(field)
}

/// A span with these fields. Of several fields with one key, the first that the span has is shown.
pub fn span_output(trace: &Trace, position: usize, fields: &[&Attribute]) -> SpanOutput {
    let span = &trace.spans[position];
    let name = Attribute::Intrinsic(Intrinsic::Name);
    let mut attributes: Vec<(String, Value)> = Vec::new();
    for field in fields {
        let key = match field {
            Attribute::Intrinsic(intrinsic) if SHOWN_ELSEWHERE.contains(intrinsic) => continue,
            Attribute::Intrinsic(intrinsic) => intrinsic.as_str(),
            Attribute::Named { name, .. } => name,
        };
        if attributes.iter().any(|(shown, _)| shown == key) {
            continue;
        }
        if let Some(value) = shown(&Context::outside(trace, position), field) {
            attributes.push((key.to_owned(), value));
        }
    }
    SpanOutput {
        span_id: span.span_id,
        start: span.start,
        duration: span.duration(),
        name: fields.contains(&&name).then(|| span.name.clone()),
        attributes,
    }
}

/// The value of a field; what operators see as nil is shown as text.
fn shown(context: &Context<'_>, field: &Attribute) -> Option<Value> {
    match (context.field(field), field) {
        (Value::Nil, Attribute::Named { scope, name }) => {
            let raw = context.raw(*scope, name).filter(|raw| *raw != ModelValue::Empty)?;
            Some(Value::String(raw.to_text()))
        }
        (Value::Nil, _) => None,
        (value, _) => Some(value),
    }
}
