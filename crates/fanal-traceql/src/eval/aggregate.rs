//! Numbers of a set of spans.

use super::State;
use super::expression::Context;
use super::trace::Trace;
use crate::ast::{Aggregate, AggregateFunction};
use crate::value::{Value, compare_numbers, float};
use std::cmp::Ordering;

/// The value of an aggregate; `None` where no span has a number.
pub(super) fn value(
    aggregate: &Aggregate,
    trace: &Trace,
    spans: &[usize],
    state: &mut State<'_>,
) -> Option<Value> {
    let Some(argument) = &aggregate.argument else {
        return Some(Value::Int(i64::try_from(spans.len()).unwrap_or(i64::MAX)));
    };
    let values: Vec<Value> = spans
        .iter()
        .map(|&position| Context::outside(trace, position).value(argument, state))
        .filter(|value| value.as_float().is_some())
        .collect();
    aggregate_of(aggregate.function, &values)
}

/// The aggregate of numbers. Sum, least and greatest keep the type; numbers of different types become floats.
pub fn aggregate_of(function: AggregateFunction, values: &[Value]) -> Option<Value> {
    let first = values.first()?;
    let of_first = |value: &Value| std::mem::discriminant(value) == std::mem::discriminant(first);
    let is_mixed = !values.iter().all(of_first);
    let floats = || values.iter().filter_map(Value::as_float);
    if is_mixed && function != AggregateFunction::Average {
        let values: Vec<Value> = floats().map(Value::Float).collect();
        return aggregate_of(function, &values);
    }
    let whole = || values.iter().map(whole_number);
    let is_whole = !is_mixed && !matches!(first, Value::Float(_));
    let total: i128 = whole().sum();
    let count = i128::try_from(values.len()).unwrap_or(i128::MAX);
    Some(match function {
        AggregateFunction::Count => return None,
        AggregateFunction::Minimum => extreme(values, Ordering::Less)?,
        AggregateFunction::Maximum => extreme(values, Ordering::Greater)?,
        AggregateFunction::Sum if is_whole => like(first, wrapped(total)),
        AggregateFunction::Sum => Value::Float(floats().sum()),
        AggregateFunction::Average if is_whole && matches!(first, Value::Duration(_)) => {
            Value::Duration(wrapped(total / count))
        }
        AggregateFunction::Average => {
            Value::Float(floats().sum::<f64>() / float(i64::try_from(count).unwrap_or(i64::MAX)))
        }
    })
}

fn whole_number(value: &Value) -> i128 {
    match value {
        Value::Int(number) | Value::Duration(number) => i128::from(*number),
        _ => 0,
    }
}

/// The lowest 64 bits, as additions one after the other would leave them.
#[expect(clippy::cast_possible_truncation, reason = "sums of ints wrap")]
fn wrapped(total: i128) -> i64 {
    total as i64
}

/// A whole number of the type of another.
fn like(other: &Value, number: i64) -> Value {
    match other {
        Value::Duration(_) => Value::Duration(number),
        _ => Value::Int(number),
    }
}

/// The first value that is on this side of all others.
fn extreme(values: &[Value], side: Ordering) -> Option<Value> {
    let mut best = values.first()?;
    for value in values {
        if compare_numbers(value, best) == Some(side) {
            best = value;
        }
    }
    Some(best.clone())
}
