//! What a store can tell of a filter: conditions that hold wherever it holds, and conditions wherever which it holds.
//!
//! Asked by the finder, by metrics and by façades that filter. Where both bounds are the same, the filter is told exactly.
//! A field that only a whole trace has, or that one event must share with another, leaves a gap between them.

use super::leaf;
use fanal_storage::SpanCondition;
use fanal_traceql::ast::{
    Attribute, BinaryOperator, Expression, ExpressionKind, LogicalOperator, RegexOperator, Static,
    UnaryOperator,
};

/// What is known of a span's answer without reading more than a store tests.
#[derive(Debug, Clone, PartialEq)]
pub enum Known {
    /// It holds on every span.
    Always,
    /// It holds on none.
    Never,
    /// It holds where this does.
    Where(SpanCondition),
}

/// The bounds of an expression.
#[derive(Debug, Clone, PartialEq)]
pub struct Bounds {
    /// Holds wherever the expression is true.
    pub upper: Known,
    /// The expression is true wherever this holds.
    pub lower: Known,
}

impl Known {
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Never, _) | (_, Self::Never) => Self::Never,
            (Self::Always, other) | (other, Self::Always) => other,
            (Self::Where(left), Self::Where(right)) => {
                let mut all = Vec::new();
                for side in [left, right] {
                    match side {
                        SpanCondition::AllOf(conditions) => all.extend(conditions),
                        condition => all.push(condition),
                    }
                }
                Self::Where(SpanCondition::AllOf(all))
            }
        }
    }

    /// Where one of them holds.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Always, _) | (_, Self::Always) => Self::Always,
            (Self::Never, other) | (other, Self::Never) => other,
            (Self::Where(left), Self::Where(right)) => {
                let mut any = Vec::new();
                for side in [left, right] {
                    match side {
                        SpanCondition::AnyOf(conditions) => any.extend(conditions),
                        condition => any.push(condition),
                    }
                }
                Self::Where(SpanCondition::AnyOf(any))
            }
        }
    }

    /// Where it does not hold.
    #[must_use]
    pub fn negated(self) -> Self {
        match self {
            Self::Always => Self::Never,
            Self::Never => Self::Always,
            Self::Where(SpanCondition::Not(condition)) => Self::Where(*condition),
            Self::Where(condition) => Self::Where(SpanCondition::Not(Box::new(condition))),
        }
    }

    /// As conditions of which all must hold; `None` where no span can match.
    pub fn into_conditions(self) -> Option<Vec<SpanCondition>> {
        match self {
            Self::Always => Some(Vec::new()),
            Self::Never => None,
            Self::Where(SpanCondition::AllOf(all)) => Some(all),
            Self::Where(condition) => Some(vec![condition]),
        }
    }
}

impl From<bool> for Known {
    fn from(holds: bool) -> Self {
        if holds { Self::Always } else { Self::Never }
    }
}

impl Bounds {
    /// Of what the store tells exactly.
    pub fn exact(known: Known) -> Self {
        Self { upper: known.clone(), lower: known }
    }

    /// Of what the store cannot tell.
    pub fn unknown() -> Self {
        Self { upper: Known::Always, lower: Known::Never }
    }

    /// Of what is true on no more spans than these.
    pub fn at_most(upper: Known) -> Self {
        Self { upper, lower: Known::Never }
    }

    /// Whether the store tells it exactly.
    pub fn is_exact(&self) -> bool {
        self.upper == self.lower
    }

    /// Of a filter's expression, or of none, which keeps every span.
    pub fn of_filter(expression: Option<&Expression>) -> Self {
        expression.map_or(Self::exact(Known::Always), Self::of)
    }

