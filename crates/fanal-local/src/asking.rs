//! Questions go first: work of the background waits between its pieces while a question is being worked on.
//!
//! The store notes when a question begins and ends, merges and compaction wait here. Invariant: a wait has an end, so
//! that questions without end slow merges down but do not stop them.

use crate::guard::lock;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// Longest wait before a piece of work, which itself takes a few milliseconds.
const GIVE_WAY: Duration = Duration::from_millis(5);

/// How many questions are worked on.
#[derive(Debug, Default)]
pub(crate) struct Asking {
    count: Mutex<usize>,
    is_over: Condvar,
}

/// A question that is worked on, until dropped.
#[derive(Debug)]
pub(crate) struct Asked(Arc<Asking>);

impl Asking {
    /// Notes a question.
    pub(crate) fn begin(self: &Arc<Self>) -> Asked {
        *lock(&self.count) += 1;
        Asked(Arc::clone(self))
    }

    /// Waits until no question is worked on, or long enough.
    pub(crate) fn give_way(&self) {
        let is_asked = |count: &mut usize| *count > 0;
        drop(self.is_over.wait_timeout_while(lock(&self.count), GIVE_WAY, is_asked));
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        let mut count = lock(&self.0.count);
        *count -= 1;
        if *count == 0 {
            self.0.is_over.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_goes_on_when_the_last_question_ends() {
        let asking = Arc::new(Asking::default());
        let (first, second) = (asking.begin(), asking.begin());
        assert_eq!(*lock(&asking.count), 2);
        // Has an end while questions go on.
        asking.give_way();
        drop(first);
        drop(second);
        assert_eq!(*lock(&asking.count), 0);
        asking.give_way();
    }
}
