//! Regular expressions: RE2's syntax and meaning, matched by the `regex` crate.
//!
//! A pattern must match the whole text, and its points match line breaks too.

mod translate;

use crate::value::{Value, any_or_all};
use std::fmt;

pub use translate::translate;

/// Most bytes that a compiled pattern may take.
pub const PATTERN_BYTES_MAX: usize = 1 << 20;

/// A compiled pattern.
#[derive(Debug, Clone)]
pub struct Pattern(::regex::bytes::Regex);

/// Why a text is no pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidPattern(pub String);

impl fmt::Display for InvalidPattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Pattern {
    /// Compiles a pattern.
    pub fn compile(pattern: &str) -> Result<Self, InvalidPattern> {
        let translated = translate::translate(pattern)?;
        // On bytes, because only there the word boundaries of ASCII exist; texts are UTF-8 all the same.
        ::regex::bytes::RegexBuilder::new(&format!(r"\A(?s:{translated})\z"))
            .size_limit(PATTERN_BYTES_MAX)
            .dfa_size_limit(PATTERN_BYTES_MAX)
            .build()
            .map(Self)
            .map_err(|error| InvalidPattern(reason(&error)))
    }

    /// Whether it matches the whole text.
    pub fn is_match(&self, text: &str) -> bool {
        self.0.is_match(text.as_bytes())
    }

    /// Whether `value =~ pattern` (any element of an array) or, with `is_negated`, `value !~ pattern` (all elements) holds.
    pub fn holds(&self, is_negated: bool, value: &Value) -> bool {
        match value {
            Value::String(text) => self.is_match(text) != is_negated,
            Value::Array(items) => {
                any_or_all(is_negated, items, |item| self.holds(is_negated, item))
            }
            _ => false,
        }
    }
}

/// The reason in one line.
fn reason(error: &::regex::Error) -> String {
    match error {
        ::regex::Error::CompiledTooBig(_) => {
            format!("the pattern takes more than {PATTERN_BYTES_MAX} bytes when compiled")
        }
        other => {
            let text = other.to_string();
            let last = text.lines().last().unwrap_or_default();
            last.strip_prefix("error: ").unwrap_or(last).to_owned()
        }
    }
}

#[cfg(test)]
mod tests;
