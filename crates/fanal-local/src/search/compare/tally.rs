//! Counters by slot and code. A slot is a bucket and a side, numbered as they occur, so that counters are few however many
//! buckets a question has.

use fanal_base::cast;
use fanal_storage::compare::SideCounts;
use foldhash::fast::RandomState;
use hashbrown::HashMap;

/// The slot of a row that does not count.
pub(super) const NOT_COUNTED: u32 = u32::MAX;

/// Numbers of buckets and sides.
#[derive(Debug, Default)]
pub(super) struct Slots {
    numbers: HashMap<(u32, bool), u32, RandomState>,
    slots: Vec<(u32, bool)>,
}

/// How often codes were seen in each slot.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// By slot, by code.
    counts: Vec<Vec<u64>>,
}

impl Slots {
    /// The slot of a bucket's side.
    pub(super) fn of(&mut self, bucket: u32, is_selected: bool) -> u32 {
        *self.numbers.entry((bucket, is_selected)).or_insert_with(|| {
            self.slots.push((bucket, is_selected));
            cast::narrow(self.slots.len() - 1)
        })
    }

    /// Counts by slot as counts of buckets.
    pub(super) fn counts(&self, by_slot: &[u64]) -> impl Iterator<Item = (u32, SideCounts)> {
        let slots = self.slots.iter().zip(by_slot).filter(|(_, count)| **count > 0);
        slots.map(|(&(bucket, is_selected), &count)| {
            (bucket, if is_selected { [0, count] } else { [count, 0] })
        })
    }
}

impl Tally {
    /// Counts the codes of rows.
    pub(super) fn add(&mut self, slots: &[u32], codes: &[u32]) {
        let mut rows = slots.iter().zip(codes).peekable();
        while let Some(&(&slot, _)) = rows.peek() {
            // Rows of one slot follow one another: one list of counters is at hand for all of them.
            if slot == NOT_COUNTED {
                rows.next();
                continue;
            }
            let place = cast::index(slot);
            self.counts.resize_with(self.counts.len().max(place + 1), Vec::new);
            let counts = &mut self.counts[place];
            while let Some((_, &code)) = rows.next_if(|(other, _)| **other == slot) {
                count(counts, code);
            }
        }
    }

    /// Counts a code.
    pub(super) fn add_one(&mut self, slot: u32, code: u32) {
        let place = cast::index(slot);
        self.counts.resize_with(self.counts.len().max(place + 1), Vec::new);
        count(&mut self.counts[place], code);
    }

    /// By code: the counts of each slot.
    pub(super) fn by_code(&self) -> Vec<Vec<u64>> {
        let codes = self.counts.iter().map(Vec::len).max().unwrap_or(0);
        let of_slot = |counts: &Vec<u64>, code| counts.get(code).copied().unwrap_or(0);
        (0..codes)
            .map(|code| self.counts.iter().map(|counts| of_slot(counts, code)).collect())
            .collect()
    }
}

#[inline]
fn count(counts: &mut Vec<u64>, code: u32) {
    let code = cast::index(code);
    match counts.get_mut(code) {
        Some(count) => *count += 1,
        None => {
            counts.resize(code + 1, 0);
            counts[code] = 1;
        }
    }
}

/// Adds counts by slot to others.
pub(super) fn add_to(all: &mut Vec<u64>, counts: &[u64]) {
    all.resize(all.len().max(counts.len()), 0);
    all.iter_mut().zip(counts).for_each(|(all, count)| *all += count);
}
