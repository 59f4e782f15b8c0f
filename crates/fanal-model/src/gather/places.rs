//! Where the items of all sources go in the gathered batch: rows by the order asked for, and the events and links of
//! rows behind those of the row before.

use super::RowRef;
use fanal_base::cast;
use std::ops::Range;

/// The place of an item that is left out: beyond every column.
const LEFT_OUT: u32 = u32::MAX;

/// For each item of each source, its place.
#[derive(Debug)]
pub(super) struct Places {
    /// By source: where its items begin in `targets`; then the end.
    starts: Vec<usize>,
    targets: Vec<u32>,
    count: usize,
}

/// The items of a row, from the ends of each row's items.
pub(super) fn items_of(ends: &[u32], row: usize) -> Range<usize> {
    let start = row.checked_sub(1).and_then(|before| ends.get(before)).copied().unwrap_or(0);
    cast::index(start)..ends.get(row).map_or(0, |&end| cast::index(end))
}

impl Places {
    /// Places of the rows of sources of the given lengths. Rows that `order` does not name are left out.
    pub(super) fn of_rows(lengths: impl Iterator<Item = usize>, order: &[RowRef]) -> Self {
        let mut places = Self::left_out(lengths, order.len());
        for (place, row) in (0..).zip(order) {
            let at = places.starts[cast::index(row.source)] + cast::index(row.row);
            places.targets[at] = place;
        }
        places
    }

    fn left_out(lengths: impl Iterator<Item = usize>, count: usize) -> Self {
        let mut starts = vec![0];
        let mut end = 0;
        starts.extend(lengths.map(|length| {
            end += length;
            end
        }));
        Self { starts, targets: vec![LEFT_OUT; end], count }
    }

    /// Items in the gathered batch.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Places of the items of a source; one that is left out has a place beyond [`Places::count`].
    pub(super) fn of(&self, source: usize) -> &[u32] {
        &self.targets[self.starts[source]..self.starts[source + 1]]
    }

    /// Places of the items of rows, and by gathered row the end of its items. `ends` are those of each source.
    pub(super) fn items<'a>(
        &self,
        ends: impl Iterator<Item = &'a [u32]> + Clone,
    ) -> (Self, Vec<u32>) {
        let mut gathered_ends = vec![0_u32; self.count];
        for (source, ends) in ends.clone().enumerate() {
            for (row, &place) in self.of(source).iter().enumerate() {
                if let Some(count) = gathered_ends.get_mut(cast::index(place)) {
                    *count = cast::narrow(items_of(ends, row).len());
                }
            }
        }
        let mut end = 0;
        for count in &mut gathered_ends {
            end += *count;
            *count = end;
        }
        let lengths = ends.clone().map(|ends| ends.last().map_or(0, |&end| cast::index(end)));
        let mut items = Self::left_out(lengths, cast::index(end));
        for (source, ends) in ends.enumerate() {
            let start = items.starts[source];
            for (row, &place) in self.of(source).iter().enumerate() {
                let place = cast::index(place);
                if place < self.count {
                    let from = items_of(ends, row);
                    let first = cast::narrow(items_of(&gathered_ends, place).start);
                    let targets = &mut items.targets[start + from.start..start + from.end];
                    targets.iter_mut().zip(first..).for_each(|(target, item)| *target = item);
                }
            }
        }
        (items, gathered_ends)
    }
}
