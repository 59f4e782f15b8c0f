//! Buckets of time.

/// Most buckets of a range.
pub const BUCKETS_MAX: u64 = 10_000;

/// Buckets of equal width; each is open at its start, closed at its end, and named by its end. Unix nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Buckets {
    /// Where the first begins; may lie before 1970.
    start: i128,
    /// Width.
    step: u64,
    count: usize,
}

/// Why a range has no buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRange {
    /// A step of no length.
    #[error("the step is 0: it must be at least 1 ns")]
    NoStep,
    /// An end that is not after the start.
    #[error("the range ends at {end}, not after its start {start}")]
    NotForward {
        /// The start in Unix nanoseconds.
        start: u64,
        /// The end in Unix nanoseconds.
        end: u64,
    },
    /// Too many buckets.
    #[error("the step gives {count} intervals, {BUCKETS_MAX} are allowed: use a greater one")]
    TooMany {
        /// How many.
        count: u64,
    },
}

impl Buckets {
    /// The buckets of a range: the first ends at the last multiple of the step that is not after the start, the last at the
    /// first that is not before the end.
    pub fn of_range(start: u64, end: u64, step: u64) -> Result<Self, InvalidRange> {
        if end <= start {
            return Err(InvalidRange::NotForward { start, end });
        }
        if step == 0 {
            return Err(InvalidRange::NoStep);
        }
        let (first, last) = (start / step, end.div_ceil(step));
        let count = last - first + 1;
        if count > BUCKETS_MAX {
            return Err(InvalidRange::TooMany { count });
        }
        let start = (i128::from(first) - 1) * i128::from(step);
        Ok(Self { start, step, count: usize::try_from(count).unwrap_or(0) })
    }

    /// One bucket for the whole range.
    pub fn of_instant(start: u64, end: u64) -> Result<Self, InvalidRange> {
        if end <= start {
            return Err(InvalidRange::NotForward { start, end });
        }
        Ok(Self { start: i128::from(start), step: end - start, count: 1 })
    }

    /// Without the buckets that end after `now`, but for the first.
    #[must_use]
    pub fn not_after(mut self, now: u64) -> Self {
        while self.count > 1 && self.end(self.count - 1) > now {
            self.count -= 1;
        }
        self
    }

    /// So many of them from one on, as far as they go; at least one.
    #[must_use]
    pub fn part(mut self, first: usize, count: usize) -> Self {
        let first = first.min(self.count.saturating_sub(1));
        self.start += i128::try_from(first).unwrap_or(0) * i128::from(self.step);
        self.count = count.clamp(1, (self.count - first).max(1));
        self
    }

    /// How many.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Width of each in nanoseconds.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// Where a bucket ends, in Unix nanoseconds.
    pub fn end(&self, bucket: usize) -> u64 {
        let past = (i128::try_from(bucket).unwrap_or(0) + 1) * i128::from(self.step);
        u64::try_from(self.start + past).unwrap_or(u64::MAX)
    }

    /// The bucket that a time lies in.
    pub fn bucket_of(&self, time: u64) -> Option<usize> {
        let past = u64::try_from(i128::from(time) - self.start - 1).ok()?;
        let bucket = usize::try_from(past / self.step).ok()?;
        (bucket < self.count).then_some(bucket)
    }
}

/// The step in nanoseconds where none is asked for: about 240 buckets, of a round width.
pub fn auto_step(start: u64, end: u64) -> u64 {
    const MILLISECOND: u64 = 1_000_000;
    const SECOND: u64 = 1_000 * MILLISECOND;
    const MINUTE: u64 = 60 * SECOND;
    let range = end.saturating_sub(start);
    let step = range / 240;
    if range < MINUTE {
        return (step / (50 * MILLISECOND)).max(1) * 50 * MILLISECOND;
    }
    let grids = [60 * MINUTE, 5 * MINUTE, MINUTE, 15 * SECOND, 5 * SECOND, SECOND];
    grids.iter().find(|grid| step > **grid).map_or(SECOND, |grid| step / grid * grid)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn buckets_begin_and_end_at_multiples_of_the_step() {
        let check = |start, end, step, expect: &[u64]| {
            let buckets = Buckets::of_range(start, end, step).expect("valid");
            let ends: Vec<u64> = (0..buckets.count()).map(|bucket| buckets.end(bucket)).collect();
            assert_eq!(ends, expect, "{start}..{end} by {step}");
        };
        check(120, 240, 60, &[120, 180, 240]);
        check(121, 239, 60, &[120, 180, 240]);
        check(119, 241, 60, &[60, 120, 180, 240, 300]);
        check(0, 60, 60, &[0, 60]);
    }

    #[test]
    fn times_lie_in_buckets_that_are_closed_at_their_end() {
        let buckets = Buckets::of_range(120, 240, 60).expect("valid");
        let check = |time, expect| assert_eq!(buckets.bucket_of(time), expect, "{time}");
        check(60, None);
        check(61, Some(0));
        check(120, Some(0));
        check(121, Some(1));
        check(240, Some(2));
        check(241, None);
        let first = Buckets::of_range(0, 60, 60).expect("valid");
        assert_eq!((first.bucket_of(0), first.bucket_of(1)), (Some(0), Some(1)));
        let instant = Buckets::of_instant(100, 130).expect("valid");
        assert_eq!(
            (instant.bucket_of(100), instant.bucket_of(130), instant.end(0)),
            (None, Some(0), 130)
        );
        assert_eq!(buckets.not_after(200).count(), 2);
        let part = |first, count| {
            let part = buckets.part(first, count);
            (part.count(), part.end(0))
        };
        assert_eq!((part(0, 2), part(1, 9), part(9, 0)), ((2, 120), (2, 180), (1, 240)));
    }

    #[test]
    fn ranges_are_limited() {
        assert_eq!(Buckets::of_range(1, 1, 1), Err(InvalidRange::NotForward { start: 1, end: 1 }));
        assert_eq!(Buckets::of_range(1, 2, 0), Err(InvalidRange::NoStep));
        assert_eq!(Buckets::of_range(1, 10_001, 1), Err(InvalidRange::TooMany { count: 10_001 }));
        assert!(Buckets::of_range(1, 10_000, 1).is_ok());
        assert!(Buckets::of_instant(3, 2).is_err());
    }

    #[test]
    fn automatic_steps_are_round() {
        let check = |seconds: u64, expect_milliseconds: u64| {
            assert_eq!(
                auto_step(SECOND, SECOND + seconds * SECOND),
                expect_milliseconds * 1_000_000,
                "{seconds}"
            );
        };
        check(3600, 15_000);
        check(24 * 3600, 300_000);
        check(59, 200);
        check(1, 50);
        check(60, 1000);
        check(7 * 24 * 3600, 2_400_000);
    }
}
