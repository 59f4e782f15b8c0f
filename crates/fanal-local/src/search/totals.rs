//! The groups of an aggregate: values become numbers once a question, and tallies grow behind them.
//!
//! Each thread has its own [`Totals`]; all of them ask one [`Registry`] which groups there may be, so that a group is
//! either whole or left out whole, whoever meets it first. Memory is counted against the question.

use super::dimension::GroupValue;
use super::question::Question;
use crate::guard::lock;
use fanal_base::cast;
use fanal_model::nested;
use fanal_storage::aggregate::{
    DOUBLING_COUNTERS, GROUP_KEYS_MAX, HISTOGRAM_COUNTERS, groups_warning,
};
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

/// What one thread has counted. Groups have an index here, tallies a place.
#[derive(Debug)]
pub(crate) struct Totals<'q> {
    registry: &'q Registry<'q>,
    measures: &'q [Measure],
    indices: HashMap<GroupNumbers, u32, RandomState>,
    groups: Vec<Group>,
    tallies: Vec<Tally>,
    /// Spans of groups that are left out.
    pub left_out: u64,
}

#[derive(Debug)]
struct Group {
    numbers: GroupNumbers,
    /// By bucket: one more than the place of its tally; 0 where there is none yet.
    places: Vec<u32>,
}

impl<'q> Totals<'q> {
    /// Nothing counted.
    pub(crate) fn new(registry: &'q Registry<'q>, measures: &'q [Measure]) -> Self {
        let (indices, groups, tallies) = (HashMap::default(), Vec::new(), Vec::new());
        Self { registry, measures, indices, groups, tallies, left_out: 0 }
    }

    /// The index of a group; `None` where it is left out.
    pub(crate) fn group(&mut self, numbers: GroupNumbers) -> Result<Option<u32>, StoreError> {
        if let Some(&index) = self.indices.get(&numbers) {
            return Ok(Some(index));
        }
        if !self.registry.admits(&numbers)? {
            return Ok(None);
        }
        self.registry.question.hold(3 * ENTRY_BYTES)?;
        let index = cast::narrow(self.groups.len());
        self.groups.push(Group { numbers, places: Vec::new() });
        self.indices.insert(numbers, index);
        Ok(Some(index))
    }

    /// The place of a group's tally for a bucket.
    #[inline]
    pub(crate) fn place(&mut self, group: u32, bucket: u32) -> Result<usize, StoreError> {
        let places = self.groups.get(cast::index(group)).map(|group| &group.places);
        match places.and_then(|places| places.get(cast::index(bucket))) {
            Some(&place) if place > 0 => Ok(cast::index(place - 1)),
            _ => self.add_place(group, bucket),
        }
    }

    #[cold]
    fn add_place(&mut self, group: u32, bucket: u32) -> Result<usize, StoreError> {
        let place = self.tallies.len();
        let measured = self.measures.len() * ENTRY_BYTES;
        let counters = |measure: &Measure| match measure {
            Measure::Durations => 0,
            Measure::DurationHistogram => HISTOGRAM_COUNTERS,
            Measure::DurationDoublings(_) => DOUBLING_COUNTERS,
        };
        let histogram = self.measures.iter().map(counters).sum::<usize>() * size_of::<u64>();
        if let Some(group) = self.groups.get_mut(cast::index(group)) {
            let length = group.places.len().max(cast::index(bucket) + 1);
            let longer = (length - group.places.len()) * size_of::<u32>();
            self.registry.question.hold(ENTRY_BYTES + measured + histogram + longer)?;
            group.places.resize(length, 0);
            group.places[cast::index(bucket)] = cast::narrow(place + 1);
        }
        self.tallies.push(Tally::new(bucket, self.measures));
        Ok(place)
    }

    /// Counts spans.
    #[inline]
    pub(crate) fn count(&mut self, place: usize, spans: u64) {
        if let Some(tally) = self.tallies.get_mut(place) {
            tally.spans += spans;
        }
    }

    /// Counts and measures a span.
    #[inline]
    pub(crate) fn measure(&mut self, place: usize, duration_nanos: u64) {
        if let Some(tally) = self.tallies.get_mut(place) {
            tally.add(duration_nanos);
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
    let value = |&number: &u32| inner.values.get(cast::index(number)).cloned().flatten();
    for thread in threads {
        answer.spans_left_out += thread.left_out;
        let mut tallies: Vec<Option<Tally>> = thread.tallies.into_iter().map(Some).collect();
        for group in thread.groups {
            let values: Vec<GroupValue> = group.numbers.iter().take(keys).map(value).collect();
            let known = groups.entry(values).or_default();
            for place in group.places.into_iter().filter(|place| *place > 0) {
                let tally = tallies.get_mut(cast::index(place - 1)).and_then(Option::take);
                let Some(tally) = tally else { continue };
                answer.spans += tally.spans;
                match known.get_mut(&tally.bucket) {
                    Some(known) => known.merge(&tally),
                    None => drop(known.insert(tally.bucket, tally)),
                }
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
