//! Points of time, and for each the window of buckets that a function over time sums.

use crate::refusal::Refusal;
use fanal_base::cast;
use fanal_query::rates::RateTally;
use fanal_storage::aggregate::BUCKETS_MAX;
use std::collections::BTreeMap;

/// Most points of one question, as in Prometheus.
const POINTS_MAX: u64 = 11_000;

/// Points at equal steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Points {
    first_unix_nanos: u64,
    step_nanos: u64,
    /// At least 1.
    count: u64,
}

/// The windows of all points: each ends at its point, exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Windows {
    /// Where the first bucket begins.
    pub(super) start_unix_nanos: u64,
    /// Where the last ends.
    pub(super) end_unix_nanos: u64,
    /// `None`: there is one.
    pub(super) bucket_nanos: Option<u64>,
    /// How long a window is.
    pub(super) range_nanos: u64,
    /// Buckets of a window.
    width: u64,
    /// Buckets from a window to the next.
    stride: u64,
    count: u64,
}

impl Points {
    /// One point.
    pub(super) fn at(unix_nanos: u64) -> Self {
        Self { first_unix_nanos: unix_nanos, step_nanos: 1, count: 1 }
    }

    /// From start to end.
    pub(super) fn between(start: u64, end: u64, step_nanos: u64) -> Result<Self, Refusal> {
        if end < start {
            let message = format!("end {end} is before start {start}; swap them");
            return Err(Refusal::parameter("end", message));
        }
        let count = (end - start) / step_nanos.max(1) + 1;
        if count > POINTS_MAX {
            let message = format!(
                "range has {count} points, at most {POINTS_MAX} are answered; widen the step or narrow the range"
            );
            return Err(Refusal::parameter("step", message));
        }
        Ok(Self { first_unix_nanos: start, step_nanos, count })
    }

    pub(super) fn count(&self) -> usize {
        cast::size(self.count)
    }

    /// The time of a point.
    pub(super) fn time(&self, point: usize) -> u64 {
        let elapsed = self.step_nanos.saturating_mul(cast::wide(point));
        self.first_unix_nanos.saturating_add(elapsed)
    }

    /// Windows of a range. Where they have too many buckets they are made of whole steps, with a warning.
    pub(super) fn windows(
        &self,
        range_nanos: u64,
        warn: impl FnOnce(String),
    ) -> Result<Windows, Refusal> {
        let range_nanos = range_nanos.max(1);
        if self.count == 1 {
            return Ok(Windows {
                start_unix_nanos: self.first_unix_nanos.saturating_sub(range_nanos),
                end_unix_nanos: self.first_unix_nanos,
                bucket_nanos: None,
                range_nanos,
                width: 1,
                stride: 1,
                count: 1,
            });
        }
        let step = self.step_nanos.max(1);
        let exact = self.windows_of(range_nanos, divisor(step, range_nanos));
        if exact.buckets() <= BUCKETS_MAX {
            return Ok(exact);
        }
        let rounded = range_nanos.div_ceil(step).saturating_mul(step);
        let windows = self.windows_of(rounded, step);
        if windows.buckets() > BUCKETS_MAX {
            let message = format!(
                "range has {} steps, at most {BUCKETS_MAX} are answered; widen the step or narrow the range",
                windows.buckets()
            );
            return Err(Refusal::parameter("step", message));
        }
        warn(format!(
            "ranges of {} s were widened to {} s, a multiple of the step, because the question has too many steps",
            cast::figure(range_nanos) / 1e9,
            cast::figure(rounded) / 1e9
        ));
        Ok(windows)
    }

    fn windows_of(&self, range_nanos: u64, bucket_nanos: u64) -> Windows {
        Windows {
            start_unix_nanos: self.first_unix_nanos.saturating_sub(range_nanos),
            end_unix_nanos: self.time(cast::size(self.count - 1)),
            bucket_nanos: Some(bucket_nanos),
            range_nanos,
            width: range_nanos / bucket_nanos,
            stride: self.step_nanos / bucket_nanos,
            count: self.count,
        }
    }
}

