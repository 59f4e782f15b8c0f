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
    counts: Vec<Vec<u32>>,
}

/// Spans of slots that have any.
pub(super) type SlotCounts = Vec<(u32, u64)>;

impl Slots {
    /// The slot of a bucket's side.
    pub(super) fn of(&mut self, bucket: u32, is_selected: bool) -> u32 {
        *self.numbers.entry((bucket, is_selected)).or_insert_with(|| {
            self.slots.push((bucket, is_selected));
            cast::narrow(self.slots.len() - 1)
        })
    }

    /// Counts by slot as counts of buckets.
    pub(super) fn counts(&self, by_slot: &[(u32, u64)]) -> impl Iterator<Item = (u32, SideCounts)> {
        by_slot.iter().filter_map(|&(slot, count)| {
            let (bucket, is_selected) = *self.slots.get(cast::index(slot))?;
            Some((bucket, if is_selected { [0, count] } else { [count, 0] }))
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

    /// By code: its spans in each slot.
    pub(super) fn by_code(&self) -> Vec<SlotCounts> {
        let codes = self.counts.iter().map(Vec::len).max().unwrap_or(0);
        let mut by_code = vec![SlotCounts::new(); codes];
        for (slot, counts) in (0..).zip(&self.counts) {
            for (of_code, &count) in by_code.iter_mut().zip(counts).filter(|(_, it)| **it > 0) {
                of_code.push((slot, u64::from(count)));
            }
        }
        by_code
    }

    /// Memory that the counters take.
    pub(super) fn bytes(&self) -> usize {
        self.counts
            .iter()
            .map(|counts| size_of_val(counts) + counts.capacity() * size_of::<u32>())
            .sum()
    }
}

#[inline]
fn count(counts: &mut Vec<u32>, code: u32) {
    let code = cast::index(code);
    match counts.get_mut(code) {
        Some(count) => *count += 1,
        None => {
            counts.resize(code + 1, 0);
            counts[code] = 1;
        }
    }
}

/// The counts of all of some lists, by slot.
pub(super) fn sum<'c>(lists: impl Iterator<Item = &'c SlotCounts>) -> SlotCounts {
    let mut all = HashMap::<u32, u64, RandomState>::default();
    for &(slot, count) in lists.flatten() {
        *all.entry(slot).or_default() += count;
    }
    all.into_iter().collect()
}
