//! The last few assembled traces, so that the details of a big trace's spans do not assemble it again.
//!
//! Bounded in traces, in spans and in age (`limits`). Ages count from the end of the fetch, so that a trace that
//! takes long is kept all the same.

use crate::limits::{CACHED_SPAN_AGE_MAX_NANOS, CACHED_SPANS_MAX, CACHED_TRACES_MAX};
use fanal_model::TraceId;
use fanal_query::Trace;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Traces by id, newest first.
#[derive(Debug, Default)]
pub(crate) struct TraceCache(Mutex<VecDeque<CachedTrace>>);

#[derive(Debug)]
struct CachedTrace {
    trace: Arc<Trace>,
    fetched_unix_nanos: u64,
}

impl TraceCache {
    /// The trace, if it is here and younger than `age_max_nanos` at `now`.
    pub(crate) fn get(
        &self,
        trace_id: TraceId,
        now_unix_nanos: u64,
        age_max_nanos: u64,
    ) -> Option<Arc<Trace>> {
        // A clock that was set back makes an entry old, not young for ever.
        let age = |entry: &CachedTrace| {
            now_unix_nanos.checked_sub(entry.fetched_unix_nanos).unwrap_or(u64::MAX)
        };
        let mut cached = self.lock();
        cached.retain(|entry| age(entry) < CACHED_SPAN_AGE_MAX_NANOS);
        let entry = cached.iter().find(|entry| entry.trace.trace_id == trace_id)?;
        (age(entry) < age_max_nanos).then(|| Arc::clone(&entry.trace))
    }

    /// Keeps a trace that was fetched at `now`; the oldest ones go when a bound is passed.
    pub(crate) fn put(&self, trace: &Arc<Trace>, now_unix_nanos: u64) {
        if trace.spans.len() > CACHED_SPANS_MAX {
            return;
        }
        let mut cached = self.lock();
        cached.retain(|entry| entry.trace.trace_id != trace.trace_id);
        cached.push_front(CachedTrace {
            trace: Arc::clone(trace),
            fetched_unix_nanos: now_unix_nanos,
        });
        cached.truncate(CACHED_TRACES_MAX);
        while cached.iter().map(|entry| entry.trace.spans.len()).sum::<usize>() > CACHED_SPANS_MAX {
            cached.pop_back();
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<CachedTrace>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
