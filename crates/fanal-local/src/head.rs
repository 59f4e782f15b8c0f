//! The head: acknowledged spans that are in no block yet, as the log's records in memory.
//!
//! Fed by the commit thread and the replay, read by every question, emptied from its front by the merge. Small parts
//! are fused so that requests of one span do not cost kilobytes each. Knows nothing of files.

use crate::block::filter::{TraceFilter, trace_hash};
use crate::segment::ResourceSummary;
use fanal_base::cast;
use fanal_model::{IndexedBatch, InvalidBatch, SpanBatch, SpanBatchBuilder, TraceId};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

/// Parts of about one size at the end of the head that are fused.
const FUSE_COUNT: usize = 8;
/// Parts and batches of at least so many rows stay as they are.
pub(crate) const FUSE_ROWS_MAX: usize = 512;

/// Bytes held by the heads of a store; shared by clones.
#[derive(Debug, Clone, Default)]
pub(crate) struct HeadGauge(Arc<AtomicUsize>);

impl HeadGauge {
    /// Bytes held now, by parts that questions still read too.
    pub(crate) fn bytes(&self) -> usize {
        self.0.load(Ordering::Acquire)
    }
}

/// Bytes counted in a gauge until dropped.
#[derive(Debug)]
struct Held(HeadGauge, usize);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.0.fetch_sub(self.1, Ordering::AcqRel);
    }
}

/// Spans of consecutive log records.
#[derive(Debug)]
pub(crate) struct HeadPart {
    /// First and last record.
    pub sequences: (u64, u64),
    /// When the first and the last of them arrived, nanoseconds since the Unix epoch.
    pub arrived: (u64, u64),
    /// The spans, at least one.
    pub spans: IndexedBatch,
    /// Earliest and latest start.
    pub starts: (u64, u64),
    /// Row of the latest start.
    pub newest_row: usize,
    filter: TraceFilter,
    resources: OnceLock<Arc<ResourceSummary>>,
    held: Held,
}

impl HeadPart {
    /// A part of one record.
    pub(crate) fn new(
        sequences: (u64, u64),
        arrived: (u64, u64),
        spans: IndexedBatch,
        gauge: &HeadGauge,
    ) -> Self {
        let batch = spans.batch();
        let filter = TraceFilter::build(&distinct_hashes(&batch.trace_ids));
        let starts = &batch.start_unix_nanos;
        let newest = starts.iter().enumerate().max_by_key(|(_, start)| **start);
        let (newest_row, latest) = newest.map_or((0, 0), |(row, &start)| (row, start));
        let earliest = starts.iter().copied().min().unwrap_or(0);
        let bytes = memory_bytes(spans.batch()) + filter.byte_length();
        gauge.0.fetch_add(bytes, Ordering::AcqRel);
        let held = Held(gauge.clone(), bytes);
        let starts = (earliest, latest);
        let resources = OnceLock::new();
        Self { sequences, arrived, spans, starts, newest_row, filter, resources, held }
    }

    /// Spans.
    pub(crate) fn len(&self) -> usize {
        self.spans.len()
    }

    /// Services and keys of the resources, looked for by the first question that wants them.
    pub(crate) fn resource_summary(&self) -> Arc<ResourceSummary> {
        let find = || Arc::new(ResourceSummary::of(&self.spans.batch().resources.table));
        Arc::clone(self.resources.get_or_init(find))
    }

    /// Bytes of memory held.
    pub(crate) fn bytes(&self) -> usize {
        self.held.1
    }

    /// Whether a trace may have spans here.
    pub(crate) fn may_contain(&self, hash: u64) -> bool {
        self.filter.may_contain(hash)
    }

    /// Rows of a trace.
    pub(crate) fn rows_of(&self, trace_id: TraceId) -> impl Iterator<Item = usize> {
        let ids = &self.spans.batch().trace_ids;
        ids.iter().enumerate().filter(move |(_, id)| **id == trace_id).map(|(row, _)| row)
    }

    /// Parts, which follow each other, as one.
    pub(crate) fn fuse(parts: &[Arc<Self>], gauge: &HeadGauge) -> Result<Self, InvalidBatch> {
        let mut builder = SpanBatchBuilder::default();
        parts.iter().for_each(|part| builder.append_batch(&part.spans));
        let first = parts.first().map_or(0, |part| part.sequences.0);
        let last = parts.last().map_or(0, |part| part.sequences.1);
        let arrived = arrival_range(parts);
        let spans = IndexedBatch::new(Arc::new(builder.finish()))?;
        Ok(Self::new((first, last), arrived, spans, gauge))
    }
}

