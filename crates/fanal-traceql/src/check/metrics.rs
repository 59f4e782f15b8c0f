//! Metrics queries: limits, and what functions take.

use super::{Check, attributes, expression, invalid, pipeline, supported, unsupported};
use crate::ast::{
    Compare, Located, MetricsAggregate, MetricsExpression, MetricsFunction, MetricsPipeline,
    MetricsQuery, OverTime, Pipeline, SecondStage, SpansetExpression, SpansetOperator, Stage,
};

/// Most attributes that series are grouped by; one fewer where a function needs a label of its own.
pub const GROUP_ATTRIBUTES_MAX: usize = 5;

/// Most values of an attribute that `compare` gives series to.
pub const COMPARE_TOP_MAX: i64 = 1000;

pub(super) fn metrics_query(query: &MetricsQuery) -> Check {
    metrics_expression(&query.expression)?;
    query.second.iter().try_for_each(second_stage)
}

fn metrics_expression(expression: &MetricsExpression) -> Check {
    match expression {
        MetricsExpression::Pipeline(pipeline) => metrics_pipeline(pipeline),
        MetricsExpression::Constant(_) => Ok(()),
        MetricsExpression::Arithmetic { left, right, .. } => {
            for side in [left, right] {
                if let MetricsExpression::Pipeline(pipeline) = side.as_ref()
                    && matches!(pipeline.aggregate.function, MetricsFunction::Compare(_))
                {
                    let message = "compare() takes no part in arithmetic";
                    return Err(invalid(pipeline.aggregate.span, message));
                }
                metrics_expression(side)?;
            }
            Ok(())
        }
    }
}

fn metrics_pipeline(query: &MetricsPipeline) -> Check {
    pipeline(&query.pipeline)?;
    let MetricsAggregate { function, by, span } = &query.aggregate;
    if let MetricsFunction::Compare(compare) = function {
        if !query.second.is_empty() {
            return Err(invalid(*span, "nothing may follow compare()"));
        }
        return compare_arguments(compare, *span);
    }
    if let Some(argument) = function.argument() {
        supported(&argument.item, argument.span)?;
    }
    if let MetricsFunction::QuantileOverTime(_, quantiles) = function {
        let wrong = quantiles.iter().find(|quantile| !(0.0..=1.0).contains(&quantile.item));
        if let Some(Located { item, span }) = wrong {
            return Err(invalid(*span, format!("the quantile {item} is not between 0 and 1")));
        }
    }
    attributes(by)?;
    let has_label = matches!(
        function,
        MetricsFunction::QuantileOverTime(..)
            | MetricsFunction::HistogramOverTime(_)
            | MetricsFunction::OverTime(OverTime::Average, _)
    );
    let most = GROUP_ATTRIBUTES_MAX - usize::from(has_label);
    if let Some(first) = by.get(most) {
        let name = function.as_str();
        let message = format!("{name}() by {} attributes, {most} are allowed", by.len());
        return Err(unsupported(first.span, message));
    }
    query.second.iter().try_for_each(second_stage)
}

fn compare_arguments(compare: &Compare, span: crate::ast::TextSpan) -> Check {
    expression::filter(&compare.selection)?;
    if let Some(Located { item, span }) = compare.top
        && !(1..=COMPARE_TOP_MAX).contains(&item)
    {
        let message = format!("compare() counts 1 to {COMPARE_TOP_MAX} values, not {item}");
        return Err(invalid(span, message));
    }
    if compare.range.is_some_and(|(start, end)| end <= start) {
        return Err(invalid(span, "the range of compare() ends before it starts"));
    }
    Ok(())
}

fn second_stage(stage: &SecondStage) -> Check {
    match stage {
        SecondStage::Top(count) | SecondStage::Bottom(count) if count.item < 1 => {
            Err(invalid(count.span, "at least one series must be kept"))
        }
        _ => Ok(()),
    }
}

/// Whether no trace can pass the pipeline, by its literals alone: such a function gives no series at all.
pub fn is_never_true(pipeline: &Pipeline) -> bool {
    pipeline.stages.iter().any(|stage| match stage {
        Stage::Spansets(spansets) => is_never(spansets),
        _ => false,
    })
}

fn is_never(spansets: &SpansetExpression) -> bool {
    match spansets {
        SpansetExpression::Filter(filter) => {
            filter.expression.as_ref().is_some_and(crate::ast::Expression::is_never_true)
        }
        SpansetExpression::Operation { operator: SpansetOperator::Or, left, right, .. } => {
            is_never(left) && is_never(right)
        }
        SpansetExpression::Operation { operator, left, right, .. } => {
            is_never(right) || (!operator.keeps_without_left() && is_never(left))
        }
    }
}
