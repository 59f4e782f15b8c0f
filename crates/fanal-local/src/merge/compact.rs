//! Compaction: merges runs of small blocks, so that their number stays logarithmic when little arrives.
//!
//! Follows the merge on its thread. Brings the spans of a trace together that came in pieces, and drops duplicates.

use super::merged_batch;
use crate::block::{Block, block_name};
use crate::catalog::Written;
use crate::guard::lock;
use crate::publish::Change;
use crate::tenant::Tenant;
use fanal_base::cast;
use fanal_model::IndexedBatch;
use fanal_storage::{Projection, StoreError};
use std::ops::Range;
use std::sync::Arc;

/// Neighbouring blocks of about one size that become one.
const RUN_LENGTH: usize = 8;

/// The first run of neighbours worth compacting: together at most a full block, and none more than half of the whole,
/// so that every rewriting at least doubles the block in which a span lies.
fn compactible(rows: &[u64], block_rows: u64) -> Option<Range<usize>> {
    let starts = 0..(rows.len() + 1).saturating_sub(RUN_LENGTH);
    starts.map(|start| start..start + RUN_LENGTH).find(|run| {
        let run = &rows[run.clone()];
        let total: u64 = run.iter().sum();
        let largest = run.iter().copied().max().unwrap_or(0);
        total <= block_rows && largest * 2 <= total
    })
}

impl Tenant {
    /// Compacts one run of blocks; false where there is none.
    pub(crate) fn compact_once(&self) -> Result<bool, StoreError> {
        let _upkeep = lock(&self.upkeep);
        let blocks = lock(&self.view).blocks.to_vec();
        let rows: Vec<u64> = blocks
            .iter()
            .map(|block| if block.readable().is_ok() { block.meta.rows } else { u64::MAX / 16 })
            .collect();
        let Some(run) = compactible(&rows, cast::wide(self.config.block_rows)) else {
            return Ok(false);
        };
        self.compact(&blocks[run])?;
        Ok(true)
    }

    fn compact(&self, run: &[Arc<Block>]) -> Result<(), StoreError> {
        let sources = run.iter().map(|b| read(b)).collect::<Result<Vec<_>, _>>()?;
        let batch = merged_batch(&sources.iter().collect::<Vec<_>>());
        drop(sources);
        let rows = batch.len();
        let mut block = self.write_block(batch)?;
        let metas = || run.iter().map(|block| block.meta);
        block.meta.arrived.0 = metas().map(|meta| meta.arrived.0).min().unwrap_or(0);
        block.meta.arrived.1 = metas().map(|meta| meta.arrived.1).max().unwrap_or(0);
        block.meta.rewrites = metas().map(|meta| meta.rewrites + 1).max().unwrap_or(0);
        let written = Written {
            compacted_rows: block.meta.rows,
            compacted_bytes: block.meta.bytes,
            duplicate_rows: metas().map(|meta| meta.rows).sum::<u64>() - block.meta.rows,
            ..Written::default()
        };
        let removed = metas().map(|meta| meta.number).collect();
        let added = vec![Arc::new(block)];
        self.publish(&Change { added, removed, written, ..Change::default() })?;
        let tenant = self.name.as_str();
        tracing::info!(tenant, blocks = run.len(), rows, "compacted small blocks");
        Ok(())
    }
}

fn read(block: &Block) -> Result<IndexedBatch, StoreError> {
    let unreadable = |message: &str| StoreError::Corrupt {
        object: block_name(block.meta.number),
        message: message.to_owned(),
    };
    let open = block.readable().map_err(unreadable)?;
    let granules = 0..open.segment.granules().len();
    let batch = open.segment.read_batch(granules, Projection::Full).map_err(open.failed())?;
    IndexedBatch::new(Arc::new(batch)).map_err(|error| unreadable(&error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_small_neighbours_are_compacted() {
        let check = |rows: &[u64], expect: Option<Range<usize>>| {
            assert_eq!(compactible(rows, 1000), expect, "{rows:?}");
        };
        check(&[10; 7], None);
        check(&[10; 8], Some(0..8));
        check(&[900, 10, 10, 10, 10, 10, 10, 10, 10], Some(1..9));
        check(&[500; 8], None);
        check(&[800, 1, 1, 1, 1, 1, 1, 1], None);
    }
}
