//! Expressions, literals and attributes as text.

use super::{Placed, is_negative};
use crate::ast::{
    Attribute, AttributeScope, BinaryOperator, Expression, ExpressionKind, Intrinsic, Static,
    UnaryOperator,
};
use crate::lexer;
use crate::parser::level;
use std::fmt::{self, Display, Formatter, Write};

/// Units of durations, greatest first.
const UNITS: [(&str, u64); 6] = [
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("µs", 1_000),
    ("ns", 1),
];

/// How tightly the outermost operator binds.
fn level_of(expression: &Expression) -> u8 {
    match &expression.kind {
        ExpressionKind::Static(value) if is_negative(value) => level::SUM,
        ExpressionKind::Static(_) | ExpressionKind::Attribute(_) => u8::MAX,
        ExpressionKind::Unary { operator: UnaryOperator::Negate, .. } => level::SUM,
        ExpressionKind::Unary { operator: UnaryOperator::Not, .. } => level::NOT,
        ExpressionKind::Existence { .. } => level::COMPARISON,
        ExpressionKind::Binary { operator, .. } => operator.level(),
        ExpressionKind::Logical { .. } => level::LOGICAL,
    }
}

/// In parentheses, if it binds more loosely than `least`.
fn placed(expression: &Expression, least: u8) -> Placed<'_, Expression> {
    Placed(expression, level_of(expression) < least)
}

impl Display for Expression {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ExpressionKind::Static(value) => write!(formatter, "{value}"),
            ExpressionKind::Attribute(attribute) => write!(formatter, "{attribute}"),
            ExpressionKind::Unary { operator: UnaryOperator::Negate, operand } => {
                write!(formatter, "-{}", placed(operand, level::NOT))
            }
            ExpressionKind::Unary { operator: UnaryOperator::Not, operand } => {
                write!(formatter, "!{}", placed(operand, level::PRODUCT))
            }
            ExpressionKind::Existence { operand, is_present } => {
                let operator = if *is_present { "!=" } else { "=" };
                write!(formatter, "{} {operator} nil", placed(operand, level::COMPARISON))
            }
            ExpressionKind::Binary { operator, left, right } => {
                let (left_level, right_level) = match operator {
                    BinaryOperator::Arithmetic(operator) => {
                        // A power takes another one on its right only.
                        let left = operator.level() + u8::from(operator.level() == level::POWER);
                        (left, operator.right_level())
                    }
                    _ => (level::COMPARISON, level::COMPARISON + 1),
                };
                let (left, right) = (placed(left, left_level), placed(right, right_level));
                write!(formatter, "{left} {} {right}", operator.as_str())
            }
            ExpressionKind::Logical { operator, operands } => {
                for (index, operand) in operands.iter().enumerate() {
                    if index > 0 {
                        write!(formatter, " {} ", operator.as_str())?;
                    }
                    // Both operators are of one level: the other one needs no parentheses where it comes first.
                    let least = level::LOGICAL + u8::from(index > 0);
                    write!(formatter, "{}", placed(operand, least))?;
                }
                Ok(())
            }
        }
    }
}

impl Display for Static {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(i64::MIN) => formatter.write_str("minInt"),
            Self::Int(number) => write!(formatter, "{number}"),
            Self::Float(number) => write!(formatter, "{number:?}"),
            Self::String(text) => quoted(formatter, text),
            Self::Bool(flag) => write!(formatter, "{flag}"),
            Self::Duration(nanos) => duration(formatter, *nanos),
            Self::Status(status) => formatter.write_str(status.as_str()),
            Self::Kind(kind) => formatter.write_str(kind.as_str()),
        }
    }
}

/// A text in double quotes.
fn quoted(formatter: &mut Formatter<'_>, text: &str) -> fmt::Result {
    formatter.write_char('"')?;
    for c in text.chars() {
        match c {
            '"' | '\\' => write!(formatter, "\\{c}")?,
            '\n' => formatter.write_str("\\n")?,
            '\r' => formatter.write_str("\\r")?,
            '\t' => formatter.write_str("\\t")?,
            c if c.is_control() => write!(formatter, "\\u{:04x}", u32::from(c))?,
            c => formatter.write_char(c)?,
        }
    }
    formatter.write_char('"')
}

/// Nanoseconds as Go writes them: `2m0s`, `1.5s`, `163.333333ms`.
pub(crate) fn duration(formatter: &mut Formatter<'_>, nanos: i64) -> fmt::Result {
    if nanos < 0 {
        formatter.write_char('-')?;
    }
    let mut rest = nanos.unsigned_abs();
    if rest == 0 {
        return formatter.write_str("0s");
    }
    let mut is_begun = false;
    for (unit, size) in UNITS {
        let whole = rest / size;
        if size > 1_000_000_000 {
            if is_begun || whole > 0 {
                write!(formatter, "{whole}{unit}")?;
                is_begun = true;
            }
            rest %= size;
        } else if is_begun || whole > 0 {
            let digits = size.ilog10();
            let fraction = format!("{:0width$}", rest % size, width = digits as usize);
            let fraction = fraction.trim_end_matches('0');
            return if fraction.is_empty() {
                write!(formatter, "{whole}{unit}")
            } else {
                write!(formatter, "{whole}.{fraction}{unit}")
            };
        }
    }
    Ok(())
}

impl Display for Attribute {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Intrinsic(intrinsic) => write!(formatter, "{intrinsic}"),
            Self::Named { scope, name } => {
                write!(formatter, "{scope}")?;
                if !lexer::needs_quotes(*scope, name) {
                    return formatter.write_str(name);
                }
                let escaped = name.replace('\\', "\\\\").replace('"', "\\\"");
                write!(formatter, "\"{escaped}\"")
            }
        }
    }
}

impl Display for AttributeScope {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.prefix())
    }
}

impl Display for Intrinsic {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
