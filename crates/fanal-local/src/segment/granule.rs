//! Granules and what is known of each without reading its columns: the ground on which searches skip them.
//!
//! Filled by the encoder, kept in the directory, read by search. Statistics may be wider than the data, never narrower.

use super::AttributeOwner;
use super::layout::COLUMN_COUNT;
use fanal_base::cast;
use fanal_model::{SpanKind, StatusCode};
use std::ops::Range;

/// A run of rows whose columns are encoded together.
#[derive(Debug, Clone, PartialEq)]
pub struct Granule {
    /// Rows of the segment.
    pub rows: Range<u32>,
    /// Events of these rows.
    pub event_count: u32,
    /// Links of these rows.
    pub link_count: u32,
    /// Earliest start.
    pub start_min_unix_nanos: u64,
    /// Latest start.
    pub start_max_unix_nanos: u64,
    /// Latest end.
    pub end_max_unix_nanos: u64,
    /// Shortest duration.
    pub duration_min_nanos: u64,
    /// Longest duration.
    pub duration_max_nanos: u64,
    /// Which classes have the longest spans.
    pub slowest: Slowest,
    /// Bit `k`: a span is of the kind of number `k`; unknown numbers count as unspecified.
    pub kinds: u8,
    /// Bit `c`: a span has the status code of number `c`; unknown numbers count as unset.
    pub status_codes: u8,
    /// Names that occur.
    pub names: CodeSet,
    /// Resources that occur.
    pub resources: CodeSet,
    /// Scopes that occur.
    pub scopes: CodeSet,
    /// One past the last row of each page, counted within the granule.
    pub(super) page_ends: Box<[u32]>,
    /// Attribute columns that occur, by owner and column.
    pub(super) attributes: Vec<AttributeStats>,
    /// Where the granule begins in the segment.
    pub(super) offset: u64,
    /// By column: one past the last byte of its chunk, from `offset`. No bytes: every value is zero.
    pub(super) column_ends: [u32; COLUMN_COUNT],
}

/// The classes with the longest spans of a granule, each with the [`duration_step`] of its longest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slowest {
    /// By class, ascending.
    pub(super) classes: Box<[(u32, u8)]>,
    /// No span of another class has a greater step.
    pub(super) others: u8,
}

impl Slowest {
    /// Where nothing is known of classes.
    pub(super) fn unknown() -> Self {
        Self { classes: Box::default(), others: u8::MAX }
    }

    /// Whether a class that `passes` may have a span that lasts `nanos` or longer.
    pub fn may_last(&self, nanos: u64, passes: impl Fn(u32) -> bool) -> bool {
        let step = duration_step(nanos);
        let is_found = |&(class, longest): &(u32, u8)| longest >= step && passes(class);
        self.others >= step || self.classes.iter().any(is_found)
    }

    /// Whether a span of a class may last `nanos`.
    pub fn may_hold(&self, class: u32, nanos: u64) -> bool {
        let place = self.classes.binary_search_by_key(&class, |&(class, _)| class).ok();
        let listed = place.and_then(|place| self.classes.get(place));
        listed.map_or(self.others, |&(_, longest)| longest) >= duration_step(nanos)
    }
}

/// A duration, coarsely: rises with it, in four steps between a power of two and the next.
pub fn duration_step(nanos: u64) -> u8 {
    let bits = u64::BITS - nanos.leading_zeros();
    let Some(shift) = bits.checked_sub(3) else { return nanos.to_le_bytes()[0] };
    // Of the three bits that are left the first is always set.
    let step = (u64::from(shift) << 2) + (nanos >> shift);
    step.to_le_bytes()[0]
}

/// What is known of an attribute column in one granule where it occurs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AttributeStats {
    /// Whose attribute.
    pub owner: AttributeOwner,
    /// Index among the columns of the owner.
    pub column: u32,
    /// Values in this granule, at least one.
    pub count: u32,
    /// How many of them lie in the granule; the class of their span tells the others.
    pub(super) stored: u32,
    /// Least and greatest value of a numeric column; `None` for other types and where every value is NaN.
    pub range: Option<NumericRange>,
    /// One past the last byte of the chunk, from the granule's offset.
    pub(super) end: u32,
}

/// Least and greatest value, both of which occur.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum NumericRange {
    /// Of integers.
    Int {
        /// Least.
        min: i64,
        /// Greatest.
        max: i64,
    },
    /// Of floats; NaN values are left out.
    Float {
        /// Least.
        min: f64,
        /// Greatest.
        max: f64,
    },
}

/// A set of dictionary codes, exact while it is small.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CodeSet {
    /// Exactly these, ascending.
    List(Box<[u32]>),
    /// Exactly the codes whose bit is set, least bit first.
    Bitmap(Box<[u64]>),
    /// Some of the codes between these, inclusive.
    Between(u32, u32),
}

