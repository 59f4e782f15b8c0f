//! Moments in parameters: nanoseconds since the Unix epoch, or RFC 3339.
//!
//! <https://www.rfc-editor.org/rfc/rfc3339>, without leap seconds and without years before 1970.

/// Nanoseconds since the Unix epoch, or `None` for a text that is no moment or lies outside 64 bits.
pub(crate) fn parse(text: &str) -> Option<u64> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok();
    }
    parse_rfc_3339(text)
}

/// The same of RFC 3339 alone.
pub(crate) fn parse_rfc_3339(text: &str) -> Option<u64> {
    let (date, time) = text.split_once(['T', 't', ' '])?;
    let days = parse_date(date)?;
    let zone_at = time.find(['Z', 'z', '+', '-'])?;
    let (clock, zone) = time.split_at(zone_at);
    let (seconds, nanos) = parse_clock(clock)?;
    let offset = parse_zone(zone)?;
    let total = days.checked_mul(86_400)?.checked_add(seconds)?.checked_sub(offset)?;
    u64::try_from(total).ok()?.checked_mul(1_000_000_000)?.checked_add(nanos)
}

/// Writes RFC 3339 in UTC, with as many groups of three decimals as the time has.
pub(crate) fn write(unix_nanos: u64) -> String {
    let (seconds, nanos) = (unix_nanos / 1_000_000_000, unix_nanos % 1_000_000_000);
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // The inverse of `parse_date`: eras of 400 years that begin in March.
    let day = days + 719_468;
    let (era, day_of_era) = (day / 146_097, day % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let whole = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    if nanos == 0 {
        format!("{whole}Z")
    } else if nanos.is_multiple_of(1_000_000) {
        format!("{whole}.{:03}Z", nanos / 1_000_000)
    } else if nanos.is_multiple_of(1_000) {
        format!("{whole}.{:06}Z", nanos / 1_000)
    } else {
        format!("{whole}.{nanos:09}Z")
    }
}

fn parse_date(text: &str) -> Option<i64> {
    let mut parts = text.split('-');
    let year = digits(parts.next()?, 4)?;
    let month = digits(parts.next()?, 2)?;
    let day = digits(parts.next()?, 2)?;
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let month_days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + i64::from(is_leap),
        _ => return None,
    };
    if parts.next().is_some() || day < 1 || day > month_days {
        return None;
    }
    // Days since 1970, counted in years that begin in March, so that leap days come last.
    let march_year = if month <= 2 { year - 1 } else { year };
    let march_month = (month + 9) % 12;
    let day_of_year = (153 * march_month + 2) / 5 + day - 1;
    Some(
        365 * march_year + march_year / 4 - march_year / 100 + march_year / 400 + day_of_year
            - 719_468,
    )
}

/// Seconds of the day, and nanoseconds of the second.
fn parse_clock(text: &str) -> Option<(i64, u64)> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let mut parts = whole.split(':');
    let hour = digits(parts.next()?, 2)?;
    let minute = digits(parts.next()?, 2)?;
    let second = digits(parts.next()?, 2)?;
    let is_fraction = !fraction.is_empty() && fraction.bytes().all(|byte| byte.is_ascii_digit());
    if parts.next().is_some() || hour > 23 || minute > 59 || second > 59 || !is_fraction {
        return None;
    }
    let nanos = fraction.bytes().chain(std::iter::repeat(b'0')).take(9);
    let nanos = nanos.fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'));
    Some((hour * 3600 + minute * 60 + second, nanos))
}

/// Seconds east of UTC.
fn parse_zone(text: &str) -> Option<i64> {
    let sign = match text.get(..1)? {
        "Z" | "z" => return (text.len() == 1).then_some(0),
        "+" => 1,
        _ => -1,
    };
    let (hours, minutes) = text.get(1..)?.split_once(':')?;
    let (hours, minutes) = (digits(hours, 2)?, digits(minutes, 2)?);
    (hours <= 23 && minutes <= 59).then_some(sign * (hours * 3600 + minutes * 60))
}

fn digits(text: &str, count: usize) -> Option<i64> {
    let is_number = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nanoseconds_and_rfc_3339() {
        let check = |text: &str, expect: Option<u64>| assert_eq!(parse(text), expect, "{text}");
        check("1700000000123456789", Some(1_700_000_000_123_456_789));
        check("0", Some(0));
        check("1970-01-01T00:00:00Z", Some(0));
        check("2023-11-14T22:13:20Z", Some(1_700_000_000_000_000_000));
        check("2023-11-14T22:13:20.123456789Z", Some(1_700_000_000_123_456_789));
        check("2023-11-15t00:43:20.5+02:30", Some(1_700_000_000_500_000_000));
        check("2023-11-14 15:13:20-07:00", Some(1_700_000_000_000_000_000));
        check("2024-02-29T00:00:00Z", Some(1_709_164_800_000_000_000));
        check("2100-03-01T00:00:00Z", Some(4_107_542_400_000_000_000));
        for nanos in [
            0,
            951_782_399_999_999_999,
            951_782_400_000_000_000,
            1_700_000_000_123_456_000,
            1_709_164_800_120_000_000,
            4_107_542_400_000_000_000,
            u64::MAX,
        ] {
            check(&write(nanos), Some(nanos));
        }
        assert_eq!(write(1_700_000_000_000_000_000), "2023-11-14T22:13:20Z");
        assert_eq!(write(1_700_000_000_120_000_000), "2023-11-14T22:13:20.120Z");
        for bad in [
            "",
            "now",
            "-5",
            "2023-02-29T00:00:00Z",
            "2023-13-01T00:00:00Z",
            "2023-11-14T24:00:00Z",
            "2023-11-14T22:13:20",
            "2023-11-14T22:13:20.Z",
            "2023-11-14T22:13Z",
            "2023-11-14T22:13:20Zoo",
            "2023-11-14T22:13:20+2:00",
            "1969-12-31T23:59:59Z",
            "9999-12-31T23:59:59Z",
            "99999999999999999999",
            "2023-11-14Té",
        ] {
            check(bad, None);
        }
    }
}
