//! The words of a query, each with the byte at which it begins.

use super::PromqlError;

/// A word.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A name of a metric, label or function, or a keyword.
    Name(String),
    Number(f64),
    Text(String),
    /// What stands in brackets behind a selector.
    Range(u64),
    /// Brackets, commas and operators.
    Sign(&'static str),
}

const SIGNS: [&str; 16] =
    ["=~", "!~", "!=", "==", "(", ")", "{", "}", ",", "=", "+", "-", "*", "/", ">", "<"];

/// Splits a query into words.
pub(super) fn split(query: &str) -> Result<Vec<(usize, Token)>, PromqlError> {
    let mut words = Vec::new();
    let mut rest = query.trim_start();
    while let Some(first) = rest.chars().next() {
        let at = query.len() - rest.len();
        let (token, length) = match first {
            '"' | '\'' | '`' => text(rest, first, at)?,
            '[' => range(rest, at)?,
            '0'..='9' | '.' => number(rest, at)?,
            'a'..='z' | 'A'..='Z' | '_' | ':' => {
                let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
                let length = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
                (Token::Name(rest[..length].to_owned()), length)
            }
            _ => {
                let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign));
                let sign = sign.ok_or_else(|| bad(at, format!("`{first}` is not understood")))?;
                (Token::Sign(sign), sign.len())
            }
        };
        words.push((at, token));
        rest = rest[length..].trim_start();
    }
    Ok(words)
}

/// What is wrong at a byte.
pub(super) fn bad(at: usize, what: impl std::fmt::Display) -> PromqlError {
    PromqlError::Bad(format!("query, byte {at}: {what}"))
}

/// A text in quotes; only backquotes take backslashes as they are.
fn text(rest: &str, quote: char, at: usize) -> Result<(Token, usize), PromqlError> {
    let mut text = String::new();
    let mut characters = rest.char_indices().skip(1);
    while let Some((place, character)) = characters.next() {
        match character {
            _ if character == quote => return Ok((Token::Text(text), place + 1)),
            '\\' if quote != '`' => match characters.next() {
                Some((_, 'n')) => text.push('\n'),
                Some((_, 't')) => text.push('\t'),
                Some((_, 'r')) => text.push('\r'),
                Some((_, escaped @ ('\\' | '"' | '\''))) => text.push(escaped),
                _ => return Err(bad(at + place, "unknown escape; write \\\\ for a backslash")),
            },
            _ => text.push(character),
        }
    }
    Err(bad(at, "text has no end; close its quotes"))
}

fn number(rest: &str, at: usize) -> Result<(Token, usize), PromqlError> {
    let mut length = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
    let exponent = &rest[length..];
    if exponent.starts_with(['e', 'E']) {
        let digits = exponent[1..].trim_start_matches(['+', '-']);
        let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        length = rest.len() - digits.len() + end;
    }
    let number = rest[..length].parse::<f64>();
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let end = length + rest[length..].find(|c| !is_part(c)).unwrap_or(rest.len() - length);
    match number {
        Ok(number) if end == length => Ok((Token::Number(number), length)),
        // Where one stands, the word before it is what is not answered.
        _ if duration(&rest[..end]).is_some() => Ok((Token::Name(rest[..end].to_owned()), end)),
        _ => Err(bad(at, "not a number")),
    }
}

fn range(rest: &str, at: usize) -> Result<(Token, usize), PromqlError> {
    let end = rest.find(']').ok_or_else(|| bad(at, "`[` has no `]`"))?;
    let inside = rest[1..end].trim();
    if inside.contains(':') {
        return Err(bad(at, "subqueries are not answered here"));
    }
    match duration(inside) {
        Some(nanos) if nanos > 0 => Ok((Token::Range(nanos), end + 1)),
        _ => Err(bad(at, "range is no duration above 0; write one such as 5m or 1h30m")),
    }
}

/// Nanoseconds of a duration such as `1h30m`, or of a number of seconds.
pub(in crate::prometheus) fn duration(text: &str) -> Option<u64> {
    const SECOND: f64 = 1e9;
    if let Ok(seconds) = text.parse::<f64>() {
        return whole(seconds * SECOND);
    }
    let mut nanos = 0.0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let count: f64 = rest[..digits].parse().ok()?;
        let unit = &rest[digits..];
        let unit = &unit[..unit.find(|c: char| c.is_ascii_digit()).unwrap_or(unit.len())];
        nanos += count
            * SECOND
            * match unit {
                "ms" => 1e-3,
                "s" => 1.0,
                "m" => 60.0,
                "h" => 3_600.0,
                "d" => 86_400.0,
                "w" => 604_800.0,
                "y" => 31_536_000.0,
                _ => return None,
            };
        rest = &rest[digits + unit.len()..];
    }
    whole(nanos)
}

/// A number of nanoseconds below three centuries.
fn whole(nanos: f64) -> Option<u64> {
    let nanos = nanos.round();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "within the range of u64, checked here"
    )]
    (0.0..=9e18).contains(&nanos).then_some(nanos as u64)
}
