//! Scanning one unit: which traces have a matching span there, and how late each of them can begin.

use super::columns::Columns;
use super::plan::{Plan, is_any_marked};
use crate::segment::SegmentError;
use fanal_model::TraceId;
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use std::ops::RangeInclusive;

/// A trace with a matching span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Match {
    /// The trace.
    pub trace_id: TraceId,
    /// Earliest start of its spans in this unit: the whole trace begins at this time or before.
    pub start_unix_nanos: u64,
    /// Whether the trace may have further spans in neighbouring granules of the same block.
    pub may_go_on: bool,
}

/// Traces with a span that matches and starts in the range. `is_contiguous` says that the spans of a trace lie side by
/// side, as they do in blocks.
pub(crate) fn scan(
    plan: &Plan<'_>,
    columns: &impl Columns,
    starts_wanted: &RangeInclusive<u64>,
    is_contiguous: bool,
) -> Result<Vec<Match>, SegmentError> {
    let mut rows = vec![true; columns.row_count()];
    plan.evaluate(columns, &mut rows)?;
    if !is_any_marked(&rows) {
        return Ok(Vec::new());
    }
    let starts = columns.starts()?;
    rows.iter_mut()
        .zip(starts.iter())
        .for_each(|(row, start)| *row &= starts_wanted.contains(start));
    if !is_any_marked(&rows) {
        return Ok(Vec::new());
    }
    let ids = columns.trace_ids()?;
    Ok(if is_contiguous {
        contiguous(&ids, &starts, &rows)
    } else {
        scattered(&ids, &starts, &rows)
    })
}

fn contiguous(ids: &[TraceId], starts: &[u64], rows: &[bool]) -> Vec<Match> {
    let mut matches = Vec::new();
    let mut first = 0;
    for run in ids.chunk_by(|left, right| left == right) {
        let range = first..first + run.len();
        first = range.end;
        if rows.get(range.clone()).is_some_and(|rows| rows.contains(&true)) {
            let earliest = starts.get(range.clone()).and_then(|starts| starts.iter().min());
            matches.push(Match {
                trace_id: run[0],
                start_unix_nanos: earliest.copied().unwrap_or(0),
                may_go_on: range.start == 0 || range.end == ids.len(),
            });
        }
    }
    matches
}

fn scattered(ids: &[TraceId], starts: &[u64], rows: &[bool]) -> Vec<Match> {
    let mut earliest = HashMap::<TraceId, u64, RandomState>::default();
    for (&id, _) in ids.iter().zip(rows).filter(|(_, matches)| **matches) {
        earliest.insert(id, u64::MAX);
    }
    for (id, &start) in ids.iter().zip(starts) {
        if let Some(known) = earliest.get_mut(id) {
            *known = start.min(*known);
        }
    }
    let found =
        |(trace_id, start_unix_nanos)| Match { trace_id, start_unix_nanos, may_go_on: true };
    earliest.into_iter().map(found).collect()
}