/// Hashes of distinct traces.
fn distinct_hashes(ids: &[TraceId]) -> Vec<u64> {
    let mut hashes = Vec::with_capacity(ids.len());
    let mut last = None;
    for &id in ids {
        if last != Some(id) {
            hashes.push(trace_hash(id));
            last = Some(id);
        }
    }
    hashes.sort_unstable();
    hashes.dedup();
    hashes
}

/// Bytes of memory that a batch holds once it is indexed: its columns, where each attribute lies, and
/// the services of its resources.
pub(crate) fn memory_bytes(batch: &SpanBatch) -> usize {
    let cells = |table: &fanal_model::AttributeTable| {
        let values: usize = table.columns.iter().map(|column| column.values.len()).sum();
        (values + table.rows.len()) * 4
    };
    let dictionaries = batch.resources.table.bytes.len() * 4 + batch.scopes.table.bytes.len() * 4;
    let summary = batch.resources.table.len() * 4;
    batch.memory_bytes()
        + dictionaries
        + summary
        + cells(&batch.attributes)
        + cells(&batch.events.attributes)
        + cells(&batch.links.attributes)
}

/// The parts at the end that are worth fusing, none where there are too few. Parts up to `taken_through` belong to a
/// merge that is under way and stay.
pub(crate) fn fusible(parts: &[Arc<HeadPart>], taken_through: u64) -> &[Arc<HeadPart>] {
    let tier = |part: &HeadPart| part.len().max(1).ilog2() / 3;
    let tier_max = FUSE_ROWS_MAX.ilog2() / 3;
    let is_free = |part: &HeadPart| part.len() < FUSE_ROWS_MAX && part.sequences.0 > taken_through;
    for limit in 0..tier_max {
        let fits = |part: &&Arc<HeadPart>| is_free(part) && tier(part) <= limit;
        let run = parts.iter().rev().take_while(fits).count();
        if run >= FUSE_COUNT {
            return &parts[parts.len() - run..];
        }
    }
    &[]
}

/// When the first and the last span of parts arrived.
pub(crate) fn arrival_range(parts: &[Arc<HeadPart>]) -> (u64, u64) {
    let first = parts.iter().map(|part| part.arrived.0).min().unwrap_or(0);
    let last = parts.iter().map(|part| part.arrived.1).max().unwrap_or(0);
    (first, last)
}

/// Rows of parts.
pub(crate) fn row_count(parts: &[Arc<HeadPart>]) -> u64 {
    parts.iter().map(|part| cast::wide(part.len())).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use fanal_model::{Resource, Scope, SpanFields, SpanId};

    fn part(sequence: u64, rows: u8, gauge: &HeadGauge) -> Arc<HeadPart> {
        let mut builder = SpanBatchBuilder::default();
        builder.intern_resource(&Resource::default());
        builder.intern_scope(&Scope::default());
        for row in 1..=rows {
            builder.finish_span(&SpanFields {
                trace_id: TraceId([row; 16]),
                span_id: SpanId([row; 8]),
                start_unix_nanos: u64::from(row),
                ..SpanFields::default()
            });
        }
        let spans = IndexedBatch::new(Arc::new(builder.finish())).expect("decodes");
        Arc::new(HeadPart::new((sequence, sequence), (sequence, sequence), spans, gauge))
    }

    #[test]
    fn small_parts_are_fused_and_large_or_taken_ones_stay() {
        let gauge = HeadGauge::default();
        let check = |rows: &[u8], taken_through: u64, expect: usize| {
            let parts: Vec<_> =
                (1..).zip(rows).map(|(sequence, &rows)| part(sequence, rows, &gauge)).collect();
            assert_eq!(fusible(&parts, taken_through).len(), expect, "{rows:?} {taken_through}");
        };
        check(&[1; 7], 0, 0);
        check(&[1; 8], 0, 8);
        check(&[1; 8], 1, 0);
        check(&[200, 1, 1, 1, 1, 1, 1, 1, 1], 0, 8);
        check(&[1, 20, 1, 20, 1, 20, 1, 20], 0, 8);
        assert_eq!(gauge.bytes(), 0, "dropped parts are not counted");
    }

    #[test]
    fn fused_parts_keep_their_spans_and_cost_less() {
        let gauge = HeadGauge::default();
        let parts: Vec<_> = (1..=8).map(|sequence| part(sequence, 2, &gauge)).collect();
        let before = gauge.bytes();
        let fused = HeadPart::fuse(&parts, &gauge).expect("decodes");
        drop(parts);
        assert_eq!((fused.sequences, fused.len(), fused.starts), ((1, 8), 16, (1, 2)));
        assert_eq!(fused.arrived, (1, 8));
        assert_eq!(fused.rows_of(TraceId([2; 16])).count(), 8);
        assert!(fused.may_contain(trace_hash(TraceId([1; 16]))));
        assert!(gauge.bytes() * 2 < before, "{} of {before}", gauge.bytes());
    }
}
