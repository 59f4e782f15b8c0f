//! What a query that parses must fulfil to be answered: types, limits, and what is supported.
//!
//! [`check`] is the only way to a [`Checked`] query, which evaluators take, so that they need not look again.

mod expression;
mod metrics;
mod warnings;

use crate::ast::{
    Attribute, BinaryOperator, Body, ExpressionKind, Intrinsic, Keep, Located, Pipeline, Query,
    ScalarExpression, ScalarFilter, SpansetExpression, SpansetOperator, SpansetQuery, Stage,
    Static, TextSpan,
};
use crate::error::{ErrorClass, TextError};
use crate::parser;
use crate::regex::Pattern;
use std::collections::BTreeMap;

pub use metrics::{COMPARE_TOP_MAX, GROUP_ATTRIBUTES_MAX, is_never_true};
pub use warnings::Warning;

/// Most different regular expressions of a query: each costs time and memory before the first span is looked at.
pub const PATTERNS_MAX: usize = 250;

/// A query that can be answered.
#[derive(Debug, Clone)]
pub struct Checked {
    query: Query,
    patterns: BTreeMap<String, Pattern>,
}

impl Checked {
    /// The query.
    pub fn query(&self) -> &Query {
        &self.query
    }

    /// The query, to keep.
    pub fn into_query(self) -> Query {
        self.query
    }

    /// The compiled form of a pattern that the query has.
    pub fn pattern(&self, text: &str) -> Option<&Pattern> {
        self.patterns.get(text)
    }
}

/// A text as a query that can be answered, and what its asker should know.
pub fn compile(text: &str) -> Result<(Checked, Vec<Warning>), TextError> {
    let query = parser::parse(text)?;
    let warnings = warnings::of(&query, text);
    check(query).map(|checked| (checked, warnings)).map_err(|error| error.located(text))
}

/// The query, if it can be answered. The error's place is known only where the query was parsed.
pub fn check(query: Query) -> Result<Checked, TextError> {
    match &query.body {
        Body::Search(search) => spanset_query(search)?,
        Body::Metrics(metrics) => metrics::metrics_query(metrics)?,
        Body::Scalar(filter) => {
            return Err(unsupported(
                filter.span,
                "comparisons of whole pipelines are not supported",
            )
            .help("compare inside of the pipeline: `{ } | count() > 3`"));
        }
    }
    Ok(Checked { patterns: patterns(&query)?, query })
}

fn invalid(span: TextSpan, message: impl Into<String>) -> TextError {
    TextError::new(ErrorClass::Invalid, span, message)
}

fn unsupported(span: TextSpan, message: impl Into<String>) -> TextError {
    TextError::new(ErrorClass::Unsupported, span, message)
}

type Check = Result<(), TextError>;

/// The regular expressions of a query, compiled. More than are allowed are refused before any is.
fn patterns(query: &Query) -> Result<BTreeMap<String, Pattern>, TextError> {
    let mut texts: BTreeMap<&str, TextSpan> = BTreeMap::new();
    query.visit_expressions(&mut |expression| {
        expression.visit(&mut |part| {
            if let ExpressionKind::Binary { operator: BinaryOperator::Regex(_), right, .. } =
                &part.kind
                && let Some(Static::String(text)) = right.as_static()
            {
                texts.entry(text).or_insert(right.span);
            }
        });
    });
    if texts.len() > PATTERNS_MAX {
        let last = texts.values().max_by_key(|span| span.start).copied().unwrap_or_default();
        let count = texts.len();
        let message =
            format!("the query has {count} regular expressions, {PATTERNS_MAX} are allowed");
        let error = TextError::new(ErrorClass::Limit, last, message);
        return Err(error.help("join alternatives with `|` in one"));
    }
    let compile = |(text, span): (&str, TextSpan)| match Pattern::compile(text) {
        Ok(pattern) => Ok((text.to_owned(), pattern)),
        Err(error) => {
            Err(invalid(span, format!("this regular expression does not compile: {error}")))
        }
    };
    texts.into_iter().map(compile).collect()
}

fn spanset_query(query: &SpansetQuery) -> Check {
    match query {
        SpansetQuery::Pipeline(stages) => pipeline(stages),
        SpansetQuery::Combined { operator, left, right, span } => {
            spanset_query(left)?;
            spanset_query(right)?;
            let is_structural = matches!(operator, SpansetOperator::Structural { .. });
            if is_structural && (is_grouped(left) || is_grouped(right)) {
                let message =
                    format!("`{}` needs one set of spans on each side", operator.as_str());
                return Err(
                    invalid(*span, message).help("end the grouped side with `| coalesce()`")
                );
            }
            Ok(())
        }
    }
}

/// Whether there may be several sets of spans.
fn is_grouped(query: &SpansetQuery) -> bool {
    // Operators make one set of what they get.
    let SpansetQuery::Pipeline(pipeline) = query else { return false };
    pipeline.stages.iter().fold(false, |is_grouped, stage| match stage {
        Stage::GroupBy(_) => true,
        Stage::Coalesce => false,
        _ => is_grouped,
    })
}

fn pipeline(pipeline: &Pipeline) -> Check {
    pipeline.stages.iter().try_for_each(|stage| match stage {
        Stage::Spansets(spansets) => spanset_expression(spansets),
        Stage::ScalarFilter(filter) => scalar_filter(filter),
        Stage::GroupBy(key) => {
            expression::value(key)?;
            expression::mentions_span(key, "by")
        }
        Stage::Coalesce => Ok(()),
        Stage::Select(fields) => attributes(fields),
    })
}

fn spanset_expression(spansets: &SpansetExpression) -> Check {
    match spansets {
        SpansetExpression::Filter(filter) => expression::filter(filter),
        SpansetExpression::Operation { left, right, .. } => {
            spanset_expression(left)?;
            spanset_expression(right)
        }
    }
}

/// Only `aggregate operator constant` is answered.
fn scalar_filter(filter: &ScalarFilter) -> Check {
    let ScalarExpression::Aggregate(aggregate) = &filter.left else {
        return Err(unsupported(
            filter.span,
            "only an aggregate may stand on the left of this comparison",
        )
        .help("write it like `count() > 2`"));
    };
    if !matches!(filter.right, ScalarExpression::Constant(_)) {
        return Err(unsupported(filter.span, "an aggregate compares with a constant only"));
    }
    match &aggregate.argument {
        Some(argument) => expression::aggregate(aggregate.function, argument),
        None => Ok(()),
    }
}

fn attributes(attributes: &[Located<Attribute>]) -> Check {
    attributes.iter().try_for_each(|attribute| supported(&attribute.item, attribute.span))
}

/// Refuses the fields of the parent.
fn supported(attribute: &Attribute, span: TextSpan) -> Check {
    let is_parent = match attribute {
        Attribute::Intrinsic(intrinsic) => *intrinsic == Intrinsic::Parent,
        Attribute::Named { scope, .. } => scope.is_parent(),
    };
    if !is_parent {
        return Ok(());
    }
    Err(unsupported(span, "fields of the parent are not supported")
        .help("relate two filters instead: `{ .parents = 1 } > { .childs = 2 }`"))
}

impl SpansetOperator {
    /// Whether spans of the right side can be in the result without any on the left.
    pub(crate) fn keeps_without_left(self) -> bool {
        matches!(self, Self::Or | Self::Structural { keep: Keep::RightUnrelated, .. })
    }
}

#[cfg(test)]
mod tests;
