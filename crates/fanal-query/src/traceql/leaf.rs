//! One comparison of a field as conditions of a store.
//!
//! Called by [`super::bounds`]. A field of an event or a link gives an upper bound alone: which of them it is of must be
//! the same in the whole filter.

use super::bounds::{Bounds, Known, is_of_item};
use fanal_model::{SpanKind, StatusCode, Value};
use fanal_storage::{
    AttributeCondition, AttributeLevel, AttributeTest, Comparison, Pattern, SpanCondition,
    TextField,
};
use fanal_traceql::ast::{
    Attribute, AttributeScope, ComparisonOperator, Intrinsic, SERVICE_NAME, Static,
};
use fanal_traceql::{regex, value};

/// `field operator value`.
pub(super) fn compare(field: &Attribute, operator: ComparisonOperator, operand: &Static) -> Bounds {
    match field {
        Attribute::Named { scope, name } => match attribute_test(operator, operand) {
            Some(test) => named(*scope, name, &test),
            None => Bounds::exact(Known::Never),
        },
        Attribute::Intrinsic(intrinsic) => compare_intrinsic(*intrinsic, operator, operand),
    }
}

/// `field =~ pattern` or `field !~ pattern`.
pub(super) fn matches(field: &Attribute, is_negated: bool, pattern: &str) -> Bounds {
    let compiled = regex::translate(pattern).ok().and_then(|it| Pattern::new(&it).ok());
    let Some(pattern) = compiled else { return Bounds::unknown() };
    let test = if is_negated {
        AttributeTest::MatchesNot(pattern)
    } else {
        AttributeTest::Matches(pattern)
    };
    match field {
        Attribute::Named { scope, name } => named(*scope, name, &test),
        Attribute::Intrinsic(intrinsic) => match text_field(*intrinsic) {
            Some(text) => Bounds::exact(Known::Where(SpanCondition::Text(text, test))),
            None => Bounds::unknown(),
        },
    }
}

/// `field != nil` or `field = nil`.
pub(super) fn is_there(field: &Attribute, is_present: bool) -> Bounds {
    let present = match field {
        Attribute::Named { scope, name } => named(*scope, name, &AttributeTest::IsComparable),
        Attribute::Intrinsic(_) if is_of_item(field) => return Bounds::unknown(),
        Attribute::Intrinsic(_) => Bounds::exact(Known::Always),
    };
    match (is_present, is_of_item(field)) {
        (true, _) => present,
        // An event without the field is what is looked for.
        (false, true) => Bounds::unknown(),
        (false, false) => Bounds::exact(present.upper.negated()),
    }
}

/// Whether a field is `true`, or `false`; no array is.
pub(super) fn is_true(field: &Attribute, wanted: bool) -> Bounds {
    match field {
        Attribute::Named { scope, name } => {
            let test = AttributeTest::Compare(Comparison::Equal, vec![Value::Bool(wanted)]);
            named(*scope, name, &test)
        }
        Attribute::Intrinsic(_) => Bounds::exact(Known::Never),
    }
}

/// The operator that says the same with its sides swapped.
pub(super) fn mirrored(operator: ComparisonOperator) -> ComparisonOperator {
    match operator {
        ComparisonOperator::Less => ComparisonOperator::Greater,
        ComparisonOperator::LessOrEqual => ComparisonOperator::GreaterOrEqual,
        ComparisonOperator::Greater => ComparisonOperator::Less,
        ComparisonOperator::GreaterOrEqual => ComparisonOperator::LessOrEqual,
        ComparisonOperator::Equal | ComparisonOperator::NotEqual => operator,
    }
}

fn comparison(operator: ComparisonOperator) -> Comparison {
    match operator {
        ComparisonOperator::Equal => Comparison::Equal,
        ComparisonOperator::NotEqual => Comparison::NotEqual,
        ComparisonOperator::Less => Comparison::Less,
        ComparisonOperator::LessOrEqual => Comparison::LessOrEqual,
        ComparisonOperator::Greater => Comparison::Greater,
        ComparisonOperator::GreaterOrEqual => Comparison::GreaterOrEqual,
    }
}

