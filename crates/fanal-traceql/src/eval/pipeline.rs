//! Stages over the sets of spans of one trace.

use super::aggregate;
use super::expression::{Context, keeps};
use super::structure::{Positions, combine};
use super::trace::Trace;
use super::{State, Warnings};
use crate::ast::{
    Body, Expression, Pipeline, ScalarExpression, ScalarFilter, SpansetExpression, SpansetQuery,
    Stage,
};
use crate::check::Checked;
use crate::value::{self, Value};

/// Spans of one trace that belong together.
#[derive(Debug, Clone, PartialEq)]
pub struct Spanset {
    /// Their positions in the trace, ascending; at least one.
    pub spans: Vec<usize>,
    /// What stages said about them: key and value, in the order of the stages.
    pub attributes: Vec<(String, Value)>,
}

/// What a search finds in a trace; nothing where the trace is no result. A metrics query finds nothing.
pub fn search(query: &Checked, trace: &Trace, warnings: &mut Warnings) -> Vec<Spanset> {
    match &query.query().body {
        Body::Search(search) => spanset_query(search, trace, &mut State { query, warnings }),
        Body::Metrics(_) | Body::Scalar(_) => Vec::new(),
    }
}

fn spanset_query(query: &SpansetQuery, trace: &Trace, state: &mut State<'_>) -> Vec<Spanset> {
    match query {
        SpansetQuery::Pipeline(pipeline) => run(pipeline, trace, state),
        SpansetQuery::Combined { operator, left, right, .. } => {
            let left = union(&spanset_query(left, trace, state));
            let right = union(&spanset_query(right, trace, state));
            spanset(combine(*operator, trace, &left, &right), Vec::new()).into_iter().collect()
        }
    }
}

/// The spans of all sets.
fn union(spansets: &[Spanset]) -> Positions {
    spansets.iter().flat_map(|spanset| spanset.spans.iter().copied()).collect()
}

/// A set, if it has spans.
fn spanset(spans: Positions, attributes: Vec<(String, Value)>) -> Option<Spanset> {
    let spans: Vec<usize> = spans.into_iter().collect();
    (!spans.is_empty()).then_some(Spanset { spans, attributes })
}

/// The spans that a pipeline of a query finds in a trace, however they are grouped, in their order.
pub fn matched(
    query: &Checked,
    pipeline: &Pipeline,
    trace: &Trace,
    warnings: &mut Warnings,
) -> Vec<usize> {
    let mut state = State { query, warnings };
    union(&run(pipeline, trace, &mut state)).into_iter().collect()
}

/// What a pipeline makes of all spans of a trace.
pub(super) fn run(pipeline: &Pipeline, trace: &Trace, state: &mut State<'_>) -> Vec<Spanset> {
    let all = (0..trace.spans.len()).collect();
    let mut spansets: Vec<Spanset> = spanset(all, Vec::new()).into_iter().collect();
    for stage in &pipeline.stages {
        spansets = match stage {
            Stage::Spansets(expression) => spansets
                .into_iter()
                .filter_map(|input| {
                    let spans = evaluate(expression, trace, &input.spans, state);
                    spanset(spans, input.attributes)
                })
                .collect(),
            Stage::ScalarFilter(filter) => spansets
                .into_iter()
                .filter_map(|input| scalar_filter(filter, trace, input, state))
                .collect(),
            Stage::GroupBy(key) => {
                spansets.iter().flat_map(|input| group(key, trace, input, state)).collect()
            }
            Stage::Coalesce => spanset(union(&spansets), Vec::new()).into_iter().collect(),
            Stage::Select(_) => spansets,
        };
    }
    spansets
}

fn evaluate(
    expression: &SpansetExpression,
    trace: &Trace,
    input: &[usize],
    state: &mut State<'_>,
) -> Positions {
    match expression {
        SpansetExpression::Filter(filter) => input
            .iter()
            .copied()
            .filter(|&position| keeps(filter, trace, position, state))
            .collect(),
        SpansetExpression::Operation { operator, left, right, .. } => {
            let left = evaluate(left, trace, input, state);
            let right = evaluate(right, trace, input, state);
            combine(*operator, trace, &left, &right)
        }
    }
}

/// One set for each value of the key, ordered by their first spans.
fn group(key: &Expression, trace: &Trace, input: &Spanset, state: &mut State<'_>) -> Vec<Spanset> {
    let mut groups: Vec<(Value, Spanset)> = Vec::new();
    for &position in &input.spans {
        let value = Context::outside(trace, position).value(key, state);
        let is_same = |other: &Value| value::is_same_group(other, &value);
        if let Some((_, group)) = groups.iter_mut().find(|(other, _)| is_same(other)) {
            group.spans.push(position);
            continue;
        }
        let shown = match &value {
            Value::Nil => Value::String("nil".to_owned()),
            value => value.clone(),
        };
        let mut attributes = input.attributes.clone();
        attributes.push((format!("by({key})"), shown));
        groups.push((value, Spanset { spans: vec![position], attributes }));
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

/// The set with the value of the aggregate, if the comparison is true.
fn scalar_filter(
    filter: &ScalarFilter,
    trace: &Trace,
    mut input: Spanset,
    state: &mut State<'_>,
) -> Option<Spanset> {
    let ScalarExpression::Aggregate(aggregate) = &filter.left else { return None };
    let ScalarExpression::Constant(constant) = &filter.right else { return None };
    let value = aggregate::value(aggregate, trace, &input.spans, state)?;
    if !value::compare(filter.operator, &value, &Value::from(constant)) {
        return None;
    }
    input.attributes.push((aggregate.to_string(), value));
    Some(input)
}
