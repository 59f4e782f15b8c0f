//! What a receiver hands over, and what it is told.
//!
//! Receivers translate their format's answer into this, so that the pipeline knows no format.

use fanal_model::SpanBatch;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Longest text about refused spans, in bytes, the rest is cut: it travels in answers that clients log.
pub const MESSAGE_BYTES_MAX: usize = 1024;

/// The decoded content of one request.
#[derive(Debug, Default)]
pub struct Submission {
    /// Spans that decoded.
    pub batch: SpanBatch,
    /// Spans that did not decode, all of them.
    pub rejected_spans: u64,
    /// Why, for as many of them as the format kept.
    pub rejects: Vec<SpanReject>,
    /// Attribute keys that were sent twice on one owner.
    pub duplicate_keys: u64,
}

/// Why one span was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpanReject {
    /// One of a small fixed set of words, for metrics.
    pub reason: &'static str,
    /// What was observed, for a person.
    pub detail: String,
}

/// What became of a submission: it is durable.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Accepted {
    /// Spans stored.
    pub accepted_spans: u64,
    /// Spans refused for good.
    pub rejected_spans: u64,
    /// Why spans were refused, empty when none was.
    pub message: String,
}

/// Reason under which refused spans are counted when the format did not keep theirs.
pub const REASON_NOT_KEPT: &str = "other";

impl Submission {
    /// Refused spans by reason; the counts sum up to `rejected_spans`.
    pub fn rejected_by_reason(&self) -> BTreeMap<&'static str, u64> {
        let mut counts = BTreeMap::new();
        let kept = usize::try_from(self.rejected_spans).unwrap_or(usize::MAX);
        for reject in self.rejects.iter().take(kept) {
            *counts.entry(reject.reason).or_insert(0) += 1;
        }
        let known: u64 = counts.values().sum();
        if self.rejected_spans > known {
            *counts.entry(REASON_NOT_KEPT).or_insert(0) += self.rejected_spans - known;
        }
        counts
    }

    /// One sentence about the refused spans: counts by reason and the first detail. Empty when none was refused.
    pub fn rejection_message(&self) -> String {
        if self.rejected_spans == 0 {
            return String::new();
        }
        let total = self.rejected_spans + fanal_base::cast::wide(self.batch.len());
        let mut message = format!("{} of {total} spans rejected: ", self.rejected_spans);
        for (position, (reason, count)) in self.rejected_by_reason().iter().enumerate() {
            let separator = if position == 0 { "" } else { ", " };
            let _ = write!(message, "{separator}{count} {reason}");
        }
        if let Some(first) = self.rejects.first() {
            let _ = write!(message, "; first: {}", first.detail);
        }
        truncate_text(&mut message, MESSAGE_BYTES_MAX);
        message
    }
}

/// Cuts a text to at most `bytes_max` bytes at a character boundary.
pub(crate) fn truncate_text(text: &mut String, bytes_max: usize) {
    let is_cut = |&at: &usize| text.is_char_boundary(at);
    let end = (0..=bytes_max.min(text.len())).rev().find(is_cut).unwrap_or(0);
    text.truncate(end);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rejected_spans: u64, rejects: &[(&'static str, &str)], expect: &str) {
        let rejects = rejects
            .iter()
            .map(|&(reason, detail)| SpanReject { reason, detail: detail.to_owned() })
            .collect();
        let submission = Submission { rejected_spans, rejects, ..Submission::default() };
        assert_eq!(submission.rejection_message(), expect);
        let sum: u64 = submission.rejected_by_reason().values().sum();
        assert_eq!(sum, rejected_spans);
    }

    #[test]
    fn messages_count_by_reason_and_never_lose_a_span() {
        check(0, &[], "");
        check(
            1,
            &[("bad_id", "span 3: zero")],
            "1 of 1 spans rejected: 1 bad_id; first: span 3: zero",
        );
        check(
            5,
            &[("b", "x"), ("a", "y"), ("b", "z")],
            "5 of 5 spans rejected: 1 a, 2 b, 2 other; first: x",
        );
        check(1, &[("a", "x"), ("a", "y")], "1 of 1 spans rejected: 1 a; first: x");
    }

    #[test]
    fn long_details_are_cut_at_a_character() {
        let rejects = vec![SpanReject { reason: "a", detail: "é".repeat(MESSAGE_BYTES_MAX) }];
        let submission = Submission { rejected_spans: 1, rejects, ..Submission::default() };
        let length = submission.rejection_message().len();
        assert!((MESSAGE_BYTES_MAX - 1..=MESSAGE_BYTES_MAX).contains(&length), "{length}");
    }
}
