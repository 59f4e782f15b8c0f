//! Compaction: rewrites a run of blocks as blocks in which every trace lies in one piece, without exact duplicates.
//!
//! Streams: it reads ids and starts of all sources first, then fills one output after the other with the rows that belong
//! there, some thousands at a time. Memory is that of one output, whatever the sources hold, and is given back at once
//! where ingest needs it. The sources stay until all outputs are published at once.

use super::Upkeep;
use super::choose::{Bounds, Candidate, Reason, choose};
use crate::block::{Block, OpenBlock, block_name};
use crate::catalog::{BlockMeta, Written};
use crate::guard::lock;
use crate::merge::order::block_order;
use crate::publish::Change;
use crate::tenant::Tenant;
use fanal_base::cast;
use fanal_model::{IndexedBatch, Remap, SpanBatch, SpanBatchBuilder, TraceId};
use fanal_storage::{Projection, StoreError};
use std::ops::Range;
use std::sync::Arc;

/// How long after its last arrival a block waits for late spans before traces are joined, in seconds.
const SETTLE_SECONDS: u64 = 120;
/// Compaction writes at most so many times what merges wrote in order to join traces.
const JOINS_PER_MERGED_ROW: u64 = 2;
/// Rows of an output that are read at a time, about.
const CHUNK_ROWS: u64 = 16_384;
/// A compaction while spans come fast has this part of the memory of others.
const BUSY_SHARE: u64 = 4;
const NANOS: u64 = 1_000_000_000;

/// Rows of one trace in one source.
#[derive(Debug, Clone, Copy)]
struct Piece {
    trace_id: TraceId,
    /// Earliest start of the trace in all sources.
    start: u64,
    source: u32,
    rows: (u32, u32),
}

impl Piece {
    fn len(&self) -> u64 {
        u64::from(self.rows.1 - self.rows.0)
    }
}

impl Tenant {
    /// Compacts one run of blocks; false where there is none.
    pub(crate) fn compact_once(&self) -> Result<bool, StoreError> {
        let upkeep = lock(&self.upkeep);
        let blocks = self.snapshot().blocks;
        let candidates = self.candidates(&blocks);
        let bounds = self.bounds();
        let Some(choice) = choose(&candidates, &bounds) else { return Ok(false) };
        let run = &blocks[choice.run];
        let bytes = run.iter().map(|block| block.meta.bytes).sum();
        // What is written needs room beside what it replaces.
        if !self.room.has(bytes) {
            return Ok(false);
        }
        self.compact(&upkeep, run, choice.reason, bounds.memory_bytes_max)
    }

    /// Whether late spans of a block's traces are not awaited any more at a time.
    pub(crate) fn is_settled(meta: &BlockMeta, unix_nanos: u64) -> bool {
        meta.arrived.1.saturating_add(SETTLE_SECONDS * NANOS) <= unix_nanos
    }

    fn candidates(&self, blocks: &[Arc<Block>]) -> Vec<Candidate> {
        let now = self.clock.now_unix_nanos();
        let candidate = |block: &Arc<Block>| Candidate {
            window: block.meta.arrived.1 / self.retention.window_nanos(),
            rows: block.meta.rows,
            memory_bytes: block.meta.memory_bytes,
            late_rows: block.meta.late_rows,
            is_free: block.is_local() && block.readable().is_ok(),
            is_settled: Self::is_settled(&block.meta, now),
        };
        blocks.iter().map(candidate).collect()
    }

    fn bounds(&self) -> Bounds {
        let now = self.clock.now_unix_nanos();
        let delay = (SETTLE_SECONDS + self.config.merge_after_seconds).saturating_mul(NANOS);
        let written = lock(&self.view).written;
        let joins = written.merged_rows.saturating_mul(JOINS_PER_MERGED_ROW);
        let memory_bytes_max = cast::wide(self.config.compaction_bytes_max);
        let share = if self.is_calm() { 1 } else { BUSY_SHARE };
        Bounds {
            rows_max: cast::wide(self.config.block_rows),
            memory_bytes_max: memory_bytes_max / share,
            open_window: now.saturating_sub(delay) / self.retention.window_nanos(),
            joined_rows_max: joins.saturating_sub(written.compacted_rows),
        }
    }

