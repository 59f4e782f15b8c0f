//! Values at run time, and what operators make of them: the one place that defines comparison and arithmetic.
//!
//! The parser folds constants with it, the evaluator computes with it, and an engine may. Knows no span.

use crate::ast::{ArithmeticOperator, ComparisonOperator, Static};
use fanal_base::cast;
use fanal_model::{SpanKind, StatusCode};
use std::cmp::Ordering;

/// A value at run time.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing there, or something that no operator takes.
    Nil,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A float.
    Float(f64),
    /// A text.
    String(String),
    /// Nanoseconds.
    Duration(i64),
    /// A status.
    Status(StatusCode),
    /// A kind.
    Kind(SpanKind),
    /// Values of one type out of int, float, string and bool; at least one.
    Array(Vec<Value>),
}

/// A whole number was divided by zero; the value is nil and the asker is warned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DivisionByZero;

impl From<&Static> for Value {
    fn from(value: &Static) -> Self {
        match value {
            Static::Int(number) => Self::Int(*number),
            Static::Float(number) => Self::Float(*number),
            Static::String(text) => Self::String(text.clone()),
            Static::Bool(flag) => Self::Bool(*flag),
            Static::Duration(nanos) => Self::Duration(*nanos),
            Static::Status(status) => Self::Status(*status),
            Static::Kind(kind) => Self::Kind(*kind),
        }
    }
}

impl From<&fanal_model::Value> for Value {
    /// Bytes, maps, nothing, and arrays that are empty, mixed or of other types are nil.
    fn from(value: &fanal_model::Value) -> Self {
        use fanal_model::Value as Model;
        match value {
            Model::String(text) => Self::String(text.clone()),
            Model::Bool(flag) => Self::Bool(*flag),
            Model::Int(number) => Self::Int(*number),
            Model::Float(number) => Self::Float(*number),
            Model::Array(items) => array(items.iter().map(Self::from).collect()),
            Model::Empty | Model::Bytes(_) | Model::Map(_) => Self::Nil,
        }
    }
}

fn array(items: Vec<Value>) -> Value {
    let kind = |value: &Value| match value {
        Value::Int(_) => Some(0),
        Value::Float(_) => Some(1),
        Value::String(_) => Some(2),
        Value::Bool(_) => Some(3),
        _ => None,
    };
    let first = items.first().and_then(kind);
    if first.is_some() && items.iter().all(|item| kind(item) == first) {
        Value::Array(items)
    } else {
        Value::Nil
    }
}

impl Value {
    /// The literal of a value that has one; floats must be finite.
    pub fn to_static(&self) -> Option<Static> {
        Some(match self {
            Self::Bool(flag) => Static::Bool(*flag),
            Self::Int(number) => Static::Int(*number),
            Self::Float(number) if number.is_finite() => Static::Float(*number),
            Self::String(text) => Static::String(text.clone()),
            Self::Duration(nanos) => Static::Duration(*nanos),
            Self::Status(status) => Static::Status(*status),
            Self::Kind(kind) => Static::Kind(*kind),
            Self::Nil | Self::Float(_) | Self::Array(_) => return None,
        })
    }

    /// The number as a float, durations in nanoseconds; `None` where it is none.
    pub fn as_float(&self) -> Option<f64> {
        match self {
            Self::Int(number) | Self::Duration(number) => Some(float(*number)),
            Self::Float(number) => Some(*number),
            _ => None,
        }
    }

    /// Whether it is `true`; everything else counts as false.
    pub fn is_true(&self) -> bool {
        *self == Self::Bool(true)
    }
}

/// A whole number as the nearest float.
pub fn float(number: i64) -> f64 {
    let magnitude = cast::figure(number.unsigned_abs());
    if number < 0 { -magnitude } else { magnitude }
}

/// Whether `left operator right` holds. Types that do not compare, nil and NaN give false, for `=` and `!=` alike. An array
/// beside a scalar: `!=` must hold for all elements, every other operator for any.
pub fn compare(operator: ComparisonOperator, left: &Value, right: &Value) -> bool {
    let is_all = operator == ComparisonOperator::NotEqual;
    match (left, right) {
        (Value::Array(_), Value::Array(_)) => false,
        (Value::Array(items), scalar) => {
            any_or_all(is_all, items, |item| compare(operator, item, scalar))
        }
        (scalar, Value::Array(items)) => {
            any_or_all(is_all, items, |item| compare(operator, scalar, item))
        }
        _ => compare_scalars(operator, left, right),
    }
}

/// Whether `holds` for any item, or for all of them.
pub(crate) fn any_or_all(is_all: bool, items: &[Value], holds: impl FnMut(&Value) -> bool) -> bool {
    if is_all { items.iter().all(holds) } else { items.iter().any(holds) }
}

fn compare_scalars(operator: ComparisonOperator, left: &Value, right: &Value) -> bool {
    let order = match (left, right) {
        (Value::String(left), Value::String(right)) => Some(left.as_bytes().cmp(right.as_bytes())),
        (Value::Bool(left), Value::Bool(right)) => equality(operator, left == right),
        (Value::Status(left), Value::Status(right)) => equality(operator, left == right),
        (Value::Kind(left), Value::Kind(right)) => equality(operator, left == right),
        _ => compare_numbers(left, right),
    };
    order.is_some_and(|order| holds(operator, order))
}

