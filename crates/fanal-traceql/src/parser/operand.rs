//! What stands between pipes and in parentheses outside filters: filters, numbers of spansets, metrics queries, constants,
//! and the operators between them, which share spellings and one set of levels.

use super::expression::level;
use super::{Deep, Parsed, Parser, fold, statics};
use crate::ast::{
    Aggregate, ArithmeticOperator, ComparisonOperator, MetricsExpression, MetricsQuery, Pipeline,
    ScalarExpression, ScalarFilter, SpansetExpression, SpansetOperator, SpansetQuery, Stage,
    Static, TextSpan,
};
use crate::error::TextError;

/// What an operator outside filters may stand beside.
pub(super) enum Operand {
    /// Sets of spans; `is_bare` where a filter in it stands outside of parentheses.
    Spansets { query: SpansetQuery, is_bare: bool },
    /// A number of a spanset.
    Scalar(ScalarExpression),
    /// `({ … } | count())`, and arithmetic between such.
    PipelineScalar(ScalarExpression),
    /// A number or a duration.
    Constant(Static),
    /// A metrics query.
    Metrics(MetricsQuery),
    /// A comparison of numbers of a spanset: a stage.
    ScalarFilter(ScalarFilter),
    /// A comparison of pipelines' numbers: a whole query.
    PipelineFilter(ScalarFilter),
}

#[derive(Clone, Copy)]
struct Operator {
    spelling: &'static str,
    spanset: Option<SpansetOperator>,
    comparison: Option<ComparisonOperator>,
    arithmetic: Option<ArithmeticOperator>,
}

impl Operator {
    fn of(spelling: &'static str) -> Option<Self> {
        let spanset = SpansetOperator::all().find(|known| known.as_str() == spelling);
        let comparison = ComparisonOperator::ALL.into_iter().find(|o| o.as_str() == spelling);
        let arithmetic = ArithmeticOperator::ALL.into_iter().find(|o| o.as_str() == spelling);
        let is_known = spanset.is_some() || comparison.is_some() || arithmetic.is_some();
        is_known.then_some(Self { spelling, spanset, comparison, arithmetic })
    }

    fn level(self) -> u8 {
        match (self.spanset, self.arithmetic) {
            (Some(operator), _) => operator.level(),
            (_, Some(operator)) => operator.level(),
            _ => level::COMPARISON,
        }
    }
}

impl SpansetOperator {
    /// How tightly it binds.
    pub(crate) fn level(self) -> u8 {
        match self {
            Self::And | Self::Or => level::LOGICAL,
            Self::Structural { .. } => level::COMPARISON,
        }
    }
}

impl Operand {
    pub(super) fn spansets(expression: SpansetExpression, is_bare: bool) -> Self {
        let stages = vec![Stage::Spansets(expression)];
        Self::Spansets { query: SpansetQuery::Pipeline(Pipeline { stages }), is_bare }
    }

    /// As a message names it.
    pub(super) fn as_str(&self) -> &'static str {
        match self {
            Self::Spansets { query, .. } if query.is_whole() => "a pipeline",
            Self::Spansets { .. } => "a filter",
            Self::Scalar(_) => "an aggregate",
            Self::PipelineScalar(_) => "an aggregate of a pipeline",
            Self::Constant(_) => "a constant",
            Self::Metrics(_) => "a metrics query",
            Self::ScalarFilter(_) | Self::PipelineFilter(_) => "a comparison",
        }
    }
}

