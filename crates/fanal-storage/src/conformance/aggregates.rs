//! Aggregates of a store under test beside those of the model, and the questions that every stored state is asked.
//!
//! Exact duplicates may have been removed by the store or not, so that two models tell the bounds of a count. Of an
//! answer that is full of groups any choice is right, as long as each group is whole and the rest is told.

use super::dice::Dice;
use super::spans::START;
use crate::aggregate::{
    AggregateSpans, GroupKey, Measure, Measured, SpanAggregates, SpanGroup, encode_group,
};
use crate::predicate::SpanCondition;
use fanal_base::cast;
use std::collections::BTreeMap;
use std::num::NonZeroU64;

/// The number of all spans.
pub(super) fn all() -> AggregateSpans {
    AggregateSpans {
        conditions: Vec::new(),
        start_min_unix_nanos: 0,
        start_max_unix_nanos: u64::MAX,
        step_nanos: None,
        group_by: Vec::new(),
        measures: Vec::new(),
        groups_max: 10_000,
    }
}

/// Every key that is no attribute, and attributes of each level.
fn keys() -> Vec<GroupKey> {
    let mut keys = vec![
        GroupKey::Service,
        GroupKey::Name,
        GroupKey::Kind,
        GroupKey::Status,
        GroupKey::ScopeName,
    ];
    for key in ["k", "service.name", "", "é", "key 700", "key 1399", "absent"] {
        keys.push(GroupKey::SpanAttribute(key.into()));
        keys.push(GroupKey::ResourceAttribute(key.into()));
        keys.push(GroupKey::ScopeAttribute(key.into()));
    }
    keys
}

fn doublings(unit_nanos: u64) -> Measure {
    Measure::DurationDoublings(NonZeroU64::MIN.saturating_add(unit_nanos - 1))
}

/// What is asked of every stored state.
pub(super) fn of_everything() -> Vec<AggregateSpans> {
    let measures = vec![Measure::DurationHistogram, Measure::Durations, doublings(3)];
    let mut questions = vec![all(), AggregateSpans { measures: measures.clone(), ..all() }];
    questions.extend(keys().into_iter().map(|key| AggregateSpans { group_by: vec![key], ..all() }));
    let group_by = vec![GroupKey::Service, GroupKey::Name, GroupKey::Status];
    questions.push(AggregateSpans { group_by: group_by.clone(), measures, ..all() });
    let minute = AggregateSpans {
        start_min_unix_nanos: START,
        start_max_unix_nanos: START + 999,
        step_nanos: Some(7),
        ..all()
    };
    questions.push(minute.clone());
    let conditions = vec![SpanCondition::DurationMin(10), SpanCondition::Name("work".into())];
    questions.push(AggregateSpans { group_by, conditions, groups_max: 2, ..minute });
    questions
}

/// A random question with these conditions.
pub(super) fn random(dice: &mut Dice, conditions: Vec<SpanCondition>) -> AggregateSpans {
    let keys = keys();
    let (first, second) = (START + dice.below(50), START + dice.below(50));
    let is_bounded = dice.one_in(2);
    let start_min_unix_nanos = if is_bounded { first.min(second) } else { 0 };
    let start_max_unix_nanos = if is_bounded { first.max(second) } else { u64::MAX };
    let step = if is_bounded { 1 + dice.below(20) } else { u64::MAX / (1 + dice.below(9_000)) };
    let mut measures = Vec::new();
    for measure in [Measure::Durations, Measure::DurationHistogram, doublings(5)] {
        if dice.one_in(3) {
            measures.push(measure);
        }
    }
    AggregateSpans {
        conditions,
        start_min_unix_nanos,
        start_max_unix_nanos,
        step_nanos: dice.one_in(2).then_some(step),
        group_by: (0..dice.below(5)).map(|_| dice.pick(&keys)).collect(),
        measures,
        groups_max: if dice.one_in(4) { cast::size(1 + dice.below(30)) } else { 10_000 },
    }
}

