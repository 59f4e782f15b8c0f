//! Makes nodes of expressions, and folds what is constant on the way.
//!
//! Operations on literals of types that fit are computed with the run-time rules of [`crate::value`]; those that do not
//! fit or fail stay, for the check or the run time to tell.

use crate::ast::{
    BinaryOperator, Expression, ExpressionKind, LogicalOperator, Static, TextSpan, UnaryOperator,
};
use crate::value::{self, Value};

/// `left && right` or `left || right`, as one chain where an operand is a chain of the same kind.
pub fn logical(operator: LogicalOperator, left: Expression, right: Expression) -> Expression {
    let span = left.span.to(right.span);
    // The chain on the left grows in place, so that a long one is built in one pass.
    let mut operands = chain(operator, left);
    operands.extend(chain(operator, right));
    // A chain is read from the left: its leading literals are constant.
    while let [Some(&Static::Bool(first)), Some(&Static::Bool(second))] = [
        operands.first().and_then(Expression::as_static),
        operands.get(1).and_then(Expression::as_static),
    ] {
        let value = match operator {
            LogicalOperator::And => first && second,
            LogicalOperator::Or => first || second,
        };
        operands[1].kind = ExpressionKind::Static(Static::Bool(value));
        operands.remove(0);
    }
    match operands.pop() {
        Some(last) if operands.is_empty() => Expression { kind: last.kind, span },
        Some(last) => {
            operands.push(last);
            Expression { kind: ExpressionKind::Logical { operator, operands }, span }
        }
        None => Expression { kind: ExpressionKind::Static(Static::Bool(false)), span },
    }
}

/// The operands of a chain of this operator; anything else is one.
fn chain(operator: LogicalOperator, side: Expression) -> Vec<Expression> {
    match side.kind {
        ExpressionKind::Logical { operator: inner, operands } if inner == operator => operands,
        kind => vec![Expression { kind, span: side.span }],
    }
}

/// `left operator right`.
pub fn binary(operator: BinaryOperator, left: Expression, right: Expression) -> Expression {
    let span = left.span.to(right.span);
    let folded = match (left.as_static(), right.as_static()) {
        (Some(left), Some(right)) => constant(operator, left, right),
        _ => None,
    };
    let kind = match folded {
        Some(value) => ExpressionKind::Static(value),
        None => ExpressionKind::Binary { operator, left: Box::new(left), right: Box::new(right) },
    };
    Expression { kind, span }
}

/// `!operand` or `-operand`, the operator being at `start`.
pub fn unary(operator: UnaryOperator, operand: Expression, start: TextSpan) -> Expression {
    let span = start.to(operand.span);
    let folded = operand.as_static().and_then(|operand| match operator {
        UnaryOperator::Not => value::not(&Value::from(operand)).to_static(),
        UnaryOperator::Negate => negated(operand),
    });
    let kind = match folded {
        Some(value) => ExpressionKind::Static(value),
        None => ExpressionKind::Unary { operator, operand: Box::new(operand) },
    };
    Expression { kind, span }
}

/// `operand != nil` or `operand = nil`.
pub fn existence(operand: Expression, is_present: bool, span: TextSpan) -> Expression {
    let kind = if operand.as_static().is_some() {
        ExpressionKind::Static(Static::Bool(is_present))
    } else {
        ExpressionKind::Existence { operand: Box::new(operand), is_present }
    };
    Expression { kind, span }
}

/// `-value`; `None` where it is no number.
pub(super) fn negated(value: &Static) -> Option<Static> {
    value::negate(&Value::from(value)).to_static()
}

/// The value of an operation on literals, where their types fit and it does not fail.
pub(super) fn constant(operator: BinaryOperator, left: &Static, right: &Static) -> Option<Static> {
    let (left_value, right_value) = (Value::from(left), Value::from(right));
    match operator {
        BinaryOperator::Arithmetic(operator) => {
            value::arithmetic(operator, &left_value, &right_value).ok()?.to_static()
        }
        BinaryOperator::Comparison(operator) => {
            let fits = crate::types::compares(operator, left.value_type(), right.value_type());
            fits.then(|| Static::Bool(value::compare(operator, &left_value, &right_value)))
        }
        // Compiling patterns is for the check, which limits their number.
        BinaryOperator::Regex(_) => None,
    }
}
