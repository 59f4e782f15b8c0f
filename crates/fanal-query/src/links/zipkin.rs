//! Zipkin's rule for dependency links: clean the spans of a trace, make a tree of them, and tell from each node and its
//! nearest remote ancestor who called whom.
//!
//! Follows what Zipkin's own linker does, halves of calls with one id, hops without spans and brokers included. Endpoints
//! are told apart by their service alone. Linear in the spans of a trace, but for sorting.

use super::{Rule, Totals};
use fanal_model::{SpanId, SpanKind};
use fanal_storage::LinkSpan;
use foldhash::fast::RandomState;
use std::collections::HashMap;

/// Bits of the marks that the walk was asked for.
const MARK_ERROR: u8 = 1;
const MARK_SHARED: u8 = 2;

/// The rule, with its room.
#[derive(Debug, Default)]
pub(crate) struct Links {
    nodes: Vec<Node>,
    tree: Tree,
}

/// A span as Zipkin sees it. Names are numbers, 0 for none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Node {
    pub(super) id: SpanId,
    pub(super) is_shared: bool,
    /// Sorted before others of its id that are not shared either.
    is_not_client: bool,
    pub(super) service: u32,
    pub(super) parent_id: SpanId,
    pub(super) remote: u32,
    /// `Unspecified` for none.
    pub(super) kind: SpanKind,
    pub(super) is_error: bool,
}

impl Node {
    pub(super) fn new(span: &LinkSpan) -> Self {
        let is_client = span.kind == SpanKind::Client;
        let is_shared = span.marks & MARK_SHARED != 0 && !is_client;
        let has_parent = span.parent_span_id != span.span_id;
        Self {
            id: span.span_id,
            is_shared,
            is_not_client: !is_client && !is_shared,
            service: span.service,
            parent_id: if has_parent { span.parent_span_id } else { SpanId::default() },
            remote: span.remote_service,
            kind: if span.kind == SpanKind::Internal { SpanKind::Unspecified } else { span.kind },
            is_error: span.is_error || span.marks & MARK_ERROR != 0,
        }
    }

    /// Takes what another piece of the same span says besides.
    fn merge(&mut self, other: &Self) {
        let first = |own: &mut u32, others: u32| {
            if *own == 0 {
                *own = others;
            }
        };
        first(&mut self.service, other.service);
        first(&mut self.remote, other.remote);
        if self.kind == SpanKind::Unspecified {
            self.kind = other.kind;
        }
        if self.parent_id.is_zero() {
            self.parent_id = other.parent_id;
        }
        self.is_error |= other.is_error;
    }
}

impl Rule for Links {
    fn count(&mut self, trace: &[LinkSpan], totals: &mut Totals) {
        self.nodes.clear();
        self.nodes.extend(trace.iter().map(Node::new));
        clean(&mut self.nodes);
        self.tree.build(&self.nodes);
        self.tree.visit(&self.nodes, |visited| link(&self.nodes, visited, totals));
    }
}

/// Merges spans that came in pieces, and mends what senders of halves leave out.
pub(super) fn clean(nodes: &mut Vec<Node>) {
    nodes.sort_unstable();
    let mut kept: usize = 0;
    for place in 0..nodes.len() {
        let node = nodes[place];
        if let Some(last) = kept.checked_sub(1).map(|last| &mut nodes[last])
            && (last.id, last.is_shared) == (node.id, node.is_shared)
            && (last.service == 0 || node.service == 0 || last.service == node.service)
        {
            last.merge(&node);
            continue;
        }
        nodes[kept] = node;
        kept += 1;
    }
    nodes.truncate(kept);
    for place in 1..nodes.len() {
        let (last, node) = (nodes[place - 1], &mut nodes[place]);
        if last.id != node.id {
            continue;
        }
        node.is_shared |= last.kind == SpanKind::Client && node.kind == SpanKind::Server;
        if node.is_shared && node.parent_id.is_zero() {
            node.parent_id = last.parent_id;
        }
    }
}

/// Who stands for a node: its id, for a shared one with its service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    Own(SpanId),
    Shared(SpanId, u32),
}

impl Key {
    fn of(node: &Node) -> Self {
        if node.is_shared { Self::Shared(node.id, node.service) } else { Self::Own(node.id) }
    }
}

