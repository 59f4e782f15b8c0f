//! The groups of an aggregate: values become numbers once a question, and tallies grow behind them.
//!
//! Each thread has its own [`Totals`]; all of them ask one [`Registry`] which groups there may be, so that a group is
//! either whole or left out whole, whoever meets it first. Memory is counted against the question.

use super::dimension::GroupValue;
use super::question::Question;
use crate::guard::lock;
use fanal_base::cast;
use fanal_model::nested;
use fanal_storage::aggregate::{GROUP_KEYS_MAX, HISTOGRAM_COUNTERS, groups_warning};
use fanal_storage::{Measure, SpanAggregates, SpanGroup, StoreError, Tally};
use foldhash::fast::RandomState;
use hashbrown::{HashMap, HashSet};
use std::collections::BTreeMap;
use std::sync::Mutex;

/// What a value, a group or a tally costs beside its own bytes, about.
const ENTRY_BYTES: usize = 64;

/// Numbers of values, by key of the question; keys that the question has not are 0.
pub(crate) type GroupNumbers = [u32; GROUP_KEYS_MAX];

/// Values and groups of a question, shared by its threads.
#[derive(Debug)]
pub(crate) struct Registry<'q> {
    question: &'q Question,
    groups_max: usize,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    numbers: HashMap<GroupValue, u32, RandomState>,
    values: Vec<GroupValue>,
    groups: HashSet<GroupNumbers, RandomState>,
}

impl<'q> Registry<'q> {
    /// For a question of so many groups.
    pub(crate) fn new(question: &'q Question, groups_max: usize) -> Self {
        Self { question, groups_max, inner: Mutex::default() }
    }

    /// The number of a value; `None` for one that can only be in groups that are left out.
    pub(crate) fn number(&self, value: GroupValue) -> Result<Option<u32>, StoreError> {
        let mut inner = lock(&self.inner);
        if let Some(&known) = inner.numbers.get(&value) {
            return Ok(Some(known));
        }
        if inner.groups.len() >= self.groups_max {
            return Ok(None);
        }
        let bytes = value.as_ref().map_or(0, Vec::len);
        self.question.hold(2 * (ENTRY_BYTES + bytes))?;
        let number = cast::narrow(inner.values.len());
        inner.values.push(value.clone());
        inner.numbers.insert(value, number);
        Ok(Some(number))
    }

    /// Whether a group is among those that are answered.
    fn admits(&self, group: &GroupNumbers) -> Result<bool, StoreError> {
        let mut inner = lock(&self.inner);
        if inner.groups.contains(group) {
            return Ok(true);
        }
        if inner.groups.len() >= self.groups_max {
            return Ok(false);
        }
        self.question.hold(ENTRY_BYTES)?;
        Ok(inner.groups.insert(*group))
    }
}

/// What one thread has counted.
#[derive(Debug)]
pub(crate) struct Totals<'q> {
    registry: &'q Registry<'q>,
    measures: &'q [Measure],
    places: HashMap<(GroupNumbers, u32), usize, RandomState>,
    tallies: Vec<Tally>,
    /// Spans of groups that are left out.
    left_out: u64,
}

impl<'q> Totals<'q> {
    /// Nothing counted.
    pub(crate) fn new(registry: &'q Registry<'q>, measures: &'q [Measure]) -> Self {
        let places = HashMap::default();
        Self { registry, measures, places, tallies: Vec::new(), left_out: 0 }
    }

    /// Adds spans to a group in a bucket. The answer is the place for their measures, `None` where the group is left out.
    pub(crate) fn add(
        &mut self,
        group: Option<GroupNumbers>,
        bucket: u32,
        spans: u64,
    ) -> Result<Option<usize>, StoreError> {
        let place = match group {
            Some(group) => self.place(group, bucket)?,
            None => None,
        };
        match place.and_then(|place| self.tallies.get_mut(place)) {
            Some(tally) => tally.spans += spans,
            None => self.left_out += spans,
        }
        Ok(place)
    }

    fn place(&mut self, group: GroupNumbers, bucket: u32) -> Result<Option<usize>, StoreError> {
        if let Some(&place) = self.places.get(&(group, bucket)) {
            return Ok(Some(place));
        }
        if !self.registry.admits(&group)? {
            return Ok(None);
        }
        let measured = self.measures.len() * ENTRY_BYTES;
        let has_histogram = self.measures.contains(&Measure::DurationHistogram);
        let histogram = if has_histogram { HISTOGRAM_COUNTERS * 8 } else { 0 };
        self.registry.question.hold(3 * ENTRY_BYTES + measured + histogram)?;
        let place = self.tallies.len();
        self.tallies.push(Tally::new(bucket, self.measures));
        self.places.insert((group, bucket), place);
        Ok(Some(place))
    }

    /// Measures a span that [`Totals::add`] counted.
    #[inline]
    pub(crate) fn measure(&mut self, place: usize, duration_nanos: u64) {
        if let Some(tally) = self.tallies.get_mut(place) {
            tally.measured.iter_mut().for_each(|measured| measured.add(duration_nanos));
        }
    }
}

/// The answer of all threads; its warnings and counts are the caller's.
pub(crate) fn finish(
    registry: &Registry<'_>,
    keys: usize,
    threads: Vec<Totals<'_>>,
) -> SpanAggregates {
    let inner = std::mem::take(&mut *lock(&registry.inner));
    let mut answer = SpanAggregates::default();
    let mut groups: BTreeMap<Vec<GroupValue>, BTreeMap<u32, Tally>> = BTreeMap::new();
    let value = |number: u32| inner.values.get(cast::index(number)).cloned().flatten();
    let mut values: HashMap<GroupNumbers, Vec<GroupValue>, RandomState> = HashMap::default();
    for mut thread in threads {
        answer.spans_left_out += thread.left_out;
        for ((numbers, bucket), place) in thread.places {
            let tally = std::mem::replace(&mut thread.tallies[place], Tally::new(bucket, &[]));
            answer.spans += tally.spans;
            let group = values
                .entry(numbers)
                .or_insert_with(|| numbers.iter().take(keys).map(|&it| value(it)).collect());
            let tallies = groups.entry(group.clone()).or_default();
            match tallies.get_mut(&bucket) {
                Some(known) => known.merge(&tally),
                None => drop(tallies.insert(bucket, tally)),
            }
        }
    }
    answer.spans += answer.spans_left_out;
    if answer.spans_left_out > 0 {
        answer.warnings.push(groups_warning(registry.groups_max, answer.spans_left_out));
    }
    let decode = |value: GroupValue| value.and_then(|bytes| nested::decode(&bytes).ok());
    let group = |(values, tallies): (Vec<GroupValue>, BTreeMap<u32, Tally>)| SpanGroup {
        values: values.into_iter().map(decode).collect(),
        buckets: tallies.into_values().collect(),
    };
    answer.groups = groups.into_iter().map(group).collect();
    answer
}