    fn compact(
        &self,
        _: &Upkeep,
        run: &[Arc<Block>],
        reason: Reason,
        memory_bytes_max: u64,
    ) -> Result<bool, StoreError> {
        let sources = run.iter().map(|block| open(block)).collect::<Result<Vec<_>, _>>()?;
        let metas: Vec<BlockMeta> = run.iter().map(|block| block.meta).collect();
        let pieces = plan(&sources)?;
        let mut added: Vec<Arc<Block>> = Vec::new();
        for output in outputs(&metas, &pieces, memory_bytes_max, cast::wide(self.config.block_rows))
        {
            match self.write_output(&sources, &pieces[output], &metas) {
                Ok(None) => {
                    self.forget(&added);
                    return Ok(false);
                }
                Ok(Some(mut block)) => {
                    let late_rows = if added.is_empty() { late_rows(&metas, reason) } else { 0 };
                    block.meta.late_rows = late_rows.min(block.meta.rows);
                    added.push(Arc::new(block));
                }
                Err(error) => {
                    self.forget(&added);
                    return Err(error);
                }
            }
        }
        self.publish_compaction(&metas, added)?;
        Ok(true)
    }

    /// Writes a block of pieces; `None` where other work comes first.
    fn write_output(
        &self,
        sources: &[&OpenBlock],
        pieces: &[Piece],
        metas: &[BlockMeta],
    ) -> Result<Option<Block>, StoreError> {
        let Some(batch) = self.read_output(sources, pieces)? else { return Ok(None) };
        let mut block = self.write_block(&batch)?;
        drop(batch);
        let meta = &mut block.meta;
        meta.arrived.0 = metas.iter().map(|meta| meta.arrived.0).min().unwrap_or(0);
        meta.arrived.1 = metas.iter().map(|meta| meta.arrived.1).max().unwrap_or(0);
        meta.rewrites = metas.iter().map(|meta| meta.rewrites + 1).max().unwrap_or(0);
        Ok(Some(block))
    }

    /// Spans of pieces in block order; `None` where other work comes first.
    fn read_output(
        &self,
        sources: &[&OpenBlock],
        pieces: &[Piece],
    ) -> Result<Option<SpanBatch>, StoreError> {
        let mut rows = SpanBatchBuilder::default();
        for chunk in cut(pieces, CHUNK_ROWS, u64::MAX) {
            if self.is_stopping() || self.is_nearly_full() {
                return Ok(None);
            }
            let parts = read_pieces(sources, &pieces[chunk])?;
            let mut remaps: Vec<Remap> = parts.iter().map(|_| Remap::default()).collect();
            for place in block_order(&parts.iter().collect::<Vec<_>>()) {
                let source = cast::index(place.source);
                rows.append_row(&parts[source], &mut remaps[source], cast::index(place.row));
            }
            self.give_way();
        }
        Ok(Some(rows.finish()))
    }

    fn publish_compaction(
        &self,
        metas: &[BlockMeta],
        added: Vec<Arc<Block>>,
    ) -> Result<(), StoreError> {
        let rows_before: u64 = metas.iter().map(|meta| meta.rows).sum();
        let rows = added.iter().map(|block| block.meta.rows).sum();
        let written = Written {
            compacted_rows: rows,
            compacted_bytes: added.iter().map(|block| block.meta.bytes).sum(),
            duplicate_rows: rows_before.saturating_sub(rows),
            ..Written::default()
        };
        let (from, to) = (metas.len(), added.len());
        let removed = metas.iter().map(|meta| meta.number).collect();
        self.publish(&Change { added, removed, written, ..Change::default() })?;
        let tenant = self.name.as_str();
        let duplicates = written.duplicate_rows;
        tracing::info!(tenant, from, to, rows, duplicates, "compacted blocks");
        Ok(())
    }

    /// Removes blocks that were written and will not be published.
    fn forget(&self, blocks: &[Arc<Block>]) {
        self.remove_block_files(blocks.iter().map(|block| block.meta.number));
    }
}

