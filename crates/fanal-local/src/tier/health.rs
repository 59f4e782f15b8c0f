//! Whether the object store answers: after a failure it is left alone for a moment, so that a question over many blocks
//! waits for one answer that does not come, not for a thousand.
//!
//! Asked before every read for a question. Never says that an object store is gone for good.

use super::BucketError;
use crate::guard::lock;
use fanal_base::{Clock, ErrorKind};
use std::sync::{Arc, Mutex};

/// Time after a failure in which reads fail at once.
pub(crate) const REST_NANOS: u64 = 5_000_000_000;

/// What is known of an object store.
#[derive(Debug)]
pub(crate) struct Health {
    clock: Arc<dyn Clock>,
    /// The newest failure, and when it was.
    failed: Mutex<Option<(u64, BucketError)>>,
}

impl Health {
    /// Of an object store that nobody asked yet.
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, failed: Mutex::default() }
    }

    /// Asks, unless it failed a moment ago; then its failure of that time is the answer.
    pub(crate) fn ask<T>(
        &self,
        question: impl FnOnce() -> Result<T, BucketError>,
    ) -> Result<T, BucketError> {
        let now = self.clock.now_unix_nanos();
        if let Some((at, error)) = &*lock(&self.failed)
            && now.saturating_sub(*at) < REST_NANOS
            // A clock that was set back must not make it rest longer.
            && now >= *at
        {
            return Err(error.clone());
        }
        let answer = question();
        match &answer {
            Err(error) if error.kind() == ErrorKind::Unavailable => {
                tracing::warn!(%error, "answers go without what moved there for a moment");
                *lock(&self.failed) = Some((self.clock.now_unix_nanos(), error.clone()));
            }
            _ => *lock(&self.failed) = None,
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fanal_base::ManualClock;
    use std::cell::Cell;

    #[test]
    fn one_failure_answers_for_a_while() {
        let clock = ManualClock::at(1_000);
        let health = Health::new(Arc::new(clock.clone()));
        let asked = Cell::new(0);
        let gone = || BucketError::Unavailable {
            bucket: "s3://b".to_owned(),
            message: "no answer".to_owned(),
        };
        let check = |answer: Result<(), BucketError>, expect: (bool, u32)| {
            let found = health.ask(|| {
                asked.set(asked.get() + 1);
                answer
            });
            assert_eq!((found.is_ok(), asked.get()), expect);
        };
        check(Ok(()), (true, 1));
        check(Err(BucketError::NotFound { object: "a".to_owned() }), (false, 2));
        check(Ok(()), (true, 3));
        check(Err(gone()), (false, 4));
        check(Ok(()), (false, 4));
        clock.advance(REST_NANOS - 1);
        check(Ok(()), (false, 4));
        clock.advance(1);
        check(Err(gone()), (false, 5));
        check(Ok(()), (false, 5));
        clock.advance(REST_NANOS);
        check(Ok(()), (true, 6));
        check(Ok(()), (true, 7));
    }
}
