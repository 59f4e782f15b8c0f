//! Which span of a trace hangs under which, by the rules of the evaluator's tree: relations follow the parents that are
//! present, and a reference that closes a circle is dropped at the span of the circle that starts first.

use super::whole::order;
use fanal_base::cast;
use fanal_model::{SpanId, SpanKind};
use fanal_storage::WalkedSpan;
use std::cell::OnceCell;

/// No parent.
const NONE: u32 = u32::MAX;

/// The tree of a trace; spans by their position.
#[derive(Debug)]
pub(super) struct Tree {
    parents: Vec<u32>,
    families: Vec<Family>,
    child_counts: OnceCell<Vec<i64>>,
}

/// What siblings have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Family {
    /// Roots.
    Root,
    /// Children of this span.
    Of(u32),
    /// Spans whose parent, of this id, never arrived.
    Missing(SpanId),
    /// This span alone, whose parent reference closed a circle.
    Broken(u32),
}

impl Tree {
    /// The tree of spans without exact duplicates.
    pub(super) fn of(spans: &[WalkedSpan]) -> Self {
        let mut by_id: Vec<(SpanId, u32)> =
            spans.iter().zip(0..).map(|(span, place)| (span.span_id, place)).collect();
        by_id.sort_unstable();
        let mut parents: Vec<u32> =
            spans.iter().map(|span| parent_of(spans, &by_id, span)).collect();
        let broken = break_circles(spans, &mut parents);
        let family = |(place, (span, &parent)): (u32, (&WalkedSpan, &u32))| match parent {
            NONE if broken.contains(&place) => Family::Broken(place),
            NONE if span.parent_span_id.is_zero() => Family::Root,
            NONE => Family::Missing(span.parent_span_id),
            parent => Family::Of(parent),
        };
        let families = (0..).zip(spans.iter().zip(&parents)).map(family).collect();
        Self { parents, families, child_counts: OnceCell::new() }
    }

    /// The span that one hangs under.
    #[inline]
    pub(super) fn parent(&self, place: usize) -> Option<usize> {
        let parent = self.parents[place];
        (parent != NONE).then(|| cast::index(parent))
    }

    /// What a span has in common with its siblings.
    pub(super) fn family(&self, place: usize) -> Family {
        self.families[place]
    }

    /// Direct children of a span.
    pub(super) fn child_count(&self, place: usize) -> i64 {
        let counts = self.child_counts.get_or_init(|| {
            let mut counts = vec![0; self.parents.len()];
            let parents = self.parents.iter().filter(|&&parent| parent != NONE);
            parents.for_each(|&parent| counts[cast::index(parent)] += 1);
            counts
        });
        counts[place]
    }
}

/// The span that a span names as its parent. Where several have that id, a server's span hangs under the client's half and
/// any other under the server's half; else under the first.
fn parent_of(spans: &[WalkedSpan], by_id: &[(SpanId, u32)], child: &WalkedSpan) -> u32 {
    let id = child.parent_span_id;
    if id.is_zero() {
        return NONE;
    }
    let first = by_id.partition_point(|(known, _)| *known < id);
    let own: Vec<u32> = match by_id.get(first..).unwrap_or_default() {
        [(known, _), ..] if *known != id => return NONE,
        [] => return NONE,
        [(_, place), (next, _), ..] if *next != id => return *place,
        [(_, place)] => return *place,
        rest => rest.iter().take_while(|(known, _)| *known == id).map(|(_, it)| *it).collect(),
    };
    let span = |place: u32| &spans[cast::index(place)];
    let wanted = if child.kind == SpanKind::Server { SpanKind::Client } else { SpanKind::Server };
    let halves = own.iter().copied().filter(|&place| span(place).kind == wanted);
    let half = halves.min_by_key(|&place| order(span(place)));
    half.or_else(|| own.into_iter().min_by_key(|&place| order(span(place)))).unwrap_or(NONE)
}

/// Cuts every circle at its span that comes first; answers those.
fn break_circles(spans: &[WalkedSpan], parents: &mut [u32]) -> Vec<u32> {
    let mut broken = Vec::new();
    // By span: the number of the walk up that came by, 0 for none.
    let mut seen = vec![0_u32; parents.len()];
    for (start, number) in (0..parents.len()).zip(1_u32..) {
        let mut at = start;
        while seen[at] == 0 {
            seen[at] = number;
            if parents[at] == NONE {
                break;
            }
            at = cast::index(parents[at]);
        }
        if parents[at] == NONE || seen[at] != number {
            continue;
        }
        // `at` is on a circle that this walk closed.
        let mut first = at;
        let mut next = cast::index(parents[at]);
        while next != at {
            if (order(&spans[next]), next) < (order(&spans[first]), first) {
                first = next;
            }
            next = cast::index(parents[next]);
        }
        parents[first] = NONE;
        broken.push(cast::narrow(first));
    }
    broken
}
