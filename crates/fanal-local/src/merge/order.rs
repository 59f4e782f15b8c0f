//! The order of rows in a block: by trace (its earliest start here, then its id), and within a trace depth-first, so
//! that a trace is contiguous and its structure a linear pass. Drops exact duplicates on the way.
//!
//! Pure. Rows of a trace that lie side by side in a source are one piece, so that what is looked up and sorted is
//! traces, not spans.

use super::walk::{Node, Walk};
use fanal_base::cast;
use fanal_model::{IndexedBatch, RowRef, TraceId};
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use std::ops::Range;

/// Neighbouring rows of one trace in one source.
#[derive(Debug)]
struct Piece {
    trace: u32,
    source: u32,
    rows: Range<usize>,
}

/// A trace of the block.
#[derive(Debug)]
struct Trace {
    start_unix_nanos: u64,
    id: TraceId,
    /// Its pieces.
    pieces: Range<usize>,
}

/// Rows of all sources in block order.
pub(crate) fn block_order(sources: &[&IndexedBatch]) -> Vec<RowRef> {
    let (mut pieces, mut traces) = find_pieces(sources);
    // Stable, so that the pieces of a trace stay in the order of the sources.
    pieces.sort_by_key(|piece| piece.trace);
    let mut end = 0;
    for run in pieces.chunk_by(|left, right| left.trace == right.trace) {
        traces[cast::index(run[0].trace)].pieces = end..end + run.len();
        end += run.len();
    }
    traces.sort_unstable_by_key(|trace| (trace.start_unix_nanos, trace.id));
    let mut order = Vec::with_capacity(sources.iter().map(|source| source.len()).sum());
    let mut walk = Walk::default();
    let mut spans = Vec::new();
    for trace in traces {
        spans.clear();
        pieces[trace.pieces].iter().for_each(|piece| collect(sources, piece, &mut spans));
        spans.sort_unstable_by_key(Node::key);
        walk.trace(sources, &spans, &mut order);
    }
    order
}

/// The pieces of all sources in their order, and the traces in that of their first pieces.
fn find_pieces(sources: &[&IndexedBatch]) -> (Vec<Piece>, Vec<Trace>) {
    let (mut pieces, mut traces) = (Vec::new(), Vec::<Trace>::new());
    let mut codes: HashMap<TraceId, u32, RandomState> = HashMap::default();
    for (source, spans) in (0..).zip(sources) {
        let batch = spans.batch();
        let mut end = 0;
        for run in batch.trace_ids.chunk_by(|left, right| left == right) {
            let rows = end..end + run.len();
            end = rows.end;
            let id = run[0];
            let starts = batch.start_unix_nanos[rows.clone()].iter().copied();
            let start_unix_nanos = starts.min().unwrap_or(u64::MAX);
            let trace = *codes.entry(id).or_insert_with(|| {
                traces.push(Trace { start_unix_nanos, id, pieces: 0..0 });
                cast::narrow(traces.len() - 1)
            });
            let known = &mut traces[cast::index(trace)].start_unix_nanos;
            *known = start_unix_nanos.min(*known);
            pieces.push(Piece { trace, source, rows });
        }
    }
    (pieces, traces)
}

fn collect(sources: &[&IndexedBatch], piece: &Piece, spans: &mut Vec<Node>) {
    let batch = sources[cast::index(piece.source)].batch();
    spans.extend(piece.rows.clone().map(|row| Node {
        start_unix_nanos: batch.start_unix_nanos[row],
        span_id: batch.span_ids[row],
        parent_span_id: batch.parent_span_ids[row],
        place: RowRef { source: piece.source, row: cast::narrow(row) },
    }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use fanal_model::{Resource, Scope, SpanBatchBuilder, SpanFields, SpanId};
    use std::sync::Arc;

    /// Spans as (trace, span, parent, start), in batches of three; expects "trace.span" in order.
    fn check(spans: &[(u8, u8, u8, u64)], expect: &str) {
        let batches: Vec<IndexedBatch> = spans.chunks(3).map(batch).collect();
        let sources: Vec<&IndexedBatch> = batches.iter().collect();
        let shown: Vec<String> = block_order(&sources)
            .into_iter()
            .map(|place| {
                let span = sources[cast::index(place.source)].span(cast::index(place.row));
                format!("{}.{}", span.trace_id().0[0], span.span_id().0[0])
            })
            .collect();
        assert_eq!(shown.join(" "), expect, "{spans:?}");
    }

    fn batch(spans: &[(u8, u8, u8, u64)]) -> IndexedBatch {
        let mut builder = SpanBatchBuilder::default();
        builder.intern_resource(&Resource::default());
        builder.intern_scope(&Scope::default());
        for &(trace, span, parent, start) in spans {
            builder.finish_span(&SpanFields {
                trace_id: TraceId([trace; 16]),
                span_id: SpanId([span; 8]),
                parent_span_id: SpanId([parent; 8]),
                start_unix_nanos: start,
                ..SpanFields::default()
            });
        }
        IndexedBatch::new(Arc::new(builder.finish())).expect("decodes")
    }

    #[test]
    fn traces_by_start_and_spans_depth_first() {
        check(&[], "");
        check(&[(2, 1, 0, 5), (1, 1, 0, 5), (3, 1, 0, 1)], "3.1 1.1 2.1");
        // Children before their parent in time, siblings by start and then id.
        check(
            &[(1, 4, 1, 9), (1, 3, 1, 9), (1, 1, 0, 10), (1, 5, 3, 1), (1, 2, 1, 20)],
            "1.1 1.3 1.5 1.4 1.2",
        );
        // A missing parent makes a root.
        check(&[(1, 2, 9, 7), (1, 3, 2, 8), (1, 1, 0, 1)], "1.1 1.2 1.3");
        // The trace's start is that of its earliest span, wherever it stands in the tree.
        check(&[(1, 1, 0, 10), (1, 2, 1, 2), (2, 1, 0, 5)], "1.1 1.2 2.1");
    }

    #[test]
    fn cycles_and_duplicates_are_safe() {
        check(&[(1, 1, 1, 3), (1, 2, 3, 5), (1, 3, 2, 4), (1, 4, 3, 1)], "1.1 1.3 1.4 1.2");
        check(&[(1, 1, 0, 3), (1, 1, 0, 3), (1, 2, 1, 4), (1, 1, 0, 3)], "1.1 1.2");
        // One id twice with other content: both stay.
        check(&[(1, 1, 0, 3), (1, 1, 0, 4), (1, 2, 1, 5)], "1.1 1.2 1.1");
    }

    #[test]
    fn a_large_trace_is_walked_depth_first() {
        let count = 250_u8;
        let mut spans: Vec<(u8, u8, u8, u64)> =
            (1..=count).map(|id| (1, id, id / 3, 1000 - u64::from(id) * 31 % 97)).collect();
        let mut expect = Vec::new();
        let mut open: Vec<(u8, u8, u8, u64)> = Vec::new();
        let children = |parent: u8, open: &mut Vec<(u8, u8, u8, u64)>| {
            let mut found: Vec<_> = spans.iter().copied().filter(|s| s.2 == parent).collect();
            found.sort_by_key(|span| std::cmp::Reverse((span.3, span.1)));
            open.extend(found);
        };
        children(0, &mut open);
        while let Some(span) = open.pop() {
            expect.push(format!("1.{}", span.1));
            children(span.1, &mut open);
        }
        spans.sort_by_key(|span| u64::from(span.1) * 101 % 251);
        check(&spans, &expect.join(" "));
    }
}
