//! Values of every type that have been trouble somewhere, and the conditions that look for them.

use crate::pattern::Pattern;
use crate::predicate::{
    AttributeCondition, AttributeLevel, AttributeTest, Comparison, SpanCondition, TextField,
};
use fanal_model::{SpanKind, StatusCode, Value};

/// The comparisons.
pub(super) const COMPARISONS: [Comparison; 6] = [
    Comparison::Equal,
    Comparison::NotEqual,
    Comparison::Less,
    Comparison::LessOrEqual,
    Comparison::Greater,
    Comparison::GreaterOrEqual,
];

/// Values of every type, with the borders of each.
pub(super) fn all() -> Vec<Value> {
    let text = |text: &str| Value::String(text.to_owned());
    let two_to_53 = 9_007_199_254_740_992_i64;
    let mut values = vec![Value::Empty, Value::Bool(false), Value::Bool(true)];
    values.extend(["", "a", "b", "5", "5.0", "true", "é", "ÿ\u{10ffff}", "0,1"].map(text));
    values.push(Value::String("long ".repeat(400)));
    let ints = [0, 1, -1, 5, i64::MAX, i64::MIN, two_to_53, two_to_53 + 1];
    values.extend(ints.map(Value::Int));
    let floats = [0.0, -0.0, 1.5, 5.0, -1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
    values.extend(floats.map(Value::Float));
    // 2^53, 2^63, the smallest number there is.
    let floats = [9_007_199_254_740_992.0, 9_223_372_036_854_775_808.0, 5e-324, 0.1];
    values.extend(floats.map(Value::Float));
    values.extend([vec![], vec![0, 255], b"a".to_vec()].map(Value::Bytes));
    values.push(Value::Array(vec![text("a"), text("b")]));
    values.push(Value::Array(vec![Value::Int(5), Value::Int(-1)]));
    values.push(Value::Array(vec![Value::Int(5), Value::Float(5.0)]));
    let nested = Value::Array(vec![Value::Int(5), text("a"), Value::Empty]);
    values.extend([Value::Array(vec![]), nested.clone()]);
    values.push(Value::Map(vec![("k".into(), nested), (String::new(), Value::Bool(true))]));
    values
}

/// A condition on a key on some levels.
pub(super) fn attribute(
    levels: &[AttributeLevel],
    key: &str,
    test: AttributeTest,
) -> SpanCondition {
    SpanCondition::Attribute(AttributeCondition { levels: levels.to_vec(), key: key.into(), test })
}

/// Every test with every value as operand, and lists of operands.
pub(super) fn tests() -> Vec<AttributeTest> {
    let values = all();
    let mut tests = vec![AttributeTest::Exists, AttributeTest::TextEquals("absent".into())];
    tests.extend(values.iter().map(|value| AttributeTest::TextEquals(value.to_text())));
    tests.push(AttributeTest::IsComparable);
    for pattern in ["", "a", "a|b", ".*", "[0-9.]+"].into_iter().flat_map(Pattern::new) {
        tests.push(AttributeTest::Matches(pattern.clone()));
        tests.push(AttributeTest::MatchesNot(pattern));
    }
    for comparison in COMPARISONS {
        tests.push(AttributeTest::Compare(comparison, Vec::new()));
        tests.extend(values.iter().map(|it| AttributeTest::Compare(comparison, vec![it.clone()])));
        let one = |it: &Value| AttributeTest::CompareElements(comparison, it.clone());
        tests.extend(values.iter().map(one));
        let readings = vec![Value::String("5".into()), Value::Int(5)];
        tests.push(AttributeTest::Compare(comparison, readings));
        let mixed = vec![Value::Bool(true), Value::Float(1.5), Value::String("b".into())];
        tests.push(AttributeTest::Compare(comparison, mixed));
        let ints = vec![Value::Int(0), Value::Int(5), Value::Int(-1)];
        tests.push(AttributeTest::Compare(comparison, ints));
    }
    tests
}

/// Sets of levels: each alone, all, none, two.
pub(super) fn level_sets() -> Vec<Vec<AttributeLevel>> {
    let mut sets: Vec<Vec<AttributeLevel>> =
        AttributeLevel::ALL.iter().map(|level| vec![*level]).collect();
    sets.push(AttributeLevel::ALL.to_vec());
    sets.push(Vec::new());
    sets.push(vec![AttributeLevel::Event, AttributeLevel::Resource]);
    sets
}

/// Conditions on what is no attribute.
pub(super) fn fields() -> Vec<SpanCondition> {
    let mut conditions = Vec::new();
    for text in ["cart", "checkout", "unknown_service", "", "absent", "GET /", "é", "lib", "1.0"] {
        conditions.push(SpanCondition::Service(text.into()));
        conditions.push(SpanCondition::Name(text.into()));
        conditions.push(SpanCondition::ScopeName(text.into()));
        conditions.push(SpanCondition::ScopeVersion(text.into()));
    }
    let mut texts = vec![
        AttributeTest::Compare(Comparison::Greater, vec![Value::String("declined".into())]),
        AttributeTest::Compare(Comparison::NotEqual, vec![Value::String(String::new())]),
        AttributeTest::IsComparable,
        AttributeTest::Compare(Comparison::Equal, vec![Value::Int(1)]),
    ];
    texts.extend(Pattern::new("c.*t|GET .*|é|").map(AttributeTest::Matches));
    texts.extend(Pattern::new("work|lib|declined").map(AttributeTest::MatchesNot));
    for field in TextField::ALL {
        conditions.extend(texts.iter().map(|test| SpanCondition::Text(field, test.clone())));
    }
    conditions.push(SpanCondition::Root);
    conditions.extend(SpanKind::ALL.map(SpanCondition::Kind));
    conditions.extend(StatusCode::ALL.map(SpanCondition::Status));
    conditions.extend(StatusCode::ALL.map(SpanCondition::StatusNot));
    for nanos in [0, 1, 9, 10, 11, 1_000, u64::MAX - 1, u64::MAX] {
        conditions.push(SpanCondition::DurationMin(nanos));
        conditions.push(SpanCondition::DurationMax(nanos));
    }
    conditions
}
