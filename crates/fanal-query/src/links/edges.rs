//! Jaeger's rule: a call for every span with a parent in its trace, from the parent's service to the span's.
//!
//! Spans that are told equally count once, as the copies that clients send again must. Of spans that share an id, as
//! Zipkin's two halves of a call do, the receiving one hangs under the sending one and is the parent of others.

use super::{Rule, Totals};
use fanal_model::SpanId;
use fanal_storage::LinkSpan;
use foldhash::fast::RandomState;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// Spans in a table that small traces after a large one may cost to clear, for each of theirs.
const SPARSE_SPANS: usize = 16;

/// The rule, with its room.
#[derive(Debug, Default)]
pub(crate) struct Edges {
    /// Place of the span of an id.
    by_id: HashMap<SpanId, usize, RandomState>,
}

impl Rule for Edges {
    fn count(&mut self, trace: &[LinkSpan], totals: &mut Totals) {
        if !self.index(trace) {
            return count_shared(trace, totals);
        }
        for span in trace.iter().filter(|span| !span.parent_span_id.is_zero()) {
            if let Some(&parent) = self.by_id.get(&span.parent_span_id)
                && span.parent_span_id != span.span_id
            {
                add(&trace[parent], span, totals);
            }
        }
    }
}

impl Edges {
    /// Notes where each id is; whether every id is there once.
    fn index(&mut self, trace: &[LinkSpan]) -> bool {
        if self.by_id.capacity() > trace.len().max(8) * SPARSE_SPANS {
            self.by_id = HashMap::default();
        }
        self.by_id.clear();
        for (place, span) in trace.iter().enumerate() {
            match self.by_id.entry(span.span_id) {
                Entry::Vacant(entry) => drop(entry.insert(place)),
                Entry::Occupied(_) => return false,
            }
        }
        true
    }
}

fn add(parent: &LinkSpan, child: &LinkSpan, totals: &mut Totals) {
    totals.entry((parent.service, child.service)).or_default().add(child.is_error);
}

/// What stands for an id that several spans may have.
#[derive(Debug, Clone, Copy)]
struct Group {
    /// The first that sends.
    sender: Option<usize>,
    /// The first that receives, else the first.
    parent: usize,
}

/// The same for a trace in which ids repeat.
fn count_shared(trace: &[LinkSpan], totals: &mut Totals) {
    let mut spans = trace.to_vec();
    spans.sort_unstable();
    spans.dedup();
    let mut groups: HashMap<SpanId, Group, RandomState> = HashMap::default();
    for (place, span) in spans.iter().enumerate() {
        let group = groups.entry(span.span_id).or_insert(Group { sender: None, parent: place });
        if span.kind.is_caller() && group.sender.is_none() {
            group.sender = Some(place);
        }
        if span.kind.is_callee() && !spans[group.parent].kind.is_callee() {
            group.parent = place;
        }
    }
    for span in &spans {
        let own = groups.get(&span.span_id).and_then(|group| group.sender);
        let parent = match own {
            Some(sender) if span.kind.is_callee() => Some(sender),
            _ if span.parent_span_id.is_zero() || span.parent_span_id == span.span_id => None,
            _ => groups.get(&span.parent_span_id).map(|group| group.parent),
        };
        if let Some(parent) = parent {
            add(&spans[parent], span, totals);
        }
    }
}