/// A node that is visited, with what is known of its place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Visited {
    pub(super) node: usize,
    pub(super) is_root: bool,
    pub(super) has_children: bool,
    /// The nearest ancestor that has a kind.
    pub(super) remote_ancestor: Option<usize>,
}

/// The tree of a trace.
#[derive(Debug, Default)]
struct Tree {
    /// The last node of each key.
    by_key: HashMap<Key, usize, RandomState>,
    /// By node: its children.
    children: Vec<Vec<usize>>,
    /// Children of the root, or of no node where there is none.
    top: Vec<usize>,
    root: Option<usize>,
}

impl Tree {
    fn build(&mut self, nodes: &[Node]) {
        self.by_key.clear();
        self.children.clear();
        self.children.resize(nodes.len(), Vec::new());
        self.top.clear();
        let is_top = |node: &Node| !node.is_shared && node.parent_id.is_zero();
        self.root = nodes.iter().position(is_top);
        for (place, node) in nodes.iter().enumerate().filter(|(place, _)| Some(*place) != self.root)
        {
            self.by_key.insert(Key::of(node), place);
        }
        for (place, node) in nodes.iter().enumerate() {
            // Of nodes of one key the last stands for all; the root's own is found by nobody.
            if self.by_key.get(&Key::of(node)) != Some(&place) {
                continue;
            }
            match self.parent(node) {
                Some(parent) if Some(parent) != self.root => self.children[parent].push(place),
                _ => self.top.push(place),
            }
        }
        if let Some(root) = self.root {
            self.children[root] = std::mem::take(&mut self.top);
        }
    }

    fn parent(&self, node: &Node) -> Option<usize> {
        let find = |key: Key| self.by_key.get(&key).copied();
        if node.is_shared {
            return find(Key::Own(node.id));
        }
        if node.parent_id.is_zero() {
            return None;
        }
        find(Key::Shared(node.parent_id, node.service)).or_else(|| find(Key::Own(node.parent_id)))
    }

    /// Visits every node that hangs below the root, ancestors first.
    fn visit(&self, nodes: &[Node], mut visit: impl FnMut(Visited)) {
        let mut waiting: Vec<(usize, Option<usize>)> = match self.root {
            Some(root) => vec![(root, None)],
            None => self.top.iter().map(|&node| (node, None)).collect(),
        };
        while let Some((node, remote_ancestor)) = waiting.pop() {
            let children = &self.children[node];
            visit(Visited {
                node,
                is_root: Some(node) == self.root,
                has_children: !children.is_empty(),
                remote_ancestor,
            });
            let has_kind = nodes[node].kind != SpanKind::Unspecified;
            let ancestor = if has_kind { Some(node) } else { remote_ancestor };
            waiting.extend(children.iter().map(|&child| (child, ancestor)));
        }
    }
}

/// Adds the calls that a node tells.
pub(super) fn link(nodes: &[Node], visited: Visited, totals: &mut Totals) {
    let node = &nodes[visited.node];
    let mut add = |parent: u32, child: u32, is_error: bool| {
        totals.entry((parent, child)).or_default().add(is_error);
    };
    let kind = match node.kind {
        // The other side tells more.
        SpanKind::Client if visited.has_children => return,
        SpanKind::Unspecified if node.service == 0 || node.remote == 0 => return,
        SpanKind::Unspecified => SpanKind::Client,
        kind => kind,
    };
    let (mut parent, child) = match kind {
        SpanKind::Server | SpanKind::Consumer => (node.remote, node.service),
        _ => (node.service, node.remote),
    };
    if matches!(kind, SpanKind::Producer | SpanKind::Consumer) {
        if parent != 0 && child != 0 {
            add(parent, child, node.is_error);
        }
        return;
    }
    if kind == SpanKind::Server && visited.is_root && node.remote == 0 {
        return;
    }
    let mut is_error = node.is_error;
    if let Some(ancestor) = visited.remote_ancestor.map(|place| &nodes[place])
        && ancestor.service != 0
    {
        if kind == SpanKind::Client && node.service != 0 && ancestor.service != node.service {
            // A hop between the two has no span.
            add(ancestor.service, node.service, false);
        }
        if kind == SpanKind::Server || parent == 0 {
            parent = ancestor.service;
        }
        let is_its_child = node.parent_id == ancestor.id;
        is_error |= ancestor.kind == SpanKind::Client && is_its_child && ancestor.is_error;
    }
    if parent != 0 && child != 0 {
        add(parent, child, is_error);
    }
}
