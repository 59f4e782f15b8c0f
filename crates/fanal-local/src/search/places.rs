//! In how many places traces lie: blocks, and the head as one. Most lie in one; those that do not must be put together.
//!
//! Found from the trace indices, a slice of all hashes after the other, so that memory is bounded whatever is stored. Counts
//! are by the prefix of a trace's hash: traces that share one only look as if they lay in more places.

use super::question::Question;
use crate::block::filter::trace_hash;
use crate::block::index::prefix;
use crate::tenant::Snapshot;
use fanal_base::cast;
use fanal_model::TraceId;
use fanal_storage::StoreError;
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use std::collections::BTreeSet;

/// Traces that are looked at together, about.
const SLICE_TRACES: usize = 1 << 20;
/// Memory of a trace in several places.
const ENTRY_BYTES: usize = 16;

/// Traces in several places.
#[derive(Debug, Default)]
pub(super) struct Places(HashMap<u32, u32, RandomState>);

impl Places {
    /// Looks at everything that is stored; `head` are the traces of the head. Blocks that do not read are left out, with a
    /// warning.
    pub(super) fn find<'t>(
        snapshot: &Snapshot,
        head: impl Iterator<Item = &'t TraceId>,
        question: &Question,
        warnings: &mut BTreeSet<String>,
    ) -> Result<Self, StoreError> {
        let mut in_head: Vec<u32> = head.map(|&id| prefix(trace_hash(id))).collect();
        in_head.sort_unstable();
        in_head.dedup();
        let blocks = || snapshot.blocks.iter().filter_map(|it| Some((it, it.readable().ok()?)));
        let traces: usize = blocks().map(|(_, open)| open.trace_count()).sum();
        let mut places = Self::default();
        let slices = cast::narrow(traces.div_ceil(SLICE_TRACES).max(1));
        let width = u32::MAX / slices;
        let mut found: Vec<u32> = Vec::new();
        for slice in 0..slices {
            question.check()?;
            let first = slice * width;
            let last = if slice + 1 == slices { u32::MAX } else { first + (width - 1) };
            let range = first..=last;
            found.clear();
            let from = in_head.partition_point(|it| *it < first);
            found.extend(in_head[from..].iter().take_while(|it| range.contains(it)));
            for (block, open) in blocks() {
                let before = found.len();
                if let Err(error) = open.trace_prefixes(&range, &mut found) {
                    warnings.insert(block.warning(&error));
                }
                // Each block counts once, so that a trace is complete when all its places were seen.
                dedup_from(&mut found, before);
            }
            found.sort_unstable();
            let several = found.chunk_by(|a, b| a == b).filter(|run| run.len() > 1);
            for run in several {
                question.hold(ENTRY_BYTES)?;
                places.0.insert(run[0], cast::narrow(run.len()));
            }
        }
        Ok(places)
    }

    /// How many places a trace lies in, at most.
    #[inline]
    pub(super) fn of(&self, trace_id: TraceId) -> u32 {
        if self.0.is_empty() {
            return 1;
        }
        self.0.get(&prefix(trace_hash(trace_id))).copied().unwrap_or(1)
    }
}

/// Removes repeated neighbours behind a place; pages are sorted.
fn dedup_from(values: &mut Vec<u32>, from: usize) {
    let mut kept = from;
    for place in from..values.len() {
        if place == from || values[place] != values[kept - 1] {
            values[kept] = values[place];
            kept += 1;
        }
    }
    values.truncate(kept);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_neighbours_go_behind_the_place_only() {
        let check = |values: &[u32], from: usize, expect: &[u32]| {
            let mut found = values.to_vec();
            dedup_from(&mut found, from);
            assert_eq!(found, expect, "{values:?} {from}");
        };
        check(&[], 0, &[]);
        check(&[7, 7, 7, 8, 8, 9], 2, &[7, 7, 7, 8, 9]);
        check(&[7, 7, 7], 0, &[7]);
        check(&[7, 7], 2, &[7, 7]);
    }
}
