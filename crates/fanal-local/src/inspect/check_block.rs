//! The check of one block: what the catalog says of it, every chunk, the statistics, the order of its rows, and its
//! trace index.

use super::Severity;
use super::check::Checking;
use super::check_segment::{check_dictionaries, check_granule};
use crate::block::{Block, OpenBlock};
use crate::failure;
use crate::merge::order::block_order;
use crate::segment::SegmentError;
use fanal_base::cast;
use fanal_model::{IndexedBatch, TraceId};
use fanal_storage::Projection;
use std::ops::Range;
use std::sync::Arc;

/// Place of a trace in the order of a block: its earliest start there, then its id.
type TracePlace = (u64, TraceId);

/// What is told of a block while it is read.
struct BlockCheck<'a> {
    checking: &'a mut Checking,
    object: &'a str,
    starts: (u64, u64),
    latest_end: u64,
    has_newest: bool,
    last: Option<TracePlace>,
}

/// Checks a block; `done` is told how many of its bytes are.
pub(super) fn check_block(
    checking: &mut Checking,
    object: &str,
    block: &Block,
    done: &mut dyn FnMut(u64),
) {
    let open = match block.readable() {
        Ok(open) => open,
        Err(warning) => return checking.damage(object, warning),
    };
    let segment = &open.segment;
    if u64::from(segment.row_count()) != block.meta.rows {
        let (told, rows) = (block.meta.rows, segment.row_count());
        checking.damage(object, format!("has {rows} spans, the catalog says {told}"));
    }
    for found in check_dictionaries(segment) {
        checking.damage(object, found);
    }
    let mut check = BlockCheck {
        checking,
        object,
        starts: (u64::MAX, 0),
        latest_end: 0,
        has_newest: false,
        last: None,
    };
    let mut trace_ids = Vec::new();
    let mut is_whole = true;
    for granules in whole_traces(open) {
        match check.granules(block, open, granules.clone()) {
            Ok(batch) => trace_ids.extend_from_slice(&batch.batch().trace_ids),
            Err(error) => {
                is_whole = false;
                check.damage(granules.start, failure::chain(&error));
            }
        }
        let bytes = segment.byte_length() / cast::wide(segment.granules().len().max(1));
        done(bytes * cast::wide(granules.end));
    }
    if !is_whole {
        return;
    }
    let is_timed = check.starts == block.meta.starts
        && check.latest_end == block.meta.latest_end
        && check.has_newest;
    if !is_timed {
        checking.damage(object, "times of its spans are not those that the catalog says");
    }
    let traces = trace_ids.chunk_by(|left, right| left == right).count();
    if cast::wide(traces) != block.meta.traces {
        let told = block.meta.traces;
        checking.damage(object, format!("has {traces} traces, the catalog says {told}"));
    }
    if let Err(found) = open.verify_index(&trace_ids) {
        checking.damage(object, found);
    }
    segment.release_cache();
}

/// Runs of granules that end where a trace ends. Where ids do not read, each granule is alone: reading it tells.
fn whole_traces(open: &OpenBlock) -> Vec<Range<usize>> {
    let segment = &open.segment;
    let mut runs: Vec<Range<usize>> = Vec::new();
    let mut last: Option<TraceId> = None;
    for granule in 0..segment.granules().len() {
        let ids = segment.trace_ids(granule).unwrap_or_default();
        match (runs.last_mut(), ids.first()) {
            (Some(run), Some(first)) if last == Some(*first) => run.end = granule + 1,
            _ => runs.push(granule..granule + 1),
        }
        last = ids.last().copied();
    }
    runs
}

impl BlockCheck<'_> {
    fn damage(&mut self, granule: usize, found: impl Into<String>) {
        self.checking.damage(&format!("{}, granule {granule}", self.object), found);
    }

    /// Checks granules that hold whole traces, and gives their spans.
    fn granules(
        &mut self,
        block: &Block,
        open: &OpenBlock,
        granules: Range<usize>,
    ) -> Result<IndexedBatch, SegmentError> {
        let batch = open.segment.read_batch(granules.clone(), Projection::Full)?;
        batch.validate()?;
        self.checking.report.block_spans += cast::wide(batch.len());
        let spans = IndexedBatch::new(Arc::new(batch))?;
        let batch = spans.batch();
        let mut first = 0;
        for granule in granules.clone() {
            let rows = first..first + open.segment.granules()[granule].row_count();
            first = rows.end;
            for found in check_granule(&open.segment, granule, batch, rows)? {
                self.damage(granule, found);
            }
        }
        for (&start, &id) in batch.start_unix_nanos.iter().zip(&batch.trace_ids) {
            self.starts = (self.starts.0.min(start), self.starts.1.max(start));
            self.has_newest |= start == block.meta.starts.1 && id == block.meta.newest_trace;
        }
        let latest_end = batch.end_unix_nanos.iter().copied().max().unwrap_or(0);
        self.latest_end = self.latest_end.max(latest_end);
        self.order(granules.start, &spans);
        self.checking.met.note_spans(&spans);
        Ok(spans)
    }

    /// The order that the merge would give these spans must be the one that they have.
    fn order(&mut self, granule: usize, spans: &IndexedBatch) {
        let order = block_order(&[spans]);
        if order.len() < spans.len() {
            let count = spans.len() - order.len();
            let object = format!("{}, granule {granule}", self.object);
            self.checking.find(
                Severity::Damage,
                object,
                format!("{count} spans are there twice"),
                "please report it: a merge drops such spans",
            );
        }
        let is_sorted = order.iter().map(|place| place.row).is_sorted();
        let first = place(spans, true);
        let is_behind = self.last.is_none_or(|last| first.is_some_and(|first| last < first));
        if !is_sorted || !is_behind {
            self.damage(granule, "spans are not in the order of a block");
        }
        self.last = place(spans, false).or(self.last);
    }
}

/// Place of the first or the last trace.
fn place(spans: &IndexedBatch, is_first: bool) -> Option<TracePlace> {
    let batch = spans.batch();
    let id = *if is_first { batch.trace_ids.first() } else { batch.trace_ids.last() }?;
    let starts = batch.trace_ids.iter().zip(&batch.start_unix_nanos);
    let start = starts.filter(|(other, _)| **other == id).map(|(_, start)| *start).min()?;
    Some((start, id))
}
