//! Finding traces by id, with no time hint: filters in memory say where to look, one page of an index says where.
//!
//! Asked by fetches, by search for the start of a trace, and by figures. Reads no more columns than asked for.

use crate::block::filter::trace_hash;
use crate::block::{Block, OpenBlock};
use crate::head::HeadPart;
use crate::search::question::Question;
use crate::segment::Segment;
use crate::tenant::Snapshot;
use crate::tier;
use fanal_base::cast;
use fanal_model::{IndexedBatch, Remap, SpanBatchBuilder, TraceId};
use fanal_storage::{Projection, StoreError, TracePosition, TraceSpans};
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

/// A trace that is being put together.
#[derive(Debug)]
struct Gathering {
    trace_id: TraceId,
    hash: u64,
    builder: SpanBatchBuilder,
    is_cut: bool,
}

/// Rows of a trace in a block.
#[derive(Debug)]
struct Found {
    /// Index of the trace.
    trace: usize,
    rows: Range<u32>,
}

impl Snapshot {
    /// Earliest start of a trace that is known to begin at `bound` or before. `home` is a block that has nothing
    /// earlier of it. Blocks that do not read are left out, with a warning.
    pub(crate) fn trace_start(
        &self,
        trace_id: TraceId,
        hash: u64,
        home: Option<usize>,
        bound: u64,
        warnings: &mut BTreeSet<String>,
    ) -> u64 {
        let mut earliest = bound;
        for part in self.head.iter().filter(|part| part.may_contain(hash)) {
            let starts = &part.spans.batch().start_unix_nanos;
            earliest = part.rows_of(trace_id).map(|row| starts[row]).fold(earliest, u64::min);
        }
        for (number, block) in self.blocks.iter().enumerate() {
            // A block whose earliest span is later has nothing to add.
            if Some(number) == home || block.meta.starts.0 >= earliest {
                continue;
            }
            let Ok(open) = block.readable() else { continue };
            match start_in(open, trace_id, hash) {
                Ok(start) => earliest = earliest.min(start),
                Err(error) => drop(warnings.insert(block.warning(&error))),
            }
        }
        earliest
    }

    /// The trace of the span that starts last.
    pub(crate) fn newest_trace(&self) -> Option<TracePosition> {
        let in_head = self
            .head
            .iter()
            .map(|part| (part.starts.1, part.spans.batch().trace_ids[part.newest_row]));
        let in_blocks =
            self.blocks.iter().map(|block| (block.meta.starts.1, block.meta.newest_trace));
        let (latest, trace_id) = in_head.chain(in_blocks).max()?;
        let hash = trace_hash(trace_id);
        let start = self.trace_start(trace_id, hash, None, latest, &mut BTreeSet::new());
        Some(TracePosition { start_unix_nanos: start, trace_id })
    }

    /// All spans of traces, in the order of `ids`; ids without a span are left out. Fails where nothing was found and the
    /// object store, which may have them, could not be asked.
    pub(crate) fn traces(
        &self,
        ids: &[TraceId],
        projection: Projection,
        spans_max: usize,
        question: &Question,
    ) -> Result<Vec<TraceSpans>, StoreError> {
        let mut gathered: Vec<Gathering> = ids
            .iter()
            .map(|&trace_id| Gathering {
                trace_id,
                hash: trace_hash(trace_id),
                builder: SpanBatchBuilder::default(),
                is_cut: false,
            })
            .collect();
        let mut warnings = BTreeSet::new();
        let mut is_out_of_reach = false;
        for part in &self.head {
            question.check()?;
            gather_part(part, projection, spans_max, &mut gathered)?;
        }
        for block in self.blocks.iter() {
            question.check()?;
            match block.readable() {
                Ok(open) => {
                    let outcome = gather_block(open, projection, spans_max, &mut gathered);
                    if let Err(error) = outcome {
                        // The tier tells the log of its bucket.
                        if tier::bucket_failure(&error).is_some() {
                            is_out_of_reach = true;
                        } else {
                            tracing::error!(error = block.warning(&error), "block was not read");
                        }
                        warnings.insert(block.warning(&error));
                    }
                }
                Err(warning) => drop(warnings.insert(warning.to_owned())),
            }
        }
        if is_out_of_reach && gathered.iter().all(|trace| trace.builder.is_empty()) {
            // Not a word that there is nothing: what was asked for may be where nobody could look.
            let message = warnings.into_iter().collect::<Vec<_>>().join("; ");
            return Err(StoreError::Unavailable { message });
        }
        let found = gathered.into_iter().filter(|trace| !trace.builder.is_empty());
        let found: Vec<_> = found.map(|trace| trace.finish(&warnings, spans_max)).collect();
        match warnings.first() {
            // "Not there" must not be said of what may be there, and there is no answer that could carry the warning.
            Some(warning) if found.is_empty() && !ids.is_empty() => Err(StoreError::Corrupt {
                object: "a part of the stored spans".to_owned(),
                message: format!("{warning}; the others have nothing of the trace"),
            }),
            _ => Ok(found),
        }
    }
}

impl Gathering {
    fn finish(self, warnings: &BTreeSet<String>, spans_max: usize) -> TraceSpans {
        let mut warnings: Vec<String> = warnings.iter().cloned().collect();
        if self.is_cut {
            warnings
                .push(format!("trace has more than {spans_max} spans; further ones are left out"));
        }
        TraceSpans { trace_id: self.trace_id, spans: self.builder.finish(), warnings }
    }