/// The test of an attribute's value; `None` where no attribute can pass.
fn attribute_test(operator: ComparisonOperator, operand: &Static) -> Option<AttributeTest> {
    let value = match operand {
        Static::Int(number) | Static::Duration(number) => Value::Int(*number),
        Static::Float(number) => Value::Float(*number),
        Static::String(text) => Value::String(text.clone()),
        Static::Bool(flag) if !operator.is_order() => Value::Bool(*flag),
        Static::Bool(_) | Static::Status(_) | Static::Kind(_) => return None,
    };
    Some(AttributeTest::CompareElements(comparison(operator), value))
}

fn at(level: AttributeLevel, name: &str, test: &AttributeTest) -> SpanCondition {
    let condition =
        AttributeCondition { levels: vec![level], key: name.to_owned(), test: test.clone() };
    SpanCondition::Attribute(condition)
}

/// A test of an attribute by name.
fn named(scope: AttributeScope, name: &str, test: &AttributeTest) -> Bounds {
    let exact = |condition| Bounds::exact(Known::Where(condition));
    match scope {
        AttributeScope::Span => exact(at(AttributeLevel::Span, name, test)),
        AttributeScope::Resource => exact(of_resource(name, test)),
        AttributeScope::Instrumentation => exact(at(AttributeLevel::Scope, name, test)),
        AttributeScope::Unscoped => {
            let own = at(AttributeLevel::Span, name, &AttributeTest::Exists);
            exact(SpanCondition::AnyOf(vec![
                at(AttributeLevel::Span, name, test),
                SpanCondition::AllOf(vec![
                    SpanCondition::Not(Box::new(own)),
                    of_resource(name, test),
                ]),
            ]))
        }
        AttributeScope::Event => {
            Bounds::at_most(Known::Where(at(AttributeLevel::Event, name, test)))
        }
        AttributeScope::Link => Bounds::at_most(Known::Where(at(AttributeLevel::Link, name, test))),
        AttributeScope::Parent | AttributeScope::ParentSpan | AttributeScope::ParentResource => {
            Bounds::unknown()
        }
    }
}

/// A service that is not told is called "".
fn of_resource(name: &str, test: &AttributeTest) -> SpanCondition {
    let own = at(AttributeLevel::Resource, name, test);
    if name != SERVICE_NAME || !test.passes(fanal_model::ValueRef::String("")) {
        return own;
    }
    let told = at(AttributeLevel::Resource, name, &AttributeTest::IsComparable);
    SpanCondition::AnyOf(vec![own, SpanCondition::Not(Box::new(told))])
}

fn text_field(intrinsic: Intrinsic) -> Option<TextField> {
    Some(match intrinsic {
        Intrinsic::Name => TextField::Name,
        Intrinsic::StatusMessage => TextField::StatusMessage,
        Intrinsic::InstrumentationName => TextField::ScopeName,
        Intrinsic::InstrumentationVersion => TextField::ScopeVersion,
        _ => return None,
    })
}

fn compare_intrinsic(
    intrinsic: Intrinsic,
    operator: ComparisonOperator,
    operand: &Static,
) -> Bounds {
    if let (Some(field), Static::String(text)) = (text_field(intrinsic), operand) {
        if (intrinsic, operator) == (Intrinsic::Name, ComparisonOperator::Equal) {
            return Bounds::exact(Known::Where(SpanCondition::Name(text.clone())));
        }
        let value = Value::String(text.clone());
        let test = AttributeTest::CompareElements(comparison(operator), value);
        return Bounds::exact(Known::Where(SpanCondition::Text(field, test)));
    }
    match (intrinsic, operand) {
        (Intrinsic::Status, Static::Status(code)) => of_status(operator, *code),
        (Intrinsic::Kind, Static::Kind(kind)) => of_kind(operator, *kind),
        (Intrinsic::Duration, _) => of_duration(operator, operand),
        (Intrinsic::NestedSetParent, _) => of_nested_set_parent(operator, operand),
        _ => Bounds::unknown(),
    }
}

