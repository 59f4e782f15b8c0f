//! The newest refusals, kept for the status page.
//!
//! Bounded in count and in bytes, whatever senders do.

use crate::submission::cut_message;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Most refusals kept.
pub const RECENT_REJECTIONS_MAX: usize = 20;

/// One refusal of a request or of spans in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecentRejection {
    /// When, nanoseconds since the Unix epoch.
    pub time_unix_nanos: u64,
    /// Name of the receiver.
    pub receiver: &'static str,
    /// What was wrong, for a person.
    pub message: String,
}

/// A ring of refusals.
#[derive(Debug, Default)]
pub(crate) struct RecentRejections(Mutex<VecDeque<RecentRejection>>);

impl RecentRejections {
    pub(crate) fn push(&self, mut rejection: RecentRejection) {
        cut_message(&mut rejection.message);
        let mut ring = self.lock();
        ring.truncate(RECENT_REJECTIONS_MAX - 1);
        ring.push_front(rejection);
    }

    /// Newest first.
    pub(crate) fn list(&self) -> Vec<RecentRejection> {
        self.lock().iter().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<RecentRejection>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::submission::MESSAGE_BYTES_MAX;

    #[test]
    fn keeps_the_newest_first_and_bounded() {
        let ring = RecentRejections::default();
        let last = 2 * u64::try_from(RECENT_REJECTIONS_MAX).expect("small");
        for time_unix_nanos in 1..=last {
            let message = "x".repeat(2 * MESSAGE_BYTES_MAX);
            ring.push(RecentRejection { time_unix_nanos, receiver: "test", message });
        }
        let list = ring.list();
        assert_eq!(list.len(), RECENT_REJECTIONS_MAX);
        assert_eq!(list[0].time_unix_nanos, last);
        assert_eq!(list[19].time_unix_nanos, last - 19);
        assert!(list.iter().all(|rejection| rejection.message.len() == MESSAGE_BYTES_MAX));
    }
}
