//! Structured filters of protobuf, as the HTTP API reads them from JSON.

use crate::jaeger::filter::{Call, Expression};
use crate::refusal::Refusal;
use fanal_wire::expression::{self, ExpressionTerm};

/// The filter; an operand that says nothing is refused.
pub(super) fn read(call: expression::Call) -> Result<Call, Refusal> {
    let args = call.args.into_iter().map(operand).collect::<Result<_, _>>()?;
    Ok(Call { op: call.op, args })
}

fn operand(expression: expression::Expression) -> Result<Expression, Refusal> {
    let Some(term) = expression.term else {
        return Err(Refusal::parameter("filter", "filter has an operand that says nothing"));
    };
    Ok(match term {
        ExpressionTerm::Attr(it) => Expression::Attr { key: it.key, level: it.level },
        ExpressionTerm::Field(it) => Expression::Field { name: it.name, level: it.level },
        ExpressionTerm::Nested(it) => Expression::Nested { level: it.level },
        ExpressionTerm::Scalar(it) => Expression::Scalar { value: it.value, hint: it.r#type },
        ExpressionTerm::List(it) => Expression::List { values: it.values, hint: it.r#type },
        ExpressionTerm::Call(it) => Expression::Call(read(it)?),
    })
}
