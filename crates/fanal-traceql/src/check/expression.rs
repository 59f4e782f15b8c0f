//! Types of expressions.

use super::{Check, invalid, supported};
use crate::ast::{
    AggregateFunction, Attribute, BinaryOperator, Expression, ExpressionKind, Filter,
    RegexOperator, Static, UnaryOperator,
};
use crate::error::TextError;
use crate::lexer::TokenKind;
use crate::types::{self, ValueType};

/// A filter asks something that is true or false.
pub(super) fn filter(filter: &Filter) -> Check {
    let Some(expression) = &filter.expression else { return Ok(()) };
    value(expression)?;
    if expression.value_type().may_be_bool() {
        return Ok(());
    }
    let kind = expression.value_type().as_str();
    Err(invalid(expression.span, format!("a filter must be true or false, this is {kind}"))
        .help("compare it with something"))
}

/// An aggregate computes with numbers of spans.
pub(super) fn aggregate(function: AggregateFunction, argument: &Expression) -> Check {
    value(argument)?;
    let name = function.as_str();
    mentions_span(argument, name)?;
    if argument.value_type().may_be_number() {
        return Ok(());
    }
    let kind = argument.value_type().as_str();
    Err(invalid(argument.span, format!("{name}() computes with numbers, this is {kind}")))
}

/// An argument that is the same for every span is a mistake.
pub(super) fn mentions_span(argument: &Expression, name: &str) -> Check {
    let mut is_mentioned = false;
    argument.visit_attributes(&mut |_, _| is_mentioned = true);
    if is_mentioned {
        return Ok(());
    }
    Err(invalid(argument.span, format!("the argument of {name}() names no field of a span")))
}

/// Whether the operands of all operators fit.
pub(super) fn value(expression: &Expression) -> Check {
    match &expression.kind {
        ExpressionKind::Static(_) => Ok(()),
        ExpressionKind::Attribute(attribute) => supported(attribute, expression.span),
        ExpressionKind::Unary { operator, operand } => {
            value(operand)?;
            unary(*operator, operand)
        }
        ExpressionKind::Existence { operand, is_present } => {
            value(operand)?;
            existence(expression, operand, *is_present)
        }
        ExpressionKind::Binary { operator, left, right } => {
            value(left)?;
            value(right)?;
            binary(expression, *operator, left, right)
        }
        ExpressionKind::Logical { operator, operands } => operands.iter().try_for_each(|operand| {
            value(operand)?;
            if operand.value_type().may_be_bool() {
                return Ok(());
            }
            let kind = operand.value_type().as_str();
            let message =
                format!("`{}` stands between conditions, this is {kind}", operator.as_str());
            Err(invalid(operand.span, message))
        }),
    }
}

fn unary(operator: UnaryOperator, operand: &Expression) -> Check {
    let kind = operand.value_type();
    let (fits, expected) = match operator {
        UnaryOperator::Not => (kind.may_be_bool(), "`!` stands before a condition"),
        UnaryOperator::Negate => (kind.may_be_number(), "`-` stands before a number"),
    };
    if fits {
        return Ok(());
    }
    Err(invalid(operand.span, format!("{expected}, this is {}", kind.as_str())))
}

fn existence(whole: &Expression, operand: &Expression, is_present: bool) -> Check {
    let Some(attribute) = operand.as_attribute() else { return Ok(()) };
    let is_intrinsic = matches!(attribute, Attribute::Intrinsic(_));
    let is_always = is_intrinsic || attribute.is_service_name();
    if is_present || !is_always {
        return Ok(());
    }
    Err(invalid(whole.span, format!("`{attribute}` is never nil"))
        .help("an empty text is written `\"\"`"))
}

fn binary(
    whole: &Expression,
    operator: BinaryOperator,
    left: &Expression,
    right: &Expression,
) -> Check {
    let (left_type, right_type) = (left.value_type(), right.value_type());
    let no_fit = || -> TextError {
        let (left, right) = (left_type.as_str(), right_type.as_str());
        let message = format!("`{}` does not compare {left} with {right}", operator.as_str());
        invalid(whole.span, message)
    };
    match operator {
        BinaryOperator::Arithmetic(operator) => {
            let wrong = [left, right].into_iter().find(|side| !side.value_type().may_be_number());
            let Some(wrong) = wrong else { return Ok(()) };
            let kind = wrong.value_type().as_str();
            let message = format!("`{}` stands between numbers, this is {kind}", operator.as_str());
            Err(invalid(wrong.span, message))
        }
        BinaryOperator::Comparison(operator) => {
            if types::compares(operator, left_type, right_type) {
                return Ok(());
            }
            let error = no_fit();
            Err(match unquoted(left_type, right) {
                Some(value) => error.help(format!("write `{value}` without quotes")),
                None => error,
            })
        }
        BinaryOperator::Regex(operator) => {
            if !left_type.may_be_string() {
                return Err(no_fit());
            }
            pattern(operator, right)
        }
    }
}

/// What a text was probably meant to be beside a status or a kind.
fn unquoted(left: ValueType, right: &Expression) -> Option<&str> {
    let Some(Static::String(text)) = right.as_static() else { return None };
    let is_known = match left {
        ValueType::Status => fanal_model::StatusCode::parse(text).is_some(),
        ValueType::Kind => fanal_model::SpanKind::parse(text).is_some(),
        ValueType::Duration => is_duration(text),
        _ => false,
    };
    is_known.then_some(text)
}

/// Whether a text would be a duration without its quotes.
fn is_duration(text: &str) -> bool {
    let tokens = crate::lexer::tokens(text).unwrap_or_default();
    matches!(&*tokens, [token, _] if matches!(token.kind, TokenKind::Duration(_)))
}

/// Whether it compiles is looked at later, once for equal ones.
fn pattern(operator: RegexOperator, right: &Expression) -> Check {
    if matches!(right.as_static(), Some(Static::String(_))) {
        return Ok(());
    }
    let message = format!("the pattern of `{}` must be a text in quotes", operator.as_str());
    Err(invalid(right.span, message))
}
