//! Durations as people write them: `1.5s`, `250ms`, `2us`, `1h5m` (the syntax of Go's `time.ParseDuration`).

use crate::error::{QueryError, shown};

/// Units by their spelling, in nanoseconds. Longer spellings come before those they begin with.
const UNITS: [(&str, u64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// Digits after the point that count; more are below a nanosecond of the largest unit.
const FRACTION_DIGITS_MAX: usize = 15;

/// Nanoseconds of a duration; a sum of numbers with units, or `0`. Negative ones are `Invalid`.
pub fn parse_duration(text: &str) -> Result<u64, QueryError> {
    if text == "0" {
        return Ok(0);
    }
    let fail = |why: String| {
        let message = format!("duration {} {why}; write it like 250ms, 1.5s or 1h5m", shown(text));
        QueryError::invalid(message)
    };
    if text.starts_with('-') {
        return Err(fail("is negative".to_owned()));
    }
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest.is_empty() {
        return Err(fail("is empty".to_owned()));
    }
    let mut total = 0_u64;
    while !rest.is_empty() {
        let number_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.');
        let (number, unit_on) = rest.split_at(number_end.unwrap_or(rest.len()));
        if !number.bytes().any(|byte| byte.is_ascii_digit()) {
            return Err(fail(format!("has no number before {}", shown(unit_on))));
        }
        if unit_on.is_empty() {
            return Err(fail(format!("has no unit after {}", shown(number))));
        }
        let unit = UNITS.iter().find(|(spelling, _)| unit_on.starts_with(spelling));
        let Some((spelling, nanos)) = unit else {
            return Err(fail(format!(
                "has an unknown unit at {}, known are ns, us, ms, s, m and h",
                shown(unit_on)
            )));
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if fraction.contains('.') {
            return Err(fail(format!("has a broken number {}", shown(number))));
        }
        total = times(whole, fraction, *nanos)
            .and_then(|nanos| total.checked_add(nanos))
            .ok_or_else(|| fail("is longer than 584 years".to_owned()))?;
        rest = &unit_on[spelling.len()..];
    }
    Ok(total)
}

/// A decimal number of units, rounded down; `None` on overflow.
fn times(whole: &str, fraction: &str, unit_nanos: u64) -> Option<u64> {
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let fraction = &fraction[..fraction.len().min(FRACTION_DIGITS_MAX)];
    let numerator: u128 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
    let denominator = fraction.bytes().fold(1_u128, |power, _| power * 10);
    let part = u64::try_from(numerator * u128::from(unit_nanos) / denominator).ok()?;
    whole.checked_mul(unit_nanos)?.checked_add(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &str, expect: Result<u64, &str>) {
        match (parse_duration(input), expect) {
            (Ok(nanos), Ok(wanted)) => assert_eq!(nanos, wanted, "{input}"),
            (Err(error), Err(part)) => {
                let text = error.to_string();
                assert!(text.contains(part), "{input}: {text}");
            }
            (found, _) => panic!("{input}: {found:?}"),
        }
    }

    #[test]
    fn reads_durations() {
        check("0", Ok(0));
        check("0s", Ok(0));
        check("7ns", Ok(7));
        check("2us", Ok(2_000));
        check("2µs", Ok(2_000));
        check("2μs", Ok(2_000));
        check("100ms", Ok(100_000_000));
        check("1.5s", Ok(1_500_000_000));
        check(".5s", Ok(500_000_000));
        check("1.s", Ok(1_000_000_000));
        check("+3m", Ok(180_000_000_000));
        check("1h5m", Ok(3_900_000_000_000));
        check("1h0.000000000001s", Ok(3_600_000_000_000));
        check("0.1234567891234567890s", Ok(123_456_789));
        check("18446744073709551615ns", Ok(u64::MAX));
    }

    #[test]
    fn says_what_is_wrong() {
        check("", Err("is empty"));
        check("+", Err("is empty"));
        check("-1s", Err("is negative"));
        check("5", Err("has no unit after \"5\""));
        check("1h5", Err("has no unit after \"5\""));
        check("ms", Err("has no number before \"ms\""));
        check(".s", Err("has no number"));
        check("1.2.3s", Err("broken number"));
        check("5 s", Err("unknown unit at \" s\""));
        check("3d", Err("unknown unit at \"d\""));
        check("1sé", Err("has no number before \"é\""));
        check("18446744073709551616ns", Err("longer than"));
        check("99999999999999999999h", Err("longer than"));
        check("18446744073s1s", Err("longer than"));
    }
}
