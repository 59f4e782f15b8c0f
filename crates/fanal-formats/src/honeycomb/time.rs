//! Times as senders of events write them: RFC 3339, digits, decimal seconds.
//!
//! Used by the readers of events and headers. Invariant: exact to the nanosecond; what lies beyond is cut.

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
        _ => rfc3339(text),
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Seconds and the digits of their fraction.
fn join(seconds: u64, fraction: &str) -> Option<u64> {
    let digits = fraction.bytes().chain(std::iter::repeat(b'0')).take(9);
    let nanos = digits.fold(0, |nanos, digit| nanos * 10 + u64::from(digit - b'0'));
    seconds.checked_mul(NANOS_IN_SECOND)?.checked_add(nanos)
}

/// `2026-01-02T03:04:05.678+09:00` and its kin; without a zone it is UTC.
fn rfc3339(text: &str) -> Option<u64> {
    let (date, rest) = text.split_at_checked(10)?;
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let (clock, rest) = rest.split_at_checked(8)?;
    let (fraction, zone) = match rest.strip_prefix('.') {
        Some(rest) => {
            let end = rest.find(|digit: char| !digit.is_ascii_digit()).unwrap_or(rest.len());
            rest.split_at(end)
        }
        None => ("", rest),
    };
    let [year, month, day] = three(date, '-')?;
    let [hour, minute, second] = three(clock, ':')?;
    let is_time = (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    if !is_time {
        return None;
    }
    let days = days_since_epoch(year, month, day);
    let seconds = ((days * 24 + hour) * 60 + minute) * 60 + second - zone_seconds(zone)?;
    join(u64::try_from(seconds).ok()?, fraction)
}

fn number(digits: &str) -> Option<i64> {
    if is_digits(digits) { digits.parse().ok() } else { None }
}

fn three(text: &str, separator: char) -> Option<[i64; 3]> {
    let mut parts = text.split(separator).map(number);
    let three = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(three)
}

/// Seconds by which a zone is ahead of UTC.
fn zone_seconds(zone: &str) -> Option<i64> {
    if matches!(zone, "" | "Z" | "z") {
        return Some(0);
    }
    let (sign, offset) = match zone.split_at_checked(1)? {
        ("+", offset) => (1, offset),
        ("-", offset) => (-1, offset),
        _ => return None,
    };
    let (hours, minutes) = match offset.split_once(':') {
        Some(parts) => parts,
        None => offset.split_at_checked(2)?,
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    (hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes) * 60)
}

/// Days since 1970-01-01 in the Gregorian calendar, counted in years that begin in March, so that the day of a leap
/// year comes last.
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (century, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    century * 146_097 + day_of_era - 719_468
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
    fn rfc_3339_with_any_fraction_and_zone() {
        check("1970-01-01T00:00:00Z", Some(0));
        check("2026-01-01T00:00:00Z", Some(1_767_225_600_000_000_000));
        check("2024-02-29T12:34:56.789Z", Some(1_709_210_096_789_000_000));
        check("2000-03-01T00:00:00Z", Some(951_868_800_000_000_000));
        check("2026-01-01 09:00:00.000000001+09:00", Some(1_767_225_600_000_000_001));
        check("2025-12-31t19:00:00-0500", Some(1_767_225_600_000_000_000));
        check("2026-01-01T00:00:00.123456", Some(1_767_225_600_123_456_000));
        check(" 2026-01-01T00:00:00z ", Some(1_767_225_600_000_000_000));
        check("2016-12-31T23:59:60Z", Some(1_483_228_800_000_000_000));
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
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-01-32T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:60:00Z",
            "2026-01-01T00:00:61Z",
            "2026-01-01",
            "2026-01-01T00:00:00+25:00",
            "2026-01-01T00:00:00X",
            "2026-1-01T00:00:00Z!",
            "2026-01-01T+1:00:00Z",
            "9999-01-01T00:00:00Z",
            "é026-01-01T00:00:00Z",
        ] {
            check(text, None);
        }
    }
}
