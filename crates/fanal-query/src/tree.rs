//! The rows of a trace: which span hangs under which, in display order.
//!
//! Fed by [`crate::trace`]. Without recursion and in O(n log n), however deep or odd the trace is.
//!
//! Where spans share an id (Zipkin's shared spans), the server's side hangs under the client's, and children of the id
//! hang under the server's side, else under the span that starts first.

use crate::trace::TraceRow;
use fanal_base::cast;
use fanal_model::{IndexedBatch, SpanId, SpanKind};

/// No parent.
const NONE: u32 = u32::MAX;

/// The rows of a trace with what was odd about it.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    pub(crate) rows: Vec<TraceRow>,
    /// Spans whose parent never arrived.
    pub(crate) orphans: usize,
    /// Parents that never arrived.
    pub(crate) missing_parents: usize,
    /// Parent references dropped because they closed a cycle.
    pub(crate) cycles: usize,
    /// Spans that share their id with another span.
    pub(crate) shared_ids: usize,
}

/// Spans and missing parents by number: spans are their rows, missing parents follow.
struct Nodes {
    ids: Vec<SpanId>,
    starts: Vec<u64>,
    parents: Vec<u32>,
    is_broken: Vec<bool>,
    span_count: usize,
}

impl Tree {
    pub(crate) fn build(spans: &IndexedBatch) -> Self {
        let batch = spans.batch();
        let mut tree = Self::default();
        let mut nodes = Nodes {
            ids: batch.span_ids.clone(),
            starts: batch.start_unix_nanos.clone(),
            parents: vec![NONE; spans.len()],
            is_broken: Vec::new(),
            span_count: spans.len(),
        };
        let by_id = ById::new(spans);
        tree.shared_ids = by_id.shared_ids();
        let mut orphans: Vec<(SpanId, u32)> = Vec::new();
        for row in 0..spans.len() {
            let parent_id = batch.parent_span_ids[row];
            if let Some(client) = by_id.client_of(spans, row) {
                nodes.parents[row] = client;
            } else if let Some(parent) = by_id.first(parent_id) {
                nodes.parents[row] = parent;
            } else if !parent_id.is_zero() {
                orphans.push((parent_id, cast::narrow(row)));
            }
        }
        tree.orphans = orphans.len();
        tree.missing_parents = nodes.add_missing_parents(orphans);
        tree.cycles = nodes.break_cycles();
        tree.rows = nodes.into_rows();
        tree
    }
}

/// Spans by id; of equal ids the one first that children hang under.
struct ById(Vec<(SpanId, bool, u64, u32)>);

impl ById {
    fn new(spans: &IndexedBatch) -> Self {
        let mut entries: Vec<_> = spans
            .spans()
            .map(|span| {
                let is_other = !is_entry(span.kind());
                (span.span_id(), is_other, span.start_unix_nanos(), cast::narrow(span.row()))
            })
            .collect();
        entries.sort_unstable();
        Self(entries)
    }

    fn of(&self, id: SpanId) -> &[(SpanId, bool, u64, u32)] {
        let start = self.0.partition_point(|entry| entry.0 < id);
        let length = self.0[start..].partition_point(|entry| entry.0 == id);
        &self.0[start..start + length]
    }

    fn first(&self, id: SpanId) -> Option<u32> {
        let start = self.0.partition_point(|entry| entry.0 < id);
        self.0.get(start).filter(|entry| entry.0 == id).map(|entry| entry.3)
    }

    /// The calling side of a shared span whose answering side `row` is.
    fn client_of(&self, spans: &IndexedBatch, row: usize) -> Option<u32> {
        let span = spans.span(row);
        if !is_entry(span.kind()) {
            return None;
        }
        let same = self.of(span.span_id());
        // Sorted by kind: the others follow the answering sides.
        let others = &same[same.partition_point(|entry| !entry.1)..];
        let first = others.first()?;
        let kind = spans.span(cast::index(first.3)).kind();
        matches!(kind, SpanKind::Client | SpanKind::Producer).then_some(first.3)
    }

