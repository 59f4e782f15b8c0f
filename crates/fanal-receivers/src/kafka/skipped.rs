//! The log's word on messages that are left, however many there are.
//!
//! Invariant: at most one line in [`INTERVAL_NANOS`]; a line counts those that had none.

use super::config::KafkaTopic;
use super::decode::Skipped;

/// Time between two lines, in nanoseconds.
const INTERVAL_NANOS: u64 = 10_000_000_000;

/// Counts what is not logged.
#[derive(Debug, Default)]
pub(super) struct Reporter {
    last_unix_nanos: Option<u64>,
    unsaid: u64,
}

impl Reporter {
    /// Whether something is said now, and how many things were not said before it.
    pub(super) fn turn(&mut self, now_unix_nanos: u64) -> Option<u64> {
        let is_due = self
            .last_unix_nanos
            .is_none_or(|last| now_unix_nanos.saturating_sub(last) >= INTERVAL_NANOS);
        if !is_due {
            self.unsaid += 1;
            return None;
        }
        self.last_unix_nanos = Some(now_unix_nanos);
        Some(std::mem::take(&mut self.unsaid))
    }

    /// Says that a message is left.
    pub(super) fn skipped(&mut self, now: u64, (place, refusal): &Skipped, topics: &[KafkaTopic]) {
        if let Some(unsaid) = self.turn(now) {
            let topic = topics.get(place.topic).map_or("", |topic| &*topic.name);
            let (partition, offset, problem) = (place.partition, place.offset, &*refusal.message);
            tracing::warn!(
                receiver = super::NAME,
                topic,
                partition,
                offset,
                problem,
                unsaid,
                "message skipped"
            );
        }
    }

    /// Says what is wrong.
    pub(super) fn trouble(&mut self, now: u64, problem: &str) {
        if let Some(unsaid) = self.turn(now) {
            tracing::warn!(receiver = super::NAME, problem, unsaid, "trouble");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_one_line_and_a_count() {
        let mut reporter = Reporter::default();
        let check = |reporter: &mut Reporter, now: u64, expect: Option<u64>| {
            assert_eq!(reporter.turn(now), expect, "{now}");
        };
        check(&mut reporter, 5, Some(0));
        check(&mut reporter, 5, None);
        check(&mut reporter, INTERVAL_NANOS + 4, None);
        check(&mut reporter, INTERVAL_NANOS + 5, Some(2));
        check(&mut reporter, 0, None);
        check(&mut reporter, 2 * INTERVAL_NANOS + 5, Some(1));
    }
}
