//! What one question may use: threads, memory, and time only as long as somebody waits for the answer.
//!
//! Made by the store for each question, handed down to every loop over granules. Knows nothing of what is asked.

use fanal_storage::StoreError;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Fewer pieces for each thread are not worth starting it.
const PIECES_PER_THREAD_MIN: usize = 2;

/// A question that is being worked on.
#[derive(Debug)]
pub(crate) struct Question {
    is_given_up: Arc<AtomicBool>,
    bytes_used: AtomicUsize,
    bytes_max: usize,
    threads_max: usize,
}

/// Gives a question up when it is dropped: the future of its asker holds it.
#[derive(Debug)]
pub(crate) struct Asker(Arc<AtomicBool>);

impl Drop for Asker {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

impl Question {
    /// A question that may hold so many bytes and use so many threads.
    pub(crate) fn new(bytes_max: usize, threads_max: usize) -> (Self, Asker) {
        let is_given_up = Arc::new(AtomicBool::new(false));
        let asker = Asker(Arc::clone(&is_given_up));
        let bytes_used = AtomicUsize::new(0);
        (Self { is_given_up, bytes_used, bytes_max, threads_max: threads_max.max(1) }, asker)
    }

    /// Fails once nobody waits for the answer. Asked before each granule.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        if self.is_given_up.load(Ordering::Acquire) {
            let message = "its asker has gone".to_owned();
            return Err(StoreError::Unavailable { message });
        }
        Ok(())
    }

    /// Counts memory that the question holds until its end; whether it may.
    pub(crate) fn may_hold(&self, bytes: usize) -> bool {
        let before = self.bytes_used.fetch_add(bytes, Ordering::Relaxed);
        before.saturating_add(bytes) <= self.bytes_max
    }

    /// Counts memory that was held and is free again.
    pub(crate) fn release(&self, bytes: usize) {
        self.bytes_used.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// As [`Question::may_hold`], failing with words.
    pub(crate) fn hold(&self, bytes: usize) -> Result<(), StoreError> {
        if self.may_hold(bytes) {
            return Ok(());
        }
        Err(StoreError::Invalid {
            message: format!(
                "question holds {} bytes, question_bytes_max is {}; narrow its time range, or ask for fewer groups, wider buckets or fewer measures",
                self.bytes_used.load(Ordering::Relaxed),
                self.bytes_max
            ),
        })
    }

    /// Works off `count` pieces on all threads of the question; each has a worker of its own. Stops where the question is
    /// given up or a piece fails.
    pub(crate) fn work<W: Send>(
        &self,
        count: usize,
        make: impl Fn() -> W + Sync,
        piece: impl Fn(&mut W, usize) -> Result<(), StoreError> + Sync,
    ) -> Result<Vec<W>, StoreError> {
        let next = AtomicUsize::new(0);
        let run = || -> Result<W, StoreError> {
            let mut worker = make();
            loop {
                let place = next.fetch_add(1, Ordering::Relaxed);
                if place >= count {
                    return Ok(worker);
                }
                let outcome = self.check().and_then(|()| piece(&mut worker, place));
                if let Err(error) = outcome {
                    next.store(count, Ordering::Relaxed);
                    return Err(error);
                }
            }
        };
        let helpers = self.threads_max.min(count / PIECES_PER_THREAD_MIN).saturating_sub(1);
        if helpers == 0 {
            return Ok(vec![run()?]);
        }
        std::thread::scope(|scope| {
            let handles: Vec<_> = (0..helpers).map(|_| scope.spawn(run)).collect();
            let mut outcomes = vec![run()];
            outcomes.extend(handles.into_iter().map(|handle| {
                let panicked = |_| {
                    let message = "a thread of the question had panicked".to_owned();
                    Err(StoreError::Unavailable { message })
                };
                handle.join().unwrap_or_else(panicked)
            }));
            outcomes.into_iter().collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_piece_is_worked_off_once() {
        for threads in [1, 2, 5] {
            let (question, _asker) = Question::new(0, threads);
            let piece = |done: &mut Vec<usize>, place| {
                done.push(place);
                Ok(())
            };
            let workers = question.work(100, Vec::new, piece).expect("works");
            let mut done: Vec<usize> = workers.concat();
            done.sort_unstable();
            assert_eq!(done, (0..100).collect::<Vec<_>>());
        }
    }

    #[test]
    fn work_ends_when_the_asker_goes_or_a_piece_fails() {
        let (question, asker) = Question::new(10, 1);
        let worked = AtomicUsize::new(0);
        let mut asker = Some(asker);
        let outcome = question.work(
            100,
            || (),
            |(), _| {
                worked.fetch_add(1, Ordering::Relaxed);
                Ok(())
            },
        );
        assert!(outcome.is_ok());
        drop(asker.take());
        let outcome = question.work(
            100,
            || (),
            |(), _| {
                worked.fetch_add(1, Ordering::Relaxed);
                Ok(())
            },
        );
        assert!(outcome.is_err());
        assert_eq!(worked.load(Ordering::Relaxed), 100, "nothing after the asker went");
        let (question, _asker) = Question::new(10, 2);
        let outcome = question.work(100, || (), |(), place| question.hold(place));
        let error = outcome.expect_err("beyond the limit").to_string();
        assert!(error.contains("question_bytes_max is 10"), "{error}");
    }
}
