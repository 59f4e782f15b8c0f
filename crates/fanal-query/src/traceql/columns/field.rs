//! Fields of spans in columns: of the span, of its trace, or of the root of its trace.

use super::Asked;
use super::whole::Whole;
use fanal_storage::{GroupKey, ReadValues, WalkedSpan};
use fanal_traceql::ast::{Attribute, AttributeScope, Intrinsic, SERVICE_NAME};
use fanal_traceql::value::Value;

/// Where the value of a field is.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::traceql) enum Field {
    /// Value of a key.
    Key(usize),
    /// Of the first key, where the span has it, else of the second.
    Either(usize, usize),
    /// The same, nil being the empty text.
    OrEmpty(Box<Field>),
    /// Of the root, the empty text where there is none.
    OfRoot(Box<Field>),
    Duration,
    TraceDuration,
    ChildCount,
    SpanId,
    ParentId,
}

impl Field {
    /// Where a field is, once a walk tells what is asked; `None` where it does not.
    pub(in crate::traceql) fn compile(field: &Attribute, asked: &mut Asked) -> Option<Self> {
        let resource = |name: &str| GroupKey::ResourceAttribute(name.to_owned());
        Some(match field {
            Attribute::Named { scope, name } => {
                let own = GroupKey::SpanAttribute(name.clone());
                let found = match scope {
                    AttributeScope::Span => return asked.key(own).map(Self::Key),
                    AttributeScope::Instrumentation => {
                        return asked.key(GroupKey::ScopeAttribute(name.clone())).map(Self::Key);
                    }
                    AttributeScope::Resource => Self::Key(asked.key(resource(name))?),
                    AttributeScope::Unscoped => {
                        Self::Either(asked.key(own)?, asked.key(resource(name))?)
                    }
                    _ => return None,
                };
                if name == SERVICE_NAME { Self::OrEmpty(Box::new(found)) } else { found }
            }
            Attribute::Intrinsic(intrinsic) => match intrinsic {
                Intrinsic::Name => Self::Key(asked.key(GroupKey::Name)?),
                Intrinsic::Kind => Self::Key(asked.key(GroupKey::Kind)?),
                Intrinsic::Status => Self::Key(asked.key(GroupKey::Status)?),
                Intrinsic::InstrumentationName => Self::Key(asked.key(GroupKey::ScopeName)?),
                Intrinsic::RootName => {
                    Self::OfRoot(Box::new(Self::Key(asked.key(GroupKey::Name)?)))
                }
                Intrinsic::RootServiceName => {
                    let service = Self::Key(asked.key(resource(SERVICE_NAME))?);
                    Self::OfRoot(Box::new(Self::OrEmpty(Box::new(service))))
                }
                Intrinsic::Duration => Self::Duration,
                Intrinsic::TraceDuration => Self::TraceDuration,
                Intrinsic::ChildCount => Self::ChildCount,
                Intrinsic::SpanId => Self::SpanId,
                Intrinsic::ParentId => Self::ParentId,
                _ => return None,
            },
        })
    }

    /// A number that is the same for equal values only where [`Field::of_number`] gives the same.
    pub(super) fn number(&self, trace: &Whole<'_>, place: usize) -> u64 {
        self.number_in(trace, &trace.spans[place], place)
    }

    fn number_in(&self, trace: &Whole<'_>, span: &WalkedSpan, place: usize) -> u64 {
        match self {
            Self::Key(key) => u64::from(span.values[*key]),
            Self::Either(own, other) => match span.values[*own] {
                0 => u64::from(span.values[*other]),
                number => u64::from(number),
            },
            Self::OrEmpty(field) => field.number_in(trace, span, place),
            Self::OfRoot(field) => match trace.root() {
                Some(root) => field.number_in(trace, root, place),
                None => u64::MAX,
            },
            Self::Duration => span.duration_nanos,
            Self::TraceDuration => trace.duration(),
            Self::SpanId => u64::from_be_bytes(span.span_id.0),
            Self::ParentId => u64::from_be_bytes(span.parent_span_id.0),
            Self::ChildCount => trace.tree().child_count(place).unsigned_abs(),
        }
    }

    /// The value that a number stands for.
    pub(super) fn of_number(&self, number: u64, values: &ReadValues<'_>) -> Value {
        let whole = || i64::try_from(number).unwrap_or(i64::MAX);
        match self {
            Self::Key(_) | Self::Either(..) => {
                let value = u32::try_from(number).ok().and_then(|number| values.get(number));
                value.map_or(Value::Nil, Value::from)
            }
            Self::OrEmpty(field) => match field.of_number(number, values) {
                Value::Nil => Value::String(String::new()),
                value => value,
            },
            Self::OfRoot(_) if number == u64::MAX => Value::String(String::new()),
            Self::OfRoot(field) => field.of_number(number, values),
            Self::Duration | Self::TraceDuration => Value::Duration(whole()),
            Self::ChildCount => Value::Int(whole()),
            Self::SpanId | Self::ParentId => {
                Value::String(fanal_model::SpanId(number.to_be_bytes()).to_string())
            }
        }
    }

    /// The value of a span.
    pub(super) fn value(&self, trace: &Whole<'_>, place: usize) -> Value {
        self.of_number(self.number(trace, place), trace.values)
    }
}
