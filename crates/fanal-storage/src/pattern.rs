//! Patterns of texts: regular expressions that describe a whole text.
//!
//! Made by whoever asks, applied by backends once for each distinct text. Invariant: matching takes time in proportion to
//! the text, and memory within [`Pattern::COMPILED_BYTES_MAX`]. Knows no query language: its syntax is that of the
//! `regex` crate.

use crate::error::StoreError;
use regex::bytes::{Regex, RegexBuilder};
use std::sync::Arc;

/// A pattern; a clone is cheap.
#[derive(Debug, Clone)]
pub struct Pattern {
    text: Arc<str>,
    regex: Regex,
}

impl Pattern {
    /// Most memory of a compiled pattern, in bytes.
    pub const COMPILED_BYTES_MAX: usize = 1 << 20;

    /// A pattern of whole texts: it is anchored at both ends, and a dot stands for line breaks too.
    pub fn new(text: &str) -> Result<Self, StoreError> {
        // On bytes, because only there the word boundaries of ASCII exist; texts are UTF-8 all the same.
        let regex = RegexBuilder::new(&format!(r"\A(?s:{text})\z"))
            .size_limit(Self::COMPILED_BYTES_MAX)
            .dfa_size_limit(Self::COMPILED_BYTES_MAX)
            .build()
            .map_err(|error| StoreError::Invalid {
                message: format!("pattern `{text}` cannot be used: {error}"),
            })?;
        Ok(Self { text: text.into(), regex })
    }

    /// Whether it describes a text.
    pub fn matches(&self, text: &str) -> bool {
        self.regex.is_match(text.as_bytes())
    }

    /// As it was given.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_describe_whole_texts() {
        let check = |pattern: &str, text: &str, expect: bool| {
            let made = Pattern::new(pattern).expect("valid");
            assert_eq!(made.matches(text), expect, "{pattern} {text:?}");
        };
        check("a|b", "b", true);
        check("a|b", "ab", false);
        check("GET .*", "GET /\n", true);
        check("GET", "GET /", false);
        check("", "", true);
        check("", "a", false);
        check("(?i)é", "É", true);
        check(r"(?-u:\b)a", "a", true);
        assert!(Pattern::new("(").is_err());
        assert!(Pattern::new("((a{100}){100}){100}").is_err(), "too large");
    }
}
