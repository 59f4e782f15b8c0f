//! Operators between sets of spans of one trace.

use super::trace::Trace;
use super::tree::Tree;
use crate::ast::{Keep, Relation, SpansetOperator};
use std::collections::BTreeSet;

/// Positions of spans in their trace, which is in the order of start and id.
pub(super) type Positions = BTreeSet<usize>;

/// `left operator right`.
pub(super) fn combine(
    operator: SpansetOperator,
    trace: &Trace,
    left: &Positions,
    right: &Positions,
) -> Positions {
    match operator {
        SpansetOperator::And if left.is_empty() || right.is_empty() => Positions::new(),
        SpansetOperator::And | SpansetOperator::Or => left | right,
        SpansetOperator::Structural { relation, keep } => {
            let related = |x: usize, y: usize| is_related(relation, &trace.tree, x, y);
            let has_partner = |x: &usize| left.iter().any(|&y| related(*x, y));
            match keep {
                Keep::Right => right.iter().copied().filter(has_partner).collect(),
                Keep::RightUnrelated => right.iter().copied().filter(|x| !has_partner(x)).collect(),
                Keep::Both => {
                    let is_partner = |y: &usize| right.iter().any(|&x| related(x, *y));
                    let kept: Positions = right.iter().copied().filter(has_partner).collect();
                    &kept | &left.iter().copied().filter(is_partner).collect()
                }
            }
        }
    }
}

/// Whether `x`, of the right side, is related to `y`, of the left.
fn is_related(relation: Relation, tree: &Tree, x: usize, y: usize) -> bool {
    match relation {
        Relation::Child => tree.parents[x] == Some(y),
        Relation::Parent => tree.parents[y] == Some(x),
        Relation::Descendant => tree.ancestors(x).any(|above| above == y),
        Relation::Ancestor => tree.ancestors(y).any(|above| above == x),
        Relation::Sibling => x != y && tree.families[x] == tree.families[y],
    }
}
