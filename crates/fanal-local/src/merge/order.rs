//! The order of rows in a block: by trace (its earliest start here, then its id), and within a trace depth-first, so
//! that a trace is contiguous and its structure a linear pass. Drops exact duplicates on the way.
//!
//! Pure. Safe for every input: spans without their parent are roots, cycles are entered at their earliest span.

use fanal_base::cast;
use fanal_model::{EventRef, IndexedBatch, LinkRef, RowRef, SpanId, SpanRef, TraceId};
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use std::ops::Range;

const NONE: u32 = u32::MAX;

#[derive(Debug, Clone, Copy)]
struct Node {
    trace_id: TraceId,
    start_unix_nanos: u64,
    span_id: SpanId,
    parent_span_id: SpanId,
    place: RowRef,
}

/// Rows of all sources in block order.
pub(crate) fn block_order(sources: &[&IndexedBatch]) -> Vec<RowRef> {
    let mut spans = collect(sources);
    spans.sort_unstable_by_key(|span| {
        let place = (span.place.source, span.place.row);
        (span.trace_id, span.start_unix_nanos, span.span_id, place)
    });
    let mut traces = runs(&spans);
    traces.sort_unstable_by_key(|range| {
        let first = &spans[range.start];
        (first.start_unix_nanos, first.trace_id)
    });
    let mut order = Vec::with_capacity(spans.len());
    let mut walk = Walk::default();
    for range in traces {
        walk.trace(sources, &spans[range], &mut order);
    }
    order
}

fn collect(sources: &[&IndexedBatch]) -> Vec<Node> {
    let mut spans = Vec::with_capacity(sources.iter().map(|source| source.len()).sum());
    for (number, source) in sources.iter().enumerate() {
        let batch = source.batch();
        for row in 0..batch.len() {
            spans.push(Node {
                trace_id: batch.trace_ids[row],
                start_unix_nanos: batch.start_unix_nanos[row],
                span_id: batch.span_ids[row],
                parent_span_id: batch.parent_span_ids[row],
                place: RowRef { source: cast::narrow(number), row: cast::narrow(row) },
            });
        }
    }
    spans
}

/// Ranges of spans of one trace.
fn runs(spans: &[Node]) -> Vec<Range<usize>> {
    let mut runs = Vec::new();
    let mut start = 0;
    for run in spans.chunk_by(|left, right| left.trace_id == right.trace_id) {
        runs.push(start..start + run.len());
        start += run.len();
    }
    runs
}

/// Scratch space for one trace at a time.
#[derive(Debug, Default)]
struct Walk {
    /// First span of each id.
    by_id: HashMap<SpanId, u32, RandomState>,
    first_child: Vec<u32>,
    next_sibling: Vec<u32>,
    is_done: Vec<bool>,
    is_walked: Vec<bool>,
    stack: Vec<u32>,
}

impl Walk {
    /// Appends the rows of a trace, whose spans are sorted by start and id.
    fn trace(&mut self, sources: &[&IndexedBatch], spans: &[Node], order: &mut Vec<RowRef>) {
        self.is_done.clear();
        self.is_done.resize(spans.len(), false);
        self.is_walked.clear();
        self.is_walked.resize(spans.len(), false);
        self.by_id.clear();
        for (number, span) in spans.iter().enumerate() {
            match self.by_id.entry(span.span_id) {
                Entry::Vacant(entry) => drop(entry.insert(cast::narrow(number))),
                Entry::Occupied(entry) => {
                    let first = cast::index(*entry.get());
                    self.is_done[number] = is_duplicate(sources, spans, first, number);
                }
            }
        }
        self.link(spans);
        for root in 0..spans.len() {
            if self.parent(spans, root).is_none() {
                self.descend(root, spans, order);
            }
        }
        // What is left lies on cycles or hangs from them.
        for number in 0..spans.len() {
            if !self.is_done[number] {
                let entry = self.cycle_entry(spans, number);
                self.descend(entry, spans, order);
            }
        }
    }

    /// The earliest span of the cycle in which the parents of a span end. Linear in all: what is walked here is below
    /// the cycle and descended to next.
    fn cycle_entry(&mut self, spans: &[Node], from: usize) -> usize {
        let mut on_cycle = from;
        while !std::mem::replace(&mut self.is_walked[on_cycle], true) {
            let Some(parent) = self.parent(spans, on_cycle) else { return on_cycle };
            on_cycle = parent;
        }
        let mut earliest = on_cycle;
        let mut next = self.parent(spans, on_cycle);
        while let Some(number) = next.filter(|&number| number != on_cycle) {
            earliest = earliest.min(number);
            next = self.parent(spans, number);
        }
        earliest
    }

