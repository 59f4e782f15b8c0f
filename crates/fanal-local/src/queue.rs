//! The queue from appends to the commit thread of a tenant. Bounded in bytes by the permits that its items hold.
//!
//! Invariant: a lone request is never kept waiting; requests wait for each other only as long as the last group shows
//! that there are others, and at most for the commit window.

use crate::guard::lock;
use fanal_base::BytePermit;
use fanal_model::IndexedBatch;
use fanal_storage::StoreError;
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;

/// An append that waits to become durable.
#[derive(Debug)]
pub(crate) struct Pending {
    /// The spans, at least one.
    pub spans: IndexedBatch,
    /// Share of the budget of waiting bytes.
    pub permit: BytePermit,
    /// Where the outcome goes.
    pub reply: oneshot::Sender<Result<(), StoreError>>,
}

/// The queue.
#[derive(Debug, Default)]
pub(crate) struct CommitQueue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    pending: VecDeque<Pending>,
    rows: usize,
    is_closed: bool,
}

impl CommitQueue {
    /// Adds an append; false once the queue is closed.
    pub(crate) fn push(&self, pending: Pending) -> bool {
        let mut state = lock(&self.state);
        if state.is_closed {
            return false;
        }
        state.rows += pending.spans.len();
        state.pending.push_back(pending);
        self.changed.notify_one();
        true
    }

    /// Takes no further append. What waits is still handed out.
    pub(crate) fn close(&self) {
        lock(&self.state).is_closed = true;
        self.changed.notify_all();
    }

    /// The next group of appends that share a write and a sync: as many as wait, up to `rows_max`, first waiting up to `window`
    /// for `expected` of them. Empty once the queue is closed and drained.
    pub(crate) fn next_group(
        &self,
        rows_max: usize,
        expected: usize,
        window: Duration,
    ) -> Vec<Pending> {
        let is_idle = |state: &mut State| state.pending.is_empty() && !state.is_closed;
        let state = self
            .changed
            .wait_while(lock(&self.state), is_idle)
            .unwrap_or_else(PoisonError::into_inner);
        let is_short = |state: &mut State| {
            state.pending.len() < expected && state.rows < rows_max && !state.is_closed
        };
        let waited = self.changed.wait_timeout_while(state, window, is_short);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.take_group(rows_max)
    }

    /// The next group of appends without waiting; empty where none waits.
    pub(crate) fn take_group(&self, rows_max: usize) -> Vec<Pending> {
        lock(&self.state).take_group(rows_max)
    }
}

impl State {
    fn take_group(&mut self, rows_max: usize) -> Vec<Pending> {
        let mut group: Vec<Pending> = Vec::new();
        let mut rows = 0;
        while let Some(next) = self.pending.front() {
            let count = next.spans.len();
            if !group.is_empty() && rows + count > rows_max {
                break;
            }
            rows += count;
            self.rows -= count;
            group.extend(self.pending.pop_front());
        }
        group
    }
}
