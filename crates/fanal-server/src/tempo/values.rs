//! The values of an attribute or intrinsic, as a form offers them: distinct, sorted, each with its type.

use super::answers::{self, Answer, Notes, TempoRefusal};
use super::filter::TagFilter;
use super::form::{Form, Range};
use crate::parameters::ApiPath;
use crate::refusal::Refusal;
use crate::state::App;
use axum::extract::State;
use fanal_base::cast;
use fanal_model::{SpanKind, StatusCode, Value};
use fanal_storage::{AggregateSpans, GroupKey, ListValues, SpanCondition, ValuesOf};
use fanal_traceql::ast::{Attribute, AttributeScope, Intrinsic, SERVICE_NAME, Static};
use fanal_traceql::parse_attribute;
use fanal_wire::tempo::{
    MetadataMetrics, SearchTagValuesResponse, SearchTagValuesV2Response, TagValue,
};
use http::{HeaderMap, Uri};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Most values of an answer.
const VALUES_MAX: usize = 10_000;

/// Most bytes of the values of an answer.
const VALUES_BYTES_MAX: usize = 1 << 20;

/// A value: its type and its text.
type Typed = (&'static str, String);

/// A question for values.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ValuesQuestion {
    attribute: Attribute,
    filter: TagFilter,
    range: Range,
    values_max: usize,
}

/// Where values come from.
#[derive(Debug, PartialEq)]
enum Source {
    Nowhere,
    Words(Vec<&'static str>),
    Groups(Vec<GroupKey>),
    /// Of spans without a parent.
    Roots(GroupKey),
    Listed(ValuesOf),
}

impl ValuesQuestion {
    /// Of a field as queries write it; `values_max` of 0 is the default.
    pub(super) fn of_field(
        field: &str,
        query: &str,
        range: Range,
        values_max: u64,
    ) -> Result<Self, Refusal> {
        let attribute = read_field(field)?;
        let filter = TagFilter::read(query)?;
        Ok(Self { attribute, filter, range, values_max: limit(values_max) })
    }

    /// Of a bare name.
    pub(super) fn of_name(
        name: &str,
        query: &str,
        range: Range,
        values_max: u64,
    ) -> Result<Self, Refusal> {
        let attribute = match Intrinsic::parse(name) {
            Some(intrinsic) => Attribute::Intrinsic(intrinsic),
            None => Attribute::named(AttributeScope::Unscoped, name),
        };
        let filter = TagFilter::read(query)?;
        Ok(Self { attribute, filter, range, values_max: limit(values_max) })
    }
}

fn limit(values_max: u64) -> usize {
    if values_max == 0 { VALUES_MAX } else { cast::size(values_max).min(VALUES_MAX) }
}

/// A field that has values; those of parents are refused.
fn read_field(text: &str) -> Result<Attribute, Refusal> {
    let refuse = |message: String| Refusal::parameter("tag", message);
    let attribute = parse_attribute(text).map_err(|error| refuse(error.to_string()))?;
    match &attribute {
        Attribute::Intrinsic(Intrinsic::Parent) => {}
        Attribute::Named { scope, .. } if scope.is_parent() => {}
        _ => return Ok(attribute),
    }
    Err(refuse("fields of parents are not supported; ask for those of spans".to_owned()))
}

impl Source {
    fn of(attribute: &Attribute) -> Self {
        match attribute {
            Attribute::Intrinsic(intrinsic) => Self::of_intrinsic(*intrinsic),
            Attribute::Named { scope, name } => {
                let name = name.clone();
                match scope {
                    AttributeScope::Unscoped => Self::Groups(vec![
                        GroupKey::SpanAttribute(name.clone()),
                        GroupKey::ResourceAttribute(name),
                    ]),
                    AttributeScope::Span => Self::Groups(vec![GroupKey::SpanAttribute(name)]),
                    AttributeScope::Resource => {
                        Self::Groups(vec![GroupKey::ResourceAttribute(name)])
                    }
                    AttributeScope::Instrumentation => {
                        Self::Groups(vec![GroupKey::ScopeAttribute(name)])
                    }
                    AttributeScope::Event => Self::Listed(ValuesOf::EventAttribute(name)),
                    AttributeScope::Link => Self::Listed(ValuesOf::LinkAttribute(name)),
                    _ => Self::Nowhere,
                }
            }
        }
    }

