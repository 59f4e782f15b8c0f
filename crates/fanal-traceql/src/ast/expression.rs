//! What stands inside a filter: expressions over the fields of one span.

use super::{Attribute, TextSpan};
use fanal_model::{SpanKind, StatusCode};

/// An expression over the fields of one span.
#[derive(Debug, Clone, PartialEq)]
pub struct Expression {
    /// What it is.
    pub kind: ExpressionKind,
    /// Where it stands.
    pub span: TextSpan,
}

/// What an expression is.
#[derive(Debug, Clone, PartialEq)]
pub enum ExpressionKind {
    /// A literal.
    Static(Static),
    /// A field.
    Attribute(Attribute),
    /// `!x` or `-x`.
    Unary {
        /// The operator.
        operator: UnaryOperator,
        /// Its operand.
        operand: Box<Expression>,
    },
    /// `x != nil`, `x = nil`.
    Existence {
        /// What is looked for.
        operand: Box<Expression>,
        /// Whether it must be there (`!= nil`) or not (`= nil`).
        is_present: bool,
    },
    /// `a op b`.
    Binary {
        /// The operator.
        operator: BinaryOperator,
        /// Its left operand.
        left: Box<Expression>,
        /// Its right operand.
        right: Box<Expression>,
    },
    /// `a && b && c`, `a || b || c`: at least two operands, none of the same kind as the whole.
    Logical {
        /// The operator.
        operator: LogicalOperator,
        /// The operands in order.
        operands: Vec<Expression>,
    },
}

/// A literal.
#[derive(Debug, Clone, PartialEq)]
pub enum Static {
    /// A whole number.
    Int(i64),
    /// A finite float.
    Float(f64),
    /// A text.
    String(String),
    /// A truth value.
    Bool(bool),
    /// Nanoseconds.
    Duration(i64),
    /// A status.
    Status(StatusCode),
    /// A kind.
    Kind(SpanKind),
}

/// An operator before its operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UnaryOperator {
    /// `!`
    Not,
    /// `-`
    Negate,
}

/// An operator between two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BinaryOperator {
    /// `+ - * / % ^`
    Arithmetic(ArithmeticOperator),
    /// `= != < <= > >=`
    Comparison(ComparisonOperator),
    /// `=~ !~`
    Regex(RegexOperator),
}

/// An operator between numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ArithmeticOperator {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`
    Remainder,
    /// `^`, the left to the power of the right.
    Power,
}

/// An operator that compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ComparisonOperator {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

/// An operator between a text and a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RegexOperator {
    /// `=~`
    Matches,
    /// `!~`
    MatchesNot,
}

/// An operator between truth values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LogicalOperator {
    /// `&&`
    And,
    /// `||`
    Or,
}

impl ArithmeticOperator {
    /// Every operator.
    pub const ALL: [Self; 6] =
        [Self::Add, Self::Subtract, Self::Multiply, Self::Divide, Self::Remainder, Self::Power];

    /// As written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
            Self::Power => "^",
        }
    }

    /// Whether metrics arithmetic and constants outside filters have it.
    pub fn is_basic(self) -> bool {
        !matches!(self, Self::Remainder | Self::Power)
    }
}

impl ComparisonOperator {
    /// Every operator.
    pub const ALL: [Self; 6] = [
        Self::Equal,
        Self::NotEqual,
        Self::Less,
        Self::LessOrEqual,
        Self::Greater,
        Self::GreaterOrEqual,
    ];

    /// As written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }

    /// Whether it asks for an order, not for equality.
    pub fn is_order(self) -> bool {
        !matches!(self, Self::Equal | Self::NotEqual)
    }
}

impl RegexOperator {
    /// As written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Matches => "=~",
            Self::MatchesNot => "!~",
        }
    }
}

impl LogicalOperator {
    /// As written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::And => "&&",
            Self::Or => "||",
        }
    }
}

impl BinaryOperator {
    /// As written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Arithmetic(operator) => operator.as_str(),
            Self::Comparison(operator) => operator.as_str(),
            Self::Regex(operator) => operator.as_str(),
        }
    }
}

impl Expression {
    /// The literal, where it is one.
    pub fn as_static(&self) -> Option<&Static> {
        match &self.kind {
            ExpressionKind::Static(value) => Some(value),
            _ => None,
        }
    }

    /// The field, where it is nothing but one.
    pub fn as_attribute(&self) -> Option<&Attribute> {
        match &self.kind {
            ExpressionKind::Attribute(attribute) => Some(attribute),
            _ => None,
        }
    }

    /// Whether it is a chain of this operator.
    pub(crate) fn is_logical(&self, wanted: LogicalOperator) -> bool {
        matches!(&self.kind, ExpressionKind::Logical { operator, .. } if *operator == wanted)
    }

    /// Whether no span can make it true, by its literals alone.
    pub fn is_never_true(&self) -> bool {
        match &self.kind {
            ExpressionKind::Static(value) => *value != Static::Bool(true),
            ExpressionKind::Logical { operator: LogicalOperator::And, operands } => {
                operands.iter().any(Self::is_never_true)
            }
            ExpressionKind::Logical { operator: LogicalOperator::Or, operands } => {
                operands.iter().all(Self::is_never_true)
            }
            _ => false,
        }
    }
}
