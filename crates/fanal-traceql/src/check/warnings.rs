//! What the asker of a query should know: where it means something else here than in Tempo, and what is ignored.
//!
//! Only differences that a query's text shows and that its asker may have relied on; the others are in the user's guide.

use crate::ast::{
    ArithmeticOperator, Attribute, AttributeScope, BinaryOperator, Body, Expression,
    ExpressionKind, Hint, LogicalOperator, MetricsExpression, MetricsFunction, MetricsPipeline,
    Pipeline, Query, ScalarExpression, SpansetExpression, SpansetQuery, Stage, Static, TextSpan,
    UnaryOperator,
};
use crate::error;
use crate::lexer::{self, TokenKind};
use crate::types::ValueType;
use std::collections::BTreeSet;

/// Most warnings of a query.
const WARNINGS_MAX: usize = 20;

/// What the asker of a query should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// In one line.
    pub message: String,
    /// Which part of the query it is about.
    pub span: TextSpan,
}

/// All warnings of a query, in the order of its text, each message once.
pub(super) fn of(query: &Query, text: &str) -> Vec<Warning> {
    let mut found = Warnings::default();
    match &query.body {
        Body::Search(search) => found.spanset_query(search),
        Body::Metrics(metrics) => found.metrics(&metrics.expression),
        Body::Scalar(_) => {}
    }
    query.hints.iter().for_each(|hint| found.hint(hint));
    found.mixed_operators(text);
    found.0.sort_by_key(|warning| warning.span.start);
    let mut seen = BTreeSet::new();
    found.0.retain(|warning| seen.insert(warning.message.clone()));
    let more = found.0.len().saturating_sub(WARNINGS_MAX);
    if let Some(first) = found.0.get(WARNINGS_MAX).map(|warning| warning.span).filter(|_| more > 0)
    {
        found.0.truncate(WARNINGS_MAX);
        found.add(first, format!("{more} more warnings are not shown"));
    }
    found.0
}

#[derive(Default)]
struct Warnings(Vec<Warning>);

impl Warnings {
    fn add(&mut self, span: TextSpan, message: impl Into<String>) {
        self.0.push(Warning { message: error::bounded(message.into()), span });
    }

    fn spanset_query(&mut self, query: &SpansetQuery) {
        match query {
            SpansetQuery::Pipeline(pipeline) => self.pipeline(pipeline),
            SpansetQuery::Combined { left, right, .. } => {
                self.spanset_query(left);
                self.spanset_query(right);
            }
        }
    }

    fn pipeline(&mut self, pipeline: &Pipeline) {
        let mut event_filters = 0;
        for stage in &pipeline.stages {
            match stage {
                Stage::Spansets(spansets) => {
                    if let SpansetExpression::Filter(filter) = spansets
                        && let Some(expression) = &filter.expression
                        && has_event(expression)
                    {
                        event_filters += 1;
                        if event_filters == 2 {
                            self.add(
                                filter.span,
                                "each filter looks for an event or link of its own",
                            );
                        }
                    }
                    self.spansets(spansets);
                }
                Stage::ScalarFilter(filter) => {
                    if let ScalarExpression::Aggregate(aggregate) = &filter.left
                        && let Some(argument) = &aggregate.argument
                    {
                        self.expression(argument);
                    }
                }
                Stage::GroupBy(key) => self.expression(key),
                Stage::Coalesce | Stage::Select(_) => {}
            }
        }
    }

    fn spansets(&mut self, spansets: &SpansetExpression) {
        match spansets {
            SpansetExpression::Filter(filter) => {
                filter.expression.iter().for_each(|expression| self.expression(expression));
            }
            SpansetExpression::Operation { left, right, .. } => {
                self.spansets(left);
                self.spansets(right);
            }
        }
    }

    fn metrics(&mut self, expression: &MetricsExpression) {
        match expression {
            MetricsExpression::Pipeline(pipeline) => self.metrics_pipeline(pipeline),
            MetricsExpression::Constant(_) => {}
            MetricsExpression::Arithmetic { left, right, .. } => {
                self.metrics(left);
                self.metrics(right);
            }
        }
    }

    fn metrics_pipeline(&mut self, query: &MetricsPipeline) {
        self.pipeline(&query.pipeline);
        let function = &query.aggregate.function;
        if let MetricsFunction::Compare(compare) = function {
            compare.selection.expression.iter().for_each(|selection| self.expression(selection));
        }
        let Some(argument) = function.argument() else { return };
        let kind = argument.item.value_type();
        let name = function.as_str();
        if !kind.may_be_number() {
            let message =
                format!("{name}({argument}) computes with numbers, and this is {}", kind.as_str());
            self.add(argument.span, message);
        }
        let is_duration = argument.item == Attribute::Intrinsic(crate::ast::Intrinsic::Duration);
        if matches!(function, MetricsFunction::OverTime(..))
            && kind == ValueType::Duration
            && !is_duration
        {
            self.add(
                argument.span,
                format!("{name}({argument}) is in seconds, in Tempo in nanoseconds"),
            );
        }
        let is_bucketed = matches!(
            function,
            MetricsFunction::HistogramOverTime(_) | MetricsFunction::QuantileOverTime(..)
        );
        if is_bucketed && kind == ValueType::Unknown {
            self.add(
                argument.span,
                format!("{name}({argument}) counts floats too, which Tempo leaves out"),
            );
        }
    }

