//! Counting the rows of units in their groups: one worker a thread.
//!
//! Rows are counted under the numbers of their combinations, which become groups once a block, not once a row. Rows in
//! several buckets, or measured, are looked at one by one.

use super::combine::Combined;
use super::dimension::RowIds;
use super::keys::{KeyIds, Keys};
use super::totals::{GroupNumbers, Registry, Totals};
use fanal_base::cast;
use fanal_storage::aggregate::GROUP_KEYS_MAX;
use fanal_storage::{Measure, ScanCounts, StoreError};

/// What was read of a unit to count it.
#[derive(Debug, Default)]
pub(super) struct Counting {
    pub(super) rows: usize,
    /// Rows that count; `None`: all do.
    pub(super) selected: Option<Vec<u32>>,
    pub(super) bucket_first: u32,
    /// Buckets of the rows; empty: the first is that of all.
    pub(super) buckets: Vec<u32>,
    /// Ids of the rows, lane by lane of the keys.
    pub(super) lanes: Vec<RowIds>,
    /// Where the question has measures.
    pub(super) durations: Vec<u64>,
}

/// The number of a value in the registry.
#[derive(Debug, Clone, Copy)]
enum Number {
    Unknown,
    LeftOut,
    Known(u32),
}

/// A slot whose group is not known yet.
const SLOT_UNKNOWN: u32 = u32::MAX;
/// A slot whose group is left out.
const SLOT_LEFT_OUT: u32 = u32::MAX - 1;

/// One thread's work.
#[derive(Debug)]
pub(super) struct Worker<'a> {
    registry: &'a Registry<'a>,
    pub(super) totals: Totals<'a>,
    pub(super) scanned: ScanCounts,
    /// The block that was counted last; `None` for a part of the head.
    pub(super) block: Option<usize>,
    /// By key of the question: numbers of the shared ids of the block, once they are known.
    numbers: Vec<Vec<Number>>,
    /// By combination of ids of the block: index of its group, once it is known.
    slots: Vec<u32>,
    open: Option<Open>,
}

/// Rows that are counted by combination, and not yet by group.
#[derive(Debug)]
struct Open {
    bucket: u32,
    combinations: Combinations,
    /// By number of a combination.
    counts: Vec<u32>,
}

/// What resolving the combinations of a unit needs.
#[derive(Debug)]
struct Combinations {
    combined: Combined,
    /// By key: values that only the unit knows.
    own: Vec<Vec<Vec<u8>>>,
}

impl Combinations {
    /// Whether all units of a block have the same.
    fn is_shared(&self) -> bool {
        self.combined.is_computed() && self.own.iter().all(Vec::is_empty)
    }
}

impl<'a> Worker<'a> {
    pub(super) fn new(registry: &'a Registry<'a>, measures: &'a [Measure]) -> Self {
        let totals = Totals::new(registry, measures);
        let (numbers, slots, open) = (Vec::new(), Vec::new(), None);
        Self { registry, totals, scanned: ScanCounts::default(), block: None, numbers, slots, open }
    }

    /// Begins with a block or, without one, a part of the head. What is open must have been closed.
    pub(super) fn turn_to(&mut self, block: Option<usize>, keys: &Keys) {
        self.block = block;
        let cardinalities = keys.dimensions.iter().map(|it| cast::index(it.shared_cardinality()));
        self.numbers = cardinalities.map(|count| vec![Number::Unknown; count]).collect();
        self.slots.clear();
    }

    /// Counts so many rows in the only group.
    pub(super) fn count_all(&mut self, bucket: u32, spans: u64) -> Result<(), StoreError> {
        if let Some(group) = self.totals.group([0; GROUP_KEYS_MAX])? {
            let place = self.totals.place(group, bucket)?;
            self.totals.count(place, spans);
        }
        Ok(())
    }

    /// Counts a unit of the block.
    pub(super) fn count(&mut self, keys: &Keys, mut counting: Counting) -> Result<(), StoreError> {
        if counting.rows == 0 {
            return Ok(());
        }
        let is_counted_whole = counting.buckets.is_empty() && counting.durations.is_empty();
        if is_counted_whole && counting.lanes.is_empty() {
            let rows = counting.selected.as_ref().map_or(counting.rows, Vec::len);
            return self.count_all(counting.bucket_first, cast::wide(rows));
        }
        let own = keys.own_values(&mut counting.lanes);
        let mut combined = Combined::new(&mut counting.lanes);
        let numbers = std::mem::take(&mut combined.numbers);
        let combinations = Combinations { combined, own };
        if is_counted_whole {
            return self.count_whole(keys, &counting, &numbers, combinations);
        }
        if !combinations.is_shared() {
            self.slots.clear();
        }
        self.slots.resize(cast::index(combinations.combined.cardinality), SLOT_UNKNOWN);
        let mut count = |row: u32| self.count_row(keys, &counting, &combinations, &numbers, row);
        match &counting.selected {
            None => (0..cast::narrow(counting.rows)).try_for_each(&mut count)?,
            Some(rows) => rows.iter().copied().try_for_each(&mut count)?,
        }
        if !combinations.is_shared() {
            self.slots.clear();
        }
        Ok(())
    }