    /// Appends rows of a batch, as far as the limit goes.
    fn append(
        &mut self,
        source: &IndexedBatch,
        rows: impl Iterator<Item = usize>,
        spans_max: usize,
    ) {
        let mut remap = Remap::default();
        for row in rows {
            if self.builder.len() >= spans_max {
                self.is_cut = true;
                return;
            }
            self.builder.append_row(source, &mut remap, row);
        }
    }
}

fn start_in(open: &OpenBlock, trace_id: TraceId, hash: u64) -> Result<u64, StoreError> {
    match open.rows_of(trace_id, hash)? {
        Some(rows) => open.start_min(&rows),
        None => Ok(u64::MAX),
    }
}

fn gather_part(
    part: &Arc<HeadPart>,
    projection: Projection,
    spans_max: usize,
    gathered: &mut [Gathering],
) -> Result<(), StoreError> {
    let mut summary = None;
    for trace in gathered.iter_mut().filter(|trace| part.may_contain(trace.hash)) {
        let rows: Vec<usize> = part.rows_of(trace.trace_id).collect();
        if rows.is_empty() {
            continue;
        }
        match projection {
            Projection::Full => trace.append(&part.spans, rows.into_iter(), spans_max),
            Projection::Summary => {
                if summary.is_none() {
                    summary = Some(summary_of(&part.spans)?);
                }
                if let Some(source) = &summary {
                    trace.append(source, rows.into_iter(), spans_max);
                }
            }
        }
    }
    Ok(())
}

/// The same rows without attributes, events and links.
fn summary_of(spans: &IndexedBatch) -> Result<IndexedBatch, StoreError> {
    let batch = spans.batch();
    let rows = batch.len();
    let mut summary = fanal_model::SpanBatch {
        trace_ids: batch.trace_ids.clone(),
        span_ids: batch.span_ids.clone(),
        parent_span_ids: batch.parent_span_ids.clone(),
        start_unix_nanos: batch.start_unix_nanos.clone(),
        end_unix_nanos: batch.end_unix_nanos.clone(),
        kinds: batch.kinds.clone(),
        status_codes: batch.status_codes.clone(),
        flags: batch.flags.clone(),
        names: batch.names.clone(),
        trace_states: batch.trace_states.clone(),
        status_messages: batch.status_messages.clone(),
        resources: batch.resources.clone(),
        scopes: batch.scopes.clone(),
        dropped_attributes_counts: batch.dropped_attributes_counts.clone(),
        dropped_events_counts: batch.dropped_events_counts.clone(),
        dropped_links_counts: batch.dropped_links_counts.clone(),
        ..fanal_model::SpanBatch::default()
    };
    summary.attributes.shapes = vec![Box::default()];
    summary.attributes.rows = vec![0; rows];
    summary.events.ends = vec![0; rows];
    summary.links.ends = vec![0; rows];
    IndexedBatch::new(Arc::new(summary)).map_err(|error| StoreError::Corrupt {
        object: "head".to_owned(),
        message: error.to_string(),
    })
}

fn gather_block(
    open: &OpenBlock,
    projection: Projection,
    spans_max: usize,
    gathered: &mut [Gathering],
) -> Result<(), StoreError> {
    let mut found = Vec::new();
    for (trace, gathering) in gathered.iter_mut().enumerate() {
        let Some(mut rows) = open.rows_of(gathering.trace_id, gathering.hash)? else { continue };
        let room = cast::narrow(spans_max.saturating_sub(gathering.builder.len()));
        if rows.end - rows.start > room {
            gathering.is_cut = true;
            rows.end = rows.start + room;
        }
        found.push(Found { trace, rows });
    }
    found.sort_unstable_by_key(|found| (found.rows.start, found.rows.end));
    let granule_of = |row: u32| open.segment.granule_of(row);
    // Traces that share a granule are read together, so that it is decoded once.
    let is_shared = |left: &Found, right: &Found| {
        granule_of(left.rows.end.saturating_sub(1)) == granule_of(right.rows.start)
    };
    for group in found.chunk_by(is_shared) {
        let start = group.iter().map(|found| found.rows.start).min().unwrap_or(0);
        let end = group.iter().map(|found| found.rows.end).max().unwrap_or(0);
        if start >= end {
            continue;
        }
        let batch = open.segment.read_rows(start..end, projection).map_err(open.failed())?;
        let source = IndexedBatch::new(Arc::new(batch)).map_err(|error| StoreError::Corrupt {
            object: "block".to_owned(),
            message: error.to_string(),
        })?;
        for found in group {
            let rows = cast::index(found.rows.start - start)..cast::index(found.rows.end - start);
            gathered[found.trace].append(&source, rows, spans_max);
        }
    }
    Ok(())
}

/// Lets go of what blocks keep of their tables where it exceeds `bytes_max`: of those not used for longest first, and of
/// large tables before all others, because those that every question wants are small.
pub(crate) fn trim_dictionaries(blocks: &[Arc<Block>], bytes_max: usize) {
    let segments = || blocks.iter().filter_map(|block| Some(&block.readable().ok()?.segment));
    if segments().map(|segment| segment.cache_usage().0).sum::<usize>() <= bytes_max {
        return;
    }
    let mut by_use: Vec<&Segment> = segments().collect();
    by_use.sort_by_cached_key(|segment| segment.cache_usage().1);
    let mut total: usize = by_use.iter().map(|segment| segment.cache_usage().0).sum();
    // Some room, so that not every question trims.
    let aim = bytes_max / 4 * 3;
    for release in [Segment::release_large, Segment::release_cache] {
        for segment in &by_use {
            if total <= aim {
                return;
            }
            let before = segment.cache_usage().0;
            release(segment);
            total = total.saturating_sub(before.saturating_sub(segment.cache_usage().0));
        }
    }
}