impl Parser<'_> {
    /// Operands with operators between them.
    pub(super) fn operation(&mut self) -> Parsed<Deep<Operand>> {
        self.climb_operation(level::LOGICAL)
    }

    fn climb_operation(&mut self, least: u8) -> Parsed<Deep<Operand>> {
        let mut left = self.operand()?;
        while let Some(operator) = self.symbol().and_then(Operator::of) {
            // A comparison behind metrics is a second stage.
            let is_second =
                operator.comparison.is_some() && matches!(left.node, Operand::Metrics(_));
            if operator.level() < least || is_second {
                break;
            }
            let span = self.advance();
            let right_level =
                operator.arithmetic.map_or(operator.level() + 1, ArithmeticOperator::right_level);
            let right = if right_level == operator.level() {
                self.nested(|parser| parser.climb_operation(right_level))?
            } else {
                self.climb_operation(right_level)?
            };
            let depth = left.depth.max(right.depth) + 1;
            self.check_depth(depth)?;
            left = Deep { node: combine(operator, span, left.node, right.node)?, depth };
        }
        Ok(left)
    }

    fn operand(&mut self) -> Parsed<Deep<Operand>> {
        let node = match self.symbol() {
            Some("{") => Operand::spansets(SpansetExpression::Filter(self.filter()?), true),
            Some("(") => return self.nested(Self::parenthesized_operand),
            Some("-") => {
                let start = self.advance();
                return self.nested(|parser| {
                    let operand = parser.operand()?;
                    let Operand::Constant(value) = &operand.node else {
                        let message = format!("`-` cannot stand before {}", operand.node.as_str());
                        return Err(TextError::syntax(start, message));
                    };
                    let value = fold::negated(value)
                        .ok_or_else(|| TextError::syntax(start, "only a number can be negative"))?;
                    Ok(Deep { node: Operand::Constant(value), depth: 1 })
                });
            }
            _ => match self.take_number() {
                Some(value) => Operand::Constant(value),
                None if self.is_aggregate() => {
                    Operand::Scalar(ScalarExpression::Aggregate(self.aggregate()?))
                }
                None => return Err(self.unexpected_operand()),
            },
        };
        // Filters limit the depth of what is in them on their own.
        Ok(Deep { node, depth: 1 })
    }

    fn parenthesized_operand(&mut self) -> Parsed<Deep<Operand>> {
        self.advance();
        let mut inner = self.pipeline_or_operand()?;
        self.expect_symbol(")", "`|`, an operator or `)`")?;
        inner.depth += 1;
        if let Operand::Spansets { is_bare, .. } = &mut inner.node {
            *is_bare = false;
        }
        Ok(inner)
    }
}

/// `left operator right`, where the operator takes such operands.
fn combine(operator: Operator, span: TextSpan, left: Operand, right: Operand) -> Parsed<Operand> {
    let (left_name, right_name) = (left.as_str(), right.as_str());
    let result = match (operator, left, right) {
        (
            Operator { spelling, spanset: Some(operator), .. },
            Operand::Spansets { query: left, is_bare: left_bare },
            Operand::Spansets { query: right, is_bare: right_bare },
        ) => {
            let is_bare = left_bare || right_bare;
            if is_bare && (left.is_whole() || right.is_whole()) {
                let message = format!("`{spelling}` stands between a pipeline and a filter");
                let help = "put every operand in parentheses: `({ } | count() > 1) && ({ })`";
                return Err(TextError::syntax(span, message).help(help));
            }
            Some(Operand::Spansets { query: combined(operator, left, right, span), is_bare })
        }
        (Operator { comparison: Some(operator), .. }, left, right) => {
            compared(operator, span, left, right)
        }
        (Operator { arithmetic: Some(operator), .. }, left, right) => {
            computed(operator, span, left, right)?
        }
        _ => None,
    };
    result.ok_or_else(|| {
        let spelling = operator.spelling;
        let message = format!("`{spelling}` cannot stand between {left_name} and {right_name}");
        TextError::syntax(span, message)
    })
}