/// The greatest common divisor.
fn divisor(mut left: u64, mut right: u64) -> u64 {
    while right != 0 {
        (left, right) = (right, left % right);
    }
    left.max(1)
}

impl Windows {
    fn buckets(&self) -> u64 {
        (self.count - 1).saturating_mul(self.stride).saturating_add(self.width)
    }

    /// How long a window is, in seconds.
    pub(super) fn seconds(&self) -> f64 {
        cast::figure(self.range_nanos) / 1e9
    }

    /// By point: the sum of its window; `None` where there is nothing.
    pub(super) fn sums(&self, tallies: &BTreeMap<u32, RateTally>) -> Vec<Option<RateTally>> {
        let bucket = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        let mut sum = RateTally::default();
        let (mut first, mut end) = (0, 0);
        let sums = (0..self.count).map(|point| {
            let from = point.saturating_mul(self.stride);
            let to = from.saturating_add(self.width);
            for (_, tally) in tallies.range(bucket(first)..bucket(end.min(from).max(first))) {
                sum.reduce(tally);
            }
            for (_, tally) in tallies.range(bucket(end.max(from))..bucket(to)) {
                sum.merge(tally);
            }
            (first, end) = (from, to);
            (sum.count > 0).then(|| sum.clone())
        });
        sums.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn tallies(counts: &[(u32, u64)]) -> BTreeMap<u32, RateTally> {
        let tally = |count| RateTally { count, ..RateTally::default() };
        counts.iter().map(|&(bucket, count)| (bucket, tally(count))).collect()
    }

    /// Counts by point, 0 where there is none.
    fn counts(points: Points, range: u64, counts: &[(u32, u64)]) -> (Windows, Vec<u64>) {
        let windows = points.windows(range * SECOND, |warning| panic!("{warning}")).expect("fits");
        let sums = windows.sums(&tallies(counts));
        (windows, sums.into_iter().map(|sum| sum.map_or(0, |sum| sum.count)).collect())
    }

    #[test]
    fn windows_end_at_their_points() {
        let points = Points::between(100 * SECOND, 130 * SECOND, 10 * SECOND).expect("few");
        assert_eq!((points.count(), points.time(3)), (4, 130 * SECOND));
        // Buckets of 5 s from 85: windows of three, every second one.
        let (windows, found) = counts(points, 15, &[(0, 1), (1, 2), (2, 4), (4, 8), (8, 16)]);
        assert_eq!((windows.start_unix_nanos, windows.end_unix_nanos), (85 * SECOND, 130 * SECOND));
        assert_eq!(windows.bucket_nanos, Some(5 * SECOND));
        assert_eq!(found, [7, 12, 8, 16]);
        // Ranges shorter than a step leave buckets out.
        let (_, found) = counts(points, 5, &[(0, 1), (1, 2), (2, 4), (4, 8), (6, 16)]);
        assert_eq!(found, [1, 4, 8, 16]);
        let (windows, found) = counts(Points::at(100 * SECOND), 15, &[(0, 3)]);
        assert_eq!((windows.start_unix_nanos, windows.bucket_nanos), (85 * SECOND, None));
        assert_eq!(found, [3]);
        assert_eq!(counts(points, 15, &[]).1, [0; 4]);
    }

    #[test]
    fn windows_of_too_many_buckets_are_widened_with_a_word() {
        let points = Points::between(90_000 * SECOND, 180_000 * SECOND, 13 * SECOND).expect("fits");
        let mut warning = String::new();
        let windows = points.windows(60 * SECOND, |text| warning = text).expect("fits");
        assert_eq!((windows.range_nanos, windows.bucket_nanos), (65 * SECOND, Some(13 * SECOND)));
        assert!(warning.starts_with("ranges of 60 s were widened to 65 s"), "{warning}");
        let steps = Points::between(90_000 * SECOND, 100_500 * SECOND, SECOND).expect("fits");
        assert!(steps.windows(60 * SECOND, |_| ()).is_err());
        assert!(Points::between(0, 20_000 * SECOND, SECOND).is_err());
        assert!(Points::between(5, 4, 1).is_err());
    }
}
