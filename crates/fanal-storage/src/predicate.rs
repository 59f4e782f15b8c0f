//! Conditions on one span, and their meaning: the reference that every backend must agree with.

use crate::pattern::Pattern;
use fanal_model::{SpanKind, SpanRef, StatusCode, Value, ValueRef};
use std::cmp::Ordering;

/// A condition on one span.
#[derive(Debug, Clone, PartialEq)]
pub enum SpanCondition {
    /// The resource's service name.
    Service(String),
    /// The span name.
    Name(String),
    /// The kind.
    Kind(SpanKind),
    /// The status code.
    Status(StatusCode),
    /// Any other status code.
    StatusNot(StatusCode),
    /// Shortest duration in nanoseconds, inclusive.
    DurationMin(u64),
    /// Longest duration in nanoseconds, inclusive.
    DurationMax(u64),
    /// The scope's name.
    ScopeName(String),
    /// The scope's version.
    ScopeVersion(String),
    /// A text of the span passes a test.
    Text(TextField, AttributeTest),
    /// The span has no parent.
    Root,
    /// Some attribute.
    Attribute(AttributeCondition),
    /// One of these holds.
    AnyOf(Vec<SpanCondition>),
    /// All of these hold.
    AllOf(Vec<SpanCondition>),
    /// This does not hold.
    Not(Box<SpanCondition>),
}

/// A text that every span has, maybe an empty one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TextField {
    /// The span name.
    Name,
    /// The status' message.
    StatusMessage,
    /// The scope's name.
    ScopeName,
    /// The scope's version.
    ScopeVersion,
}

/// Holds when an attribute of this key passes the test on any of the levels.
#[derive(Debug, Clone, PartialEq)]
pub struct AttributeCondition {
    /// Where to look.
    pub levels: Vec<AttributeLevel>,
    /// The key.
    pub key: String,
    /// The test.
    pub test: AttributeTest,
}

/// Owner of an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AttributeLevel {
    /// The span itself.
    Span,
    /// Its resource.
    Resource,
    /// Its scope.
    Scope,
    /// One of its events.
    Event,
    /// One of its links.
    Link,
}

impl AttributeLevel {
    /// Every level, in the order of lookup.
    pub const ALL: [Self; 5] = [Self::Span, Self::Resource, Self::Scope, Self::Event, Self::Link];
}

/// A test of a value.
#[derive(Debug, Clone, PartialEq)]
pub enum AttributeTest {
    /// The key is present.
    Exists,
    /// The value's text ([`ValueRef::to_text`]) equals.
    TextEquals(String),
    /// The comparison holds with one of the operands. Values of another type than the operand never match; ints and
    /// floats compare by number. For `NotEqual` no operand of the value's type may equal, and one must have its type.
    Compare(Comparison, Vec<Value>),
    /// The same with one operand, of an array's elements too: one of them must pass, or for `NotEqual` all. Arrays that are
    /// empty or of mixed types never match.
    CompareElements(Comparison, Value),
    /// The text of a string, or of one string of an array, is one that the pattern describes.
    Matches(Pattern),
    /// The value is a string, or an array of strings, and no text of it is one that the pattern describes.
    MatchesNot(Pattern),
    /// The value is one that can be compared: no bytes, no map, and no array that is empty or of mixed types.
    IsComparable,
}

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
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

impl Comparison {
    /// Whether an ordering of (value, operand) satisfies the comparison.
    pub fn accepts(self, ordering: Ordering) -> bool {
        match self {
            Self::Equal => ordering == Ordering::Equal,
            Self::NotEqual => ordering != Ordering::Equal,
            Self::Less => ordering == Ordering::Less,
            Self::LessOrEqual => ordering != Ordering::Greater,
            Self::Greater => ordering == Ordering::Greater,
            Self::GreaterOrEqual => ordering != Ordering::Less,
        }
    }
}

