//! Whether a filter keeps a span: bits of conditions that the store tested, and what the whole trace tells.

use super::Asked;
use super::field::Field;
use super::whole::Whole;
use crate::traceql::bounds::{Bounds, Known, is_truth};
use crate::traceql::leaf::mirrored;
use fanal_traceql::ast::{
    ArithmeticOperator, Attribute, AttributeScope, BinaryOperator, ComparisonOperator, Expression,
    ExpressionKind, Intrinsic, LogicalOperator, SERVICE_NAME, UnaryOperator,
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
    /// Two values compared.
    Compare(Operand, ComparisonOperator, Operand),
    All(Vec<Test>),
    Any(Vec<Test>),
    Not(Box<Test>),
}

/// A value of a span.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Operand {
    Constant(Value),
    Field(Field),
    Negated(Box<Operand>),
    Computed(ArithmeticOperator, Box<Operand>, Box<Operand>),
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
                if let Some(test) = Self::of_root(*operator, left, right, asked) {
                    return Some(test);
                }
                let BinaryOperator::Comparison(operator) = operator else { return None };
                let is_id = |side: &Expression| matches!(side.as_attribute(), Some(Attribute::Intrinsic(it)) if it.is_id());
                if is_id(left) || is_id(right) {
                    return None;
                }
                let operand = |side: &Expression, asked: &mut Asked| Operand::compile(side, asked);
                let (left, right) = (operand(left, asked)?, operand(right, asked)?);
                // What operands need can be looked for before they are computed.
                let needed = Self::of_known(bounds.upper, asked)?;
                Some(Self::All(vec![needed, Self::Compare(left, *operator, right)]))
            }
            _ => None,
        }
    }

    /// A comparison of what the root of the trace is called, in either order.
    fn of_root(
        operator: BinaryOperator,
        left: &Expression,
        right: &Expression,
        asked: &mut Asked,
    ) -> Option<Self> {
        if let Some(field) = left.as_attribute() {
            return Self::of_root_name(field, operator, right, asked);
        }
        let BinaryOperator::Comparison(operator) = operator else { return None };
        let operator = BinaryOperator::Comparison(mirrored(operator));
        Self::of_root_name(right.as_attribute()?, operator, left, asked)
    }

    fn of_known(known: Known, asked: &mut Asked) -> Option<Self> {
        Some(match known {
            Known::Always => Self::Constant(true),
            Known::Never => Self::Constant(false),
            Known::Where(condition) => Self::Met(asked.condition(condition)?),
        })
    }

    fn of_root_name(
        field: &Attribute,
        operator: BinaryOperator,
        operand: &Expression,
        asked: &mut Asked,
    ) -> Option<Self> {
        let Attribute::Intrinsic(intrinsic) = field else { return None };
        let own = match intrinsic {
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
            Self::Compare(left, operator, right) => {
                value::compare(*operator, &left.value(trace, place), &right.value(trace, place))
            }
            Self::All(tests) => tests.iter().all(|test| test.holds(trace, place)),
            Self::Any(tests) => tests.iter().any(|test| test.holds(trace, place)),
            Self::Not(test) => !test.holds(trace, place),
        }
    }
}

impl Operand {
    fn compile(expression: &Expression, asked: &mut Asked) -> Option<Self> {
        Some(match &expression.kind {
            ExpressionKind::Static(constant) => Self::Constant(Value::from(constant)),
            // Walks tell kinds and status codes by their words, which compare otherwise.
            ExpressionKind::Attribute(Attribute::Intrinsic(
                Intrinsic::Kind | Intrinsic::Status,
            )) => {
                return None;
            }
            ExpressionKind::Attribute(field) => Self::Field(Field::compile(field, asked)?),
            ExpressionKind::Unary { operator: UnaryOperator::Negate, operand } => {
                Self::Negated(Box::new(Self::compile(operand, asked)?))
            }
            ExpressionKind::Binary {
                operator: BinaryOperator::Arithmetic(operator),
                left,
                right,
            } => {
                let left = Box::new(Self::compile(left, asked)?);
                Self::Computed(*operator, left, Box::new(Self::compile(right, asked)?))
            }
            _ => return None,
        })
    }

    fn value(&self, trace: &Whole<'_>, place: usize) -> Value {
        match self {
            Self::Constant(value) => value.clone(),
            Self::Field(field) => field.value(trace, place),
            Self::Negated(operand) => value::negate(&operand.value(trace, place)),
            Self::Computed(operator, left, right) => {
                let values = (left.value(trace, place), right.value(trace, place));
                let computed = value::arithmetic(*operator, &values.0, &values.1);
                computed.unwrap_or_else(|_| {
                    trace.tell_division();
                    Value::Nil
                })
            }
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
