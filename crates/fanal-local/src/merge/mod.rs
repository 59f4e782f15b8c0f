//! The merge: turns the front of the head into a block, behind everyone's back.
//!
//! Runs on one thread a tenant, or when called. Invariant: at every step the disk holds each acknowledged span in the
//! log or in a catalogued block, and the view shows it exactly once. Never holds the view's lock while working.

pub(crate) mod order;

use crate::block::{Block, write_block};
use crate::catalog::Written;
use crate::guard::lock;
use crate::head::{self, HeadPart};
use crate::publish::Change;
use crate::tenant::Tenant;
use fanal_model::{IndexedBatch, SpanBatch, gather};
use fanal_storage::StoreError;
use std::sync::Arc;

/// Spans of all sources in block order.
pub(crate) fn merged_batch(sources: &[&IndexedBatch]) -> SpanBatch {
    let order = order::block_order(sources);
    let batches: Vec<&SpanBatch> = sources.iter().map(|source| &**source.batch()).collect();
    gather(&batches, &order, &|| ())
}

impl Tenant {
    /// Whether the head should be merged now.
    pub(crate) fn is_merge_due(&self) -> bool {
        let now = self.clock.now_unix_nanos();
        let age_max = self.config.merge_after_seconds.saturating_mul(1_000_000_000);
        let (rows, bytes, oldest) = {
            let view = lock(&self.view);
            let rows: usize = view.head.iter().map(|part| part.len()).sum();
            let bytes: usize = view.head.iter().map(|part| part.bytes()).sum();
            (rows, bytes, view.head.first().map(|part| part.arrived.0))
        };
        let head_bytes_max = self.config.head_bytes_max;
        // Where half the budget is used, one tenant at least holds its share of that half.
        let share = head_bytes_max / (2 * self.config.tenants_max.max(1));
        let is_pressed = self.head_gauge.bytes() >= head_bytes_max / 2 && bytes >= share;
        let is_old = oldest.is_some_and(|arrived| now.saturating_sub(arrived) >= age_max);
        rows > 0 && (rows >= self.config.block_rows || is_pressed || is_old)
    }

    /// Merges everything that is in the head now, then does all upkeep.
    pub(crate) fn merge_all(&self) -> Result<(), StoreError> {
        let through = lock(&self.view).head.last().map_or(0, |part| part.sequences.1);
        while self.merge_once(through)? {}
        while self.retain_once()? || self.compact_once()? {}
        Ok(())
    }

    /// Makes one block of the front of the head, of records up to `through`; false where there is nothing to do.
    pub(crate) fn merge_once(&self, through: u64) -> Result<bool, StoreError> {
        let _merging = lock(&self.merging);
        let parts = self.take_front(through);
        let Some(last) = parts.last().map(|part| part.sequences.1) else { return Ok(false) };
        let outcome = self.merge_parts(&parts, last);
        lock(&self.view).taken_through = 0;
        outcome.map(|()| true)
    }

    /// The parts of the next block, which stay in the head and are marked as taken.
    fn take_front(&self, through: u64) -> Vec<Arc<HeadPart>> {
        let mut view = lock(&self.view);
        let mut rows = 0;
        let mut parts = Vec::new();
        for part in &view.head {
            if part.sequences.1 > through || rows >= self.config.block_rows {
                break;
            }
            rows += part.len();
            parts.push(Arc::clone(part));
        }
        view.taken_through = parts.last().map_or(0, |part| part.sequences.1);
        parts
    }

    fn merge_parts(&self, parts: &[Arc<HeadPart>], last: u64) -> Result<(), StoreError> {
        let sources: Vec<&IndexedBatch> = parts.iter().map(|part| &part.spans).collect();
        let batch = merged_batch(&sources);
        let rows = batch.len();
        let mut block = self.write_block(batch)?;
        block.meta.arrived = head::arrival_range(parts);
        let written = Written {
            merged_rows: block.meta.rows,
            merged_bytes: block.meta.bytes,
            duplicate_rows: head::row_count(parts) - block.meta.rows,
            ..Written::default()
        };
        let added = vec![Arc::new(block)];
        self.publish(&Change { added, merged_through: last, written, ..Change::default() })?;
        self.log.release(last);
        tracing::info!(tenant = self.name.as_str(), rows, merged_through = last, "merged a block");
        Ok(())
    }

    /// Writes and opens a block, which is not published yet.
    pub(crate) fn write_block(&self, batch: SpanBatch) -> Result<Block, StoreError> {
        let number = self.take_block_number();
        let dir = self.blocks_dir();
        let meta = write_block(&*self.disk, &dir, number, &batch, self.config.granule_rows)?;
        drop(batch);
        let block = Block::open(&*self.disk, &dir, meta);
        match block.readable() {
            Ok(_) => Ok(block),
            Err(message) => Err(StoreError::Corrupt {
                object: format!("new block {number}"),
                message: message.to_owned(),
            }),
        }
    }
}