    fn of_intrinsic(intrinsic: Intrinsic) -> Self {
        match intrinsic {
            Intrinsic::Name => Self::Groups(vec![GroupKey::Name]),
            Intrinsic::Kind => Self::Words(SpanKind::ALL.map(SpanKind::as_str).to_vec()),
            Intrinsic::Status => Self::Words(StatusCode::ALL.map(StatusCode::as_str).to_vec()),
            Intrinsic::StatusMessage => Self::Listed(ValuesOf::StatusMessage),
            Intrinsic::RootName => Self::Roots(GroupKey::Name),
            Intrinsic::RootServiceName => {
                Self::Roots(GroupKey::ResourceAttribute(SERVICE_NAME.to_owned()))
            }
            Intrinsic::EventName => Self::Listed(ValuesOf::EventName),
            Intrinsic::InstrumentationName => Self::Groups(vec![GroupKey::ScopeName]),
            Intrinsic::InstrumentationVersion => Self::Listed(ValuesOf::ScopeVersion),
            _ => Self::Nowhere,
        }
    }
}

/// The values, sorted by type and text, and what is missing among them.
pub(super) async fn find(
    app: &App,
    question: &ValuesQuestion,
) -> Result<(Vec<TagValue>, Notes), Refusal> {
    let mut values: BTreeSet<Typed> = BTreeSet::new();
    let mut partial = Vec::new();
    if let Some(wanted) = question.filter.wanted(&question.attribute) {
        values.insert(of_static(wanted));
    } else if let Some(conditions) = question.filter.conditions() {
        match Source::of(&question.attribute) {
            Source::Nowhere => {}
            Source::Words(words) => {
                values.extend(words.into_iter().map(|word| ("keyword", word.to_owned())));
            }
            Source::Groups(keys) => {
                for key in keys {
                    let request = groups(question, conditions.clone(), key);
                    group_values(app, request, &mut values, &mut partial).await?;
                }
            }
            // The conditions are met by other spans of their traces.
            Source::Roots(key) => {
                let request = groups(question, vec![SpanCondition::Root], key);
                group_values(app, request, &mut values, &mut partial).await?;
            }
            Source::Listed(of) => {
                let request = ListValues {
                    of,
                    conditions,
                    start_min_unix_nanos: question.range.start_unix_nanos,
                    start_max_unix_nanos: question.range.end_unix_nanos,
                    values_max: question.values_max,
                };
                let listed = app.ask(app.given.query.list_values(&app.tenant, request)).await?;
                listed.values().for_each(|value| add(value, &mut values));
                partial.extend(listed.warnings);
            }
        }
    }
    let values = cut(values, question.values_max, &mut partial);
    Ok((values, Notes { partial, ..Notes::default() }))
}

fn groups(
    question: &ValuesQuestion,
    conditions: Vec<SpanCondition>,
    key: GroupKey,
) -> AggregateSpans {
    AggregateSpans {
        conditions,
        start_min_unix_nanos: question.range.start_unix_nanos,
        start_max_unix_nanos: question.range.end_unix_nanos,
        step_nanos: None,
        group_by: vec![key],
        measures: Vec::new(),
        // One more, of the spans that have no value.
        groups_max: question.values_max + 1,
    }
}

async fn group_values(
    app: &App,
    request: AggregateSpans,
    values: &mut BTreeSet<Typed>,
    partial: &mut Vec<String>,
) -> Result<(), Refusal> {
    let found = app.ask(app.given.query.aggregate(&app.tenant, request)).await?;
    let told = found.groups.into_iter().filter_map(|group| group.values.into_iter().next()?);
    told.for_each(|value| add(value, values));
    partial.extend(found.warnings);
    Ok(())
}

/// Adds what a query can compare with: a scalar, or the elements of a list.
fn add(value: Value, values: &mut BTreeSet<Typed>) {
    let kind = match &value {
        Value::String(_) => "string",
        Value::Int(_) => "int",
        Value::Float(_) => "float",
        Value::Bool(_) => "bool",
        Value::Empty | Value::Bytes(_) | Value::Map(_) => return,
        Value::Array(_) => {
            if let Value::Array(elements) = value {
                let is_plain = |it: &Value| !matches!(it, Value::Array(_));
                elements.into_iter().filter(is_plain).for_each(|element| add(element, values));
            }
            return;
        }
    };
    values.insert((kind, value.to_text()));
}

fn of_static(value: &Static) -> Typed {
    match value {
        Static::Int(number) => ("int", number.to_string()),
        Static::Float(number) => ("float", number.to_string()),
        Static::String(text) => ("string", text.clone()),
        Static::Bool(flag) => ("bool", flag.to_string()),
        Static::Duration(_) => ("duration", value.to_string()),
        Static::Status(status) => ("keyword", status.as_str().to_owned()),
        Static::Kind(kind) => ("keyword", kind.as_str().to_owned()),
    }
}

/// The first values within the limits, and a word where others are left out.
fn cut(values: BTreeSet<Typed>, values_max: usize, partial: &mut Vec<String>) -> Vec<TagValue> {
    let (count, mut bytes) = (values.len(), 0);
    let mut kept = Vec::new();
    for (kind, value) in values {
        bytes += kind.len() + value.len();
        if kept.len() == values_max || bytes > VALUES_BYTES_MAX {
            partial.push(format!(
                "answer has {} of at least {count} values: at most {values_max} and {VALUES_BYTES_MAX} bytes are answered; add a filter",
                kept.len()
            ));
            break;
        }
        kept.push(TagValue { r#type: kind.to_owned(), value });
    }
    kept
}

/// Texts without their types.
pub(super) fn texts(values: Vec<TagValue>) -> Vec<String> {
    let distinct: BTreeSet<String> = values.into_iter().map(|it| it.value).collect();
    distinct.into_iter().collect()
}

type Rest = ApiPath<String, TempoRefusal>;

/// What stands before `/values`.
fn field_of(rest: &str) -> Result<&str, Refusal> {
    let field = rest.strip_suffix("/values").filter(|field| !field.is_empty());
    field.ok_or_else(|| Refusal::not_found("404 page not found"))
}

fn settings(uri: &Uri) -> Result<(String, Range, u64), Refusal> {
    let form = Form::read(uri)?;
    let query = form.text("q").unwrap_or_default().to_owned();
    Ok((query, form.range()?, form.number("limit")?.unwrap_or(0)))
}

/// `GET /api/search/tag/{name}/values`
pub(super) async fn v1(
    State(app): State<Arc<App>>,
    path: Rest,
    uri: Uri,
    headers: HeaderMap,
) -> Answer {
    let (_, range, values_max) = settings(&uri)?;
    let question = ValuesQuestion::of_name(field_of(&path.0)?, "", range, values_max)?;
    let (values, notes) = find(&app, &question).await?;
    let metrics = Some(MetadataMetrics::default());
    let message = SearchTagValuesResponse { tag_values: texts(values), metrics };
    answers::message(&app, &headers, &message, &notes)
}

/// `GET /api/v2/search/tag/{field}/values`
pub(super) async fn v2(
    State(app): State<Arc<App>>,
    path: Rest,
    uri: Uri,
    headers: HeaderMap,
) -> Answer {
    let (query, range, values_max) = settings(&uri)?;
    let question = ValuesQuestion::of_field(field_of(&path.0)?, &query, range, values_max)?;
    let (tag_values, notes) = find(&app, &question).await?;
    let metrics = Some(MetadataMetrics::default());
    answers::message(&app, &headers, &SearchTagValuesV2Response { tag_values, metrics }, &notes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_one_attribute() {
        let check = |text: &str, expect: Option<Source>| {
            assert_eq!(read_field(text).as_ref().map(Source::of).ok(), expect, "{text}");
        };
        let span = |key: &str| GroupKey::SpanAttribute(key.to_owned());
        check("span.a/b", Some(Source::Groups(vec![span("a/b")])));
        check("span.\"a b\"", Some(Source::Groups(vec![span("a b")])));
        check(".x", Some(Source::Groups(vec![span("x"), GroupKey::ResourceAttribute("x".into())])));
        check("event.k", Some(Source::Listed(ValuesOf::EventAttribute("k".into()))));
        check("span:name", Some(Source::Groups(vec![GroupKey::Name])));
        check("trace:rootName", Some(Source::Roots(GroupKey::Name)));
        check("duration", Some(Source::Nowhere));
        check("parent.a", None);
        check("service.name", None);
        check("span.a != nil && .b", None);
        check("", None);
    }

    #[test]
    fn answers_are_cut_with_a_word() {
        let check = |count: usize, length: usize, values_max: usize, expect: usize| {
            let value = |number: usize| ("string", format!("{number:02}") + &"x".repeat(length));
            let values = (0..count).map(value).collect();
            let mut partial = Vec::new();
            assert_eq!(cut(values, values_max, &mut partial).len(), expect);
            assert_eq!(partial.is_empty(), expect == count, "{partial:?}");
        };
        check(3, 1, 3, 3);
        check(3, 1, 2, 2);
        check(20, 100_000, 100, 10);
    }
}
