//! Comparisons of a store under test beside those of the model with every span as often as it was sent, and with each once:
//! the store may have removed exact duplicates or not.

use super::dice::Dice;
use super::spans::START;
use crate::compare::{BucketCounts, CompareSpans, ComparedField, ComparedSpans};
use crate::predicate::SpanCondition;
use fanal_model::Value;
use std::collections::BTreeMap;

fn of_buckets(counts: &BucketCounts) -> impl Iterator<Item = (u32, usize, u64)> {
    counts.iter().flat_map(|(bucket, sides)| {
        sides.iter().enumerate().map(|(side, count)| (*bucket, side, *count))
    })
}

fn count(counts: Option<&BucketCounts>, bucket: u32, side: usize) -> u64 {
    counts.and_then(|counts| counts.get(&bucket)).map_or(0, |sides| sides[side])
}

/// What is wrong with counts; `None` where nothing is.
fn of_counts(
    found: Option<&BucketCounts>,
    most: Option<&BucketCounts>,
    least: Option<&BucketCounts>,
) -> Option<String> {
    let all = [found, most].into_iter().flatten().flat_map(of_buckets);
    let mut places = all.map(|(bucket, side, _)| (bucket, side));
    let (bucket, side) = places.find(|&(bucket, side)| {
        let range = count(least, bucket, side)..=count(most, bucket, side);
        !range.contains(&count(found, bucket, side))
    })?;
    Some(format!("bucket {bucket} side {side}: {found:?}, most {most:?}, least {least:?}"))
}

fn by_value(values: Option<&Vec<(Value, BucketCounts)>>) -> BTreeMap<String, &BucketCounts> {
    let values = values.into_iter().flatten();
    values.map(|(value, counts)| (format!("{value:?}"), counts)).collect()
}

/// What is wrong with an answer; `None` where nothing is. The model's count every value.
pub(super) fn difference(
    found: &ComparedSpans,
    most: &ComparedSpans,
    least: &ComparedSpans,
    values_max: usize,
) -> Option<String> {
    let spans = of_counts(Some(&found.spans), Some(&most.spans), Some(&least.spans));
    if let Some(difference) = spans {
        return Some(format!("spans: {difference}"));
    }
    let fields: std::collections::BTreeSet<&ComparedField> =
        found.fields.keys().chain(most.fields.keys()).collect();
    fields.into_iter().find_map(|field| {
        let [own, most, least] = [found, most, least].map(|it| by_value(it.fields.get(field)));
        let is_cut = most.len() > values_max;
        if own.len() > values_max || found.left_out.contains_key(field) != is_cut {
            return Some(format!(
                "{field:?} has {} values of {}, left out {:?}",
                own.len(),
                most.len(),
                found.left_out.get(field)
            ));
        }
        if is_cut {
            let total = |values: &BTreeMap<String, &BucketCounts>| -> u64 {
                values.values().flat_map(|it| of_buckets(it)).map(|(_, _, count)| count).sum()
            };
            let told = total(&own) + found.left_out.get(field).copied().unwrap_or(0);
            if !(total(&least)..=total(&most)).contains(&told) {
                return Some(format!("{field:?}: {told} spans are counted or left out"));
            }
        }
        own.keys().chain(most.keys()).find_map(|value| {
            let [own, most, least] = [&own, &most, &least].map(|it| it.get(value).copied());
            let least = least.filter(|_| !is_cut);
            of_counts(own, most, least).map(|it| format!("{field:?} {value}: {it}"))
        })
    })
}

/// What is asked of every stored state.
pub(super) fn of_everything() -> Vec<CompareSpans> {
    let all = CompareSpans {
        start_max_unix_nanos: u64::MAX,
        values_max: 1_000_000,
        ..CompareSpans::default()
    };
    let long = vec![SpanCondition::DurationMin(10)];
    vec![all.clone(), CompareSpans { selection: long, values_max: 2, ..all }]
}

/// A random comparison of spans that meet some conditions with those that meet others.
pub(super) fn random(
    dice: &mut Dice,
    conditions: Vec<SpanCondition>,
    selection: Vec<SpanCondition>,
) -> CompareSpans {
    let mut times = [0; 4].map(|_: u64| START + dice.below(1_000));
    times.sort_unstable();
    CompareSpans {
        conditions,
        selection,
        selection_starts: dice.one_in(2).then_some((times[1], times[2])),
        start_min_unix_nanos: times[0],
        start_max_unix_nanos: times[3],
        step_nanos: dice.one_in(2).then(|| 1 + dice.below(100)),
        values_max: if dice.one_in(3) { 1 } else { 1_000_000 },
    }
}
