//! Compaction: merges runs of small blocks, so that their number stays logarithmic when little arrives.
//!
//! Follows the merge on its thread. Brings the spans of a trace together that came in pieces, and drops duplicates.

use super::{MergeState, merged_batch};
use crate::block::{Block, block_name};
use crate::guard::lock;
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
        let mut state = lock(&self.merge_state);
        let blocks = lock(&self.view).blocks.to_vec();
        let rows: Vec<u64> = blocks
            .iter()
            .map(|block| if block.readable().is_ok() { block.meta.rows } else { u64::MAX / 16 })
            .collect();
        let Some(run) = compactible(&rows, cast::wide(self.config.block_rows)) else {
            return Ok(false);
        };
        self.compact(&mut state, blocks, run)?;
        Ok(true)
    }

    fn compact(
        &self,
        state: &mut MergeState,
        mut blocks: Vec<Arc<Block>>,
        run: Range<usize>,
    ) -> Result<(), StoreError> {
        let sources = blocks[run.clone()].iter().map(|b| read(b)).collect::<Result<Vec<_>, _>>()?;
        let batch = merged_batch(&sources.iter().collect::<Vec<_>>());
        drop(sources);
        let rows = batch.len();
        let block = self.write_block(state, batch)?;
        let replaced: Vec<_> = blocks.splice(run, [Arc::new(block)]).collect();
        self.publish_blocks(state, blocks, state.merged_through)?;
        for block in &replaced {
            // Questions that began before still read it: the name goes, the file stays until they let go.
            let path = self.blocks_dir().join(block_name(block.meta.number));
            if let Err(error) = self.disk.remove(&path) {
                tracing::warn!(path = %path.display(), %error, "replaced block stays behind");
            }
        }
        let tenant = self.name.as_str();
        tracing::info!(tenant, blocks = replaced.len(), rows, "compacted small blocks");
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