/// An operation between sets of spans: within one stage where both are nothing but filters.
pub fn combined(
    operator: SpansetOperator,
    left: SpansetQuery,
    right: SpansetQuery,
    span: TextSpan,
) -> SpansetQuery {
    match (left.into_spansets(), right.into_spansets()) {
        (Ok(left), Ok(right)) => {
            let (left, right) = (Box::new(left), Box::new(right));
            let stage = SpansetExpression::Operation { operator, left, right, span };
            SpansetQuery::Pipeline(Pipeline { stages: vec![Stage::Spansets(stage)] })
        }
        (left, right) => {
            let whole = |side: Result<SpansetExpression, SpansetQuery>| match side {
                Ok(spansets) => {
                    SpansetQuery::Pipeline(Pipeline { stages: vec![Stage::Spansets(spansets)] })
                }
                Err(query) => query,
            };
            let (left, right) = (Box::new(whole(left)), Box::new(whole(right)));
            SpansetQuery::Combined { operator, left, right, span }
        }
    }
}

/// A comparison, of operands that have one.
fn compared(
    operator: ComparisonOperator,
    span: TextSpan,
    left: Operand,
    right: Operand,
) -> Option<Operand> {
    use Operand::{Constant, PipelineScalar, Scalar};
    let filter = |left, right| ScalarFilter { operator, left, right, span };
    let constant = ScalarExpression::Constant;
    Some(match (left, right) {
        (Scalar(left), Scalar(right)) => Operand::ScalarFilter(filter(left, right)),
        (Scalar(left), Constant(right)) => Operand::ScalarFilter(filter(left, constant(right))),
        (Constant(left), Scalar(right)) => Operand::ScalarFilter(filter(constant(left), right)),
        (PipelineScalar(left), PipelineScalar(right)) => {
            Operand::PipelineFilter(filter(left, right))
        }
        (PipelineScalar(left), Constant(right)) => {
            Operand::PipelineFilter(filter(left, constant(right)))
        }
        _ => return None,
    })
}

/// Arithmetic, of operands that have it.
fn computed(
    operator: ArithmeticOperator,
    span: TextSpan,
    left: Operand,
    right: Operand,
) -> Parsed<Option<Operand>> {
    use Operand::{Constant, Metrics, PipelineScalar, Scalar};
    let constant = ScalarExpression::Constant;
    let scalar = |left, right| {
        let (left, right) = (Box::new(left), Box::new(right));
        ScalarExpression::Arithmetic { operator, left, right, span }
    };
    let metrics = |left: MetricsExpression, right: MetricsExpression| {
        let (left, right) = (Box::new(left), Box::new(right));
        let expression = MetricsExpression::Arithmetic { operator, left, right, span };
        Metrics(MetricsQuery { expression, second: Vec::new() })
    };
    let is_metrics = matches!(left, Metrics(_)) || matches!(right, Metrics(_));
    let is_duration = |operand: &Operand| matches!(operand, Constant(Static::Duration(_)));
    if is_metrics && (!operator.is_basic() || is_duration(&left) || is_duration(&right)) {
        let message = format!("metrics have no `{}` with such operands", operator.as_str());
        let help = "they take `+ - * /` and numbers without a unit";
        return Err(TextError::syntax(span, message).help(help));
    }
    Ok(Some(match (left, right) {
        (Constant(left), Constant(right)) => {
            Constant(statics::folded(operator, &left, &right, span)?)
        }
        (Scalar(left), Scalar(right)) => Scalar(scalar(left, right)),
        (Scalar(left), Constant(right)) => Scalar(scalar(left, constant(right))),
        (Constant(left), Scalar(right)) => Scalar(scalar(constant(left), right)),
        (PipelineScalar(left), PipelineScalar(right)) => PipelineScalar(scalar(left, right)),
        (Metrics(left), Metrics(right)) => metrics(left.expression, right.expression),
        (Metrics(left), Constant(right)) => {
            metrics(left.expression, MetricsExpression::Constant(right))
        }
        (Constant(left), Metrics(right)) => {
            metrics(MetricsExpression::Constant(left), right.expression)
        }
        _ => return Ok(None),
    }))
}

/// `({ … } | count())`.
pub(super) fn pipeline_scalar(pipeline: Pipeline, aggregate: Aggregate) -> Operand {
    Operand::PipelineScalar(ScalarExpression::Pipeline(pipeline, aggregate))
}
