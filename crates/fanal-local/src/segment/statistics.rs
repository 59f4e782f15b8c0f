//! Computes what the directory tells of a granule.

use super::granule::{CodeSet, NumericRange, Slowest, duration_step, kind_bit, status_bit};
use fanal_base::cast;
use fanal_model::attributes::AttributeValues;
use fanal_model::{SpanBatch, SpanKind, StatusCode};
use std::ops::Range;

/// Most codes of a list.
const LIST_CODES_MAX: usize = 64;
/// Most bits of a bitmap.
const BITMAP_BITS_MAX: u32 = 1 << 13;

/// Most classes that are told as the slowest of a granule: about those whose spans stand out.
const SLOWEST_CLASSES: usize = 32;

/// Least and greatest times and durations of some rows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    pub(super) start_min: u64,
    pub(super) start_max: u64,
    pub(super) end_max: u64,
    pub(super) duration_min: u64,
    pub(super) duration_max: u64,
}

/// Times of some rows of a batch.
pub(super) fn times(batch: &SpanBatch, rows: Range<usize>) -> Times {
    let mut times = Times {
        start_min: u64::MAX,
        start_max: 0,
        end_max: 0,
        duration_min: u64::MAX,
        duration_max: 0,
    };
    let starts = batch.start_unix_nanos[rows.clone()].iter();
    for (&start, &end) in starts.zip(&batch.end_unix_nanos[rows]) {
        let duration = end.saturating_sub(start);
        times.start_min = times.start_min.min(start);
        times.start_max = times.start_max.max(start);
        times.end_max = times.end_max.max(end);
        times.duration_min = times.duration_min.min(duration);
        times.duration_max = times.duration_max.max(duration);
    }
    times
}

/// The classes with the longest of some rows of a batch, of which `codes` tells the classes.
pub(super) fn slowest(batch: &SpanBatch, rows: Range<usize>, codes: &[u32]) -> Slowest {
    let mut longest: Vec<Option<u8>> = Vec::new();
    for (row, &code) in rows.clone().zip(&codes[rows]) {
        let class = cast::index(code);
        if longest.len() <= class {
            longest.resize(class + 1, None);
        }
        longest[class] = longest[class].max(Some(duration_step(batch.duration_nanos(row))));
    }
    let steps = (0..).zip(longest).filter_map(|(class, step)| Some((class, step?)));
    let mut classes: Vec<(u32, u8)> = steps.collect();
    classes.sort_by_key(|&(_, step)| std::cmp::Reverse(step));
    let others = classes.get(SLOWEST_CLASSES).map_or(0, |&(_, step)| step);
    classes.truncate(SLOWEST_CLASSES);
    classes.sort_unstable();
    Slowest { classes: classes.into(), others }
}

/// Bits of the kinds that occur.
pub(super) fn kinds(codes: &[u8]) -> u8 {
    codes.iter().fold(0, |bits, &code| bits | kind_bit(SpanKind::from_code(code)))
}

/// Bits of the status codes that occur.
pub(super) fn status_codes(codes: &[u8]) -> u8 {
    codes.iter().fold(0, |bits, &code| bits | status_bit(StatusCode::from_code(code)))
}

/// Least and greatest of numeric values.
pub(super) fn range(values: &AttributeValues, cells: Range<usize>) -> Option<NumericRange> {
    match values {
        AttributeValues::Int(values) => {
            let values = values.get(cells)?;
            let (&min, &max) = (values.iter().min()?, values.iter().max()?);
            Some(NumericRange::Int { min, max })
        }
        AttributeValues::Float(values) => {
            let numbers = values.get(cells)?.iter().copied().filter(|value| !value.is_nan());
            let first = numbers.clone().next()?;
            let (min, max) =
                numbers.fold((first, first), |(min, max), value| (min.min(value), max.max(value)));
            Some(NumericRange::Float { min, max })
        }
        _ => None,
    }
}

/// Finds the distinct codes of granules, one after the other.
#[derive(Debug, Default)]
pub(super) struct CodeSets {
    marks: Vec<u32>,
    round: u32,
}

impl CodeSets {
    /// The set of `codes`, each below `entries`.
    pub(super) fn build(&mut self, codes: &[u32], entries: usize) -> CodeSet {
        self.round += 1;
        if self.marks.len() < entries {
            self.marks.resize(entries, 0);
        }
        let mut distinct: Vec<u32> = Vec::new();
        for &code in codes {
            if let Some(mark) = self.marks.get_mut(cast::index(code))
                && *mark != self.round
            {
                *mark = self.round;
                distinct.push(code);
            }
        }
        distinct.sort_unstable();
        let (Some(&min), Some(&max)) = (distinct.first(), distinct.last()) else {
            return CodeSet::List(Box::default());
        };
        if distinct.len() <= LIST_CODES_MAX {
            return CodeSet::List(distinct.into());
        }
        if max >= BITMAP_BITS_MAX {
            return CodeSet::Between(min, max);
        }
        let mut words = vec![0_u64; cast::index(max / 64) + 1];
        for code in distinct {
            words[cast::index(code / 64)] |= 1 << (code % 64);
        }
        CodeSet::Bitmap(words.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_hold_what_occurs() {
        let mut sets = CodeSets::default();
        let mut check = |codes: &[u32], is_exact: bool| {
            let set = sets.build(codes, 20_000);
            for code in 0..20_000 {
                let occurs = codes.contains(&code);
                let may = set.may_contain(code);
                assert!(if is_exact { may == occurs } else { may || !occurs }, "{code} {set:?}");
            }
            assert_eq!(is_exact, !matches!(set, CodeSet::Between(..)));
        };
        check(&[], true);
        check(&[7, 3, 7], true);
        check(&(0..900).map(|i| i * 9).collect::<Vec<_>>(), true);
        check(&(0..900).map(|i| i * 20 + 5).collect::<Vec<_>>(), false);
    }

    #[test]
    fn ranges_leave_nan_out() {
        let floats = AttributeValues::Float(vec![f64::NAN, 2.0, -1.0, f64::NAN]);
        let expected = NumericRange::Float { min: -1.0, max: 2.0 };
        assert_eq!(range(&floats, 0..4), Some(expected));
        assert_eq!(range(&floats, 0..1), None);
        let ints = AttributeValues::Int(vec![4, i64::MIN, 9]);
        assert_eq!(range(&ints, 0..3), Some(NumericRange::Int { min: i64::MIN, max: 9 }));
    }
}