    /// Adds the rows of a unit to what is open.
    fn count_whole(
        &mut self,
        keys: &Keys,
        counting: &Counting,
        numbers: &[u32],
        combinations: Combinations,
    ) -> Result<(), StoreError> {
        let bucket = counting.bucket_first;
        let is_shared = combinations.is_shared();
        let goes_on =
            |open: &Open| is_shared && open.bucket == bucket && open.combinations.is_shared();
        if !self.open.as_ref().is_some_and(goes_on) {
            self.close(keys)?;
        }
        let open = self.open.get_or_insert_with(|| {
            let counts = vec![0; cast::index(combinations.combined.cardinality)];
            Open { bucket, combinations, counts }
        });
        let mut add = |number: u32| {
            if let Some(count) = open.counts.get_mut(cast::index(number)) {
                *count += 1;
            }
        };
        match &counting.selected {
            None => numbers.iter().for_each(|&number| add(number)),
            Some(rows) => {
                let number = |row: &u32| numbers.get(cast::index(*row)).copied();
                rows.iter().filter_map(number).for_each(add);
            }
        }
        if is_shared { Ok(()) } else { self.close(keys) }
    }

    /// Moves the open counts to their groups. `keys` are those of the block that they are of.
    pub(super) fn close(&mut self, keys: &Keys) -> Result<(), StoreError> {
        let Some(open) = self.open.take() else { return Ok(()) };
        for (number, &count) in (0..).zip(&open.counts).filter(|(_, count)| **count > 0) {
            match self.resolve(keys, &open.combinations, number)? {
                Some(group) => {
                    let place = self.totals.place(group, open.bucket)?;
                    self.totals.count(place, u64::from(count));
                }
                None => self.totals.left_out += u64::from(count),
            }
        }
        Ok(())
    }

    /// Counts a row in its bucket, and measures it.
    fn count_row(
        &mut self,
        keys: &Keys,
        counting: &Counting,
        combinations: &Combinations,
        numbers: &[u32],
        row: u32,
    ) -> Result<(), StoreError> {
        let number = numbers.get(cast::index(row)).copied().unwrap_or(0);
        let slot = self.slots.get(cast::index(number)).copied().unwrap_or(SLOT_LEFT_OUT);
        let group = match slot {
            SLOT_UNKNOWN => {
                let group = self.resolve(keys, combinations, number)?;
                if let Some(slot) = self.slots.get_mut(cast::index(number)) {
                    *slot = group.unwrap_or(SLOT_LEFT_OUT);
                }
                group
            }
            SLOT_LEFT_OUT => None,
            group => Some(group),
        };
        let Some(group) = group else {
            self.totals.left_out += 1;
            return Ok(());
        };
        let bucket = counting.buckets.get(cast::index(row));
        let bucket = bucket.copied().unwrap_or(counting.bucket_first);
        let place = self.totals.place(group, bucket)?;
        match counting.durations.get(cast::index(row)) {
            Some(&nanos) => self.totals.measure(place, nanos),
            None => self.totals.count(place, 1),
        }
        Ok(())
    }

    /// The group of a combination; `None` where it is left out.
    #[cold]
    fn resolve(
        &mut self,
        keys: &Keys,
        combinations: &Combinations,
        number: u32,
    ) -> Result<Option<u32>, StoreError> {
        let mut lanes = [0; GROUP_KEYS_MAX];
        combinations.combined.split(number, &mut lanes);
        match self.group_numbers(keys, &keys.expand(&lanes), &combinations.own)? {
            Some(numbers) => self.totals.group(numbers),
            None => Ok(None),
        }
    }

    /// The numbers of a group's values; `None` where the group is left out.
    fn group_numbers(
        &mut self,
        keys: &Keys,
        ids: &KeyIds,
        own: &[Vec<Vec<u8>>],
    ) -> Result<Option<GroupNumbers>, StoreError> {
        let mut group = [0; GROUP_KEYS_MAX];
        let all = keys.dimensions.iter().zip(own).zip(&mut self.numbers);
        for (((dimension, own), numbers), (&id, place)) in all.zip(ids.iter().zip(&mut group)) {
            let known = numbers.get_mut(cast::index(id));
            let number = match known {
                Some(Number::Known(number)) => Some(*number),
                Some(Number::LeftOut) => None,
                other => {
                    let number = self.registry.number(dimension.value(id, own))?;
                    if let Some(known) = other {
                        *known = number.map_or(Number::LeftOut, Number::Known);
                    }
                    number
                }
            };
            let Some(number) = number else { return Ok(None) };
            *place = number;
        }
        Ok(Some(group))
    }
}
