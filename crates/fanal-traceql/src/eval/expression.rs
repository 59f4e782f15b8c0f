//! The value of an expression for one span, and whether a filter keeps a span.

use super::State;
use super::trace::{Event, Link, Span, Trace, find};
use crate::ast::{
    Attribute, AttributeScope, BinaryOperator, ComparisonOperator, Expression, ExpressionKind,
    Filter, Intrinsic, LogicalOperator, RegexOperator, SERVICE_NAME, Static, UnaryOperator,
};
use crate::value::{self, Value};
use fanal_model::Value as ModelValue;

/// Which event, or which link, of the span a field reads from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Choice {
    /// Outside filters: the first that carries the field.
    First,
    /// In a filter: this one.
    One(usize),
    /// In a filter, of a span that has none.
    Absent,
}

/// One span with what a field can read of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) trace: &'a Trace,
    pub(super) position: usize,
    pub(super) event: Choice,
    pub(super) link: Choice,
}

/// Whether a filter keeps a span: there is an event and a link of it for which the expression is true. A span without
/// events (links) has one absent event (link).
pub(super) fn keeps(
    filter: &Filter,
    trace: &Trace,
    position: usize,
    state: &mut State<'_>,
) -> bool {
    let Some(expression) = &filter.expression else { return true };
    let choices = |count: usize| match count {
        0 => vec![Choice::Absent],
        _ => (0..count).map(Choice::One).collect(),
    };
    let span = &trace.spans[position];
    let mut is_kept = false;
    for &event in &choices(span.events.len()) {
        for &link in &choices(span.links.len()) {
            let context = Context { trace, position, event, link };
            is_kept |= context.value(expression, state).is_true();
        }
    }
    is_kept
}

impl<'a> Context<'a> {
    /// Outside a filter.
    pub(super) fn outside(trace: &'a Trace, position: usize) -> Self {
        Self { trace, position, event: Choice::First, link: Choice::First }
    }

    fn span(&self) -> &'a Span {
        &self.trace.spans[self.position]
    }

    /// The value of an expression. Every operand is computed: the order of conditions must not matter.
    pub(super) fn value(&self, expression: &Expression, state: &mut State<'_>) -> Value {
        match &expression.kind {
            ExpressionKind::Static(value) => Value::from(value),
            ExpressionKind::Attribute(attribute) => self.field(attribute),
            ExpressionKind::Unary { operator, operand } => {
                let operand = self.value(operand, state);
                match operator {
                    UnaryOperator::Not => value::not(&operand),
                    UnaryOperator::Negate => value::negate(&operand),
                }
            }
            ExpressionKind::Existence { operand, is_present } => {
                let is_absent =
                    operand.as_attribute().is_some_and(|field| self.is_of_absent(field));
                let is_nil = self.value(operand, state) == Value::Nil;
                Value::Bool(!is_absent && is_nil != *is_present)
            }
            ExpressionKind::Binary { operator, left, right } => {
                let values = (self.value(left, state), self.value(right, state));
                binary(*operator, left, right, &values, state)
            }
            ExpressionKind::Logical { operator, operands } => {
                let values: Vec<bool> =
                    operands.iter().map(|operand| self.value(operand, state).is_true()).collect();
                Value::Bool(match operator {
                    LogicalOperator::And => values.iter().all(|is_true| *is_true),
                    LogicalOperator::Or => values.iter().any(|is_true| *is_true),
                })
            }
        }
    }

    /// Whether a field is one of an event, or of a link, that is not there.
    fn is_of_absent(&self, field: &Attribute) -> bool {
        field.is_of_event() && self.event == Choice::Absent
            || field.is_of_link() && self.link == Choice::Absent
    }

    /// The value of a field.
    pub(super) fn field(&self, field: &Attribute) -> Value {
        match field {
            Attribute::Intrinsic(intrinsic) => self.intrinsic(*intrinsic),
            Attribute::Named { scope, name } => {
                let value = self.raw(*scope, name).map_or(Value::Nil, |value| Value::from(&value));
                let is_resource =
                    matches!(scope, AttributeScope::Resource | AttributeScope::Unscoped);
                if value == Value::Nil && is_resource && name == SERVICE_NAME {
                    return Value::String(String::new());
                }
                value
            }
        }
    }

    /// The value of an attribute as it was sent.
    pub(super) fn raw(&self, scope: AttributeScope, name: &str) -> Option<ModelValue> {
        let span = self.span();
        let found = match scope {
            AttributeScope::Unscoped => {
                find(&span.attributes, name).or_else(|| find(&span.resource, name))
            }
            AttributeScope::Span => find(&span.attributes, name),
            AttributeScope::Resource => find(&span.resource, name),
            AttributeScope::Instrumentation => find(&span.scope, name),
            AttributeScope::Event => {
                let carries = |event: &Event| is_value(find(&event.attributes, name));
                find(&self.event(carries)?.attributes, name)
            }
            AttributeScope::Link => {
                let carries = |link: &Link| is_value(find(&link.attributes, name));
                find(&self.link(carries)?.attributes, name)
            }
            AttributeScope::Parent
            | AttributeScope::ParentSpan
            | AttributeScope::ParentResource => None,
        };
        found.cloned()
    }

    /// The event to read from; outside filters the first, by time and then position, that has the field.
    fn event(&self, carries: impl Fn(&Event) -> bool) -> Option<&'a Event> {
        let events = &self.span().events;
        match self.event {
            Choice::One(position) => events.get(position),
            Choice::Absent => None,
            Choice::First => {
                let mut events: Vec<&Event> = events.iter().collect();
                events.sort_by_key(|event| event.time);
                events.into_iter().find(|event| carries(event))
            }
        }
    }

    fn link(&self, carries: impl Fn(&Link) -> bool) -> Option<&'a Link> {
        let links = &self.span().links;
        match self.link {
            Choice::One(position) => links.get(position),
            Choice::Absent => None,
            Choice::First => links.iter().find(|link| carries(link)),
        }
    }

    fn intrinsic(&self, intrinsic: Intrinsic) -> Value {
        let (trace, span) = (self.trace, self.span());
        let text = |text: &str| Value::String(text.to_owned());
        let or_nil = |value: Option<Value>| value.unwrap_or(Value::Nil);
        let numbers = trace.tree.numbers[self.position];
        match intrinsic {
            Intrinsic::Duration => nanoseconds(span.duration()),
            Intrinsic::Name => text(&span.name),
            Intrinsic::Status => Value::Status(span.status),
            Intrinsic::StatusMessage => text(&span.status_message),
            Intrinsic::Kind => Value::Kind(span.kind),
            Intrinsic::SpanId => Value::String(span.span_id.to_string()),
            Intrinsic::ParentId => Value::String(span.parent_span_id.to_string()),
            Intrinsic::ChildCount => Value::Int(trace.tree.child_counts[self.position]),
            Intrinsic::TraceDuration => nanoseconds(trace.end().saturating_sub(trace.start())),
            Intrinsic::RootName => text(trace.root().map_or("", |root| &root.name)),
            Intrinsic::RootServiceName => {
                text(&trace.root().map(Span::service_name).unwrap_or_default())
            }
            Intrinsic::TraceId => Value::String(trace.trace_id.to_string()),
            Intrinsic::NestedSetLeft => Value::Int(numbers.left),
            Intrinsic::NestedSetRight => Value::Int(numbers.right),
            Intrinsic::NestedSetParent => Value::Int(numbers.parent),
            Intrinsic::EventName => or_nil(self.event(|_| true).map(|event| text(&event.name))),
            Intrinsic::EventTimeSinceStart => or_nil(
                self.event(|_| true).map(|event| Value::Duration(since(event.time, span.start))),
            ),
            Intrinsic::LinkTraceId => {
                or_nil(self.link(|_| true).map(|link| Value::String(link.trace_id.to_string())))
            }
            Intrinsic::LinkSpanId => {
                or_nil(self.link(|_| true).map(|link| Value::String(link.span_id.to_string())))
            }
            Intrinsic::InstrumentationName => text(&span.scope_name),
            Intrinsic::InstrumentationVersion => text(&span.scope_version),
            Intrinsic::Parent => Value::Nil,
        }
    }
}