impl SpanCondition {
    /// Whether the condition holds on a span.
    pub fn matches(&self, span: &SpanRef<'_>) -> bool {
        match self {
            Self::Service(name) => span.service_name() == name,
            Self::Name(name) => span.name() == name,
            Self::Kind(kind) => span.kind() == *kind,
            Self::Status(code) => span.status_code() == *code,
            Self::StatusNot(code) => span.status_code() != *code,
            Self::DurationMin(nanos) => span.duration_nanos() >= *nanos,
            Self::DurationMax(nanos) => span.duration_nanos() <= *nanos,
            Self::ScopeName(name) => span.scope().name == *name,
            Self::ScopeVersion(version) => span.scope().version == *version,
            Self::Text(field, test) => test.passes(ValueRef::String(field.of(span))),
            Self::Root => span.parent_span_id().is_zero(),
            Self::Attribute(condition) => condition.matches(span),
            Self::AnyOf(conditions) => conditions.iter().any(|it| it.matches(span)),
            Self::AllOf(conditions) => conditions.iter().all(|it| it.matches(span)),
            Self::Not(condition) => !condition.matches(span),
        }
    }

    /// Conditions in it, itself included.
    pub fn count(&self) -> usize {
        match self {
            Self::AnyOf(all) | Self::AllOf(all) => 1 + all.iter().map(Self::count).sum::<usize>(),
            Self::Not(condition) => 1 + condition.count(),
            _ => 1,
        }
    }
}

impl TextField {
    /// Every field.
    pub const ALL: [Self; 4] =
        [Self::Name, Self::StatusMessage, Self::ScopeName, Self::ScopeVersion];

    fn of<'a>(self, span: &SpanRef<'a>) -> &'a str {
        match self {
            Self::Name => span.name(),
            Self::StatusMessage => span.status_message(),
            Self::ScopeName => &span.scope().name,
            Self::ScopeVersion => &span.scope().version,
        }
    }
}

impl AttributeCondition {
    fn matches(&self, span: &SpanRef<'_>) -> bool {
        let passes =
            |(key, value): (&str, ValueRef<'_>)| key == self.key && self.test.passes(value);
        let passes_owned = |attributes: &[(String, Value)]| self.passes_any(attributes);
        self.levels.iter().any(|level| match level {
            AttributeLevel::Span => span.attributes().any(passes),
            AttributeLevel::Resource => passes_owned(&span.resource().attributes),
            AttributeLevel::Scope => passes_owned(&span.scope().attributes),
            AttributeLevel::Event => span.events().any(|event| event.attributes().any(passes)),
            AttributeLevel::Link => span.links().any(|link| link.attributes().any(passes)),
        })
    }

    /// Whether one of the owned attributes has the key and passes.
    pub fn passes_any(&self, attributes: &[(String, Value)]) -> bool {
        attributes.iter().any(|(key, value)| *key == self.key && self.test.passes_value(value))
    }
}

impl AttributeTest {
    /// Whether a value passes.
    pub fn passes(&self, value: ValueRef<'_>) -> bool {
        match self {
            Self::Exists => true,
            Self::TextEquals(text) => value.to_text() == *text,
            Self::Compare(comparison, operands) => {
                let orderings = operands.iter().filter_map(|operand| order(value, operand));
                match comparison {
                    Comparison::NotEqual => {
                        let mut seen = false;
                        let mut all_differ = true;
                        for ordering in orderings {
                            seen = true;
                            all_differ &= ordering != Ordering::Equal;
                        }
                        seen && all_differ
                    }
                    _ => orderings.into_iter().any(|ordering| comparison.accepts(ordering)),
                }
            }
            Self::CompareElements(comparison, operand) => {
                let passes = |value: ValueRef<'_>| {
                    order(value, operand).is_some_and(|ordering| comparison.accepts(ordering))
                };
                match comparison {
                    Comparison::NotEqual => all_elements(value, passes),
                    _ => any_element(value, passes),
                }
            }
            Self::Matches(pattern) => {
                any_element(value, |it| pattern_matches(pattern, it) == Some(true))
            }
            Self::MatchesNot(pattern) => {
                all_elements(value, |it| pattern_matches(pattern, it) == Some(false))
            }
            Self::IsComparable => match value {
                ValueRef::Array(bytes) => elements(bytes).is_some(),
                ValueRef::Empty | ValueRef::Bytes(_) | ValueRef::Map(_) => false,
                ValueRef::String(_) | ValueRef::Bool(_) | ValueRef::Int(_) | ValueRef::Float(_) => {
                    true
                }
            },
        }
    }