    fn expression(&mut self, expression: &Expression) {
        match &expression.kind {
            ExpressionKind::Static(_) | ExpressionKind::Attribute(_) => {}
            ExpressionKind::Unary { operator, operand } => {
                if *operator == UnaryOperator::Not
                    && !matches!(operand.kind, ExpressionKind::Attribute(_))
                {
                    self.add(expression.span, "`!(…)` keeps spans without the attribute too");
                }
                self.choice(expression);
                self.expression(operand);
            }
            ExpressionKind::Existence { operand, is_present } => {
                let unscoped = matches!(
                    operand.as_attribute(),
                    Some(Attribute::Named { scope: AttributeScope::Unscoped, .. })
                );
                if unscoped && !is_present {
                    self.add(
                        expression.span,
                        format!("`{expression}` means absent on the span and on its resource"),
                    );
                }
                self.expression(operand);
            }
            ExpressionKind::Binary { operator, left, right } => {
                self.binary(expression, *operator, left);
                self.expression(left);
                self.expression(right);
            }
            ExpressionKind::Logical { operator, operands } => {
                let bare = operands.iter().find(|operand| operand.as_attribute().is_some());
                if let Some(bare) = bare {
                    self.add(bare.span, format!("`{bare}` as a condition is true where the attribute is the boolean true"));
                }
                if *operator == LogicalOperator::Or {
                    self.choice(expression);
                }
                operands.iter().for_each(|operand| self.expression(operand));
            }
        }
    }

    /// `||` and `!` over fields of events or links.
    fn choice(&mut self, expression: &Expression) {
        if has_event(expression) {
            self.add(
                expression.span,
                "all conditions of a filter look at one event and at one link",
            );
        }
    }

    fn binary(&mut self, whole: &Expression, operator: BinaryOperator, left: &Expression) {
        match operator {
            BinaryOperator::Arithmetic(ArithmeticOperator::Power) => {
                self.add(
                    whole.span,
                    "`a ^ b` is a to the power of b; Tempo computes b to the power of a with ints",
                );
            }
            BinaryOperator::Comparison(operator)
                if operator.is_order() && left.as_static().is_some() =>
            {
                self.add(whole.span, "a literal on the left compares as it reads");
            }
            _ => {}
        }
    }

    fn hint(&mut self, hint: &Hint) {
        let value = &hint.value;
        let is_bool = matches!(value, Static::Bool(_));
        let is_share = matches!(value, Static::Float(share) if *share > 0.0 && *share < 1.0);
        let fits = match hint.name.as_str() {
            "most_recent" | "extrapolate" => is_bool,
            "exemplars" => is_bool || matches!(value, Static::Int(_)),
            "sample" => is_bool || is_share,
            "span_sample" | "trace_sample" => is_share,
            _ => {
                self.add(hint.span, format!("the hint `{}` is unknown and ignored", hint.name));
                return;
            }
        };
        if !fits {
            self.add(hint.span, format!("the hint `{hint}` is ignored: its value does not fit"));
        }
    }

    /// `&&` beside `||` without parentheses: they are of one level.
    fn mixed_operators(&mut self, text: &str) {
        let mut levels: Vec<Option<&str>> = vec![None];
        for token in lexer::tokens(text).unwrap_or_default() {
            let TokenKind::Symbol(symbol) = token.kind else { continue };
            match symbol {
                "(" | "{" => levels.push(None),
                ")" | "}" => drop(levels.pop()),
                "|" | "," => levels.last_mut().into_iter().for_each(|level| *level = None),
                "&&" | "||" => {
                    let Some(level) = levels.last_mut() else { return };
                    if level.is_some_and(|before| before != symbol) {
                        self.add(
                            token.span,
                            "`&&` and `||` bind equally tightly, from the left: use parentheses",
                        );
                    }
                    *level = Some(symbol);
                }
                _ => {}
            }
        }
    }
}

/// Whether an expression reads a field of an event or a link.
fn has_event(expression: &Expression) -> bool {
    let mut is_found = false;
    expression.visit_attributes(&mut |attribute, _| {
        is_found |= attribute.is_of_event() || attribute.is_of_link();
    });
    is_found
}
