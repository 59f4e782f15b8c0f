//! `compare()`: which values some spans have more often than the others.

use super::expression::{Context, keeps};
use super::metrics::{Counted, Run};
use super::series::{Label, Series, is_same, label_value, ordered, text};
use super::trace::Trace;
use super::{State, Warnings};
use crate::ast::{Attribute, AttributeScope, Compare, Intrinsic};
use crate::check::Checked;
use crate::value::Value;
use fanal_base::cast;

/// Values of an attribute that get a series where the query does not say.
pub const TOP_DEFAULT: i64 = 10;

/// Intrinsics that are compared.
const INTRINSICS: [Intrinsic; 9] = [
    Intrinsic::Name,
    Intrinsic::Kind,
    Intrinsic::Status,
    Intrinsic::StatusMessage,
    Intrinsic::RootName,
    Intrinsic::RootServiceName,
    Intrinsic::InstrumentationName,
    Intrinsic::InstrumentationVersion,
    Intrinsic::ChildCount,
];

/// Spans with one value of one attribute: the bucket of each.
struct Counts {
    label: Label,
    buckets: Vec<usize>,
}

/// The series of a comparison.
pub(super) fn series(
    run: &mut Run<'_>,
    arguments: &Compare,
    counted: &[Counted<'_>],
) -> Vec<Series> {
    let state = &mut run.state;
    let (selection, baseline): (Vec<Counted<'_>>, Vec<Counted<'_>>) =
        counted.iter().copied().partition(|counted| {
            is_selected(state.query, arguments, counted.trace, counted.position, state.warnings)
        });
    let top = arguments.top.as_ref().map_or(TOP_DEFAULT, |top| top.item);
    let top = usize::try_from(top).unwrap_or(0);
    let mut series = side(run, "baseline", &baseline, top);
    series.extend(side(run, "selection", &selection, top));
    ordered(series)
}

/// Whether a span is of the selection of a comparison in a query.
pub fn is_selected(
    query: &Checked,
    arguments: &Compare,
    trace: &Trace,
    position: usize,
    warnings: &mut Warnings,
) -> bool {
    let start = i128::from(trace.spans[position].start);
    let is_within = arguments
        .range
        .is_none_or(|(from, to)| i128::from(from) < start && start <= i128::from(to));
    let mut state = State { query, warnings };
    keeps(&arguments.selection, trace, position, &mut state) && is_within
}

/// The series of the spans of one side.
fn side(run: &Run<'_>, side: &str, counted: &[Counted<'_>], top: usize) -> Vec<Series> {
    let mut values: Vec<Counts> = Vec::new();
    for span in counted {
        for label in compared_labels(span.trace, span.position) {
            let same = |known: &&mut Counts| {
                is_same(std::slice::from_ref(&known.label), std::slice::from_ref(&label))
            };
            match values.iter_mut().find(same) {
                Some(known) => known.buckets.push(span.bucket),
                None => values.push(Counts { label, buckets: vec![span.bucket] }),
            }
        }
    }
    // By attribute, the most frequent first; of equally frequent ones the first by text, then by type.
    values.sort_by_cached_key(|counts| {
        let (key, value) = &counts.label;
        let of_type = match value {
            Value::Bool(_) => 0,
            Value::Int(_) => 1,
            Value::Float(_) => 2,
            _ => 3,
        };
        (key.clone(), std::cmp::Reverse(counts.buckets.len()), text(value), of_type)
    });
    let mut series = Vec::new();
    for of_attribute in values.chunk_by(|left, right| left.label.0 == right.label.0) {
        let one = |kind: &str, label: Label, buckets: Vec<usize>| {
            let kind = Value::String(kind.to_owned());
            let count = |bucket: usize| buckets.iter().filter(|other| **other == bucket).count();
            let labels = vec![("__meta_type".to_owned(), kind), label];
            run.series(labels, |bucket| Some(cast::figure(cast::wide(count(bucket)))))
        };
        for counts in of_attribute.iter().take(top) {
            series.push(one(side, counts.label.clone(), counts.buckets.clone()));
        }
        let nil = (of_attribute[0].label.0.clone(), Value::String("nil".to_owned()));
        let all = of_attribute.iter().flat_map(|counts| counts.buckets.iter().copied()).collect();
        series.push(one(&format!("{side}_total"), nil, all));
    }
    series
}

/// The attributes of a span that are compared, with their values.
pub fn compared_labels(trace: &Trace, position: usize) -> Vec<Label> {
    let span = &trace.spans[position];
    let named = |scope, attributes: &[(String, fanal_model::Value)]| {
        let name = |(name, _): &(String, fanal_model::Value)| Attribute::named(scope, name);
        attributes.iter().map(name).collect::<Vec<_>>()
    };
    let mut fields: Vec<Attribute> = INTRINSICS.map(Attribute::Intrinsic).to_vec();
    fields.extend(named(AttributeScope::Span, &span.attributes));
    fields.extend(named(AttributeScope::Resource, &span.resource));
    fields.extend(named(AttributeScope::Instrumentation, &span.scope));
    let service = Attribute::named(AttributeScope::Resource, crate::ast::SERVICE_NAME);
    if !fields.contains(&service) {
        fields.push(service);
    }
    let value = |field: &Attribute| label_value(Context::outside(trace, position).field(field));
    fields.iter().filter_map(|field| Some((field.to_string(), value(field)?))).collect()
}
