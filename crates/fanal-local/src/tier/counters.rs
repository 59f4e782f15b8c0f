//! What the tier did since the process started, for the metrics page.

use fanal_base::cast;
use fanal_storage::RemoteStats;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts that only grow.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    uploaded_bytes: AtomicU64,
    downloaded_bytes: AtomicU64,
    requests: AtomicU64,
    failures: AtomicU64,
    cache_hits: AtomicU64,
    cache_misses: AtomicU64,
}

impl Counters {
    /// Requests that were sent, and whether they failed.
    pub(crate) fn add_requests(&self, count: usize, have_failed: bool) {
        self.requests.fetch_add(cast::wide(count), Ordering::Relaxed);
        self.failures.fetch_add(u64::from(have_failed), Ordering::Relaxed);
    }

    /// Bytes of a block that moved.
    pub(crate) fn add_uploaded(&self, bytes: u64) {
        self.uploaded_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Bytes that were read.
    pub(crate) fn add_downloaded(&self, bytes: u64) {
        self.downloaded_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Pages that a read found in the cache, and pages that it did not.
    pub(crate) fn add_cache_looks(&self, hits: usize, misses: usize) {
        self.cache_hits.fetch_add(cast::wide(hits), Ordering::Relaxed);
        self.cache_misses.fetch_add(cast::wide(misses), Ordering::Relaxed);
    }

    /// The counts now.
    pub(crate) fn now(&self) -> RemoteStats {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        RemoteStats {
            uploaded_bytes: read(&self.uploaded_bytes),
            downloaded_bytes: read(&self.downloaded_bytes),
            requests: read(&self.requests),
            failures: read(&self.failures),
            cache_hits: read(&self.cache_hits),
            cache_misses: read(&self.cache_misses),
            ..RemoteStats::default()
        }
    }
}
