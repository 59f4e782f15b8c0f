//! Both rules against slow references that follow their words, on generated traces; and by hand where a word matters.

use super::*;
use fanal_model::{SpanId, SpanKind};
use fanal_testkit::Random;

const SHARED: u8 = 2;
const ERROR: u8 = 1;

fn id(number: u64) -> SpanId {
    SpanId(number.to_be_bytes())
}

/// A trace with all that may be odd: ids that repeat, halves that share theirs, missing parents, circles, copies.
fn random_trace(random: &mut Random) -> Vec<LinkSpan> {
    let count = random.between(1, 14);
    let mut spans: Vec<LinkSpan> = Vec::new();
    for number in 1..=count {
        let own = if random.chance(0.85) { number } else { random.between(1, count) };
        let span = LinkSpan {
            span_id: id(own),
            parent_span_id: match random.below(8) {
                0 => SpanId::default(),
                1 => id(random.between(1, count + 3)),
                _ => id(own.saturating_sub(random.between(1, 3))),
            },
            service: u32::try_from(random.below(5)).expect("small"),
            remote_service: u32::try_from(random.below(8)).expect("small") % 5,
            kind: random.pick(&SpanKind::ALL),
            is_error: random.chance(0.2),
            marks: if random.chance(0.1) { ERROR } else { 0 },
            ..LinkSpan::default()
        };
        spans.push(span);
        if span.kind == SpanKind::Client && random.chance(0.5) {
            let marks = if random.chance(0.7) { SHARED } else { 0 };
            let parent = if random.chance(0.8) { span.parent_span_id } else { SpanId::default() };
            let service = u32::try_from(random.below(5)).expect("small");
            let server = LinkSpan { service, kind: SpanKind::Server, marks, ..span };
            spans.push(LinkSpan { parent_span_id: parent, ..server });
        }
        if random.chance(0.1) {
            spans.push(spans[random.index(spans.len())]);
        }
    }
    for last in (1..spans.len()).rev() {
        spans.swap(last, random.index(last + 1));
    }
    spans
}

fn counted<R: Rule>(rule: &mut R, trace: &[LinkSpan]) -> Vec<(u32, u32, u64, u64)> {
    let mut totals = Totals::default();
    rule.count(trace, &mut totals);
    sorted(totals)
}

fn sorted(totals: Totals) -> Vec<(u32, u32, u64, u64)> {
    let mut all: Vec<_> =
        totals.into_iter().map(|((a, b), calls)| (a, b, calls.all, calls.failed)).collect();
    all.sort_unstable();
    all
}

/// Jaeger's rule in its words: distinct spans; for each its parent; a call between their services.
fn slow_edges(trace: &[LinkSpan]) -> Vec<(u32, u32, u64, u64)> {
    let distinct: std::collections::BTreeSet<LinkSpan> = trace.iter().copied().collect();
    let of = |id: SpanId| distinct.iter().filter(move |span| span.span_id == id);
    let receives = |span: &&LinkSpan| span.kind.is_callee();
    let sends = |span: &&LinkSpan| span.kind.is_caller();
    let mut totals = Totals::default();
    for span in &distinct {
        let other_half = of(span.span_id).find(sends).filter(|_| receives(&span));
        let named = of(span.parent_span_id)
            .find(receives)
            .or_else(|| of(span.parent_span_id).next())
            .filter(|_| span.parent_span_id != span.span_id);
        if let Some(parent) = other_half.or(named) {
            totals.entry((parent.service, span.service)).or_default().add(span.is_error);
        }
    }
    sorted(totals)
}

/// Zipkin's tree in its words: by walking upwards from each node, every parent looked for anew.
struct SlowTree(Vec<zipkin::Node>);

impl SlowTree {
    fn root(&self) -> Option<usize> {
        self.0.iter().position(|node| !node.is_shared && node.parent_id.is_zero())
    }

    /// The last node but the root that passes.
    fn last(&self, passes: impl Fn(&zipkin::Node) -> bool) -> Option<usize> {
        (0..self.0.len()).rev().find(|&place| Some(place) != self.root() && passes(&self.0[place]))
    }

    /// Whether a later node has the same key and stands in its place.
    fn is_hidden(&self, place: usize) -> bool {
        let own = &self.0[place];
        let is_same = |other: &zipkin::Node| {
            other.id == own.id
                && other.is_shared == own.is_shared
                && (!own.is_shared || other.service == own.service)
        };
        Some(place) != self.root() && self.last(is_same) != Some(place)
    }