    /// Whether an owned value passes.
    pub fn passes_value(&self, value: &Value) -> bool {
        match value {
            Value::Empty => self.passes(ValueRef::Empty),
            Value::String(text) => self.passes(ValueRef::String(text)),
            Value::Bool(flag) => self.passes(ValueRef::Bool(*flag)),
            Value::Int(number) => self.passes(ValueRef::Int(*number)),
            Value::Float(number) => self.passes(ValueRef::Float(*number)),
            Value::Bytes(bytes) => self.passes(ValueRef::Bytes(bytes)),
            Value::Array(_) | Value::Map(_) => {
                let mut bytes = Vec::new();
                fanal_model::nested::encode(value, &mut bytes);
                match value {
                    Value::Array(_) => self.passes(ValueRef::Array(&bytes)),
                    _ => self.passes(ValueRef::Map(&bytes)),
                }
            }
        }
    }
}

fn pattern_matches(pattern: &Pattern, value: ValueRef<'_>) -> Option<bool> {
    match value {
        ValueRef::String(text) => Some(pattern.matches(text)),
        _ => None,
    }
}

fn any_element(value: ValueRef<'_>, passes: impl Fn(ValueRef<'_>) -> bool) -> bool {
    match value {
        ValueRef::Array(bytes) => {
            elements(bytes).is_some_and(|values| values.iter().any(|it| with_ref(it, &passes)))
        }
        value => passes(value),
    }
}

fn all_elements(value: ValueRef<'_>, passes: impl Fn(ValueRef<'_>) -> bool) -> bool {
    match value {
        ValueRef::Array(bytes) => {
            elements(bytes).is_some_and(|values| values.iter().all(|it| with_ref(it, &passes)))
        }
        value => passes(value),
    }
}

