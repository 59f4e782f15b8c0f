//! Times as senders of events write them: RFC 3339, digits, decimal seconds.
//!
//! Used by the readers of events and headers. Invariant: exact to the nanosecond; what lies beyond is cut.

use crate::rfc3339::{self, is_digits, nanos_of_fraction};

const NANOS_IN_SECOND: u64 = 1_000_000_000;

/// Digits of whole seconds where a time is all digits; those behind them are a fraction.
const SECONDS_DIGITS: usize = 10;

/// Nanoseconds since the Unix epoch; `None` for what is no time or before it.
pub(super) fn parse(text: &str) -> Option<u64> {
    let text = text.trim();
    if is_digits(text) {
        let (seconds, fraction) = text.split_at(text.len().min(SECONDS_DIGITS));
        return join(seconds.parse().ok()?, fraction);
    }
    match text.split_once('.') {
        Some((seconds, fraction)) if is_digits(seconds) && is_digits(fraction) => {
            join(seconds.parse().ok()?, fraction)
        }
        _ => u64::try_from(rfc3339::parse(text)?).ok(),
    }
}

/// Seconds and the digits of their fraction.
fn join(seconds: u64, fraction: &str) -> Option<u64> {
    seconds.checked_mul(NANOS_IN_SECOND)?.checked_add(nanos_of_fraction(fraction).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Option<u64>) {
        assert_eq!(parse(text), expect, "{text}");
    }

    #[test]
    fn digits_are_seconds_and_their_fraction() {
        check("1767225600", Some(1_767_225_600_000_000_000));
        check("1767225600123", Some(1_767_225_600_123_000_000));
        check("1767225600123456", Some(1_767_225_600_123_456_000));
        check("1767225600123456789", Some(1_767_225_600_123_456_789));
        check("17672256001234567891", Some(1_767_225_600_123_456_789));
        check("5", Some(5_000_000_000));
        check("1767225600.5", Some(1_767_225_600_500_000_000));
        check("1767225600.1234567899", Some(1_767_225_600_123_456_789));
        check("99999999999.5", None);
    }

    #[test]
    fn rfc_3339_is_read_too() {
        check("1970-01-01T00:00:00Z", Some(0));
        check(" 2026-01-01 09:00:00.000000001+09:00 ", Some(1_767_225_600_000_000_001));
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "now",
            "-5",
            "1e9",
            "1767225600.",
            ".5",
            "1969-12-31T23:59:59Z",
            "2026-01-01",
            "9999-01-01T00:00:00Z",
        ] {
            check(text, None);
        }
    }
}