    fn parent(&self, spans: &[Node], number: usize) -> Option<usize> {
        let span = &spans[number];
        if span.parent_span_id.is_zero() || span.parent_span_id == span.span_id {
            return None;
        }
        self.by_id.get(&span.parent_span_id).map(|&parent| cast::index(parent))
    }

    /// Lists the children of every span, last first.
    fn link(&mut self, spans: &[Node]) {
        self.first_child.clear();
        self.first_child.resize(spans.len(), NONE);
        self.next_sibling.clear();
        self.next_sibling.resize(spans.len(), NONE);
        for number in 0..spans.len() {
            if let Some(parent) = self.parent(spans, number) {
                self.next_sibling[number] = self.first_child[parent];
                self.first_child[parent] = cast::narrow(number);
            }
        }
    }

    fn descend(&mut self, root: usize, spans: &[Node], order: &mut Vec<RowRef>) {
        self.stack.push(cast::narrow(root));
        while let Some(next) = self.stack.pop() {
            let number = cast::index(next);
            if std::mem::replace(&mut self.is_done[number], true) {
                continue;
            }
            order.push(spans[number].place);
            let mut child = self.first_child[number];
            while child != NONE {
                self.stack.push(child);
                child = self.next_sibling[cast::index(child)];
            }
        }
    }
}

/// Whether a span repeats an earlier one of the same id; `first` is the first of that id.
fn is_duplicate(sources: &[&IndexedBatch], spans: &[Node], first: usize, number: usize) -> bool {
    let span_at = |place: RowRef| sources[cast::index(place.source)].span(cast::index(place.row));
    let own = &spans[number];
    // Copies have the same start, so they lie side by side with nothing but spans of that start between.
    spans[first..number]
        .iter()
        .rev()
        .take_while(|other| other.start_unix_nanos == own.start_unix_nanos)
        .take(DUPLICATE_LOOK_BACK)
        .filter(|other| other.span_id == own.span_id)
        .any(|other| is_same_span(&span_at(other.place), &span_at(own.place)))
}

/// Spans of one start that are compared with a further one of their id; keeps hostile traces linear.
const DUPLICATE_LOOK_BACK: usize = 16;

/// Whether two spans say the same.
pub(crate) fn is_same_span(left: &SpanRef<'_>, right: &SpanRef<'_>) -> bool {
    left.trace_id() == right.trace_id()
        && left.span_id() == right.span_id()
        && left.parent_span_id() == right.parent_span_id()
        && left.start_unix_nanos() == right.start_unix_nanos()
        && left.end_unix_nanos() == right.end_unix_nanos()
        && left.kind() == right.kind()
        && left.status_code() == right.status_code()
        && left.status_message() == right.status_message()
        && left.flags() == right.flags()
        && left.name() == right.name()
        && left.trace_state() == right.trace_state()
        && left.dropped_attributes_count() == right.dropped_attributes_count()
        && left.dropped_events_count() == right.dropped_events_count()
        && left.dropped_links_count() == right.dropped_links_count()
        && left.resource() == right.resource()
        && left.scope() == right.scope()
        && left.attributes().eq(right.attributes())
        && left.events().len() == right.events().len()
        && left.events().zip(right.events()).all(|(left, right)| is_same_event(&left, &right))
        && left.links().len() == right.links().len()
        && left.links().zip(right.links()).all(|(left, right)| is_same_link(&left, &right))
}

fn is_same_event(left: &EventRef<'_>, right: &EventRef<'_>) -> bool {
    left.time_unix_nanos() == right.time_unix_nanos()
        && left.name() == right.name()
        && left.dropped_attributes_count() == right.dropped_attributes_count()
        && left.attributes().eq(right.attributes())
}

fn is_same_link(left: &LinkRef<'_>, right: &LinkRef<'_>) -> bool {
    left.trace_id() == right.trace_id()
        && left.span_id() == right.span_id()
        && left.trace_state() == right.trace_state()
        && left.flags() == right.flags()
        && left.dropped_attributes_count() == right.dropped_attributes_count()
        && left.attributes().eq(right.attributes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use fanal_model::{Resource, Scope, SpanBatchBuilder, SpanFields};
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
}