    /// The parent; `None` for the root and for children of no node.
    fn parent(&self, place: usize) -> Option<usize> {
        let node = &self.0[place];
        if Some(place) == self.root() {
            return None;
        }
        let own = |id: SpanId| self.last(|other| !other.is_shared && other.id == id);
        let shared = |id| {
            self.last(|other| other.is_shared && other.id == id && other.service == node.service)
        };
        let found = match (node.is_shared, node.parent_id.is_zero()) {
            (true, _) => own(node.id),
            (false, true) => None,
            (false, false) => shared(node.parent_id).or_else(|| own(node.parent_id)),
        };
        found.or(self.root())
    }

    /// Ancestors from the parent to the top; `None` on a circle.
    fn ancestors(&self, place: usize) -> Option<Vec<usize>> {
        let mut all = Vec::new();
        let mut next = self.parent(place);
        while let Some(ancestor) = next {
            if all.len() > self.0.len() {
                return None;
            }
            all.push(ancestor);
            next = self.parent(ancestor);
        }
        Some(all)
    }

    fn links(&self) -> Vec<(u32, u32, u64, u64)> {
        let mut totals = Totals::default();
        let shown = |place: &usize| !self.is_hidden(*place);
        for place in (0..self.0.len()).filter(shown) {
            let Some(ancestors) = self.ancestors(place) else { continue };
            let has_kind = |it: &&usize| self.0[**it].kind != SpanKind::Unspecified;
            let visited = zipkin::Visited {
                node: place,
                is_root: Some(place) == self.root(),
                has_children: (0..self.0.len())
                    .filter(shown)
                    .any(|other| self.parent(other) == Some(place)),
                remote_ancestor: ancestors.iter().find(has_kind).copied(),
            };
            zipkin::link(&self.0, visited, &mut totals);
        }
        sorted(totals)
    }
}

#[test]
fn rules_agree_with_their_references_on_generated_traces() {
    let mut random = Random::new(7);
    let (mut edges, mut links) = (Edges::default(), Links::default());
    let (mut edge_count, mut link_count) = (0, 0);
    for number in 0..10_000 {
        let trace = random_trace(&mut random);
        let found = counted(&mut edges, &trace);
        assert_eq!(found, slow_edges(&trace), "trace {number}: {trace:#?}");
        edge_count += found.len();
        let mut nodes: Vec<zipkin::Node> = trace.iter().map(zipkin::Node::new).collect();
        zipkin::clean(&mut nodes);
        let found = counted(&mut links, &trace);
        assert_eq!(found, SlowTree(nodes).links(), "trace {number}: {trace:#?}");
        link_count += found.len();
    }
    // Or nothing was compared.
    assert!(edge_count > 10_000 && link_count > 10_000, "{edge_count} {link_count}");
}

/// Spans written short: id, parent, kind, service, remote service, marks.
type Short = (u64, u64, SpanKind, u32, u32, u8);

fn spans(short: &[Short]) -> Vec<LinkSpan> {
    let span = |&(own, parent, kind, service, remote_service, marks): &Short| LinkSpan {
        span_id: id(own),
        parent_span_id: id(parent),
        service,
        remote_service,
        kind,
        marks,
        ..LinkSpan::default()
    };
    short.iter().map(span).collect()
}

use SpanKind::{Client, Consumer, Internal, Producer, Server};

