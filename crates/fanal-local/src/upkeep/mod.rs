//! Upkeep: what is done with blocks after they are written. Compaction brings the spans of a trace together and keeps
//! the number of blocks small; retention drops what is too old or too much.
//!
//! Runs on one thread for all tenants, or step by step. Invariant: at most one piece of upkeep of a tenant is under
//! way, memory is that of one compaction, and merges and appends never wait for it.

mod choose;
mod compact;
mod pause;
mod retain;

pub(crate) use pause::Pause;

use crate::backoff::Backoff;
use crate::failure;
use crate::guard::lock;
use crate::tenant::Tenant;
use fanal_storage::StoreError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// It is calm where no merge ended for so many nanoseconds,
const MERGED_NANOS: u64 = 1_000_000_000;
/// and none ended with the head nearly full for so many.
const PRESSED_NANOS: u64 = 30_000_000_000;
/// Where it is not, upkeep rests so many times as long as its last piece took,
const RESTS: u32 = 4;
/// but not longer than this.
const REST_MAX: Duration = Duration::from_secs(60);

/// What upkeep remembers of a tenant; held locked while a piece of it is under way.
#[derive(Debug, Default)]
pub(crate) struct Upkeep {
    backoff: Backoff,
}

impl Tenant {
    /// Does what is due, once, and answers how long to rest before the next piece; `None` where nothing was due. A failure
    /// is told to the log, and the next try waits.
    pub(crate) fn keep_up(&self) -> Option<Duration> {
        let now = self.clock.now_unix_nanos();
        if !lock(&self.upkeep).backoff.may_try(now) {
            return None;
        }
        let outcome = self.retain_once().and_then(|has_dropped| {
            let has_compacted = !self.is_pressed() && self.compact_once()?;
            Ok(has_dropped || has_compacted)
        });
        if !self.note_upkeep(now, outcome) {
            return None;
        }
        let ended = self.clock.now_unix_nanos();
        let took = Duration::from_nanos(ended.saturating_sub(now));
        let rests = if self.is_calm() { 0 } else { RESTS };
        Some(took.saturating_mul(rests).min(REST_MAX))
    }

    fn note_upkeep(&self, now: u64, outcome: Result<bool, StoreError>) -> bool {
        let mut upkeep = lock(&self.upkeep);
        match outcome {
            Ok(has_worked) => {
                upkeep.backoff.succeeded();
                has_worked
            }
            Err(error) => {
                self.room.note_store(&error);
                let wait_seconds = upkeep.backoff.failed(now);
                let (tenant, error) = (self.name.as_str(), failure::chain(&error));
                tracing::error!(tenant, error, wait_seconds, "upkeep failed; will retry");
                false
            }
        }
    }

    /// Whether ingest needs the machine: the head is more than half full, so that a merge is due or under way.
    fn is_pressed(&self) -> bool {
        self.head_gauge.bytes() > self.config.head_bytes_max / 2
    }

    /// Whether spans come so slowly that machine and memory have room for more than merges.
    fn is_calm(&self) -> bool {
        let now = self.clock.now_unix_nanos();
        let is_past = |moment: &AtomicU64, nanos: u64| {
            now.saturating_sub(moment.load(Ordering::Relaxed)) >= nanos
        };
        is_past(&self.merged_unix_nanos, MERGED_NANOS)
            && is_past(&self.pressed_unix_nanos, PRESSED_NANOS)
    }
}
