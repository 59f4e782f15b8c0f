//! The shapes of a table as a tree: a shape is a way from the root, each step a column.
//!
//! Owned by the attribute table builder, which walks it while attributes come and so needs no list of them. Every node
//! remembers the steps taken from it last. Invariant: no two shapes are one list of columns.

use fanal_base::cast;
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use std::hash::BuildHasher;

/// No node, no shape, no column.
pub(crate) const NONE: u32 = u32::MAX;

/// The node where every row begins.
pub(crate) const ROOT: u32 = 0;

/// Steps that a node remembers. Of real spans nearly all rows find theirs among so many.
const LIKELY_COUNT: usize = 4;

#[derive(Debug, Clone, Copy)]
struct Node {
    column: u32,
    parent: u32,
    shape: u32,
    /// Children, the one taken last first; [`NONE`] behind them.
    likely: [u32; LIKELY_COUNT],
}

impl Node {
    const fn new(parent: u32, column: u32) -> Self {
        Self { column, parent, shape: NONE, likely: [NONE; LIKELY_COUNT] }
    }

    fn take(&mut self, child: u32) {
        let known = self.likely.iter().position(|&likely| likely == child);
        self.likely[..=known.unwrap_or(LIKELY_COUNT - 1)].rotate_right(1);
        self.likely[0] = child;
    }
}

/// The tree.
#[derive(Debug)]
pub(crate) struct ShapeTree {
    nodes: Vec<Node>,
    children: HashTable<u32>,
    hasher: RandomState,
    shapes: Vec<Box<[u32]>>,
}

impl Default for ShapeTree {
    fn default() -> Self {
        Self {
            nodes: vec![Node::new(ROOT, NONE)],
            children: HashTable::new(),
            hasher: RandomState::default(),
            shapes: Vec::new(),
        }
    }
}

impl ShapeTree {
    /// The column of a likely child that `is_wanted` knows: a guess that costs no hash.
    #[inline]
    pub(crate) fn likely_child(
        &mut self,
        node: u32,
        mut is_wanted: impl FnMut(u32) -> bool,
    ) -> Option<(u32, u32)> {
        let first = self.nodes[cast::index(node)].likely[0];
        // A node without children has none here.
        let column = self.nodes.get(cast::index(first))?.column;
        if is_wanted(column) {
            return Some((first, column));
        }
        self.other_likely_child(node, is_wanted)
    }

    #[inline(never)]
    fn other_likely_child(
        &mut self,
        node: u32,
        mut is_wanted: impl FnMut(u32) -> bool,
    ) -> Option<(u32, u32)> {
        let [_, others @ ..] = self.nodes[cast::index(node)].likely;
        for child in others {
            let column = self.nodes.get(cast::index(child))?.column;
            if is_wanted(column) {
                self.nodes[cast::index(node)].take(child);
                return Some((child, column));
            }
        }
        None
    }

    /// The child of a node by column.
    pub(crate) fn child(&mut self, node: u32, column: u32) -> Option<u32> {
        if let Some((child, _)) = self.likely_child(node, |likely| likely == column) {
            return Some(child);
        }
        let hash = self.hasher.hash_one((node, column));
        let nodes = &self.nodes;
        let is_wanted = |&child: &u32| {
            let child = &nodes[cast::index(child)];
            (child.parent, child.column) == (node, column)
        };
        let child = *self.children.find(hash, is_wanted)?;
        self.nodes[cast::index(node)].take(child);
        Some(child)
    }

    fn child_or_new(&mut self, node: u32, column: u32) -> u32 {
        if let Some(child) = self.child(node, column) {
            return child;
        }
        let child = cast::narrow(self.nodes.len());
        self.nodes.push(Node::new(node, column));
        self.nodes[cast::index(node)].take(child);
        let (nodes, hasher) = (&self.nodes, &self.hasher);
        self.children.insert_unique(hasher.hash_one((node, column)), child, |&child| {
            let child = &nodes[cast::index(child)];
            hasher.hash_one((child.parent, child.column))
        });
        child
    }

    /// The node at the end of a way from the root, new or known.
    pub(crate) fn descend(&mut self, columns: &[u32]) -> u32 {
        columns.iter().fold(ROOT, |node, &column| self.child_or_new(node, column))
    }

    /// The columns on the way to a node.
    pub(crate) fn columns(&self, mut node: u32) -> Vec<u32> {
        let mut columns = Vec::new();
        while node != ROOT {
            let Node { column, parent, .. } = self.nodes[cast::index(node)];
            columns.push(column);
            node = parent;
        }
        columns.reverse();
        columns
    }

    /// The shape that ends at a node.
    #[inline]
    pub(crate) fn shape(&mut self, node: u32) -> u32 {
        let known = self.nodes[cast::index(node)].shape;
        if known == NONE { self.new_shape(node) } else { known }
    }

    #[cold]
    fn new_shape(&mut self, node: u32) -> u32 {
        let shape = cast::narrow(self.shapes.len());
        self.shapes.push(self.columns(node).into());
        self.nodes[cast::index(node)].shape = shape;
        shape
    }

    /// All shapes.
    pub(crate) fn shapes(&self) -> &[Box<[u32]>] {
        &self.shapes
    }

    /// Bytes of memory held.
    pub(crate) fn memory_bytes(&self) -> usize {
        let shapes: usize = self.shapes.iter().map(|shape| 16 + shape.len() * 4).sum();
        self.nodes.capacity() * size_of::<Node>() + self.children.capacity() * 5 + shapes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_ways_from_the_root() {
        let mut tree = ShapeTree::default();
        let mut check = |columns: &[u32], expect: u32| {
            let node = tree.descend(columns);
            assert_eq!(tree.shape(node), expect, "{columns:?}");
            assert_eq!(tree.columns(node), columns);
            assert_eq!(*tree.shapes()[cast::index(expect)], *columns);
        };
        check(&[1, 2, 3], 0);
        check(&[], 1);
        check(&[1, 3, 2], 2);
        check(&[1, 2], 3);
        check(&[1, 2, 3], 0);
        for column in 0..100 {
            check(&[7, column], 4 + column);
        }
        for column in 0..100 {
            check(&[7, column], 4 + column);
        }
    }

    #[test]
    fn the_step_taken_last_is_likely_first() {
        let mut tree = ShapeTree::default();
        for column in [1, 2, 3, 4, 5, 2] {
            tree.descend(&[column]);
        }
        let mut met = Vec::new();
        tree.likely_child(ROOT, |column| {
            met.push(column);
            false
        });
        assert_eq!(met, [2, 5, 4, 3]);
        assert_eq!(tree.child(ROOT, 1).map(|child| tree.columns(child)), Some(vec![1]));
        assert_eq!(tree.child(ROOT, 9), None);
    }
}
