//! What some spans have more often than the others, counted by value and time bucket.
//!
//! Filled by [`super::metrics`]: span by span, or with what a store counted. Memory grows with distinct values, up to
//! [`VALUES_MAX`] of each attribute and side.

use super::cells::type_of;
use fanal_base::cast;
use fanal_storage::compare::BucketCounts;
use fanal_storage::{ComparedField, ComparedSpans};
use fanal_traceql::ast::{Attribute, AttributeScope, Compare, Intrinsic, SERVICE_NAME};
use fanal_traceql::eval::{self, Buckets, Label, Series, label_value};
use fanal_traceql::value::Value;
use foldhash::fast::RandomState;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

/// Most values of an attribute that are counted on each side.
pub(super) const VALUES_MAX: usize = 10_000;

/// Attributes that are named where values are left out.
const NAMED_MAX: usize = 5;

/// Spans with a value, and how many of each bucket.
#[derive(Debug)]
struct Counted {
    value: Value,
    text: String,
    total: u64,
    buckets: BTreeMap<usize, u64>,
}

/// The values of an attribute on a side.
#[derive(Debug, Default)]
struct OfAttribute {
    places: HashMap<(u8, String), usize, RandomState>,
    values: Vec<Counted>,
    /// Spans that have the attribute, by bucket.
    buckets: BTreeMap<usize, u64>,
}

/// What was counted.
#[derive(Debug, Default)]
pub(super) struct Comparison {
    /// By side (whether it is the selection) and attribute.
    sides: BTreeMap<(bool, String), OfAttribute>,
    /// By attribute: spans whose value was not counted.
    left_out: BTreeMap<String, u64>,
}

impl Comparison {
    /// Counts a span on its side.
    pub(super) fn add(
        &mut self,
        is_selected: bool,
        trace: &eval::Trace,
        position: usize,
        bucket: usize,
    ) {
        for (key, value) in eval::compared_labels(trace, position) {
            self.add_value(is_selected, &key, value, bucket, 1);
        }
    }

    /// Counts spans with a value on their side.
    pub(super) fn add_value(
        &mut self,
        is_selected: bool,
        key: &str,
        value: Value,
        bucket: usize,
        spans: u64,
    ) {
        let attribute = self.sides.entry((is_selected, key.to_owned())).or_default();
        *attribute.buckets.entry(bucket).or_default() += spans;
        let text = eval::text(&value);
        let place = (type_of(&value), text.clone());
        let next = attribute.values.len();
        let place = match attribute.places.get(&place) {
            Some(place) => *place,
            None if next >= VALUES_MAX => {
                *self.left_out.entry(key.to_owned()).or_default() += spans;
                return;
            }
            None => {
                attribute.places.insert(place, next);
                let buckets = BTreeMap::new();
                attribute.values.push(Counted { value, text, total: 0, buckets });
                next
            }
        };
        if let Some(counted) = attribute.values.get_mut(place) {
            counted.total += spans;
            *counted.buckets.entry(bucket).or_default() += spans;
        }
    }

    /// Counts what a store compared.
    pub(super) fn add_compared(&mut self, compared: ComparedSpans) {
        // Every span has a service, be it the empty one.
        let mut without_service = compared.spans;
        let service = ComparedField::ResourceAttribute(SERVICE_NAME.to_owned());
        for (field, values) in compared.fields {
            let key = attribute_of(&field).to_string();
            for (value, counts) in values {
                let Some(value) = label_value(Value::from(&value)) else { continue };
                if field == service {
                    for (bucket, [others, selected]) in &counts {
                        let known = without_service.entry(*bucket).or_default();
                        known[0] = known[0].saturating_sub(*others);
                        known[1] = known[1].saturating_sub(*selected);
                    }
                }
                self.add_counts(&key, &value, &counts);
            }
        }
        let service = attribute_of(&service).to_string();
        self.add_counts(&service, &Value::String(String::new()), &without_service);
        for (field, spans) in compared.left_out {
            *self.left_out.entry(attribute_of(&field).to_string()).or_default() += spans;
        }
    }

    fn add_counts(&mut self, key: &str, value: &Value, counts: &BucketCounts) {
        for (&bucket, sides) in counts {
            for (is_selected, &spans) in [false, true].into_iter().zip(sides) {
                if spans > 0 {
                    self.add_value(is_selected, key, value.clone(), cast::index(bucket), spans);
                }
            }
        }
    }

    /// What the asker should know about values that were not counted.
    pub(super) fn warning(&self) -> Option<String> {
        let spans: u64 = self.left_out.values().sum();
        let (count, mut named) = (self.left_out.len(), self.left_out.keys());
        let first = named.next()?;
        let names = named.take(NAMED_MAX - 1).fold(first.clone(), |all, name| all + ", " + name);
        let more = if count > NAMED_MAX { " and others" } else { "" };
        Some(format!(
            "of {names}{more} {VALUES_MAX} values were compared, as many as may be; {spans} further values of spans are left out; \
             add conditions or narrow the time range"
        ))
    }

    /// The most frequent values of each attribute and side, and the number of spans that have it.
    pub(super) fn into_series(self, arguments: &Compare, buckets: &Buckets) -> Vec<Series> {
        let top = arguments.top.as_ref().map_or(eval::TOP_DEFAULT, |top| top.item);
        let top = usize::try_from(top).unwrap_or(0);
        let mut series = Vec::new();
        for ((is_selected, key), mut attribute) in self.sides {
            let side = if is_selected { "selection" } else { "baseline" };
            let order = |it: &Counted| (Reverse(it.total), it.text.clone(), type_of(&it.value));
            attribute.values.sort_by_cached_key(order);
            for counted in attribute.values.into_iter().take(top) {
                let label = (key.clone(), counted.value);
                series.push(one(side.to_owned(), label, &counted.buckets, buckets));
            }
            let nil = (key, Value::String("nil".to_owned()));
            series.push(one(format!("{side}_total"), nil, &attribute.buckets, buckets));
        }
        series
    }
}

/// The field of a query that a store's field is.
fn attribute_of(field: &ComparedField) -> Attribute {
    match field {
        ComparedField::Name => Attribute::Intrinsic(Intrinsic::Name),
        ComparedField::Kind => Attribute::Intrinsic(Intrinsic::Kind),
        ComparedField::Status => Attribute::Intrinsic(Intrinsic::Status),
        ComparedField::StatusMessage => Attribute::Intrinsic(Intrinsic::StatusMessage),
        ComparedField::ScopeName => Attribute::Intrinsic(Intrinsic::InstrumentationName),
        ComparedField::ScopeVersion => Attribute::Intrinsic(Intrinsic::InstrumentationVersion),
        ComparedField::SpanAttribute(key) => Attribute::named(AttributeScope::Span, key),
        ComparedField::ResourceAttribute(key) => Attribute::named(AttributeScope::Resource, key),
        ComparedField::ScopeAttribute(key) => {
            Attribute::named(AttributeScope::Instrumentation, key)
        }
    }
}

fn one(side: String, label: Label, counts: &BTreeMap<usize, u64>, buckets: &Buckets) -> Series {
    let sample = |bucket: usize| Some(cast::figure(counts.get(&bucket).copied().unwrap_or(0)));
    Series {
        labels: vec![("__meta_type".to_owned(), Value::String(side)), label],
        samples: (0..buckets.count()).map(sample).collect(),
        exemplars: Vec::new(),
    }
}
