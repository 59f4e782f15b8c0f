//! What some spans have more often than the others, counted by value and time bucket.
//!
//! Filled by [`super::metrics`] span by span. Memory grows with distinct values, up to [`VALUES_MAX`].

use super::cells::type_of;
use fanal_base::cast;
use fanal_traceql::ast::Compare;
use fanal_traceql::eval::{self, Buckets, Label, Series};
use fanal_traceql::value::Value;
use foldhash::fast::RandomState;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

/// Most values of all attributes that are counted.
pub(super) const VALUES_MAX: usize = 200_000;

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
    values: usize,
    /// Values of spans that were not counted.
    pub(super) left_out: u64,
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
            let attribute = self.sides.entry((is_selected, key)).or_default();
            *attribute.buckets.entry(bucket).or_default() += 1;
            let text = eval::text(&value);
            let place = (type_of(&value), text.clone());
            let next = attribute.values.len();
            let place = match attribute.places.get(&place) {
                Some(place) => *place,
                None if self.values >= VALUES_MAX => {
                    self.left_out += 1;
                    continue;
                }
                None => {
                    self.values += 1;
                    attribute.places.insert(place, next);
                    attribute.values.push(Counted {
                        value,
                        text,
                        total: 0,
                        buckets: BTreeMap::new(),
                    });
                    next
                }
            };
            if let Some(counted) = attribute.values.get_mut(place) {
                counted.total += 1;
                *counted.buckets.entry(bucket).or_default() += 1;
            }
        }
    }

    /// The most frequent values of each attribute and side, and the number of spans that have it.
    pub(super) fn into_series(self, arguments: &Compare, buckets: &Buckets) -> Vec<Series> {
        let top = arguments.top.as_ref().map_or(eval::TOP_DEFAULT, |top| top.item);
        let top = usize::try_from(top).unwrap_or(0);
        let mut series = Vec::new();
        for ((is_selected, key), mut attribute) in self.sides {
            let side = if is_selected { "selection" } else { "baseline" };
            attribute.values.sort_by(|left, right| {
                (Reverse(left.total), &left.text).cmp(&(Reverse(right.total), &right.text))
            });
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

fn one(side: String, label: Label, counts: &BTreeMap<usize, u64>, buckets: &Buckets) -> Series {
    let sample = |bucket: usize| Some(cast::figure(counts.get(&bucket).copied().unwrap_or(0)));
    Series {
        labels: vec![("__meta_type".to_owned(), Value::String(side)), label],
        samples: (0..buckets.count()).map(sample).collect(),
        exemplars: Vec::new(),
    }
}
