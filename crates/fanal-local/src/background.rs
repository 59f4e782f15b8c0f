//! What a tenant does behind its callers: commits and merges, as steps, and the threads that take them.
//!
//! The store starts the threads; a simulation takes the steps itself, in an order of its own. Invariant: a thread does
//! nothing but decide when to take a step.

use crate::config::COMMIT_WINDOW_MICROS_MAX;
use crate::failure;
use crate::guard::lock;
use crate::tenant::Tenant;
use fanal_storage::StoreError;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Longest time between two looks at whether a merge is due.
const MERGE_LOOK: Duration = Duration::from_secs(1);

/// Longest time between two looks at whether a block is due to move to the object store.
const MOVE_LOOK: Duration = Duration::from_secs(5);

/// Time that the object store is left alone by the mover after a failure.
const MOVE_REST: Duration = Duration::from_secs(15);

/// A piece of background work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Makes one group of waiting appends durable and answers them.
    Commit,
    /// Makes one block of the front of the head, if it is due.
    Merge,
    /// Compacts one run of blocks.
    Compact,
    /// Drops what is older or more than is to be kept.
    Retain,
    /// Does one piece of work of the object-store tier.
    Move,
}

/// How the merge thread is woken and told to end.
#[derive(Debug, Default)]
pub(crate) struct MergeWake {
    state: Mutex<WakeState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct WakeState {
    is_due: bool,
    is_stopping: bool,
}

impl Tenant {
    /// Takes a step; false where there is nothing to do.
    pub(crate) fn step(&self, step: Step) -> Result<bool, StoreError> {
        match step {
            Step::Commit => Ok(self.commit_waiting()),
            Step::Merge => {
                if self.is_merge_due() {
                    self.merge_once(u64::MAX)
                } else {
                    Ok(false)
                }
            }
            Step::Compact => self.compact_once(),
            Step::Retain => self.retain_once(),
            Step::Move => self.move_once(),
        }
    }

    /// Commits a group of the appends that wait now; false where none does.
    pub(crate) fn commit_waiting(&self) -> bool {
        let group = self.queue.take_group(self.config.record_rows);
        let is_some = !group.is_empty();
        if is_some {
            self.commit(group);
        }
        is_some
    }

    /// The commit thread: waits for groups of appends and commits each.
    pub(crate) fn run_commits(&self) {
        let micros = self.config.commit_window_micros.min(COMMIT_WINDOW_MICROS_MAX);
        let window = Duration::from_micros(micros);
        let mut expected = 1;
        loop {
            let group = self.queue.next_group(self.config.record_rows, expected, window);
            if group.is_empty() {
                return;
            }
            expected = group.len();
            self.commit(group);
            if self.is_merge_due() {
                self.wake_merge();
            }
        }
    }

    /// The merge thread: looks whether a merge is due, when woken and once in a while.
    pub(crate) fn run_merges(&self) {
        loop {
            let is_quiet = |state: &mut WakeState| !state.is_due && !state.is_stopping;
            let guard = lock(&self.wake.state);
            let waited = self.wake.changed.wait_timeout_while(guard, MERGE_LOOK, is_quiet);
            let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
            if state.is_stopping {
                return;
            }
            state.is_due = false;
            drop(state);
            self.merge_while_due();
        }
    }

    /// Merges until nothing is due. After a failure the next try waits, which is told to the log.
    fn merge_while_due(&self) {
        while !self.is_stopping() {
            let now = self.clock.now_unix_nanos();
            if !lock(&self.backoff).may_try(now) {
                return;
            }
            match self.step(Step::Merge) {
                Ok(true) => lock(&self.backoff).succeeded(),
                Ok(false) => return,
                Err(error) => {
                    self.room.note_store(&error);
                    let wait_seconds = lock(&self.backoff).failed(now);
                    let (tenant, error) = (self.name.as_str(), failure::chain(&error));
                    tracing::error!(tenant, error, wait_seconds, "merge failed; will retry");
                    return;
                }
            }
        }
    }

    /// Whether the tenant's threads are to end.
    pub(crate) fn is_stopping(&self) -> bool {
        lock(&self.wake.state).is_stopping
    }

    /// The mover's thread: looks once in a while whether there is work for the object-store tier.
    pub(crate) fn run_moves(&self) {
        let mut pause = MOVE_LOOK;
        loop {
            let is_quiet = |state: &mut WakeState| !state.is_stopping;
            let guard = lock(&self.wake.state);
            let waited = self.wake.changed.wait_timeout_while(guard, pause, is_quiet);
            let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
            if state.is_stopping {
                return;
            }
            drop(state);
            pause = self.move_while_due();
        }
    }

    /// Answers how long to wait for the next look.
    fn move_while_due(&self) -> Duration {
        while !lock(&self.wake.state).is_stopping {
            match self.step(Step::Move) {
                Ok(true) => {}
                Ok(false) => return MOVE_LOOK,
                Err(error) => {
                    let tenant = self.name.as_str();
                    let error = failure::chain(&error);
                    tracing::warn!(tenant, error, "object store: work is left over; will retry");
                    return MOVE_REST;
                }
            }
        }
        MOVE_LOOK
    }

    fn wake_merge(&self) {
        lock(&self.wake.state).is_due = true;
        self.wake.changed.notify_all();
    }

    /// Lets all threads end: the commit thread once every waiting append is answered.
    pub(crate) fn stop(&self) {
        self.queue.close();
        lock(&self.wake.state).is_stopping = true;
        self.wake.changed.notify_all();
    }
}
