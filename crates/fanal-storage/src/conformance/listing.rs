//! Listed keys and values of a store under test beside those of the model: none that must be there may be missing without a
//! word, none that is not stored may be there.

use super::dice::Dice;
use super::spans::START;
use crate::listing::{ListKeys, ListValues, ListedKeys, ListedValues, ValuesOf};
use crate::predicate::SpanCondition;
use std::collections::BTreeSet;
use std::fmt::Debug;

/// A question for everything.
pub(super) fn all_keys() -> ListKeys {
    ListKeys {
        conditions: Vec::new(),
        start_min_unix_nanos: 0,
        start_max_unix_nanos: u64::MAX,
        keys_max: usize::MAX,
    }
}

/// The same for values.
pub(super) fn all_values(of: ValuesOf) -> ListValues {
    ListValues {
        of,
        conditions: Vec::new(),
        start_min_unix_nanos: 0,
        start_max_unix_nanos: u64::MAX,
        values_max: usize::MAX,
    }
}

/// What is asked of every stored state.
pub(super) fn of_everything() -> (Vec<ListKeys>, Vec<ListValues>) {
    let keys = vec![all_keys(), ListKeys { keys_max: 2, ..all_keys() }];
    let mut values: Vec<ListValues> = fields().into_iter().map(all_values).collect();
    values.push(ListValues { values_max: 1, ..all_values(ValuesOf::EventName) });
    (keys, values)
}

fn fields() -> Vec<ValuesOf> {
    let mut fields = vec![ValuesOf::StatusMessage, ValuesOf::ScopeVersion, ValuesOf::EventName];
    for key in ["k", "", "é", "key 700", "key 1399", "absent"] {
        fields.push(ValuesOf::EventAttribute(key.into()));
        fields.push(ValuesOf::LinkAttribute(key.into()));
    }
    fields
}

/// A random question for keys.
pub(super) fn random_keys(dice: &mut Dice, conditions: Vec<SpanCondition>) -> ListKeys {
    let (first, second) = (START + dice.below(60), START + dice.below(60));
    let is_bounded = dice.one_in(2);
    ListKeys {
        conditions,
        start_min_unix_nanos: if is_bounded { first.min(second) } else { 0 },
        start_max_unix_nanos: if is_bounded { first.max(second) } else { u64::MAX },
        keys_max: usize::MAX,
    }
}

/// A random question for values.
pub(super) fn random_values(dice: &mut Dice, conditions: Vec<SpanCondition>) -> ListValues {
    let ListKeys { conditions, start_min_unix_nanos, start_max_unix_nanos, .. } =
        random_keys(dice, conditions);
    let of = dice.pick(&fields());
    let values_max = usize::MAX;
    ListValues { of, conditions, start_min_unix_nanos, start_max_unix_nanos, values_max }
}

/// What is wrong with an answer; `least` has what must be there, `most` all that is stored.
fn difference<T: Ord + Debug>(
    found: &BTreeSet<T>,
    least: &BTreeSet<T>,
    most: &BTreeSet<T>,
    max: usize,
    is_told: bool,
) -> Option<String> {
    if let Some(other) = found.difference(most).next() {
        return Some(format!("{other:?} is not stored"));
    }
    if found.len() > max {
        return Some(format!("{} are more than {max}", found.len()));
    }
    let missing = least.difference(found).next();
    match missing {
        Some(missing) if !is_told => Some(format!("{missing:?} is missing without a word")),
        // Only a full answer may lack something.
        Some(missing) if found.len() < max => Some(format!("{missing:?} is missing")),
        _ => None,
    }
}

/// What is wrong with an answer for keys.
pub(super) fn keys_difference(
    found: &ListedKeys,
    least: &ListedKeys,
    most: &ListedKeys,
    max: usize,
) -> Option<String> {
    let levels = found.keys.keys().chain(least.keys.keys());
    let none = BTreeSet::new();
    let of = |listed: &'_ ListedKeys, level| listed.keys.get(level).unwrap_or(&none).clone();
    levels.into_iter().find_map(|level| {
        let (least, most) = (of(least, level), of(most, level));
        let is_told = !found.warnings.is_empty();
        let wrong = difference(&of(found, level), &least, &most, max, is_told)?;
        Some(format!("{level:?}: {wrong}"))
    })
}

/// What is wrong with an answer for values.
pub(super) fn values_difference(
    found: &ListedValues,
    least: &ListedValues,
    most: &ListedValues,
    max: usize,
) -> Option<String> {
    difference(&found.encoded, &least.encoded, &most.encoded, max, !found.warnings.is_empty())
}