#[test]
fn zipkin_tells_calls_from_halves_hops_and_brokers() {
    let check = |short: &[Short], expect: &[(u32, u32, u64, u64)]| {
        let trace = spans(short);
        let mut back = trace.clone();
        back.reverse();
        for trace in [trace, back] {
            assert_eq!(counted(&mut Links::default(), &trace), expect, "{short:?}");
        }
    };
    // The root's client is unknown.
    check(&[(1, 0, Server, 1, 0, 0)], &[]);
    check(&[(1, 0, Server, 1, 9, 0)], &[(9, 1, 1, 0)]);
    // Halves with one id, told and not told.
    check(&[(1, 0, Client, 1, 0, 0), (1, 0, Server, 2, 0, SHARED)], &[(1, 2, 1, 0)]);
    check(&[(1, 0, Client, 1, 0, 0), (1, 0, Server, 2, 0, 0)], &[(1, 2, 1, 0)]);
    // A failed client of another span id makes the call of its child failed; one that shares does not.
    check(&[(1, 0, Client, 1, 0, ERROR), (2, 1, Server, 2, 0, 0)], &[(1, 2, 1, 1)]);
    check(&[(1, 0, Client, 1, 0, ERROR), (1, 0, Server, 2, 0, SHARED)], &[(1, 2, 1, 0)]);
    // A leaf that calls something without spans.
    check(
        &[(1, 0, Server, 1, 0, 0), (2, 1, Internal, 1, 0, 0), (3, 2, Client, 1, 8, 0)],
        &[(1, 8, 1, 0)],
    );
    // A hop between two services has no span of its own.
    check(&[(1, 0, Server, 1, 0, 0), (2, 1, Client, 2, 3, ERROR)], &[(1, 2, 1, 0), (2, 3, 1, 1)]);
    // A broker in the middle.
    check(&[(1, 0, Producer, 1, 7, 0), (2, 1, Consumer, 2, 7, 0)], &[(1, 7, 1, 0), (7, 2, 1, 0)]);
    check(&[(1, 0, Producer, 1, 0, 0), (2, 1, Consumer, 2, 0, 0)], &[]);
    // No kind, both sides known.
    check(&[(1, 0, Internal, 1, 2, 0)], &[(1, 2, 1, 0)]);
    // Pieces of one span are one; a missing root leaves its children.
    check(&[(2, 1, Client, 1, 0, 0), (2, 1, SpanKind::Unspecified, 1, 5, 0)], &[(1, 5, 1, 0)]);
    check(&[(2, 1, Server, 1, 0, 0), (3, 2, Client, 1, 4, 0)], &[(1, 4, 1, 0)]);
    // A circle hangs from nothing.
    check(&[(2, 3, Server, 1, 4, 0), (3, 2, Server, 1, 4, 0)], &[]);
}

#[test]
fn jaeger_counts_every_span_with_a_parent() {
    let check = |short: &[Short], expect: &[(u32, u32, u64, u64)]| {
        assert_eq!(counted(&mut Edges::default(), &spans(short)), expect, "{short:?}");
    };
    check(&[(1, 0, Server, 1, 0, 0)], &[]);
    check(
        &[(1, 0, Server, 1, 0, 0), (2, 1, Internal, 1, 0, 0), (3, 1, Client, 2, 0, 0)],
        &[(1, 1, 1, 0), (1, 2, 1, 0)],
    );
    // Copies count once, a missing parent and one's own do not.
    check(
        &[(2, 1, Client, 2, 0, 0), (1, 0, Server, 1, 0, 0), (2, 1, Client, 2, 0, 0)],
        &[(1, 2, 1, 0)],
    );
    check(&[(2, 9, Client, 2, 0, 0), (1, 1, Server, 1, 0, 0)], &[]);
    // Halves: client under its parent, server under the client, children under the server.
    check(
        &[
            (1, 0, Server, 1, 0, 0),
            (2, 1, Client, 1, 0, 0),
            (2, 1, Server, 2, 0, SHARED),
            (3, 2, Internal, 2, 0, 0),
        ],
        &[(1, 1, 1, 0), (1, 2, 1, 0), (2, 2, 1, 0)],
    );
    let mut failed = spans(&[(1, 0, Server, 1, 0, 0), (2, 1, Client, 2, 0, 0)]);
    failed[1].is_error = true;
    assert_eq!(counted(&mut Edges::default(), &failed), [(1, 2, 1, 1)]);
}

#[test]
fn large_and_hostile_traces_take_linear_time() {
    let many = 200_000;
    let chain = |service: u32| {
        let span = move |number: u64| LinkSpan {
            span_id: id(number),
            parent_span_id: id(number - 1),
            service,
            remote_service: 3,
            kind: Internal,
            ..LinkSpan::default()
        };
        (1..=many).map(span).collect::<Vec<_>>()
    };
    assert_eq!(counted(&mut Edges::default(), &chain(1)), [(1, 1, many - 1, 0)]);
    assert_eq!(counted(&mut Links::default(), &chain(1)), [(1, 3, many, 0)]);
    let mut same = chain(1);
    same.iter_mut().for_each(|span| span.span_id = id(1));
    assert_eq!(counted(&mut Edges::default(), &same), [(1, 1, 0, 0); 0]);
    same.iter_mut().for_each(|span| span.kind = Server);
    same[0].kind = Client;
    let expect = u64::try_from(same.len()).expect("fits") - 1;
    assert_eq!(counted(&mut Edges::default(), &same), [(1, 1, expect, 0)]);
    assert_eq!(counted(&mut Links::default(), &same).len(), 1);
}