    /// Of an expression.
    pub fn of(expression: &Expression) -> Self {
        match &expression.kind {
            ExpressionKind::Static(value) => Self::exact((*value == Static::Bool(true)).into()),
            ExpressionKind::Attribute(field) => leaf::is_true(field, true),
            ExpressionKind::Unary { operator: UnaryOperator::Not, operand } => {
                Self::of_not(operand)
            }
            ExpressionKind::Existence { operand, is_present } => match operand.as_attribute() {
                Some(field) => leaf::is_there(field, *is_present),
                None => Self::unknown(),
            },
            ExpressionKind::Binary { operator, left, right } => {
                Self::of_binary(*operator, left, right)
            }
            ExpressionKind::Logical { operator, operands } => {
                let mut bounds = operands.iter().map(Self::of);
                let Some(first) = bounds.next() else { return Self::unknown() };
                bounds.fold(first, |left, right| left.joined(*operator, right))
            }
            ExpressionKind::Unary { operator: UnaryOperator::Negate, .. } => {
                Self::exact(Known::Never)
            }
        }
    }

    fn of_not(operand: &Expression) -> Self {
        if let Some(field) = operand.as_attribute() {
            return leaf::is_true(field, false);
        }
        // Of anything else that is no truth value the negation is nil.
        if is_truth(operand) { Self::of(operand).negated() } else { Self::unknown() }
    }

    fn of_binary(operator: BinaryOperator, left: &Expression, right: &Expression) -> Self {
        match operator {
            BinaryOperator::Arithmetic(_) => Self::exact(Known::Never),
            BinaryOperator::Comparison(operator) => {
                let sides = (left.as_attribute(), right.as_static());
                if let (Some(field), Some(value)) = sides {
                    return leaf::compare(field, operator, value);
                }
                match (right.as_attribute(), left.as_static()) {
                    (Some(field), Some(value)) => {
                        leaf::compare(field, leaf::mirrored(operator), value)
                    }
                    // What is computed of a field that is not there is nil, which compares with nothing.
                    _ => Self::at_most(operands(left).and(operands(right))),
                }
            }
            BinaryOperator::Regex(operator) => {
                let is_negated = operator == RegexOperator::MatchesNot;
                match (left.as_attribute(), right.as_static()) {
                    (Some(field), Some(Static::String(pattern))) => {
                        leaf::matches(field, is_negated, pattern)
                    }
                    _ => Self::unknown(),
                }
            }
        }
    }

    fn joined(self, operator: LogicalOperator, other: Self) -> Self {
        match operator {
            LogicalOperator::And => {
                Self { upper: self.upper.and(other.upper), lower: self.lower.and(other.lower) }
            }
            LogicalOperator::Or => {
                Self { upper: self.upper.or(other.upper), lower: self.lower.or(other.lower) }
            }
        }
    }

    /// Of the negation of what is a truth value on every span.
    fn negated(self) -> Self {
        Self { upper: self.lower.negated(), lower: self.upper.negated() }
    }
}

/// What a span must have for arithmetic, or a field, to be anything but nil.
fn operands(expression: &Expression) -> Known {
    match &expression.kind {
        ExpressionKind::Attribute(field) => leaf::is_there(field, true).upper,
        ExpressionKind::Binary { operator: BinaryOperator::Arithmetic(_), left, right } => {
            operands(left).and(operands(right))
        }
        ExpressionKind::Unary { operator: UnaryOperator::Negate, operand } => operands(operand),
        _ => Known::Always,
    }
}

/// Whether an expression is `true` or `false` on every span, never nil.
pub(super) fn is_truth(expression: &Expression) -> bool {
    match &expression.kind {
        ExpressionKind::Static(value) => matches!(value, Static::Bool(_)),
        ExpressionKind::Unary { operator: UnaryOperator::Not, operand } => is_truth(operand),
        ExpressionKind::Binary { operator, .. } => {
            !matches!(operator, BinaryOperator::Arithmetic(_))
        }
        ExpressionKind::Existence { .. } | ExpressionKind::Logical { .. } => true,
        ExpressionKind::Attribute(_) | ExpressionKind::Unary { .. } => false,
    }
}

/// Whether a field is of one event or link, which a whole filter must share.
pub(super) fn is_of_item(field: &Attribute) -> bool {
    field.is_of_event() || field.is_of_link()
}
