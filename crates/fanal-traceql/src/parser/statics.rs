//! Literals, and the constants that stand outside filters.

use super::{Parsed, Parser, fold};
use crate::ast::{ArithmeticOperator, BinaryOperator, Static, TextSpan};
use crate::error::TextError;
use crate::lexer::TokenKind;
use fanal_model::{SpanKind, StatusCode};

/// Words that are literals.
pub(crate) fn words() -> impl Iterator<Item = &'static str> {
    let statuses = StatusCode::ALL.iter().map(|status| status.as_str());
    let kinds = SpanKind::ALL.iter().map(|kind| kind.as_str());
    ["true", "false", "minInt", "maxInt"].into_iter().chain(statuses).chain(kinds)
}

/// The literal of a word.
fn of_word(word: &str) -> Option<Static> {
    Some(match word {
        "true" => Static::Bool(true),
        "false" => Static::Bool(false),
        "minInt" => Static::Int(i64::MIN),
        "maxInt" => Static::Int(i64::MAX),
        _ => {
            let status = StatusCode::parse(word).map(Static::Status);
            return status.or_else(|| SpanKind::parse(word).map(Static::Kind));
        }
    })
}

impl Parser<'_> {
    /// Takes a literal, if one stands here.
    pub(super) fn take_static(&mut self) -> Option<Static> {
        let value = match &self.peek().kind {
            TokenKind::Int(number) => Static::Int(*number),
            TokenKind::Float(number) => Static::Float(*number),
            TokenKind::Duration(nanos) => Static::Duration(*nanos),
            TokenKind::String(text) => Static::String(text.clone()),
            TokenKind::Word => of_word(self.word()?)?,
            _ => return None,
        };
        self.advance();
        Some(value)
    }

    /// Takes a number or a duration, if one stands here.
    pub(super) fn take_number(&mut self) -> Option<Static> {
        use TokenKind::{Duration, Float, Int};
        let is_number = matches!(self.peek().kind, Int(_) | Float(_) | Duration(_));
        if is_number { self.take_static() } else { None }
    }

    /// A constant: numbers and durations with `+ - * /` between numbers, folded.
    pub(super) fn constant(&mut self) -> Parsed<Static> {
        self.climb_constant(0)
    }

    fn climb_constant(&mut self, least: u8) -> Parsed<Static> {
        let mut left = self.constant_operand()?;
        loop {
            let operators = ArithmeticOperator::ALL.into_iter().filter(|o| o.is_basic());
            let operator = operators
                .filter(|operator| operator.level() >= least)
                .find(|operator| self.is_symbol(operator.as_str()));
            let Some(operator) = operator else { return Ok(left) };
            let span = self.advance();
            let right = self.climb_constant(operator.right_level())?;
            left = folded(operator, &left, &right, span)?;
        }
    }

    fn constant_operand(&mut self) -> Parsed<Static> {
        let start = self.peek().span;
        if self.take_symbol("-") {
            let operand = self.nested(Self::constant_operand)?;
            return fold::negated(&operand)
                .ok_or_else(|| TextError::syntax(start, "only a number can be negative"));
        }
        if self.take_symbol("(") {
            let inner = self.nested(|parser| parser.climb_constant(0))?;
            self.expect_symbol(")", "an operator or `)`")?;
            return Ok(inner);
        }
        self.take_number().ok_or_else(|| self.unexpected("a number or a duration"))
    }
}

/// The value of an operation on two constants.
pub(super) fn folded(
    operator: ArithmeticOperator,
    left: &Static,
    right: &Static,
    span: TextSpan,
) -> Parsed<Static> {
    let symbol = operator.as_str();
    if !operator.is_basic() {
        let message = format!("constants outside filters have no `{symbol}`");
        return Err(TextError::syntax(span, message).help("compute it and write the number"));
    }
    if matches!(left, Static::Duration(_)) || matches!(right, Static::Duration(_)) {
        let message = format!("`{symbol}` does not take durations outside filters");
        return Err(TextError::syntax(span, message).help("compute it and write the duration"));
    }
    fold::constant(BinaryOperator::Arithmetic(operator), left, right).ok_or_else(|| {
        TextError::syntax(span, "this constant cannot be computed").help("do not divide by zero")
    })
}
