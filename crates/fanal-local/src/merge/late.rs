//! Late spans: spans of a merge whose trace already lies in a block. Finds those that repeat a stored span exactly, so
//! that a client's retry vanishes, and those that should lie beside their trace.
//!
//! Told of the new block's spans in block order, wherever they lie; reads filters in memory, and of older blocks only the
//! granules that hold such a trace. Looks at blocks whose traces begin about when those of the new one do.

use super::Ordered;
use super::walk::is_same_span;
use crate::block::filter::trace_hash;
use crate::block::{Block, OpenBlock};
use fanal_base::cast;
use fanal_model::{IndexedBatch, SpanId, TraceId};
use fanal_storage::{Projection, StoreError};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// Parts of a trace in two blocks begin at most so far apart, or their being one is not noticed.
const SLACK_NANOS: u64 = 10_000_000_000;

/// What was found. Rows are those of the new spans.
#[derive(Debug, Default)]
pub(crate) struct Late {
    /// Rows that repeat a stored span, ascending.
    pub duplicates: Vec<usize>,
    /// Rows of each trace that has spans in older blocks, with the last such block.
    pub traces: Vec<(Range<usize>, usize)>,
}

/// A row of the new spans that has start and ids of a row of a block.
#[derive(Debug, Clone, Copy)]
struct Twin {
    row: usize,
    stored_row: u32,
}

/// A trace of the new spans.
#[derive(Debug)]
struct NewTrace {
    rows: Range<usize>,
    start: u64,
    hash: u64,
}

/// Looks for the traces of new spans in blocks, which are in the order of their arrival. A block that does not read is
/// passed over.
pub(crate) fn find(spans: Ordered<'_>, blocks: &[Arc<Block>]) -> Late {
    let traces = new_traces(spans);
    let mut homes = BTreeMap::new();
    let mut twins = Vec::new();
    for (number, block) in blocks.iter().enumerate() {
        let Some(open) = block.readable().ok().filter(|_| block.is_local()) else { continue };
        let met = find_in(open, spans, near(open, &traces)).and_then(|(rows, found)| {
            homes.extend(rows.into_iter().map(|rows| (rows.start, (rows, number))));
            if found.is_empty() { Ok(Vec::new()) } else { repeated(open, spans, &found) }
        });
        match met {
            Ok(rows) => twins.extend(rows),
            Err(error) => {
                let error = block.warning(&error);
                tracing::warn!(error, "late spans were not looked for");
            }
        }
    }
    twins.sort_unstable();
    twins.dedup();
    Late { duplicates: twins, traces: homes.into_values().collect() }
}

/// Traces of spans in block order.
fn new_traces(spans: Ordered<'_>) -> Vec<NewTrace> {
    let mut traces: Vec<NewTrace> = Vec::new();
    let mut last = None;
    for row in 0..spans.len() {
        let (id, start) = (spans.trace_id(row), spans.start_unix_nanos(row));
        match traces.last_mut().filter(|_| last == Some(id)) {
            Some(trace) => {
                trace.rows.end = row + 1;
                trace.start = trace.start.min(start);
            }
            None => traces.push(NewTrace { rows: row..row + 1, start, hash: trace_hash(id) }),
        }
        last = Some(id);
    }
    traces
}

/// The new traces that begin about when those of a block do. The last granule's end is guessed from its width, because
/// one wrong clock would move it far away.
fn near<'a>(open: &OpenBlock, traces: &'a [NewTrace]) -> &'a [NewTrace] {
    let granules = open.segment.granules();
    let begin = |place: usize| granules.get(place).map(|granule| granule.start_min_unix_nanos);
    let (Some(first), Some(last)) = (begin(0), granules.last()) else { return &[] };
    let end = match granules.len().checked_sub(2).and_then(begin) {
        Some(before) => {
            let width = last.start_min_unix_nanos.saturating_sub(before);
            last.start_min_unix_nanos.saturating_add(width)
        }
        None => last.start_max_unix_nanos,
    };
    let from = traces.partition_point(|it| it.start < first.saturating_sub(SLACK_NANOS));
    let to = traces.partition_point(|it| it.start <= end.saturating_add(SLACK_NANOS));
    traces.get(from..to).unwrap_or_default()
}

