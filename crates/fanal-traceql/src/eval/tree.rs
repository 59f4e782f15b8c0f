//! Which span hangs under which, and the numbers of the nested set.
//!
//! Relations follow the parents that are present. A reference that closes a circle is dropped, at the span of the circle
//! that starts first; such a span is a head like those whose parent never arrived.

use super::trace::Span;
use fanal_model::{SpanId, SpanKind};
use std::collections::BTreeMap;

/// The tree of a trace; spans by their position.
#[derive(Debug, Clone, Default)]
pub(super) struct Tree {
    pub(super) parents: Vec<Option<usize>>,
    pub(super) families: Vec<Family>,
    pub(super) numbers: Vec<Numbers>,
    pub(super) child_counts: Vec<i64>,
}

/// What siblings have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    /// Roots.
    Root,
    /// Children of this span.
    Of(usize),
    /// Spans whose parent, of this id, never arrived.
    Missing(SpanId),
    /// This span alone, whose parent reference closed a circle.
    Broken(usize),
}

/// Numbers of the nested set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Numbers {
    pub(super) left: i64,
    pub(super) right: i64,
    pub(super) parent: i64,
}

impl Tree {
    /// The tree of spans that are ordered by start and id.
    pub(super) fn of(spans: &[Span]) -> Self {
        let mut by_id: BTreeMap<SpanId, Vec<usize>> = BTreeMap::new();
        for (position, span) in spans.iter().enumerate() {
            by_id.entry(span.span_id).or_default().push(position);
        }
        let mut parents: Vec<Option<usize>> =
            spans.iter().map(|child| parent_of(spans, &by_id, child)).collect();
        let mut families: Vec<Family> = Vec::new();
        for (position, span) in spans.iter().enumerate() {
            families.push(match parents[position] {
                Some(parent) => Family::Of(parent),
                None if span.parent_span_id.is_zero() => Family::Root,
                None => Family::Missing(span.parent_span_id),
            });
        }
        for position in 0..spans.len() {
            // The first in the order of spans comes first here too.
            if is_below_itself(&parents, position) {
                parents[position] = None;
                families[position] = Family::Broken(position);
            }
        }
        let mut child_counts = vec![0; spans.len()];
        parents.iter().flatten().for_each(|&parent| child_counts[parent] += 1);
        let numbers = numbers(&parents, &families);
        Self { parents, families, numbers, child_counts }
    }

    /// The spans above one, from its parent on.
    pub(super) fn ancestors(&self, position: usize) -> impl Iterator<Item = usize> + '_ {
        std::iter::successors(self.parents[position], |&above| self.parents[above])
    }
}

/// The span that a span names as its parent. Where several have that id (Zipkin's shared spans), a server's span hangs under
/// the client's half and any other under the server's half; else under the first.
fn parent_of(spans: &[Span], by_id: &BTreeMap<SpanId, Vec<usize>>, child: &Span) -> Option<usize> {
    let id = child.parent_span_id;
    if id.is_zero() {
        return None;
    }
    let candidates = by_id.get(&id)?;
    let wanted = if child.kind == SpanKind::Server { SpanKind::Client } else { SpanKind::Server };
    let half = candidates.iter().find(|&&position| spans[position].kind == wanted);
    let half = half.filter(|_| candidates.len() > 1);
    half.or(candidates.first()).copied()
}

/// Whether following the parents leads back.
fn is_below_itself(parents: &[Option<usize>], position: usize) -> bool {
    let mut above = parents[position];
    for _ in 0..parents.len() {
        match above {
            None => return false,
            Some(other) if other == position => return true,
            Some(other) => above = parents[other],
        }
    }
    // A circle further up, of which this span is no part.
    false
}

/// Depth first from every root and then from every other head, children in the order of spans, one counter from 1.
fn numbers(parents: &[Option<usize>], families: &[Family]) -> Vec<Numbers> {
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); parents.len()];
    for (position, parent) in parents.iter().enumerate() {
        if let Some(parent) = parent {
            children[*parent].push(position);
        }
    }
    let heads = |is_root: bool| {
        (0..parents.len()).filter(move |&position| {
            parents[position].is_none() && (families[position] == Family::Root) == is_root
        })
    };
    let mut numbers = vec![Numbers::default(); parents.len()];
    let mut counter = 0;
    for head in heads(true).chain(heads(false)) {
        numbers[head].parent = if families[head] == Family::Root { -1 } else { 0 };
        // What is still to do, the next on top: enter a span, or leave it.
        let mut stack = vec![(head, true)];
        while let Some((position, is_entered)) = stack.pop() {
            counter += 1;
            if !is_entered {
                numbers[position].right = counter;
                continue;
            }
            numbers[position].left = counter;
            stack.push((position, false));
            for &child in children[position].iter().rev() {
                numbers[child].parent = counter;
                stack.push((child, true));
            }
        }
    }
    numbers
}