/// Ranges of pieces for each output, cut between traces; within one only where it alone is more than a block.
fn outputs(
    metas: &[BlockMeta],
    pieces: &[Piece],
    memory_bytes_max: u64,
    block_rows: u64,
) -> Vec<Range<usize>> {
    let rows: u64 = metas.iter().map(|meta| meta.rows).sum();
    let memory: u64 = metas.iter().map(|meta| meta.memory_bytes).sum();
    let row_bytes = memory.div_ceil(rows.max(1)).max(1);
    let rows_max = (memory_bytes_max / row_bytes).clamp(1, block_rows.max(1));
    cut(pieces, rows_max, rows_max)
}

/// Spans of sources whose trace may have others in a block before them. Once traces were joined, only those of the first
/// source can.
fn late_rows(metas: &[BlockMeta], reason: Reason) -> u64 {
    let joined = match reason {
        Reason::Small => metas.len(),
        Reason::Late => 1,
    };
    metas.iter().take(joined).map(|meta| meta.late_rows).sum()
}

fn open(block: &Block) -> Result<&OpenBlock, StoreError> {
    block.readable().map_err(|message| StoreError::Corrupt {
        object: block_name(block.meta.number),
        message: message.to_owned(),
    })
}

/// The pieces of all traces in the order of blocks: by the earliest start of the trace, then its id.
fn plan(sources: &[&OpenBlock]) -> Result<Vec<Piece>, StoreError> {
    let mut pieces: Vec<Piece> = Vec::new();
    for (number, source) in sources.iter().enumerate() {
        let number = cast::narrow(number);
        let mut row = 0;
        for granule in 0..source.segment.granules().len() {
            let ids = source.segment.trace_ids(granule).map_err(source.failed())?;
            let starts = source.segment.starts(granule).map_err(source.failed())?;
            for (trace_id, start) in ids.into_iter().zip(starts) {
                match pieces.last_mut() {
                    Some(last) if last.source == number && last.trace_id == trace_id => {
                        last.rows.1 = row + 1;
                        last.start = last.start.min(start);
                    }
                    _ => {
                        let rows = (row, row + 1);
                        pieces.push(Piece { trace_id, start, source: number, rows });
                    }
                }
                row += 1;
            }
        }
    }
    pieces.sort_unstable_by_key(|piece| (piece.trace_id, piece.source));
    for trace in pieces.chunk_by_mut(|a, b| a.trace_id == b.trace_id) {
        let start = trace.iter().map(|piece| piece.start).min().unwrap_or(0);
        trace.iter_mut().for_each(|piece| piece.start = start);
    }
    pieces.sort_unstable_by_key(|piece| (piece.start, piece.trace_id, piece.source));
    Ok(pieces)
}

/// Cuts pieces into ranges of about `rows_max` rows, within a trace only where it has more than `trace_rows_max`.
fn cut(pieces: &[Piece], rows_max: u64, trace_rows_max: u64) -> Vec<Range<usize>> {
    let total: u64 = pieces.iter().map(Piece::len).sum();
    // Outputs of one size, instead of full ones and a small rest.
    let rows_each = total.div_ceil(total.div_ceil(rows_max.max(1)).max(1));
    let mut outputs = Vec::new();
    let (mut first, mut rows, mut trace_rows) = (0, 0, 0);
    for (number, piece) in pieces.iter().enumerate() {
        let is_new_trace = number == 0 || pieces[number - 1].trace_id != piece.trace_id;
        trace_rows = if is_new_trace { 0 } else { trace_rows };
        if rows >= rows_each && (is_new_trace || trace_rows >= trace_rows_max) {
            outputs.push(first..number);
            (first, rows, trace_rows) = (number, 0, 0);
        }
        rows += piece.len();
        trace_rows += piece.len();
    }
    if first < pieces.len() {
        outputs.push(first..pieces.len());
    }
    outputs
}

