//! Times and durations of protobuf, as nanoseconds and back.
//!
//! Jaeger's clients in Go always send the fields; what was not set arrives as the year 1. So whatever is not after 1970
//! counts as absent.

use crate::refusal::Refusal;
use fanal_wire::{Duration, Timestamp};

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// Nanoseconds since the Unix epoch; `None` where there is no time.
pub(super) fn time(time: Option<&Timestamp>) -> Option<u64> {
    let time = time?;
    nanos(time.seconds, time.nanos).filter(|nanos| *nanos > 0)
}

/// A time that must be there.
pub(super) fn required(name: &str, given: Option<&Timestamp>) -> Result<u64, Refusal> {
    time(given).ok_or_else(|| Refusal::parameter(name, format!("{name} is required")))
}

/// Nanoseconds; 0 where there is no duration, or a negative one.
pub(super) fn duration(duration: Option<&Duration>) -> u64 {
    duration.and_then(|it| nanos(it.seconds, it.nanos)).unwrap_or(0)
}

fn nanos(seconds: i64, nanos: i32) -> Option<u64> {
    let seconds = u64::try_from(seconds).ok()?;
    Some(seconds.saturating_mul(NANOS_PER_SECOND).saturating_add(u64::try_from(nanos).ok()?))
}

/// A time.
pub(super) fn write_time(unix_nanos: u64) -> Timestamp {
    let (seconds, nanos) = parts(unix_nanos);
    Timestamp { seconds, nanos }
}

/// A duration.
pub(super) fn write_duration(nanos: u64) -> Duration {
    let (seconds, nanos) = parts(nanos);
    Duration { seconds, nanos }
}

fn parts(nanos: u64) -> (i64, i32) {
    let seconds = i64::try_from(nanos / NANOS_PER_SECOND).unwrap_or(i64::MAX);
    (seconds, i32::try_from(nanos % NANOS_PER_SECOND).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_set_is_absent() {
        let check = |seconds: i64, nanos: i32, expect: Option<u64>| {
            assert_eq!(time(Some(&Timestamp { seconds, nanos })), expect, "{seconds} {nanos}");
        };
        check(1_700_000_000, 5, Some(1_700_000_000_000_000_005));
        check(-62_135_596_800, 0, None);
        check(0, 0, None);
        check(1, -1, None);
        check(i64::MAX, 0, Some(u64::MAX));
        assert_eq!(time(None), None);
        assert_eq!(duration(Some(&Duration { seconds: 1, nanos: 500_000_000 })), 1_500_000_000);
        assert_eq!(duration(Some(&Duration { seconds: -1, nanos: 0 })), 0);
    }

    #[test]
    fn times_read_back() {
        for nanos in [1, 999_999_999, 1_700_000_000_123_456_789, u64::MAX] {
            assert_eq!(time(Some(&write_time(nanos))), Some(nanos));
            assert_eq!(duration(Some(&write_duration(nanos))), nanos);
        }
    }
}
