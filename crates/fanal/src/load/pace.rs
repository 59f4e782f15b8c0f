//! Spreads spans evenly over time at a given rate.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// A rate shared by all senders.
#[derive(Debug)]
pub(super) struct Pace {
    spans_per_second: u64,
    next: Mutex<Instant>,
}

impl Pace {
    /// So many spans a second; 0 does not wait.
    pub(super) fn new(spans_per_second: u64) -> Self {
        Self { spans_per_second, next: Mutex::new(Instant::now()) }
    }

    /// Waits for the turn of a request of so many spans.
    pub(super) async fn wait(&self, spans: u64) {
        if self.spans_per_second == 0 {
            return;
        }
        let turn = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let turn = (*next).max(Instant::now());
            *next = turn + Duration::from_nanos(spans * 1_000_000_000 / self.spans_per_second);
            turn
        };
        tokio::time::sleep_until(turn).await;
    }
}