/// The rows of pieces, source by source.
fn read_pieces(sources: &[&OpenBlock], pieces: &[Piece]) -> Result<Vec<IndexedBatch>, StoreError> {
    let mut parts = Vec::new();
    for (number, source) in sources.iter().enumerate() {
        let number = cast::narrow(number);
        let own = pieces.iter().filter(|piece| piece.source == number);
        let mut ranges: Vec<Range<u32>> = own.map(|piece| piece.rows.0..piece.rows.1).collect();
        ranges.sort_unstable_by_key(|range| range.start);
        read_ranges(source, &join_ranges(&ranges), &mut parts)?;
    }
    Ok(parts)
}

/// Sorted ranges with neighbours as one.
fn join_ranges(ranges: &[Range<u32>]) -> Vec<Range<u32>> {
    let mut joined: Vec<Range<u32>> = Vec::new();
    for range in ranges {
        match joined.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ => joined.push(range.clone()),
        }
    }
    joined
}

/// Reads sorted ranges of rows. Ranges of several granules become batches of their own; what is scattered is picked out
/// of each granule, so that a few rows do not keep all others in memory.
fn read_ranges(
    source: &OpenBlock,
    ranges: &[Range<u32>],
    parts: &mut Vec<IndexedBatch>,
) -> Result<(), StoreError> {
    let segment = &source.segment;
    let indexed = |batch| {
        IndexedBatch::new(Arc::new(batch)).map_err(|error| StoreError::Corrupt {
            object: "block".to_owned(),
            message: error.to_string(),
        })
    };
    let mut scraps = SpanBatchBuilder::default();
    let mut scattered: Vec<Range<u32>> = Vec::new();
    for range in ranges {
        if segment.granule_of(range.start) == segment.granule_of(range.end - 1) {
            scattered.push(range.clone());
        } else {
            let batch = segment.read_rows(range.clone(), Projection::Full);
            parts.push(indexed(batch.map_err(source.failed())?)?);
        }
    }
    let is_same_granule =
        |a: &Range<u32>, b: &Range<u32>| segment.granule_of(a.start) == segment.granule_of(b.start);
    for group in scattered.chunk_by(is_same_granule) {
        let start = group.iter().map(|range| range.start).min().unwrap_or(0);
        let end = group.iter().map(|range| range.end).max().unwrap_or(0);
        let batch = segment.read_rows(start..end, Projection::Full).map_err(source.failed())?;
        let batch = indexed(batch)?;
        let mut remap = Remap::default();
        for row in group.iter().cloned().flatten() {
            scraps.append_row(&batch, &mut remap, cast::index(row - start));
        }
    }
    if !scraps.is_empty() {
        parts.push(indexed(scraps.finish())?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_cut_between_traces_and_of_one_size() {
        let check = |rows: &[(u8, u32)], rows_max: u64, expect: &[(usize, usize)]| {
            let piece = |&(trace, rows): &(u8, u32)| Piece {
                trace_id: TraceId([trace; 16]),
                start: 0,
                source: 0,
                rows: (0, rows),
            };
            let pieces: Vec<Piece> = rows.iter().map(piece).collect();
            let outputs = cut(&pieces, rows_max, rows_max);
            let outputs: Vec<_> = outputs.iter().map(|output| (output.start, output.end)).collect();
            assert_eq!(outputs, expect, "{rows:?} {rows_max}");
        };
        check(&[], 10, &[]);
        check(&[(1, 5), (2, 5)], 10, &[(0, 2)]);
        check(&[(1, 5), (2, 5), (3, 5), (4, 5)], 15, &[(0, 2), (2, 4)]);
        check(&[(1, 5), (1, 5), (2, 5), (2, 5)], 6, &[(0, 2), (2, 4)]);
        // A trace that is more than a block is cut between its pieces.
        check(&[(1, 9), (1, 9), (1, 9), (2, 1)], 9, &[(0, 1), (1, 2), (2, 3), (3, 4)]);
    }

    #[test]
    fn neighbouring_ranges_are_read_together() {
        let joined = join_ranges(&[0..2, 2..5, 7..8, 8..9]);
        assert_eq!(joined, [0..5, 7..9]);
    }
}