/// Types without an order compare with `=` and `!=` only.
fn equality(operator: ComparisonOperator, is_equal: bool) -> Option<Ordering> {
    let order = if is_equal { Ordering::Equal } else { Ordering::Less };
    (!operator.is_order()).then_some(order)
}

/// Whether an order is what the operator asks for.
pub fn holds(operator: ComparisonOperator, order: Ordering) -> bool {
    match operator {
        ComparisonOperator::Equal => order.is_eq(),
        ComparisonOperator::NotEqual => order.is_ne(),
        ComparisonOperator::Less => order.is_lt(),
        ComparisonOperator::LessOrEqual => order.is_le(),
        ComparisonOperator::Greater => order.is_gt(),
        ComparisonOperator::GreaterOrEqual => order.is_ge(),
    }
}

/// The order of two numbers by their exact values; `None` with NaN and for other types.
pub fn compare_numbers(left: &Value, right: &Value) -> Option<Ordering> {
    use Value::{Duration, Float, Int};
    match (left, right) {
        (Int(left) | Duration(left), Int(right) | Duration(right)) => Some(left.cmp(right)),
        (Float(left), Float(right)) => left.partial_cmp(right),
        (Int(left) | Duration(left), Float(right)) => compare_mixed(*left, *right),
        (Float(left), Int(right) | Duration(right)) => {
            compare_mixed(*right, *left).map(Ordering::reverse)
        }
        _ => None,
    }
}

/// The order of a whole number and a float. Two numbers whose nearest floats differ are in the order of these; where they
/// agree, the float is whole and is compared as such.
fn compare_mixed(left: i64, right: f64) -> Option<Ordering> {
    match float(left).partial_cmp(&right)? {
        Ordering::Equal => Some(i128::from(left).cmp(&whole(right))),
        order => Some(order),
    }
}

/// A float of at most 2^63 as a whole number.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the caller compared it with the float of an i64"
)]
fn whole(number: f64) -> i128 {
    number as i128
}

/// `left operator right`; nil where an operand is no number.
pub fn arithmetic(
    operator: ArithmeticOperator,
    left: &Value,
    right: &Value,
) -> Result<Value, DivisionByZero> {
    if let (Value::Int(left), Value::Int(right)) = (left, right) {
        return whole_arithmetic(operator, *left, *right);
    }
    let (Some(left), Some(right)) = (left.as_float(), right.as_float()) else {
        return Ok(Value::Nil);
    };
    Ok(Value::Float(float_arithmetic(operator, left, right)))
}

fn whole_arithmetic(
    operator: ArithmeticOperator,
    left: i64,
    right: i64,
) -> Result<Value, DivisionByZero> {
    use ArithmeticOperator::{Add, Divide, Multiply, Power, Remainder, Subtract};
    if right == 0 && matches!(operator, Divide | Remainder) {
        return Err(DivisionByZero);
    }
    Ok(match operator {
        Add => Value::Int(left.wrapping_add(right)),
        Subtract => Value::Int(left.wrapping_sub(right)),
        Multiply => Value::Int(left.wrapping_mul(right)),
        Divide => Value::Int(left.wrapping_div(right)),
        Remainder => Value::Int(left.wrapping_rem(right)),
        Power => power(left, right).map_or_else(
            || Value::Float(float_arithmetic(Power, float(left), float(right))),
            Value::Int,
        ),
    })
}

/// The power where it is whole and fits.
fn power(base: i64, exponent: i64) -> Option<i64> {
    match (base, exponent) {
        (_, i64::MIN..0) => None,
        // Exponents beyond 32 bits fit for these bases only.
        (0 | 1, _) => Some(if exponent == 0 { 1 } else { base }),
        (-1, _) => Some(if exponent % 2 == 0 { 1 } else { -1 }),
        _ => base.checked_pow(u32::try_from(exponent).ok()?),
    }
}

/// The arithmetic of floats.
pub fn float_arithmetic(operator: ArithmeticOperator, left: f64, right: f64) -> f64 {
    match operator {
        ArithmeticOperator::Add => left + right,
        ArithmeticOperator::Subtract => left - right,
        ArithmeticOperator::Multiply => left * right,
        ArithmeticOperator::Divide => left / right,
        ArithmeticOperator::Remainder => left % right,
        ArithmeticOperator::Power => left.powf(right),
    }
}

/// `-value`; nil where it is no number.
pub fn negate(value: &Value) -> Value {
    match value {
        Value::Int(number) => Value::Int(number.wrapping_neg()),
        Value::Float(number) => Value::Float(-number),
        Value::Duration(nanos) => Value::Duration(nanos.wrapping_neg()),
        _ => Value::Nil,
    }
}

/// `!value`; nil where it is no truth value.
pub fn not(value: &Value) -> Value {
    match value {
        Value::Bool(flag) => Value::Bool(!flag),
        _ => Value::Nil,
    }
}

/// Whether two values make one group: the same type and the same value. NaN is in one group with itself.
pub fn is_same_group(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Float(left), Value::Float(right)) => {
            left.partial_cmp(right).map_or(left.is_nan() && right.is_nan(), Ordering::is_eq)
        }
        (Value::Array(left), Value::Array(right)) => {
            let mut pairs = left.iter().zip(right);
            left.len() == right.len() && pairs.all(|(left, right)| is_same_group(left, right))
        }
        _ => left == right,
    }
}

#[cfg(test)]
mod tests;