/// Whether operators see a value here.
fn is_value(found: Option<&ModelValue>) -> bool {
    found.is_some_and(|value| Value::from(value) != Value::Nil)
}

/// Nanoseconds as a duration; what is beyond 292 years is 292 years.
fn nanoseconds(nanos: u64) -> Value {
    Value::Duration(i64::try_from(nanos).unwrap_or(i64::MAX))
}

/// Nanoseconds from one time to the other, negative where it is earlier.
fn since(time: u64, start: u64) -> i64 {
    let difference = i128::from(time) - i128::from(start);
    let limit = if difference < 0 { i64::MIN } else { i64::MAX };
    i64::try_from(difference).unwrap_or(limit)
}

fn binary(
    operator: BinaryOperator,
    left: &Expression,
    right: &Expression,
    values: &(Value, Value),
    state: &mut State<'_>,
) -> Value {
    match operator {
        BinaryOperator::Arithmetic(operator) => value::arithmetic(operator, &values.0, &values.1)
            .unwrap_or_else(|_| {
                state.warnings.divisions_by_zero += 1;
                Value::Nil
            }),
        BinaryOperator::Comparison(operator) => {
            Value::Bool(compare(operator, left, right, &values.0, &values.1))
        }
        BinaryOperator::Regex(operator) => {
            let is_negated = operator == RegexOperator::MatchesNot;
            let pattern = match right.as_static() {
                Some(Static::String(text)) => state.query.pattern(text),
                _ => None,
            };
            let holds = pattern.is_some_and(|pattern| pattern.holds(is_negated, &values.0));
            Value::Bool(holds)
        }
    }
}

/// A comparison; of an id with a literal, without leading zeros and letter case where equality is asked for.
fn compare(
    operator: ComparisonOperator,
    left: &Expression,
    right: &Expression,
    left_value: &Value,
    right_value: &Value,
) -> bool {
    let is_id = |side: &Expression| match side.as_attribute() {
        Some(Attribute::Intrinsic(intrinsic)) => intrinsic.is_id(),
        _ => false,
    };
    let is_id_and_literal =
        is_id(left) && right.as_static().is_some() || is_id(right) && left.as_static().is_some();
    if operator.is_order() || !is_id_and_literal {
        return value::compare(operator, left_value, right_value);
    }
    let bare = |value: &Value| match value {
        Value::String(id) => Value::String(id.trim_start_matches('0').to_ascii_lowercase()),
        other => other.clone(),
    };
    value::compare(operator, &bare(left_value), &bare(right_value))
}