fn equality(operator: ComparisonOperator, equal: SpanCondition) -> Bounds {
    let known = Known::Where(equal);
    match operator {
        ComparisonOperator::Equal => Bounds::exact(known),
        ComparisonOperator::NotEqual => Bounds::exact(known.negated()),
        _ => Bounds::exact(Known::Never),
    }
}

fn of_status(operator: ComparisonOperator, code: StatusCode) -> Bounds {
    equality(operator, SpanCondition::Status(code))
}

fn of_kind(operator: ComparisonOperator, kind: SpanKind) -> Bounds {
    equality(operator, SpanCondition::Kind(kind))
}

/// Durations are whole nanoseconds from 0 to 2^63 - 1: an operand lies on one of them or between two.
fn of_duration(operator: ComparisonOperator, operand: &Static) -> Bounds {
    let operand = value::Value::from(operand);
    let holds = |nanos: i64| value::compare(operator, &value::Value::Duration(nanos), &operand);
    // The first duration from which on an ordering operator answers otherwise than below.
    let border = |at_or_above: ComparisonOperator| {
        let is_above =
            |nanos: i64| value::compare(at_or_above, &value::Value::Duration(nanos), &operand);
        let (mut low, mut high) = (0_i64, i64::MAX);
        if !is_above(high) {
            return None;
        }
        while low < high {
            let middle = low + (high - low) / 2;
            if is_above(middle) { high = middle } else { low = middle + 1 }
        }
        Some(low)
    };
    let from = |nanos: Option<i64>| match nanos {
        None => Known::Never,
        Some(0) => Known::Always,
        Some(nanos) => Known::Where(SpanCondition::DurationMin(nanos.unsigned_abs())),
    };
    Bounds::exact(match operator {
        ComparisonOperator::Greater | ComparisonOperator::GreaterOrEqual => from(border(operator)),
        ComparisonOperator::Less => up_to(border(ComparisonOperator::GreaterOrEqual)),
        ComparisonOperator::LessOrEqual => up_to(border(ComparisonOperator::Greater)),
        ComparisonOperator::Equal | ComparisonOperator::NotEqual => {
            let first = border(ComparisonOperator::GreaterOrEqual);
            let is_equal = operator == ComparisonOperator::Equal;
            match first.filter(|&nanos| holds(nanos) == is_equal) {
                Some(nanos) => {
                    let nanos = nanos.unsigned_abs();
                    let equal = Known::Where(SpanCondition::AllOf(vec![
                        SpanCondition::DurationMin(nanos),
                        SpanCondition::DurationMax(nanos),
                    ]));
                    if is_equal { equal } else { equal.negated() }
                }
                None => (!is_equal).into(),
            }
        }
    })
}

/// Durations below the first that is too long.
fn up_to(too_long: Option<i64>) -> Known {
    match too_long {
        None => Known::Always,
        Some(0) => Known::Never,
        Some(nanos) => Known::Where(SpanCondition::DurationMax(nanos.unsigned_abs() - 1)),
    }
}

/// A root's is -1; others have 0 or more.
fn of_nested_set_parent(operator: ComparisonOperator, operand: &Static) -> Bounds {
    let operand = value::Value::from(operand);
    let holds = |number: i64| value::compare(operator, &value::Value::Int(number), &operand);
    let others = [holds(0), holds(i64::MAX)];
    // Between 0 and the greatest number only equality answers otherwise than at both ends.
    let is_uniform = others[0] == others[1]
        && (operator.is_order()
            || value::compare_numbers(&operand, &value::Value::Int(0))
                .is_some_and(std::cmp::Ordering::is_lt));
    let root = Known::Where(SpanCondition::Root);
    match (holds(-1), is_uniform) {
        (is_root, true) if is_root == others[0] => Bounds::exact(is_root.into()),
        (true, true) => Bounds::exact(root),
        (false, true) => Bounds::exact(root.negated()),
        (true, false) => Bounds { upper: Known::Always, lower: root },
        (false, false) => Bounds::at_most(root.negated()),
    }
}
