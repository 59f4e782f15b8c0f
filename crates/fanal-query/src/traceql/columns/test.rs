//! Whether a filter keeps a span: bits of conditions that the store tested, and what the whole trace tells.

use super::Asked;
use super::field::Field;
use super::whole::Whole;
use crate::traceql::bounds::{Bounds, Known, is_truth};
use crate::traceql::leaf::mirrored;
use fanal_traceql::ast::{
    Attribute, AttributeScope, BinaryOperator, ComparisonOperator, Expression, ExpressionKind,
    Intrinsic, LogicalOperator, SERVICE_NAME, UnaryOperator,
};
use fanal_traceql::value::{self, Value};

/// A filter's expression.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Test {
    Constant(bool),
    /// The condition of this bit holds.
    Met(u64),
    /// It holds on the root; without one, this.
    RootMet(u64, bool),
    /// A number of the span or its trace compared.
    Compare(Field, ComparisonOperator, Value),
    All(Vec<Test>),
    Any(Vec<Test>),
    Not(Box<Test>),
}

impl Test {
    /// The test of an expression; `None` where a walk does not tell.
    pub(super) fn compile(expression: &Expression, asked: &mut Asked) -> Option<Self> {
        let bounds = Bounds::of(expression);
        if bounds.is_exact() {
            return Self::of_known(bounds.upper, asked);
        }
        match &expression.kind {
            ExpressionKind::Logical { operator, operands } => {
                let tests = operands.iter().map(|operand| Self::compile(operand, asked));
                let tests = tests.collect::<Option<Vec<_>>>()?;
                Some(match operator {
                    LogicalOperator::And => Self::All(tests),
                    LogicalOperator::Or => Self::Any(tests),
                })
            }
            ExpressionKind::Unary { operator: UnaryOperator::Not, operand }
                if is_truth(operand) =>
            {
                Some(Self::Not(Box::new(Self::compile(operand, asked)?)))
            }
            ExpressionKind::Binary { operator, left, right } => {
                let is_comparison = matches!(operator, BinaryOperator::Comparison(_));
                if let Some(field) = left.as_attribute() {
                    return Self::of_binary(field, *operator, right, asked);
                }
                let field = right.as_attribute().filter(|_| is_comparison)?;
                let BinaryOperator::Comparison(operator) = operator else { return None };
                let operator = BinaryOperator::Comparison(mirrored(*operator));
                Self::of_binary(field, operator, left, asked)
            }
            _ => None,
        }
    }

    fn of_known(known: Known, asked: &mut Asked) -> Option<Self> {
        Some(match known {
            Known::Always => Self::Constant(true),
            Known::Never => Self::Constant(false),
            Known::Where(condition) => Self::Met(asked.condition(condition)?),
        })
    }

    fn of_binary(
        field: &Attribute,
        operator: BinaryOperator,
        operand: &Expression,
        asked: &mut Asked,
    ) -> Option<Self> {
        let constant = operand.as_static()?;
        let Attribute::Intrinsic(intrinsic) = field else { return None };
        let own = match intrinsic {
            Intrinsic::TraceDuration | Intrinsic::ChildCount => {
                let BinaryOperator::Comparison(operator) = operator else { return None };
                let field = Field::compile(field, asked)?;
                return Some(Self::Compare(field, operator, Value::from(constant)));
            }
            Intrinsic::RootName => Attribute::Intrinsic(Intrinsic::Name),
            Intrinsic::RootServiceName => Attribute::named(AttributeScope::Resource, SERVICE_NAME),
            _ => return None,
        };
        // What the root must meet, and what a name that is empty would say.
        let span = operand.span;
        let on = |kind: ExpressionKind| {
            let left = Box::new(Expression { kind, span });
            let right = Box::new(operand.clone());
            Expression { kind: ExpressionKind::Binary { operator, left, right }, span }
        };
        let of_root = Bounds::of(&on(ExpressionKind::Attribute(own)));
        let without = of_empty(operator, operand)?;
        if !of_root.is_exact() {
            return None;
        }
        Some(match Self::of_known(of_root.upper, asked)? {
            Self::Met(bit) => Self::RootMet(bit, without),
            Self::Constant(holds) if holds == without => Self::Constant(holds),
            _ => return None,
        })
    }

    /// Bits that must be met on spans of a trace for the test to hold on one.
    pub(super) fn needed(&self) -> u64 {
        match self {
            Self::Met(bit) | Self::RootMet(bit, false) => *bit,
            Self::All(tests) => tests.iter().fold(0, |all, test| all | test.needed()),
            Self::Any(tests) => tests.iter().fold(u64::MAX, |all, test| all & test.needed()),
            _ => 0,
        }
    }

    /// Whether it holds on a span.
    pub(super) fn holds(&self, trace: &Whole<'_>, place: usize) -> bool {
        match self {
            Self::Constant(holds) => *holds,
            Self::Met(bit) => trace.spans[place].met & bit != 0,
            Self::RootMet(bit, without) => trace.root().map_or(*without, |it| it.met & bit != 0),
            Self::Compare(field, operator, operand) => {
                value::compare(*operator, &field.value(trace, place), operand)
            }
            Self::All(tests) => tests.iter().all(|test| test.holds(trace, place)),
            Self::Any(tests) => tests.iter().any(|test| test.holds(trace, place)),
            Self::Not(test) => !test.holds(trace, place),
        }
    }
}

/// What an operator says of the empty text.
fn of_empty(operator: BinaryOperator, operand: &Expression) -> Option<bool> {
    use fanal_traceql::ast::{RegexOperator, Static};
    let constant = operand.as_static()?;
    match operator {
        BinaryOperator::Arithmetic(_) => None,
        BinaryOperator::Comparison(operator) => {
            let empty = Value::String(String::new());
            Some(value::compare(operator, &empty, &Value::from(constant)))
        }
        BinaryOperator::Regex(operator) => {
            let Static::String(pattern) = constant else { return None };
            let pattern = fanal_traceql::regex::translate(pattern).ok()?;
            let is_match = fanal_storage::Pattern::new(&pattern).ok()?.matches("");
            Some(is_match == (operator == RegexOperator::Matches))
        }
    }
}
