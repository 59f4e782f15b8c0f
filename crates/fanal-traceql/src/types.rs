//! Types as far as a query's text tells them, and which of them operators take.
//!
//! The check uses it for errors, the parser for folding. Types of attributes are known at run time only.

use crate::ast::{
    Attribute, BinaryOperator, ComparisonOperator, Expression, ExpressionKind, Intrinsic, Static,
    UnaryOperator,
};

/// The type of an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ValueType {
    /// A whole number.
    Int,
    /// A float.
    Float,
    /// A number of nanoseconds.
    Duration,
    /// A number of any of these types.
    Number,
    /// A text.
    String,
    /// A truth value.
    Bool,
    /// A status.
    Status,
    /// A kind.
    Kind,
    /// Known at run time only.
    Unknown,
}

impl ValueType {
    /// As a message names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Int => "an int",
            Self::Float => "a float",
            Self::Duration => "a duration",
            Self::Number => "a number",
            Self::String => "a string",
            Self::Bool => "a boolean",
            Self::Status => "a status",
            Self::Kind => "a kind",
            Self::Unknown => "an attribute",
        }
    }

    /// Whether arithmetic takes it, as far as is known.
    pub fn may_be_number(self) -> bool {
        self.is_number() || self == Self::Unknown
    }

    /// Whether it is a number for certain.
    pub fn is_number(self) -> bool {
        matches!(self, Self::Int | Self::Float | Self::Duration | Self::Number)
    }

    /// Whether it may be a truth value.
    pub fn may_be_bool(self) -> bool {
        matches!(self, Self::Bool | Self::Unknown)
    }

    /// Whether it may be a text.
    pub fn may_be_string(self) -> bool {
        matches!(self, Self::String | Self::Unknown)
    }
}

/// Whether a comparison takes these types, as far as they are known.
pub fn compares(operator: ComparisonOperator, left: ValueType, right: ValueType) -> bool {
    use ValueType::{Bool, Kind, Status, String, Unknown};
    let has_order = |kind: ValueType| kind.may_be_number() || kind == String;
    let fits = match (left, right) {
        (Unknown, _) | (_, Unknown) => true,
        (left, right) if left.is_number() || right.is_number() => {
            left.is_number() && right.is_number()
        }
        (String, String) | (Bool, Bool) | (Status, Status) | (Kind, Kind) => true,
        _ => false,
    };
    fits && (!operator.is_order() || (has_order(left) && has_order(right)))
}

impl Static {
    /// The type.
    pub fn value_type(&self) -> ValueType {
        match self {
            Self::Int(_) => ValueType::Int,
            Self::Float(_) => ValueType::Float,
            Self::String(_) => ValueType::String,
            Self::Bool(_) => ValueType::Bool,
            Self::Duration(_) => ValueType::Duration,
            Self::Status(_) => ValueType::Status,
            Self::Kind(_) => ValueType::Kind,
        }
    }
}

impl Intrinsic {
    /// The type of its values.
    pub fn value_type(self) -> ValueType {
        match self {
            Self::Duration | Self::TraceDuration | Self::EventTimeSinceStart => ValueType::Duration,
            Self::Status => ValueType::Status,
            Self::Kind => ValueType::Kind,
            Self::ChildCount
            | Self::NestedSetLeft
            | Self::NestedSetRight
            | Self::NestedSetParent => ValueType::Int,
            Self::Name
            | Self::StatusMessage
            | Self::SpanId
            | Self::ParentId
            | Self::RootName
            | Self::RootServiceName
            | Self::TraceId
            | Self::EventName
            | Self::LinkTraceId
            | Self::LinkSpanId
            | Self::InstrumentationName
            | Self::InstrumentationVersion => ValueType::String,
            Self::Parent => ValueType::Unknown,
        }
    }

    /// Whether it is an id in hex digits, which compares zero-padded with `=` and `!=`.
    pub fn is_id(self) -> bool {
        matches!(
            self,
            Self::SpanId | Self::ParentId | Self::TraceId | Self::LinkTraceId | Self::LinkSpanId
        )
    }
}

impl Attribute {
    /// The type of its values.
    pub fn value_type(&self) -> ValueType {
        match self {
            Self::Intrinsic(intrinsic) => intrinsic.value_type(),
            Self::Named { .. } => ValueType::Unknown,
        }
    }
}

impl Expression {
    /// The type of its values, taking for granted that the operands fit.
    pub fn value_type(&self) -> ValueType {
        match &self.kind {
            ExpressionKind::Static(value) => value.value_type(),
            ExpressionKind::Attribute(attribute) => attribute.value_type(),
            ExpressionKind::Unary { operator: UnaryOperator::Negate, operand } => {
                match operand.value_type() {
                    ValueType::Unknown => ValueType::Number,
                    known => known,
                }
            }
            ExpressionKind::Binary { operator: BinaryOperator::Arithmetic(_), .. } => {
                ValueType::Number
            }
            ExpressionKind::Unary { operator: UnaryOperator::Not, .. }
            | ExpressionKind::Existence { .. }
            | ExpressionKind::Binary { .. }
            | ExpressionKind::Logical { .. } => ValueType::Bool,
        }
    }
}
