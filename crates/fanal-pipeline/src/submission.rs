//! What a receiver hands over, and what it is told.
//!
//! Receivers translate their format's answer into this, so that the pipeline knows no format.

use fanal_model::SpanBatch;

/// Longest text about a refusal, in bytes; the rest is cut, for it travels in answers that clients log.
pub const MESSAGE_BYTES_MAX: usize = 1024;

/// The decoded content of one request.
#[derive(Debug, Default)]
pub struct Submission {
    /// Spans that decoded.
    pub batch: SpanBatch,
    /// Spans that were refused, by reason: one of a small fixed set of words, for metrics.
    pub rejected_spans: Vec<(&'static str, u64)>,
    /// Why spans were refused, for a person; empty when none was.
    pub rejection_message: String,
    /// Attribute keys that were sent twice on one owner.
    pub duplicate_keys: u64,
}

/// What became of a submission: it is durable.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Accepted {
    /// Spans stored.
    pub accepted_spans: u64,
    /// Spans refused for good.
    pub rejected_spans: u64,
    /// Why spans were refused, at most [`MESSAGE_BYTES_MAX`] bytes; empty when none was.
    pub message: String,
}

/// Cuts a text to [`MESSAGE_BYTES_MAX`] at a character boundary.
pub(crate) fn cut_message(text: &mut String) {
    let is_cut = |&at: &usize| text.is_char_boundary(at);
    let end = (0..=MESSAGE_BYTES_MAX.min(text.len())).rev().find(is_cut).unwrap_or(0);
    text.truncate(end);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, repeats: usize, expect_bytes: usize) {
        let mut message = text.repeat(repeats);
        cut_message(&mut message);
        assert_eq!(message.len(), expect_bytes, "{text}");
    }

    #[test]
    fn messages_are_cut_at_a_character() {
        check("", 1, 0);
        check("x", MESSAGE_BYTES_MAX, MESSAGE_BYTES_MAX);
        check("x", MESSAGE_BYTES_MAX + 1, MESSAGE_BYTES_MAX);
        check("日", MESSAGE_BYTES_MAX, MESSAGE_BYTES_MAX - 1);
    }
}
