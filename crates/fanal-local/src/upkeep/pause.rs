//! The rests of the upkeep thread, which end at once where the store stops.

use crate::guard::lock;
use std::sync::{Condvar, Mutex};
use std::time::Duration;

/// Lets a thread rest until it is told to end.
#[derive(Debug, Default)]
pub(crate) struct Pause {
    is_ending: Mutex<bool>,
    told: Condvar,
}

impl Pause {
    /// Lets time pass; false where the thread is to end.
    pub(crate) fn rest(&self, time: Duration) -> bool {
        let guard = lock(&self.is_ending);
        let rested = self.told.wait_timeout_while(guard, time, |is_ending| !*is_ending);
        !*rested.unwrap_or_else(std::sync::PoisonError::into_inner).0
    }

    /// Ends the rest under way and all to come.
    pub(crate) fn end(&self) {
        *lock(&self.is_ending) = true;
        self.told.notify_all();
    }
}
