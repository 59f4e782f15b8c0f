//! Publishing: the one step in which blocks appear, take each other's places and go, and log records are let go.
//!
//! Called by merge, compaction, retention and whatever else changes the set of blocks; they may work at the same time.
//! Invariant: the catalog on disk changes before the view, and a file goes only after no catalog on disk can name it.

use crate::block::{Block, block_name};
use crate::catalog::{BlockMeta, Catalog, Place, Written};
use crate::guard::lock;
use crate::tenant::{Snapshot, Tenant};
use fanal_storage::StoreError;
use std::sync::Arc;

/// What is published.
#[derive(Debug, Default)]
pub(crate) struct Change {
    /// Blocks that appear; one with the number of a live block takes its place.
    pub added: Vec<Arc<Block>>,
    /// Numbers of blocks that go.
    pub removed: Vec<u64>,
    /// Log records up to this sequence are in blocks or expired; what was published before stays so.
    pub merged_through: u64,
    /// What the change adds to the books.
    pub written: Written,
}

/// What publishing needs besides the view. It is locked while the catalog is written, so that no question may need it.
#[derive(Debug)]
pub(crate) struct Ledger {
    /// Number of the next block.
    next_block: u64,
    /// As in the catalog.
    pub merged_through: u64,
    /// Blocks that a failed publishing may have left in the catalog on disk. Their files go after the next success.
    doubtful: Vec<u64>,
}

impl Ledger {
    /// What a catalog says.
    pub(crate) fn new(catalog: &Catalog) -> Self {
        Self {
            next_block: catalog.next_block.max(1),
            merged_through: catalog.merged_through,
            doubtful: Vec::new(),
        }
    }
}

impl Tenant {
    /// A number for a new block.
    pub(crate) fn take_block_number(&self) -> u64 {
        let mut ledger = lock(&self.ledger);
        let number = ledger.next_block;
        ledger.next_block += 1;
        number
    }

    /// Makes a change durable, then visible, then removes the files that it made useless. Questions that began before
    /// still read those: the name goes, the file stays until they let go.
    ///
    /// After a failure nothing visible has changed, but the disk may have either catalog. Both are true.
    pub(crate) fn publish(&self, change: &Change) -> Result<(), StoreError> {
        let mut ledger = lock(&self.ledger);
        let Snapshot { blocks: before, written, .. } = self.snapshot();
        let goes = |block: &Block| {
            let number = block.meta.number;
            change.removed.contains(&number) || has_number(&change.added, number)
        };
        let mut blocks: Vec<_> = before.iter().filter(|block| !goes(block)).cloned().collect();
        blocks.extend(change.added.iter().cloned());
        blocks.sort_by_key(|block| (block.meta.arrived.1, block.meta.number));
        let catalog = Catalog {
            merged_through: ledger.merged_through.max(change.merged_through),
            next_block: ledger.next_block,
            written: written.plus(change.written),
            blocks: blocks.iter().map(|block| block.meta).collect(),
            vocabulary: lock(&self.vocabulary).clone(),
        };
        if let Err(error) = catalog.store(&*self.disk, &self.dir) {
            let new = change.added.iter().map(|block| block.meta.number);
            ledger.doubtful.extend(new.filter(|&number| !has_number(&before, number)));
            return Err(error);
        }
        ledger.merged_through = catalog.merged_through;
        let doubtful = std::mem::take(&mut ledger.doubtful);
        {
            let mut view = lock(&self.view);
            view.blocks = blocks.into();
            view.written = catalog.written;
            view.head.retain(|part| part.sequences.1 > catalog.merged_through);
        }
        let is_local = |meta: &BlockMeta| meta.place == Place::Local;
        let is_removed = |meta: &BlockMeta| change.removed.contains(&meta.number);
        let gone = before.iter().map(|block| block.meta).filter(|m| is_removed(m) && is_local(m));
        self.remove_block_files(gone.map(|meta| meta.number).chain(doubtful));
        Ok(())
    }

    /// Removes files that no catalog names. One that stays behind is removed at the next start.
    pub(crate) fn remove_block_files(&self, numbers: impl Iterator<Item = u64>) {
        for number in numbers {
            let path = self.blocks_dir().join(block_name(number));
            if let Err(error) = self.disk.remove(&path) {
                tracing::warn!(path = %path.display(), %error, "block file stays behind");
            }
        }
    }
}

fn has_number(blocks: &[Arc<Block>], number: u64) -> bool {
    blocks.iter().any(|block| block.meta.number == number)
}
