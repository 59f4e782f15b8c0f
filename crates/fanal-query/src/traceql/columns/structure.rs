//! Operators between sets of spans of one trace, each in time that grows with the trace.

use super::tree::{Family, Tree};
use super::whole::Whole;
use fanal_traceql::ast::{Keep, Relation, SpansetOperator};
use foldhash::fast::RandomState;
use std::collections::HashMap;

/// By position of a span: whether it is in the set.
pub(super) type Marks = Vec<bool>;

/// `left operator right`.
pub(super) fn combine(
    operator: SpansetOperator,
    trace: &Whole<'_>,
    mut left: Marks,
    mut right: Marks,
) -> Marks {
    let is_any = |marks: &Marks| marks.contains(&true);
    let (relation, keep) = match operator {
        SpansetOperator::And if !is_any(&left) || !is_any(&right) => {
            return vec![false; left.len()];
        }
        SpansetOperator::And | SpansetOperator::Or => {
            left.iter_mut().zip(right).for_each(|(left, right)| *left |= right);
            return left;
        }
        SpansetOperator::Structural { relation, keep } => (relation, keep),
    };
    if !is_any(&right) || (!is_any(&left) && keep != Keep::RightUnrelated) {
        return vec![false; left.len()];
    }
    if !is_any(&left) {
        return right;
    }
    let related = related(relation, trace.tree(), &left);
    match keep {
        Keep::Right => right.iter_mut().zip(related).for_each(|(right, is)| *right &= is),
        Keep::RightUnrelated => right.iter_mut().zip(related).for_each(|(right, is)| *right &= !is),
        Keep::Both => {
            let partners = self::related(inverse(relation), trace.tree(), &right);
            right.iter_mut().zip(related).for_each(|(right, is)| *right &= is);
            left.iter_mut().zip(partners).for_each(|(left, is)| *left &= is);
            right.iter_mut().zip(left).for_each(|(right, left)| *right |= left);
        }
    }
    right
}

fn inverse(relation: Relation) -> Relation {
    match relation {
        Relation::Child => Relation::Parent,
        Relation::Parent => Relation::Child,
        Relation::Descendant => Relation::Ancestor,
        Relation::Ancestor => Relation::Descendant,
        Relation::Sibling => Relation::Sibling,
    }
}

/// Which spans are the child (parent, …) of one of `others`.
fn related(relation: Relation, tree: &Tree, others: &Marks) -> Marks {
    let places = || (0..others.len()).filter(|&place| others[place]);
    match relation {
        Relation::Child => (0..others.len())
            .map(|place| tree.parent(place).is_some_and(|parent| others[parent]))
            .collect(),
        Relation::Parent => {
            let mut found = vec![false; others.len()];
            places().filter_map(|place| tree.parent(place)).for_each(|parent| found[parent] = true);
            found
        }
        Relation::Ancestor => {
            let mut found = vec![false; others.len()];
            for place in places() {
                let mut above = tree.parent(place);
                while let Some(parent) = above.filter(|&parent| !found[parent]) {
                    found[parent] = true;
                    above = tree.parent(parent);
                }
            }
            found
        }
        Relation::Descendant => descendants(tree, others),
        Relation::Sibling => {
            let mut counts = HashMap::<Family, usize, RandomState>::default();
            places().for_each(|place| *counts.entry(tree.family(place)).or_default() += 1);
            let of_family = |place| counts.get(&tree.family(place)).copied().unwrap_or(0);
            (0..others.len()).map(|place| of_family(place) > usize::from(others[place])).collect()
        }
    }
}

/// Which spans are below one of `others`.
fn descendants(tree: &Tree, others: &Marks) -> Marks {
    let mut known: Vec<Option<bool>> = vec![None; others.len()];
    let mut path = Vec::new();
    for start in 0..others.len() {
        let mut at = start;
        let is_below = loop {
            if let Some(known) = known[at] {
                break known;
            }
            path.push(at);
            match tree.parent(at) {
                None => break false,
                Some(parent) if others[parent] => break true,
                Some(parent) => at = parent,
            }
        };
        path.drain(..).for_each(|place| known[place] = Some(is_below));
    }
    known.into_iter().map(|it| it == Some(true)).collect()
}
