//! The merge: turns the front of the head into a block, behind everyone's back.
//!
//! Runs on one thread a tenant, or when called. Invariant: at every step the disk holds each acknowledged span in the
//! log or in a catalogued block, and the view shows it exactly once. Never holds the view's lock while working.

mod late;
pub(crate) mod order;
mod walk;

use crate::block::{Block, write_block};
use crate::catalog::Written;
use crate::guard::lock;
use crate::head::{self, HeadPart};
use crate::publish::Change;
use crate::tenant::Tenant;
use fanal_base::cast;
use fanal_model::{IndexedBatch, RowRef, SpanBatch, SpanId, SpanRef, TraceId, gather};
use fanal_storage::StoreError;
use late::Late;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Late spans lie beside the block of their trace where they are at least one in so many of it; fewer stay with the spans
/// that they came with.
const CARVED_SHARE: u64 = 64;

/// Spans in block order, where they lie.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ordered<'a> {
    sources: &'a [&'a IndexedBatch],
    order: &'a [RowRef],
}

impl<'a> Ordered<'a> {
    fn len(self) -> usize {
        self.order.len()
    }

    fn batch(self, row: usize) -> (&'a SpanBatch, usize) {
        let place = self.order[row];
        (self.sources[cast::index(place.source)].batch(), cast::index(place.row))
    }

    fn trace_id(self, row: usize) -> TraceId {
        let (batch, row) = self.batch(row);
        batch.trace_ids[row]
    }

    fn span_id(self, row: usize) -> SpanId {
        let (batch, row) = self.batch(row);
        batch.span_ids[row]
    }

    fn start_unix_nanos(self, row: usize) -> u64 {
        let (batch, row) = self.batch(row);
        batch.start_unix_nanos[row]
    }

    fn span(self, row: usize) -> SpanRef<'a> {
        let place = self.order[row];
        self.sources[cast::index(place.source)].span(cast::index(place.row))
    }

    /// A batch of all of them.
    fn gather(self, pause: &dyn Fn()) -> SpanBatch {
        let batches: Vec<&SpanBatch> = self.sources.iter().map(|it| &**it.batch()).collect();
        gather(&batches, self.order, pause)
    }
}

