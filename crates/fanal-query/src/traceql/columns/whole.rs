//! A whole trace of a walk, with what is found out about it once somebody asks.

use super::tree::Tree;
use fanal_storage::{ReadValues, WalkedSpan, WalkedTrace};
use std::cell::{Cell, OnceCell};

/// A trace in columns. Positions of spans are those of the walk.
#[derive(Debug)]
pub(super) struct Whole<'a> {
    pub(super) spans: &'a [WalkedSpan],
    pub(super) values: &'a ReadValues<'a>,
    tree: OnceCell<Tree>,
    times: OnceCell<(u64, u64)>,
    root: OnceCell<Option<usize>>,
    has_divided_by_zero: Cell<bool>,
}

impl<'a> Whole<'a> {
    /// Of spans without exact duplicates.
    fn new(spans: &'a [WalkedSpan], values: &'a ReadValues<'a>) -> Self {
        let (tree, times, root) = (OnceCell::new(), OnceCell::new(), OnceCell::new());
        Self { spans, values, tree, times, root, has_divided_by_zero: Cell::new(false) }
    }

    /// Tells that a whole number was divided by zero.
    pub(super) fn tell_division(&self) {
        self.has_divided_by_zero.set(true);
    }

    /// Whether a whole number was divided by zero.
    pub(super) fn has_divided_by_zero(&self) -> bool {
        self.has_divided_by_zero.get()
    }

    /// Which span hangs under which.
    pub(super) fn tree(&self) -> &Tree {
        self.tree.get_or_init(|| Tree::of(self.spans))
    }

    /// Earliest start and latest end.
    pub(super) fn times(&self) -> (u64, u64) {
        *self.times.get_or_init(|| {
            let end = |span: &WalkedSpan| span.start_unix_nanos.saturating_add(span.duration_nanos);
            self.spans.iter().fold((u64::MAX, 0), |(first, last), span| {
                (first.min(span.start_unix_nanos), last.max(end(span)))
            })
        })
    }

    /// Nanoseconds from the earliest start to the latest end.
    pub(super) fn duration(&self) -> u64 {
        let (start, end) = self.times();
        end.saturating_sub(start)
    }

    /// The span without a parent's id, of several the first by start and id.
    pub(super) fn root(&self) -> Option<&WalkedSpan> {
        let place = self.root.get_or_init(|| {
            let roots = (0..self.spans.len()).filter(|&it| self.spans[it].parent_span_id.is_zero());
            roots.min_by_key(|&it| order(&self.spans[it]))
        });
        place.map(|place| &self.spans[place])
    }
}

/// Hands out the traces that meet what is needed, without exact duplicates of spans.
pub(super) fn each<'t>(
    traces: &'t [WalkedTrace<'t>],
    values: &ReadValues<'_>,
    needed: u64,
    mut take: impl FnMut(&WalkedTrace<'_>, &Whole<'_>),
) {
    let met = |trace: &WalkedTrace<'_>| trace.spans.iter().fold(0, |all, span| all | span.met);
    for trace in traces.iter().filter(|trace| met(trace) & needed == needed) {
        let distinct = without_duplicates(trace.spans);
        take(trace, &Whole::new(distinct.as_deref().unwrap_or(trace.spans), values));
    }
}

/// The order of spans in a trace.
pub(super) fn order(span: &WalkedSpan) -> (u64, fanal_model::SpanId) {
    (span.start_unix_nanos, span.span_id)
}

/// Traces of more spans are not looked at for whether ids may repeat.
const SKETCHED_MAX: usize = 128;

/// Whether two spans may have one id: a sketch that is seldom wrong on small traces.
fn may_repeat(spans: &[WalkedSpan]) -> bool {
    if spans.len() > SKETCHED_MAX {
        return true;
    }
    let mut seen = [0_u64; 128];
    spans.iter().any(|span| {
        let [.., high, low] = span.span_id.0;
        let (word, bit) = (usize::from(high & 127), 1 << (low & 63));
        let is_seen = seen[word] & bit != 0;
        seen[word] |= bit;
        is_seen
    })
}

/// Without exact duplicates; `None` where there are none.
fn without_duplicates(spans: &[WalkedSpan]) -> Option<Vec<WalkedSpan>> {
    if !may_repeat(spans) {
        return None;
    }
    let mut ids: Vec<(fanal_model::SpanId, usize)> =
        spans.iter().enumerate().map(|(place, span)| (span.span_id, place)).collect();
    ids.sort_unstable();
    let is_repeated = ids.windows(2).any(|pair| pair[0].0 == pair[1].0);
    if !is_repeated {
        return None;
    }
    let mut kept: Vec<bool> = vec![true; spans.len()];
    for same in ids.chunk_by(|left, right| left.0 == right.0) {
        for (nth, &(_, place)) in same.iter().enumerate() {
            kept[place] = same[..nth].iter().all(|&(_, other)| spans[other] != spans[place]);
        }
    }
    let spans = spans.iter().zip(kept).filter(|(_, is_kept)| *is_kept);
    Some(spans.map(|(span, _)| *span).collect())
}
