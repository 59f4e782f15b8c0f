//! Retention: drops whole blocks whose spans are all too old, the oldest blocks where there are too many bytes, and
//! spans that grew too old in the head.
//!
//! Age counts from when a span arrived, so that clocks of clients and imports of old traces do not matter. The choice is
//! pure; questions that began before finish undisturbed.

use super::Upkeep;
use crate::catalog::Written;
use crate::config::Retention;
use crate::guard::lock;
use crate::head;
use crate::publish::Change;
use crate::tenant::Tenant;
use fanal_storage::StoreError;
use std::sync::MutexGuard;

/// Longest window of time whose blocks are compacted together, in seconds.
const WINDOW_SECONDS_MAX: u64 = 86_400;
/// A window is at most this part of the age at which spans are dropped.
const WINDOWS_PER_AGE: u64 = 8;
const NANOS: u64 = 1_000_000_000;

/// What the choice knows of a block.
#[derive(Debug, Clone, Copy)]
struct Stored {
    arrived_last: u64,
    bytes: u64,
}

/// How many of the blocks, ordered by last arrival, are to go. `other_bytes` are those of the log, which stay.
fn expired(blocks: &[Stored], other_bytes: u64, oldest_kept: u64, bytes_max: u64) -> usize {
    let too_old = blocks.partition_point(|block| block.arrived_last < oldest_kept);
    let kept = &blocks[too_old..];
    let mut bytes = kept.iter().map(|block| block.bytes).fold(other_bytes, u64::saturating_add);
    let too_much = kept.iter().take_while(|block| {
        let is_over = bytes > bytes_max;
        bytes = bytes.saturating_sub(block.bytes);
        is_over
    });
    too_old + too_much.count()
}

impl Retention {
    /// Blocks are compacted within windows of time of this width.
    pub(crate) fn window_nanos(&self) -> u64 {
        let seconds = match self.age_seconds {
            0 => WINDOW_SECONDS_MAX,
            seconds => (seconds / WINDOWS_PER_AGE).clamp(1, WINDOW_SECONDS_MAX),
        };
        seconds * NANOS
    }

    /// The first arrival that is not too old. A window is added to the age, because late spans may lie beside a trace that
    /// arrived a window before them.
    fn oldest_kept(&self, now_unix_nanos: u64) -> u64 {
        match self.age_seconds {
            0 => 0,
            seconds => now_unix_nanos
                .saturating_sub(seconds.saturating_mul(NANOS))
                .saturating_sub(self.window_nanos()),
        }
    }
}

impl Tenant {
    /// Drops what is to go now; false where nothing is.
    pub(crate) fn retain_once(&self) -> Result<bool, StoreError> {
        let upkeep = lock(&self.upkeep);
        self.room.look();
        let head_expired = self.expire_head()?;
        Ok(self.expire_blocks(&upkeep)? || head_expired)
    }

    fn expire_blocks(&self, _: &MutexGuard<'_, Upkeep>) -> Result<bool, StoreError> {
        let blocks = self.snapshot().blocks;
        let stored: Vec<Stored> = blocks
            .iter()
            .map(|block| Stored { arrived_last: block.meta.arrived.1, bytes: block.meta.bytes })
            .collect();
        let oldest_kept = self.retention.oldest_kept(self.clock.now_unix_nanos());
        let bytes_max = match self.retention.bytes_max {
            0 => u64::MAX,
            bytes => bytes,
        };
        let count = expired(&stored, self.log.used_bytes(), oldest_kept, bytes_max);
        let gone = &blocks[..count];
        if gone.is_empty() {
            return Ok(false);
        }
        let rows = gone.iter().map(|block| block.meta.rows).sum();
        let written = Written { expired_rows: rows, ..Written::default() };
        let removed = gone.iter().map(|block| block.meta.number).collect();
        self.publish(&Change { removed, written, ..Change::default() })?;
        tracing::info!(
            tenant = self.name.as_str(),
            blocks = count,
            rows,
            "retention dropped blocks"
        );
        Ok(true)
    }

    /// Drops the records at the front of the head that are too old.
    fn expire_head(&self) -> Result<bool, StoreError> {
        let oldest_kept = self.retention.oldest_kept(self.clock.now_unix_nanos());
        let is_old = || lock(&self.view).head.first().is_some_and(|it| it.arrived.1 < oldest_kept);
        if !is_old() {
            return Ok(false);
        }
        // Not while a merge makes a block of them.
        let _merging = lock(&self.merging);
        let mut parts = self.snapshot().head;
        let count = parts.iter().take_while(|part| part.arrived.1 < oldest_kept).count();
        parts.truncate(count);
        let Some(last) = parts.last().map(|part| part.sequences.1) else { return Ok(false) };
        let rows = head::row_count(&parts);
        let written = Written { expired_rows: rows, ..Written::default() };
        self.publish(&Change { merged_through: last, written, ..Change::default() })?;
        self.log.release(last);
        tracing::info!(tenant = self.name.as_str(), rows, "retention dropped spans of the log");
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_go_by_age_and_by_bytes() {
        let check = |blocks: &[(u64, u64)], oldest_kept: u64, bytes_max: u64, expect: usize| {
            let stored = |&(arrived_last, bytes): &(u64, u64)| Stored { arrived_last, bytes };
            let blocks: Vec<Stored> = blocks.iter().map(stored).collect();
            let context = format!("{blocks:?} {oldest_kept} {bytes_max}");
            assert_eq!(expired(&blocks, 10, oldest_kept, bytes_max), expect, "{context}");
        };
        let blocks = [(5, 100), (6, 100), (7, 100)];
        check(&[], 9, 0, 0);
        check(&blocks, 0, u64::MAX, 0);
        check(&blocks, 5, u64::MAX, 0);
        check(&blocks, 6, u64::MAX, 1);
        check(&blocks, 100, u64::MAX, 3);
        check(&blocks, 0, 310, 0);
        check(&blocks, 0, 309, 1);
        check(&blocks, 0, 111, 2);
        check(&blocks, 0, 10, 3);
        check(&blocks, 7, 110, 2);
        check(&blocks, 7, 109, 3);
    }

    #[test]
    fn age_counts_from_now_and_zero_keeps_everything() {
        let check = |age_seconds: u64, now: u64, expect: u64| {
            let retention = Retention { age_seconds, bytes_max: 0 };
            assert_eq!(retention.oldest_kept(now), expect, "{age_seconds} {now}");
        };
        check(0, u64::MAX, 0);
        // One second of age and one of window, the least that there is.
        check(1, 3_000_000_000, 1_000_000_000);
        check(80, 100_000_000_000, 10_000_000_000);
        check(5, 3_000_000_000, 0);
        check(u64::MAX, u64::MAX, 0);
    }
}
