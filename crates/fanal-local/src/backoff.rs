//! Waiting between tries of work that fails: a second, doubling up to a minute.
//!
//! Asked by the threads of the background before they try. Pure: it is told the time.

/// Longest wait, in seconds.
const WAIT_SECONDS_MAX: u64 = 60;

/// When work that failed may be tried again.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    wait_seconds: u64,
    not_before_unix_nanos: u64,
}

impl Backoff {
    /// Whether a try is due.
    pub(crate) fn may_try(&self, now_unix_nanos: u64) -> bool {
        now_unix_nanos >= self.not_before_unix_nanos
    }

    /// Notes a failure; answers the seconds until the next try.
    pub(crate) fn failed(&mut self, now_unix_nanos: u64) -> u64 {
        self.wait_seconds = (self.wait_seconds * 2).clamp(1, WAIT_SECONDS_MAX);
        self.not_before_unix_nanos =
            now_unix_nanos.saturating_add(self.wait_seconds * 1_000_000_000);
        self.wait_seconds
    }

    /// Notes a success.
    pub(crate) fn succeeded(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_minute_and_end_with_a_success() {
        let mut backoff = Backoff::default();
        assert!(backoff.may_try(0));
        let waits: Vec<u64> = (0..8).map(|_| backoff.failed(5)).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert!(!backoff.may_try(60_000_000_004));
        assert!(backoff.may_try(60_000_000_005));
        backoff.succeeded();
        assert!(backoff.may_try(0));
    }
}