impl Granule {
    /// Number of rows.
    pub fn row_count(&self) -> usize {
        self.rows.len()
    }

    /// The pages that hold some rows, which are counted within the granule.
    pub(super) fn pages_of(&self, rows: &Range<usize>) -> Range<usize> {
        let page_of = |row: usize| self.page_ends.partition_point(|&end| cast::index(end) <= row);
        let last = rows.end.checked_sub(1).filter(|_| !rows.is_empty());
        page_of(rows.start)..last.map_or(page_of(rows.start), |row| page_of(row) + 1)
    }

    /// Rows of some pages, counted within the granule.
    pub(super) fn rows_of(&self, pages: &Range<usize>) -> Range<usize> {
        let before = |page: usize| {
            let end = page.checked_sub(1).and_then(|last| self.page_ends.get(last));
            end.map_or(0, |&end| cast::index(end))
        };
        before(pages.start)..before(pages.end).max(before(pages.start))
    }

    /// Whether a span may be of this kind.
    pub fn may_have_kind(&self, kind: SpanKind) -> bool {
        self.kinds & kind_bit(kind) != 0
    }

    /// Whether a span may have this status code.
    pub fn may_have_status(&self, code: StatusCode) -> bool {
        self.status_codes & status_bit(code) != 0
    }

    /// What is known of an attribute column; `None` where no value of it is in this granule.
    pub fn attribute(&self, owner: AttributeOwner, column: u32) -> Option<&AttributeStats> {
        let place = self
            .attributes
            .binary_search_by_key(&(owner, column), |stats| (stats.owner, stats.column));
        place.ok().and_then(|place| self.attributes.get(place))
    }

    /// Attribute columns that occur, by owner and column.
    pub fn attributes(&self) -> &[AttributeStats] {
        &self.attributes
    }
}

/// The bit of a kind in [`Granule::kinds`].
pub(super) fn kind_bit(kind: SpanKind) -> u8 {
    match kind {
        SpanKind::Unspecified => 1,
        SpanKind::Internal => 1 << 1,
        SpanKind::Server => 1 << 2,
        SpanKind::Client => 1 << 3,
        SpanKind::Producer => 1 << 4,
        SpanKind::Consumer => 1 << 5,
    }
}

/// The bit of a status code in [`Granule::status_codes`].
pub(super) fn status_bit(code: StatusCode) -> u8 {
    match code {
        StatusCode::Unset => 1,
        StatusCode::Ok => 1 << 1,
        StatusCode::Error => 1 << 2,
    }
}

impl CodeSet {
    /// Whether a code may occur; exact but for [`CodeSet::Between`].
    #[inline]
    pub fn may_contain(&self, code: u32) -> bool {
        match self {
            Self::List(codes) => codes.binary_search(&code).is_ok(),
            Self::Bitmap(words) => {
                words.get(cast::index(code / 64)).is_some_and(|word| word >> (code % 64) & 1 == 1)
            }
            Self::Between(min, max) => (*min..=*max).contains(&code),
        }
    }

    /// Whether any of ascending `codes` may occur.
    pub fn may_contain_any(&self, codes: &[u32]) -> bool {
        codes.iter().any(|&code| self.may_contain(code))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_rise_with_durations() {
        let check = |nanos: u64, step: u8| assert_eq!(duration_step(nanos), step, "{nanos}");
        (0..=4).for_each(|nanos| check(u64::from(nanos), nanos));
        check(7, 7);
        check(8, 8);
        check(9, 8);
        check(10, 9);
        check(500_000_000, 111);
        check(u64::MAX, 251);
        let mut last = 0;
        for nanos in (0..64).flat_map(|bit| [(1_u64 << bit) - 1, 1 << bit, (1 << bit) + 1]) {
            let step = duration_step(nanos);
            assert!(step >= last || nanos < 4, "{nanos}");
            last = step;
        }
    }

    #[test]
    fn slow_classes_are_looked_at_and_the_others_by_their_bound() {
        let slowest = Slowest {
            classes: Box::new([(3, duration_step(9000)), (7, duration_step(100_000))]),
            others: duration_step(1000),
        };
        let check = |nanos: u64, class: u32, expect: bool| {
            assert_eq!(slowest.may_last(nanos, |it| it == class), expect, "{nanos} {class}");
        };
        check(1000, 5, true);
        check(2000, 5, false);
        check(9000, 3, true);
        check(20_000, 3, false);
        check(100_000, 7, true);
        assert!(Slowest::unknown().may_last(u64::MAX, |_| false));
        assert!(slowest.may_hold(3, 9000) && !slowest.may_hold(3, 20_000));
        assert!(slowest.may_hold(4, 1000) && !slowest.may_hold(4, 2000));
    }
}