/// New rows of traces that a block has, and rows that may repeat one of it.
fn find_in(
    open: &OpenBlock,
    spans: Ordered<'_>,
    traces: &[NewTrace],
) -> Result<(Vec<Range<usize>>, Vec<Twin>), StoreError> {
    let mut candidates: Vec<(u32, &NewTrace)> = Vec::new();
    for trace in traces.iter().filter(|trace| open.may_contain(trace.hash)) {
        let rows = open.candidate_rows(trace.hash)?;
        candidates.extend(rows.into_iter().map(|row| (row, trace)));
    }
    candidates.sort_unstable_by_key(|(row, _)| *row);
    let mut columns = None;
    let (mut met, mut twins) = (Vec::new(), Vec::new());
    for (first, trace) in candidates {
        let trace_id = spans.trace_id(trace.rows.start);
        let mut own: Vec<(SpanId, u64, usize)> = trace
            .rows
            .clone()
            .map(|row| (spans.span_id(row), spans.start_unix_nanos(row), row))
            .collect();
        own.sort_unstable();
        let mut row = first;
        while let Some(columns) = columns_of(open, &mut columns, row)? {
            let place = cast::index(row - columns.first);
            if columns.trace_ids.get(place) != Some(&trace_id) {
                break;
            }
            let stored = (columns.span_ids[place], columns.starts[place]);
            let from = own.partition_point(|&(id, start, _)| (id, start) < stored);
            let same = own[from..].iter().take_while(|&&(id, start, _)| (id, start) == stored);
            twins.extend(same.map(|&(_, _, own)| Twin { row: own, stored_row: row }));
            row += 1;
        }
        if row > first {
            met.push(trace.rows.clone());
        }
    }
    Ok((met, twins))
}

/// Columns of one granule.
struct Columns {
    granule: usize,
    first: u32,
    trace_ids: Vec<TraceId>,
    span_ids: Vec<SpanId>,
    starts: Vec<u64>,
}

/// The columns of the granule that holds a row, read anew where it is another one; `None` behind the last row.
fn columns_of<'a>(
    open: &OpenBlock,
    kept: &'a mut Option<Columns>,
    row: u32,
) -> Result<Option<&'a Columns>, StoreError> {
    let granule = open.segment.granule_of(row);
    let Some(rows) = open.segment.granules().get(granule).map(|it| it.rows.clone()) else {
        return Ok(None);
    };
    if kept.as_ref().is_none_or(|columns| columns.granule != granule) {
        *kept = Some(Columns {
            granule,
            first: rows.start,
            trace_ids: open.segment.trace_ids(granule).map_err(open.failed())?,
            span_ids: open.segment.span_ids(granule).map_err(open.failed())?,
            starts: open.segment.starts(granule).map_err(open.failed())?,
        });
    }
    Ok(kept.as_ref())
}

/// New rows that say the same as their twin. Reads each granule with twins once.
fn repeated(
    open: &OpenBlock,
    spans: Ordered<'_>,
    twins: &[Twin],
) -> Result<Vec<usize>, StoreError> {
    let mut twins = twins.to_vec();
    twins.sort_unstable_by_key(|twin| twin.stored_row);
    let granule_of = |twin: &Twin| open.segment.granule_of(twin.stored_row);
    let mut rows = Vec::new();
    for group in twins.chunk_by(|a, b| granule_of(a) == granule_of(b)) {
        let (first, last) = (group[0].stored_row, group[group.len() - 1].stored_row);
        let stored = open.segment.read_rows(first..last + 1, Projection::Full);
        let stored = IndexedBatch::new(Arc::new(stored.map_err(open.failed())?));
        let stored = stored.map_err(|error| StoreError::Corrupt {
            object: "block".to_owned(),
            message: error.to_string(),
        })?;
        let is_same = |twin: &&Twin| {
            let stored_row = cast::index(twin.stored_row - first);
            is_same_span(&stored.span(stored_row), &spans.span(twin.row))
        };
        rows.extend(group.iter().filter(is_same).map(|twin| twin.row));
    }
    Ok(rows)
}