/// Where the spans of a merge go.
#[derive(Debug)]
struct Split {
    /// Those of the merge's own block.
    main: Vec<RowRef>,
    /// How many of all have their trace in a block that is not settled.
    late_rows: u64,
    /// By place of an older block: those of its traces.
    carved: BTreeMap<usize, Vec<RowRef>>,
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
        self.merged_unix_nanos.store(self.clock.now_unix_nanos(), Ordering::Relaxed);
        outcome.map(|()| true)
    }

    /// The parts of the next block, which stay in the head and are marked as taken.
    fn take_front(&self, through: u64) -> Vec<Arc<HeadPart>> {
        let mut view = lock(&self.view);
        let (mut rows, mut bytes) = (0, 0);
        let mut parts = Vec::new();
        for part in &view.head {
            let is_full = rows >= self.config.block_rows || bytes >= self.config.head_bytes_max / 2;
            if part.sequences.1 > through || is_full {
                break;
            }
            rows += part.len();
            bytes += part.bytes();
            parts.push(Arc::clone(part));
        }
        view.taken_through = parts.last().map_or(0, |part| part.sequences.1);
        parts
    }

    fn merge_parts(&self, parts: &[Arc<HeadPart>], last: u64) -> Result<(), StoreError> {
        let sources: Vec<&IndexedBatch> = parts.iter().map(|part| &part.spans).collect();
        let arrived = head::arrival_range(parts);
        let added = self.write_merged(&sources, arrived)?;
        let rows = added.iter().map(|block| block.meta.rows).sum();
        let written = Written {
            merged_rows: rows,
            merged_bytes: added.iter().map(|block| block.meta.bytes).sum(),
            duplicate_rows: head::row_count(parts).saturating_sub(rows),
            ..Written::default()
        };
        if self.is_nearly_full() {
            self.pressed_unix_nanos.store(self.clock.now_unix_nanos(), Ordering::Relaxed);
        }
        self.publish(&Change { added, merged_through: last, written, ..Change::default() })?;
        self.log.release(last);
        tracing::info!(tenant = self.name.as_str(), rows, merged_through = last, "merged a block");
        Ok(())
    }

    /// Writes spans as a block, without those that repeat stored ones. Late spans of blocks that are settled become blocks
    /// of their own, which lie beside those, so that upkeep can join them.
    fn write_merged(
        &self,
        sources: &[&IndexedBatch],
        arrived: (u64, u64),
    ) -> Result<Vec<Arc<Block>>, StoreError> {
        let blocks = self.snapshot().blocks;
        let order = order::block_order(sources);
        let late = late::find(Ordered { sources, order: &order }, &blocks);
        let split = self.split(&late, &blocks, arrived, order);
        let mut added: Vec<Arc<Block>> = Vec::new();
        let mut write = |order: &[RowRef], arrived: (u64, u64), late_rows: u64| {
            let batch = Ordered { sources, order }.gather(&|| self.give_way());
            let mut block = self.write_block(&batch)?;
            (block.meta.arrived, block.meta.late_rows) = (arrived, late_rows);
            added.push(Arc::new(block));
            Ok::<(), StoreError>(())
        };
        let main = (!split.main.is_empty()).then_some((&split.main, arrived, split.late_rows));
        let carved = split
            .carved
            .iter()
            .map(|(place, rows)| (rows, blocks[*place].meta.arrived, cast::wide(rows.len())));
        let outcome = main
            .into_iter()
            .chain(carved)
            .try_for_each(|(rows, arrived, late_rows)| write(rows, arrived, late_rows));
        if let Err(error) = outcome {
            self.remove_block_files(added.iter().map(|block| block.meta.number));
            return Err(error);
        }
        Ok(added)
    }

    /// Which spans go into the block of a merge, and which beside the block of their trace. What is dropped with that block
    /// must not go too early, so those that are more than a window late stay in the block of the merge.
    fn split(
        &self,
        late: &Late,
        blocks: &[Arc<Block>],
        arrived: (u64, u64),
        mut order: Vec<RowRef>,
    ) -> Split {
        let mut by_home: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        let mut near = 0;
        let window_nanos = self.retention.window_nanos();
        for (rows, home) in &late.traces {
            let rows = rows.clone().filter(|row| late.duplicates.binary_search(row).is_err());
            let home_meta = &blocks[*home].meta;
            if !Self::is_settled(home_meta, arrived.0) {
                near += rows.count();
            } else if arrived.1.saturating_sub(home_meta.arrived.1) <= window_nanos {
                by_home.entry(*home).or_default().extend(rows);
            }
        }
        by_home.retain(|home, rows| {
            cast::wide(rows.len()).saturating_mul(CARVED_SHARE) >= blocks[*home].meta.rows
        });
        let carved = by_home
            .iter()
            .map(|(&home, rows)| (home, rows.iter().map(|&row| order[row]).collect()))
            .collect();
        let mut is_gone = vec![false; order.len()];
        late.duplicates.iter().for_each(|&row| is_gone[row] = true);
        by_home.values().flatten().for_each(|&row| is_gone[row] = true);
        let mut is_gone = is_gone.into_iter();
        order.retain(|_| !is_gone.next().unwrap_or_default());
        Split { main: order, late_rows: cast::wide(near), carved }
    }

    /// Lets questions go first, unless the head is nearly full.
    pub(crate) fn give_way(&self) {
        if !self.is_nearly_full() {
            self.asking.give_way();
        }
    }

    /// Whether the head is more than three quarters full.
    pub(crate) fn is_nearly_full(&self) -> bool {
        self.head_gauge.bytes() > self.config.head_bytes_max / 4 * 3
    }

    /// Writes and opens a block, which is not published yet.
    pub(crate) fn write_block(&self, batch: &SpanBatch) -> Result<Block, StoreError> {
        let number = self.take_block_number();
        let dir = self.blocks_dir();
        let (granule_rows, pause) = (self.config.granule_rows, || self.give_way());
        let meta = write_block(&*self.disk, &dir, number, batch, granule_rows, &pause)?;
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
