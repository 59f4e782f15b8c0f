//! Moments in the spelling of RFC 3339.
//!
//! Used by the JSON formats and by reports. Invariant: exact to the nanosecond; what lies beyond is cut.

const NANOS_OF_SECOND: i128 = 1_000_000_000;

/// Nanoseconds since the Unix epoch, negative before it. `2026-01-02T03:04:05.678+09:00` and its kin; without a zone it is
/// UTC.
pub(crate) fn parse(text: &str) -> Option<i128> {
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
    Some(i128::from(seconds) * NANOS_OF_SECOND + i128::from(nanos_of_fraction(fraction)))
}

/// A time in nanoseconds since the epoch, as `2026-01-02T03:04:05.000000006Z`.
pub fn format(unix_nanos: u64) -> String {
    let (seconds, nanos) = (unix_nanos / 1_000_000_000, unix_nanos % 1_000_000_000);
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Years that begin in March, so that the day of a leap year comes last.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let fraction = if nanos == 0 { String::new() } else { format!(".{nanos:09}") };
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z")
}

/// Whether a text is digits and nothing else.
pub(crate) fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Nanoseconds that the digits behind the point of seconds are; those beyond the ninth are cut.
pub(crate) fn nanos_of_fraction(digits: &str) -> u32 {
    let digits = digits.bytes().chain(std::iter::repeat(b'0')).take(9);
    digits.fold(0, |nanos, digit| nanos * 10 + u32::from(digit.saturating_sub(b'0')))
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

    fn check(text: &str, expect: Option<i128>) {
        assert_eq!(parse(text), expect, "{text}");
    }

    #[test]
    fn any_fraction_and_zone() {
        check("1970-01-01T00:00:00Z", Some(0));
        check("2026-01-01T00:00:00Z", Some(1_767_225_600_000_000_000));
        check("2024-02-29T12:34:56.789Z", Some(1_709_210_096_789_000_000));
        check("2000-03-01T00:00:00Z", Some(951_868_800_000_000_000));
        check("2026-01-01 09:00:00.000000001+09:00", Some(1_767_225_600_000_000_001));
        check("2025-12-31t19:00:00-0500", Some(1_767_225_600_000_000_000));
        check("2026-01-01T00:00:00.123456", Some(1_767_225_600_123_456_000));
        check("2026-01-01T00:00:00.1234567899z", Some(1_767_225_600_123_456_789));
        check("2016-12-31T23:59:60Z", Some(1_483_228_800_000_000_000));
        check("1969-12-31T23:59:59.25Z", Some(-750_000_000));
        check("0001-01-01T00:00:00Z", Some(-62_135_596_800_000_000_000));
    }

    #[test]
    fn times_are_written() {
        let check = |nanos: u64, expect: &str| {
            assert_eq!(format(nanos), expect);
            assert_eq!(parse(expect), Some(i128::from(nanos)));
        };
        check(0, "1970-01-01T00:00:00Z");
        check(1_767_225_600_000_000_006, "2026-01-01T00:00:00.000000006Z");
        check(1_709_210_096_789_000_000, "2024-02-29T12:34:56.789000000Z");
        check(951_868_799_000_000_000, "2000-02-29T23:59:59Z");
        check(u64::MAX, "2554-07-21T23:34:33.709551615Z");
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "now",
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
            "é026-01-01T00:00:00Z",
        ] {
            check(text, None);
        }
    }
}