/// Groups by their encoded values.
type Groups<'a> = BTreeMap<Vec<Option<Vec<u8>>>, &'a SpanGroup>;

fn by_values(groups: &[SpanGroup]) -> Groups<'_> {
    groups.iter().map(|group| (encode_group(&group.values), group)).collect()
}

/// What is wrong with an answer. `most` is the model's answer over all spans, `least` that over distinct ones, both
/// without a limit of groups.
pub(super) fn difference(
    found: &SpanAggregates,
    most: &SpanAggregates,
    least: &SpanAggregates,
    groups_max: usize,
) -> Option<String> {
    let order: Vec<_> = found.groups.iter().map(|group| encode_group(&group.values)).collect();
    if !order.is_sorted_by(|left, right| left < right) {
        return Some("groups are not in order".to_owned());
    }
    let counted: u64 = found.groups.iter().map(spans_of).sum();
    if counted + found.spans_left_out != found.spans {
        return Some(format!("{counted} spans in groups do not add up"));
    }
    if !(least.spans..=most.spans).contains(&found.spans) {
        return Some(format!("{} spans, not {} to {}", found.spans, least.spans, most.spans));
    }
    let is_full = most.groups.len() > groups_max;
    if found.warnings.is_empty() == is_full || (found.spans_left_out > 0) != is_full {
        return Some("a warning and spans left out must go with groups left out".to_owned());
    }
    if found.groups.len() != most.groups.len().min(groups_max) {
        return Some(format!("{} groups, not {}", found.groups.len(), most.groups.len()));
    }
    let (most, least) = (by_values(&most.groups), by_values(&least.groups));
    for (values, group) in by_values(&found.groups) {
        let (Some(&most), Some(&least)) = (most.get(&values), least.get(&values)) else {
            return Some(format!("group {:?} does not exist", group.values));
        };
        if group != most && !is_between(group, most, least) {
            return Some(format!("group is\n  {group:?}\nthe model's\n  {most:?}"));
        }
    }
    None
}

fn spans_of(group: &SpanGroup) -> u64 {
    group.buckets.iter().map(|tally| tally.spans).sum()
}

/// Whether a group lies between that of all spans and that of distinct ones, which differ.
fn is_between(group: &SpanGroup, most: &SpanGroup, least: &SpanGroup) -> bool {
    most != least
        && group.buckets.len() == most.buckets.len()
        && group.buckets.len() == least.buckets.len()
        && group.buckets.iter().zip(&most.buckets).zip(&least.buckets).all(
            |((tally, most), least)| {
                (tally.bucket, most.bucket) == (most.bucket, least.bucket)
                    && (least.spans..=most.spans).contains(&tally.spans)
                    && tally
                        .measured
                        .iter()
                        .zip(&most.measured)
                        .zip(&least.measured)
                        .all(|((found, most), least)| is_measure_between(found, most, least))
            },
        )
}

fn is_measure_between(found: &Measured, most: &Measured, least: &Measured) -> bool {
    match (found, most, least) {
        (
            Measured::Durations { sum, min, max },
            Measured::Durations { sum: sum_most, min: min_most, max: max_most },
            Measured::Durations { sum: sum_least, .. },
        ) => (sum_least..=sum_most).contains(&sum) && (min, max) == (min_most, max_most),
        (
            Measured::DurationHistogram(found),
            Measured::DurationHistogram(most),
            Measured::DurationHistogram(least),
        ) => are_between(&**found, &**most, &**least),
        (
            Measured::DurationDoublings { counters: found, .. },
            Measured::DurationDoublings { counters: most, .. },
            Measured::DurationDoublings { counters: least, .. },
        ) => are_between(&**found, &**most, &**least),
        _ => false,
    }
}

fn are_between(found: &[u64], most: &[u64], least: &[u64]) -> bool {
    let bounds = most.iter().zip(least);
    found.iter().zip(bounds).all(|(found, (most, least))| (least..=most).contains(&found))
}
