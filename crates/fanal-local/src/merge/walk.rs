//! The order of the spans of one trace: depth-first, a parent before its children, siblings by start and then id.
//!
//! Called by the block order for each trace. Safe for every input: spans without their parent are roots, cycles are
//! entered at their earliest span. Linear in the spans of a trace, but for small ones, where looking is cheaper than
//! hashing.

use fanal_base::cast;
use fanal_model::{EventRef, IndexedBatch, LinkRef, RowRef, SpanId, SpanRef};
use foldhash::fast::RandomState;
use hashbrown::HashMap;

const NONE: u32 = u32::MAX;

/// Traces of up to so many spans are looked through for a span id.
const LOOKED_THROUGH_MAX: usize = 48;

/// Spans of one start that are compared with a further one of their id; keeps hostile traces linear.
const DUPLICATE_LOOK_BACK: usize = 16;

/// What the order of a span depends on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node {
    /// When it starts.
    pub start_unix_nanos: u64,
    /// Its id.
    pub span_id: SpanId,
    /// Its parent's, zero for none.
    pub parent_span_id: SpanId,
    /// Where it is.
    pub place: RowRef,
}

impl Node {
    /// What the spans of a trace are sorted by before they are walked.
    pub(super) fn key(&self) -> (u64, SpanId, u32, u32) {
        (self.start_unix_nanos, self.span_id, self.place.source, self.place.row)
    }
}

/// Scratch space for one trace at a time.
#[derive(Debug, Default)]
pub(super) struct Walk {
    /// First span of each id; not used for small traces.
    by_id: HashMap<SpanId, u32, RandomState>,
    parents: Vec<u32>,
    first_child: Vec<u32>,
    next_sibling: Vec<u32>,
    is_done: Vec<bool>,
    is_walked: Vec<bool>,
    stack: Vec<u32>,
}

impl Walk {
    /// Appends the rows of a trace, whose spans are sorted by their keys.
    pub(super) fn trace(
        &mut self,
        sources: &[&IndexedBatch],
        spans: &[Node],
        order: &mut Vec<RowRef>,
    ) {
        reset(&mut self.is_done, false, spans.len());
        reset(&mut self.is_walked, false, spans.len());
        self.index(spans);
        for number in 0..spans.len() {
            let first = self.find(spans, spans[number].span_id).unwrap_or(number);
            self.is_done[number] = first < number && is_duplicate(sources, spans, first, number);
        }
        self.link(spans);
        for root in 0..spans.len() {
            if self.parents[root] == NONE {
                self.descend(root, spans, order);
            }
        }
        // What is left lies on cycles or hangs from them.
        for number in 0..spans.len() {
            if !self.is_done[number] {
                let entry = self.cycle_entry(number);
                self.descend(entry, spans, order);
            }
        }
    }

    fn index(&mut self, spans: &[Node]) {
        if spans.len() <= LOOKED_THROUGH_MAX {
            return;
        }
        // What a huge trace left behind would have to be cleared for every trace after it.
        if self.by_id.capacity() > spans.len() * 16 {
            self.by_id = HashMap::default();
        }
        self.by_id.clear();
        for (number, span) in (0..).zip(spans) {
            self.by_id.entry(span.span_id).or_insert(number);
        }
    }

    /// The first span of an id.
    fn find(&self, spans: &[Node], id: SpanId) -> Option<usize> {
        if spans.len() <= LOOKED_THROUGH_MAX {
            return spans.iter().position(|span| span.span_id == id);
        }
        self.by_id.get(&id).map(|&number| cast::index(number))
    }

    /// Finds the parent of every span and lists the children of every span, last first.
    fn link(&mut self, spans: &[Node]) {
        reset(&mut self.parents, NONE, spans.len());
        reset(&mut self.first_child, NONE, spans.len());
        reset(&mut self.next_sibling, NONE, spans.len());
        for (number, span) in spans.iter().enumerate() {
            if span.parent_span_id.is_zero() || span.parent_span_id == span.span_id {
                continue;
            }
            if let Some(parent) = self.find(spans, span.parent_span_id) {
                self.parents[number] = cast::narrow(parent);
                self.next_sibling[number] = self.first_child[parent];
                self.first_child[parent] = cast::narrow(number);
            }
        }
    }

    /// The earliest span of the cycle in which the parents of a span end. Linear in all: what is walked here is below
    /// the cycle and descended to next.
    fn cycle_entry(&mut self, from: usize) -> usize {
        let mut on_cycle = from;
        while !std::mem::replace(&mut self.is_walked[on_cycle], true) {
            if self.parents[on_cycle] == NONE {
                return on_cycle;
            }
            on_cycle = cast::index(self.parents[on_cycle]);
        }
        let mut earliest = on_cycle;
        let mut next = self.parents[on_cycle];
        while next != NONE && cast::index(next) != on_cycle {
            earliest = earliest.min(cast::index(next));
            next = self.parents[cast::index(next)];
        }
        earliest
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

fn reset<T: Copy>(values: &mut Vec<T>, value: T, count: usize) {
    values.clear();
    values.resize(count, value);
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

/// Whether two spans say the same.
pub(super) fn is_same_span(left: &SpanRef<'_>, right: &SpanRef<'_>) -> bool {
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
