//! Which span a trace must have to be worth a look: of the conditions that a query sets, those that leave fewest traces.
//!
//! Asked by search and metrics before whole traces are fetched. Both sides of `&&` and of a structural operator must find
//! spans, and so must every stage of a pipeline; so any one of them will do.

use super::bounds::{Bounds, Known};
use fanal_model::StatusCode;
use fanal_storage::{AttributeTest, Comparison, SpanCondition};
use fanal_traceql::ast::{
    Attribute, AttributeScope, BinaryOperator, ComparisonOperator, Expression, ExpressionKind,
    Filter, Intrinsic, Keep, LogicalOperator, Pipeline, SERVICE_NAME, SpansetExpression,
    SpansetOperator, SpansetQuery, Stage, Static,
};

/// What at least one span of every trace that a search finds must meet.
pub fn of_query(query: &SpansetQuery) -> Known {
    match query {
        SpansetQuery::Pipeline(pipeline) => of_pipeline(pipeline),
        SpansetQuery::Combined { operator, left, right, .. } => {
            of_sides(*operator, of_query(left), of_query(right))
        }
    }
}

/// The same of a pipeline.
pub fn of_pipeline(pipeline: &Pipeline) -> Known {
    let stages = pipeline.stages.iter().filter_map(|stage| match stage {
        Stage::Spansets(spansets) => Some(of_spansets(spansets)),
        _ => None,
    });
    stages.max_by_key(worth).unwrap_or(Known::Always)
}

fn of_spansets(spansets: &SpansetExpression) -> Known {
    match spansets {
        SpansetExpression::Filter(filter) => of_filter(filter),
        SpansetExpression::Operation { operator, left, right, .. } => {
            of_sides(*operator, of_spansets(left), of_spansets(right))
        }
    }
}

fn of_sides(operator: SpansetOperator, left: Known, right: Known) -> Known {
    match operator {
        SpansetOperator::Or => left.or(right),
        SpansetOperator::Structural { keep: Keep::RightUnrelated, .. } => right,
        SpansetOperator::And | SpansetOperator::Structural { .. } => {
            if worth(&left) > worth(&right) { left } else { right }
        }
    }
}

fn of_filter(filter: &Filter) -> Known {
    let own = Bounds::of_filter(filter.expression.as_ref()).upper;
    let of_root = filter.expression.as_ref().map_or(Known::Always, of_root);
    if worth(&of_root) > worth(&own) { of_root } else { own }
}

/// What the root span must meet, as far as the filter names it.
fn of_root(expression: &Expression) -> Known {
    match &expression.kind {
        ExpressionKind::Logical { operator: LogicalOperator::And, operands } => {
            operands.iter().map(of_root).max_by_key(worth).unwrap_or(Known::Always)
        }
        ExpressionKind::Binary { operator, left, right } => {
            let is_equality = *operator == BinaryOperator::Comparison(ComparisonOperator::Equal);
            // Of a trace without a root the name is "".
            let is_name =
                matches!(right.as_static(), Some(Static::String(text)) if !text.is_empty());
            let own = match left.as_attribute() {
                Some(Attribute::Intrinsic(Intrinsic::RootName)) => {
                    Attribute::Intrinsic(Intrinsic::Name)
                }
                Some(Attribute::Intrinsic(Intrinsic::RootServiceName)) => {
                    Attribute::named(AttributeScope::Resource, SERVICE_NAME)
                }
                _ => return Known::Always,
            };
            if !is_equality || !is_name {
                return Known::Always;
            }
            let own = Expression { kind: ExpressionKind::Attribute(own), span: left.span };
            let kind = ExpressionKind::Binary {
                operator: *operator,
                left: Box::new(own),
                right: right.clone(),
            };
            let known = Bounds::of(&Expression { kind, span: expression.span }).upper;
            match known {
                Known::Where(condition) => {
                    Known::Where(SpanCondition::AllOf(vec![SpanCondition::Root, condition]))
                }
                other => other,
            }
        }
        _ => Known::Always,
    }
}

/// How few spans a condition tends to leave: an estimate without data, to choose between sides.
fn worth(known: &Known) -> u32 {
    match known {
        Known::Always => 0,
        Known::Where(condition) => worth_of(condition),
        Known::Never => u32::MAX,
    }
}

fn worth_of(condition: &SpanCondition) -> u32 {
    match condition {
        SpanCondition::Attribute(attribute) => match &attribute.test {
            _ if attribute.key == SERVICE_NAME => 40,
            AttributeTest::CompareElements(Comparison::Equal, _) => 100,
            AttributeTest::Matches(_) => 70,
            AttributeTest::Exists | AttributeTest::IsComparable => 20,
            _ => 50,
        },
        SpanCondition::Name(_) => 60,
        SpanCondition::Text(..) => 50,
        SpanCondition::Status(StatusCode::Error) => 45,
        SpanCondition::Service(_) => 40,
        SpanCondition::DurationMin(_) | SpanCondition::DurationMax(_) => 30,
        SpanCondition::ScopeName(_) | SpanCondition::ScopeVersion(_) => 15,
        SpanCondition::Status(_) | SpanCondition::Kind(_) | SpanCondition::Root => 10,
        SpanCondition::StatusNot(_) | SpanCondition::Not(_) => 5,
        SpanCondition::AllOf(all) => {
            let several = u32::try_from(all.len()).unwrap_or(u32::MAX);
            all.iter().map(worth_of).max().unwrap_or(0).saturating_add(several)
        }
        SpanCondition::AnyOf(any) => any.iter().map(worth_of).min().unwrap_or(u32::MAX),
    }
}