fn with_ref(value: &Value, passes: impl Fn(ValueRef<'_>) -> bool) -> bool {
    match value {
        Value::String(text) => passes(ValueRef::String(text)),
        Value::Bool(flag) => passes(ValueRef::Bool(*flag)),
        Value::Int(number) => passes(ValueRef::Int(*number)),
        Value::Float(number) => passes(ValueRef::Float(*number)),
        _ => false,
    }
}

/// The elements of an array that are all of one type which can be compared, at least one.
fn elements(bytes: &[u8]) -> Option<Vec<Value>> {
    let Value::Array(values) = ValueRef::Array(bytes).to_value() else { return None };
    let first = std::mem::discriminant(values.first()?);
    let is_plain = |it: &Value| {
        matches!(it, Value::String(_) | Value::Bool(_) | Value::Int(_) | Value::Float(_))
    };
    let are_alike = values.iter().all(|it| is_plain(it) && std::mem::discriminant(it) == first);
    are_alike.then_some(values)
}

/// Order of a value and an operand of a comparable type; `None` for other types and NaN.
fn order(value: ValueRef<'_>, operand: &Value) -> Option<Ordering> {
    match (value, operand) {
        (ValueRef::String(left), Value::String(right)) => Some(left.cmp(right.as_str())),
        (ValueRef::Bool(left), Value::Bool(right)) => Some(left.cmp(right)),
        (ValueRef::Int(left), Value::Int(right)) => Some(left.cmp(right)),
        (ValueRef::Int(left), Value::Float(right)) => order_int_float(left, *right),
        (ValueRef::Float(left), Value::Int(right)) => {
            order_int_float(*right, left).map(Ordering::reverse)
        }
        (ValueRef::Float(left), Value::Float(right)) => left.partial_cmp(right),
        (ValueRef::Bytes(left), Value::Bytes(right)) => Some(left.cmp(right.as_slice())),
        _ => None,
    }
}

/// Exact order of an integer and a float; casting the integer would lose digits.
fn order_int_float(int: i64, float: f64) -> Option<Ordering> {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if float.is_nan() {
        return None;
    }
    if float >= LIMIT {
        return Some(Ordering::Less);
    }
    if float < -LIMIT {
        return Some(Ordering::Greater);
    }
    #[expect(clippy::cast_possible_truncation, reason = "within the range of i64, checked above")]
    let whole = float.trunc() as i64;
    let fraction = float.fract();
    Some(int.cmp(&whole).then_with(|| 0.0_f64.partial_cmp(&fraction).unwrap_or(Ordering::Equal)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use Comparison::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};

    fn check(value: &Value, comparison: Comparison, operands: &[Value], expect: bool) {
        let test = AttributeTest::Compare(comparison, operands.to_vec());
        assert_eq!(test.passes_value(value), expect, "{value:?} {comparison:?} {operands:?}");
    }

    fn text(text: &str) -> Value {
        Value::String(text.to_owned())
    }

    #[test]
    fn values_compare_within_their_type() {
        check(&text("b"), Equal, &[text("b")], true);
        check(&text("b"), Less, &[text("a"), text("c")], true);
        check(&text("5"), Equal, &[Value::Int(5)], false);
        check(&text("10"), Less, &[text("9")], true);
        check(&Value::Bool(true), Greater, &[Value::Bool(false)], true);
        check(&Value::Bool(true), Equal, &[text("true")], false);
        check(&Value::Bytes(vec![1, 2]), GreaterOrEqual, &[Value::Bytes(vec![1])], true);
        check(&Value::Empty, Equal, &[Value::Empty], false);
        check(&Value::Array(vec![]), Equal, &[Value::Array(vec![])], false);
        check(&text("b"), Equal, &[], false);
    }

    #[test]
    fn ints_and_floats_compare_by_number() {
        check(&Value::Int(5), Equal, &[Value::Float(5.0)], true);
        check(&Value::Float(5.5), Greater, &[Value::Int(5)], true);
        check(&Value::Float(-5.5), Less, &[Value::Int(-5)], true);
        check(&Value::Int(-5), Greater, &[Value::Float(-5.5)], true);
        check(&Value::Float(-0.0), Equal, &[Value::Int(0)], true);
        let beyond = 9_007_199_254_740_993;
        check(&Value::Int(beyond), Equal, &[Value::Float(9_007_199_254_740_992.0)], false);
        check(&Value::Int(beyond), Greater, &[Value::Float(9_007_199_254_740_992.0)], true);
        check(&Value::Int(i64::MAX), Less, &[Value::Float(9_223_372_036_854_775_808.0)], true);
        check(&Value::Int(i64::MIN), Equal, &[Value::Float(-9_223_372_036_854_775_808.0)], true);
        check(&Value::Int(i64::MIN), Greater, &[Value::Float(f64::NEG_INFINITY)], true);
        for comparison in [Equal, NotEqual, Less, LessOrEqual, Greater, GreaterOrEqual] {
            check(&Value::Float(f64::NAN), comparison, &[Value::Float(f64::NAN)], false);
            check(&Value::Int(1), comparison, &[Value::Float(f64::NAN)], false);
        }
    }

    #[test]
    fn not_equal_wants_the_type_and_no_equal_operand() {
        check(&text("a"), NotEqual, &[text("b")], true);
        check(&text("a"), NotEqual, &[text("b"), text("a")], false);
        check(&text("a"), NotEqual, &[Value::Int(1)], false);
        check(&text("a"), NotEqual, &[Value::Int(1), text("b")], true);
        check(&Value::Int(1), NotEqual, &[text("1"), Value::Float(1.0)], false);
        check(&Value::Int(1), NotEqual, &[], false);
    }

    #[test]
    fn texts_equal_whatever_the_type() {
        let check = |value: Value, expect: &str| {
            assert!(AttributeTest::TextEquals(expect.to_owned()).passes_value(&value), "{value:?}");
            assert!(AttributeTest::Exists.passes_value(&value));
            let other = AttributeTest::TextEquals(format!("{expect}."));
            assert!(!other.passes_value(&value), "{value:?}");
        };
        check(text("a"), "a");
        check(Value::Int(-5), "-5");
        check(Value::Float(1.5), "1.5");
        check(Value::Float(5.0), "5");
        check(Value::Bool(true), "true");
        check(Value::Bytes(vec![0, 255]), "00ff");
        check(Value::Empty, "");
        check(Value::Array(vec![text("a"), Value::Int(1), Value::Empty]), r#"["a",1,null]"#);
        check(Value::Map(vec![("k".into(), Value::Bool(false))]), r#"{"k":false}"#);
    }
}
