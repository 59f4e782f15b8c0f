//! Numbers and durations.

use super::{Lexer, TokenKind};
use crate::error::TextError;

/// Units of whole numbers, longest first; each at most once and in this order.
const DESCENDING_UNITS: [(&str, i64); 7] = [
    ("y", 365 * 86_400_000_000_000),
    ("w", 7 * 86_400_000_000_000),
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
];

/// Units of fractions, in any order.
const FRACTION_UNITS: [(&str, i64); 8] = [
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("\u{b5}s", 1_000),
    ("\u{3bc}s", 1_000),
    ("ns", 1),
];

/// Digits after the point that count: with more, an hour's fraction would be finer than a nanosecond.
const FRACTION_DIGITS_MAX: usize = 18;

impl Lexer<'_> {
    /// A number or a duration.
    pub(super) fn number(&mut self) -> Result<TokenKind, TextError> {
        let start = self.at;
        let is_digit = |c: char| c.is_ascii_digit();
        let goes_on =
            |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '\u{b5}' | '\u{3bc}');
        self.take_while(is_digit);
        let is_float = self.rest().starts_with('.');
        if is_float {
            self.at += 1;
            self.take_while(is_digit);
        }
        let exponent = exponent_length(self.rest());
        self.at += exponent;
        if !self.peek().is_some_and(goes_on) {
            let text = &self.text[start..self.at];
            let number = if is_float || exponent > 0 { float(text) } else { int(text) };
            return number.map_err(|message| TextError::syntax(self.span_from(start), message));
        }
        self.take_while(goes_on);
        let text = &self.text[start..self.at];
        duration(text).map(TokenKind::Duration).ok_or_else(|| {
            let message = format!("`{text}` is neither a number nor a duration");
            let help = "write durations like 250ms, 1.5s, 1h30m or 2d, fractions only with h, m, s, ms, us, ns";
            TextError::syntax(self.span_from(start), message).help(help)
        })
    }
}

/// Length of `e3`, `e-3`; 0 where there is no exponent.
fn exponent_length(text: &str) -> usize {
    let Some(after) = text.strip_prefix(['e', 'E']) else { return 0 };
    let digits = after.strip_prefix(['+', '-']).unwrap_or(after);
    let count = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    if count == 0 { 0 } else { text.len() - digits.len() + count }
}

fn int(text: &str) -> Result<TokenKind, String> {
    if text.starts_with('0') && text.contains(['8', '9']) {
        return Err(format!("`{text}` begins with 0 and has a digit 8 or 9"));
    }
    text.parse().map(TokenKind::Int).map_err(|_| format!("`{text}` is greater than {}", i64::MAX))
}

fn float(text: &str) -> Result<TokenKind, String> {
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
    number.map(TokenKind::Float).ok_or_else(|| format!("`{text}` is beyond the range of floats"))
}

/// Nanoseconds of a duration in either form.
fn duration(text: &str) -> Option<i64> {
    descending(text).or_else(|| fractional(text))
}

/// `1w2d`: whole numbers with units in descending order.
fn descending(text: &str) -> Option<i64> {
    let mut rest = text;
    let mut units = DESCENDING_UNITS.iter();
    let mut total = 0_i64;
    while !rest.is_empty() {
        let (number, after) = split_number(rest, false)?;
        let (unit, behind) = split_unit(after);
        let (_, nanos) = units.find(|(spelling, _)| *spelling == unit)?;
        total = total.checked_add(number.parse::<i64>().ok()?.checked_mul(*nanos)?)?;
        rest = behind;
    }
    Some(total)
}

/// `1.5h`, `1m0.5s`: numbers with fractions and units in any order. Parts of a nanosecond are cut.
fn fractional(text: &str) -> Option<i64> {
    let mut rest = text;
    let mut total = 0_i64;
    while !rest.is_empty() {
        let (number, after) = split_number(rest, true)?;
        let (unit, behind) = split_unit(after);
        let (_, nanos) = FRACTION_UNITS.iter().find(|(spelling, _)| *spelling == unit)?;
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let whole = if whole.is_empty() { 0 } else { whole.parse::<i64>().ok()? };
        let fraction = &fraction[..fraction.len().min(FRACTION_DIGITS_MAX)];
        let scale = 10_i128.pow(u32::try_from(fraction.len()).ok()?);
        let part = if fraction.is_empty() { 0 } else { fraction.parse::<i128>().ok()? };
        let part = i64::try_from(part * i128::from(*nanos) / scale).ok()?;
        total = total.checked_add(whole.checked_mul(*nanos)?)?.checked_add(part)?;
        rest = behind;
    }
    Some(total)
}

/// The number at the start, and what follows it.
fn split_number(text: &str, with_point: bool) -> Option<(&str, &str)> {
    let end = text.find(|c: char| !(c.is_ascii_digit() || with_point && c == '.'))?;
    let (number, after) = text.split_at(end);
    let points = number.matches('.').count();
    (number.len() > points && points <= 1).then_some((number, after))
}

/// The letters at the start, and what follows them.
fn split_unit(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(text.len()))
}