    fn shared_ids(&self) -> usize {
        let groups = self.0.chunk_by(|left, right| left.0 == right.0);
        groups.filter(|group| group.len() > 1).map(<[_]>::len).sum()
    }
}

fn is_entry(kind: SpanKind) -> bool {
    matches!(kind, SpanKind::Server | SpanKind::Consumer)
}

impl Nodes {
    /// One node for each parent that never arrived; answers how many. It starts with its first child.
    fn add_missing_parents(&mut self, mut orphans: Vec<(SpanId, u32)>) -> usize {
        orphans.sort_unstable();
        for group in orphans.chunk_by(|left, right| left.0 == right.0) {
            let node = cast::narrow(self.ids.len());
            let children = || group.iter().map(|&(_, row)| cast::index(row));
            let start = children().map(|row| self.starts[row]).min().unwrap_or(0);
            children().for_each(|row| self.parents[row] = node);
            self.ids.push(group[0].0);
            self.starts.push(start);
            self.parents.push(NONE);
        }
        self.is_broken = vec![false; self.ids.len()];
        self.ids.len() - self.span_count
    }

    /// Drops one parent reference of each cycle: that of the span that starts first. Answers how many.
    fn break_cycles(&mut self) -> usize {
        let mut walks = vec![NONE; self.parents.len()];
        let mut cycles = 0;
        for first in 0..self.parents.len() {
            let walk = cast::narrow(first);
            let mut node = first;
            while walks[node] == NONE {
                walks[node] = walk;
                match self.parents[node] {
                    NONE => break,
                    parent => node = cast::index(parent),
                }
            }
            // Met again on this very walk, with a way on: `node` lies on a cycle that is whole still.
            if walks[node] == walk && self.parents[node] != NONE {
                self.break_cycle_at(node);
                cycles += 1;
            }
        }
        cycles
    }

    fn break_cycle_at(&mut self, member: usize) {
        let rank = |nodes: &Self, node: usize| (nodes.starts[node], nodes.ids[node], node);
        let mut first = member;
        let mut node = cast::index(self.parents[member]);
        while node != member {
            if rank(self, node) < rank(self, first) {
                first = node;
            }
            node = cast::index(self.parents[node]);
        }
        self.parents[first] = NONE;
        self.is_broken[first] = true;
    }

    fn into_rows(self) -> Vec<TraceRow> {
        // Descending, so that popping a stack gives the display order.
        let mut order: Vec<u32> = (0..cast::narrow(self.ids.len())).collect();
        order.sort_unstable_by_key(|&node| {
            let node = cast::index(node);
            (self.parents[node], std::cmp::Reverse((self.starts[node], self.ids[node], node)))
        });
        let children_of = |parent: u32| {
            let of = |node: &u32| self.parents[cast::index(*node)];
            let start = order.partition_point(|node| of(node) < parent);
            let length = order[start..].partition_point(|node| of(node) == parent);
            &order[start..start + length]
        };
        let mut rows: Vec<TraceRow> = Vec::with_capacity(self.ids.len());
        let mut stack: Vec<(u32, Option<u32>)> =
            children_of(NONE).iter().map(|&node| (node, None)).collect();
        while let Some((node, parent)) = stack.pop() {
            let ordinal = cast::narrow(rows.len());
            let index = cast::index(node);
            rows.push(TraceRow {
                span: (index < self.span_count).then_some(node),
                span_id: self.ids[index],
                parent,
                depth: parent.map_or(0, |parent| rows[cast::index(parent)].depth + 1),
                subtree_end: ordinal + 1,
                is_cycle_broken: self.is_broken[index],
            });
            stack.extend(children_of(node).iter().map(|&child| (child, Some(ordinal))));
        }
        for ordinal in (0..rows.len()).rev() {
            let TraceRow { parent, subtree_end, .. } = rows[ordinal];
            if let Some(parent) = parent {
                let end = &mut rows[cast::index(parent)].subtree_end;
                *end = subtree_end.max(*end);
            }
        }
        rows
    }
}
