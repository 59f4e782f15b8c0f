//! Comparison and arithmetic at their edges.

use super::{Value, arithmetic, compare, compare_numbers, is_same_group, negate};
use crate::ast::{ArithmeticOperator, ComparisonOperator};
use fanal_model::Value as Model;
use std::cmp::Ordering;

const LARGE: i64 = 1 << 53;

#[test]
fn numbers_compare_by_their_exact_values() {
    let check = |left: Value, right: Value, expect: Option<Ordering>| {
        assert_eq!(compare_numbers(&left, &right), expect, "{left:?} {right:?}");
        let reverse = expect.map(Ordering::reverse);
        assert_eq!(compare_numbers(&right, &left), reverse, "{right:?} {left:?}");
    };
    let float = 9_007_199_254_740_992.0;
    check(Value::Int(LARGE), Value::Float(float), Some(Ordering::Equal));
    check(Value::Int(LARGE + 1), Value::Float(float), Some(Ordering::Greater));
    check(Value::Int(LARGE - 1), Value::Float(float), Some(Ordering::Less));
    check(Value::Int(i64::MAX), Value::Float(2_f64.powi(63)), Some(Ordering::Less));
    check(Value::Int(i64::MIN), Value::Float(-2_f64.powi(63)), Some(Ordering::Equal));
    check(Value::Int(i64::MIN), Value::Float(f64::NEG_INFINITY), Some(Ordering::Greater));
    check(Value::Int(2), Value::Float(2.5), Some(Ordering::Less));
    check(Value::Int(-2), Value::Float(-2.5), Some(Ordering::Greater));
    check(Value::Duration(2), Value::Int(2), Some(Ordering::Equal));
    check(Value::Duration(LARGE + 1), Value::Int(LARGE), Some(Ordering::Greater));
    check(Value::Int(0), Value::Float(-0.0), Some(Ordering::Equal));
    check(Value::Float(f64::NAN), Value::Float(f64::NAN), None);
    check(Value::Int(1), Value::Float(f64::NAN), None);
    check(Value::Int(1), Value::String("1".into()), None);
}

#[test]
fn nothing_compares_with_nan_nil_and_other_types() {
    let values = [
        Value::Nil,
        Value::Float(f64::NAN),
        Value::String("1".into()),
        Value::Array(vec![Value::Bool(true)]),
    ];
    for operator in ComparisonOperator::ALL {
        for value in &values {
            assert!(!compare(operator, value, &Value::Int(1)), "{operator:?} {value:?}");
            assert!(!compare(operator, &Value::Int(1), value), "{operator:?} {value:?}");
            assert!(!compare(operator, value, &Value::Nil), "{operator:?} {value:?}");
        }
    }
}

#[test]
fn arithmetic_keeps_ints_and_makes_floats_of_the_rest() {
    use ArithmeticOperator::{Add, Divide, Multiply, Power, Remainder, Subtract};
    let check = |left: Value, operator, right: Value, expect: Value| {
        assert_eq!(arithmetic(operator, &left, &right), Ok(expect), "{left:?} {right:?}");
    };
    let int = Value::Int;
    let float = Value::Float;
    check(int(7), Divide, int(-2), int(-3));
    check(int(-7), Remainder, int(2), int(-1));
    check(int(7), Remainder, int(-2), int(1));
    check(int(i64::MAX), Add, int(1), int(i64::MIN));
    check(int(i64::MIN), Divide, int(-1), int(i64::MIN));
    check(int(i64::MIN), Remainder, int(-1), int(0));
    check(int(2), Power, int(10), int(1024));
    check(int(2), Power, int(63), float(2_f64.powi(63)));
    check(int(-2), Power, int(63), int(i64::MIN));
    check(int(2), Power, int(-1), float(0.5));
    check(int(1), Power, int(i64::MAX), int(1));
    check(int(-1), Power, int(i64::MAX), int(-1));
    check(int(0), Power, int(0), int(1));
    check(int(3), Power, int(i64::MAX), float(f64::INFINITY));
    check(Value::Duration(100), Multiply, int(2), float(200.0));
    check(Value::Duration(100), Subtract, Value::Duration(30), float(70.0));
    check(float(1.0), Divide, int(0), float(f64::INFINITY));
    check(float(5.5), Remainder, int(2), float(1.5));
    check(int(1), Add, Value::String("1".into()), Value::Nil);
    check(int(1), Add, Value::Array(vec![int(1)]), Value::Nil);
    for operator in [Divide, Remainder] {
        assert!(arithmetic(operator, &int(1), &int(0)).is_err());
    }
    assert_eq!(negate(&int(i64::MIN)), int(i64::MIN));
    assert_eq!(negate(&Value::Duration(3)), Value::Duration(-3));
    assert_eq!(negate(&Value::Bool(true)), Value::Nil);
}

#[test]
fn only_arrays_of_one_simple_type_are_values() {
    let check = |items: Vec<Model>, is_value: bool| {
        let value = Value::from(&Model::Array(items.clone()));
        assert_eq!(matches!(value, Value::Array(_)), is_value, "{items:?}");
        assert!(is_value || value == Value::Nil, "{items:?}");
    };
    check(vec![Model::Int(1), Model::Int(2)], true);
    check(vec![Model::String("a".into())], true);
    check(vec![Model::Bool(true)], true);
    check(vec![Model::Float(1.0)], true);
    check(Vec::new(), false);
    check(vec![Model::Int(1), Model::Float(1.0)], false);
    check(vec![Model::Bytes(vec![1])], false);
    check(vec![Model::Array(vec![Model::Int(1)])], false);
    check(vec![Model::Empty], false);
}

#[test]
fn groups_tell_types_apart() {
    let nan = || Value::Float(f64::NAN);
    assert!(is_same_group(&nan(), &nan()));
    assert!(is_same_group(&Value::Array(vec![nan()]), &Value::Array(vec![nan()])));
    assert!(is_same_group(&Value::Nil, &Value::Nil));
    assert!(!is_same_group(&Value::Int(1), &Value::Float(1.0)));
    assert!(!is_same_group(&Value::Int(1), &Value::Duration(1)));
    assert!(!is_same_group(
        &Value::Array(vec![Value::Int(1)]),
        &Value::Array(vec![Value::Int(1), Value::Int(2)])
    ));
}
