//! Which blocks to compact next: a pure choice over what the catalog knows.
//!
//! Blocks are seen by the window of time in which their last span arrived, and only neighbours of one window are
//! compacted. Bounded: every rewriting of a small block at least doubles the block in which its spans lie, and blocks are
//! rewritten to join traces only while a budget of spans lasts.

use std::ops::Range;

/// Neighbours that become one while their window may still grow, and most that are compacted at once.
pub(super) const RUN_LENGTH: usize = 8;
/// Traces are joined where at least one span in so many would come to its trace.
const LATE_SHARE: u64 = 4;

/// What the choice knows of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Candidate {
    /// Window of its last arrival; windows are numbered by time.
    pub window: u64,
    /// Spans.
    pub rows: u64,
    /// Bytes of memory of all of them decoded.
    pub memory_bytes: u64,
    /// Spans whose trace has others in an older block.
    pub late_rows: u64,
    /// Whether it can be read and replaced now.
    pub is_free: bool,
    /// Whether spans of its traces are not expected any more.
    pub is_settled: bool,
}

/// What bounds the choice.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Most spans of a block.
    pub rows_max: u64,
    /// Most bytes of memory of a block decoded.
    pub memory_bytes_max: u64,
    /// Windows below this one get no further blocks.
    pub open_window: u64,
    /// Spans that may still be rewritten to join traces.
    pub joined_rows_max: u64,
}

/// Why blocks are compacted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// They are small.
    Small,
    /// Their traces lie in several of them.
    Late,
}

/// Blocks to compact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Choice {
    /// Places of neighbours.
    pub run: Range<usize>,
    /// Why.
    pub reason: Reason,
}

/// The neighbours to compact next, in an order of blocks by last arrival.
pub(super) fn choose(blocks: &[Candidate], bounds: &Bounds) -> Option<Choice> {
    let mut start = 0;
    let mut joinable = None;
    for group in blocks.chunk_by(|a, b| a.window == b.window && a.is_free && b.is_free) {
        let choice = |run: Range<usize>, reason| {
            let run = start + run.start..start + run.end;
            Choice { run, reason }
        };
        if let Some(run) = small_run(group, bounds) {
            return Some(choice(run, Reason::Small));
        }
        if joinable.is_none() {
            joinable = late_run(group, bounds).map(|run| choice(run, Reason::Late));
        }
        start += group.len();
    }
    joinable
}

/// Neighbours that fit into one block, none of which makes up more than half of it. While their window may still grow, they
/// are several or make a block that is nearly as large as one may be.
fn small_run(group: &[Candidate], bounds: &Bounds) -> Option<Range<usize>> {
    if !group[0].is_free {
        return None;
    }
    let is_open = group[0].window >= bounds.open_window;
    runs(group.len(), 2).find(|run| {
        let run = &group[run.clone()];
        let rows = sum(run, |block| block.rows);
        let bytes = sum(run, |block| block.memory_bytes);
        let largest = run.iter().map(|block| block.rows).max().unwrap_or(0);
        let is_large = |figure: u64, max: u64| figure >= max / 4 * 3;
        let is_worth = !is_open
            || run.len() == RUN_LENGTH
            || is_large(rows, bounds.rows_max)
            || is_large(bytes, bounds.memory_bytes_max);
        rows <= bounds.rows_max
            && bytes <= bounds.memory_bytes_max
            && largest * 2 <= rows
            && is_worth
    })
}

/// Neighbours whose traces lie in several of them, settled all.
fn late_run(group: &[Candidate], bounds: &Bounds) -> Option<Range<usize>> {
    if !group[0].is_free {
        return None;
    }
    runs(group.len(), 2).find(|run| {
        let run = &group[run.clone()];
        let rows = sum(run, |block| block.rows);
        // Late spans of the first block belong to one before it, unless they are all that it has.
        let has_rest = run[0].late_rows < run[0].rows;
        let late = sum(&run[usize::from(has_rest)..], |block| block.late_rows);
        rows <= bounds.joined_rows_max
            && late.saturating_mul(LATE_SHARE) >= rows
            && run.iter().all(|block| block.is_settled)
    })
}

/// Every run of neighbours, those that begin first before others, the longest first.
fn runs(count: usize, length_min: usize) -> impl Iterator<Item = Range<usize>> {
    (0..count).flat_map(move |start| {
        let longest = RUN_LENGTH.min(count - start);
        (length_min..=longest).rev().map(move |length| start..start + length)
    })
}

fn sum(blocks: &[Candidate], figure: impl Fn(&Candidate) -> u64) -> u64 {
    blocks.iter().map(figure).fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;
    use fanal_testkit::Random;

    const BOUNDS: Bounds = Bounds {
        rows_max: 1000,
        memory_bytes_max: 100_000,
        open_window: 10,
        joined_rows_max: 5000,
    };

    fn block(window: u64, rows: u64) -> Candidate {
        let (memory_bytes, late_rows) = (rows * 10, 0);
        Candidate { window, rows, memory_bytes, late_rows, is_free: true, is_settled: true }
    }

    #[expect(clippy::needless_pass_by_value, reason = "read better at every call")]
    fn check(blocks: &[Candidate], expect: Option<Range<usize>>) {
        assert_eq!(choose(blocks, &BOUNDS).map(|choice| choice.run), expect, "{blocks:?}");
    }

    #[test]
    fn runs_of_small_neighbours_are_compacted() {
        let open = |rows: &[u64]| rows.iter().map(|&rows| block(10, rows)).collect::<Vec<_>>();
        check(&[], None);
        check(&open(&[10; 7]), None);
        check(&open(&[10; 8]), Some(0..8));
        check(&open(&[900, 10, 10, 10, 10, 10, 10, 10, 10]), Some(1..9));
        // Fewer where they make a large block.
        check(&open(&[370; 2]), None);
        check(&open(&[375; 2]), Some(0..2));
        check(&open(&[250; 8]), Some(0..4));
        check(&open(&[501; 8]), None);
        check(&open(&[800, 1, 1, 1, 1, 1, 1, 1]), None);
        // What takes more memory than a block may stays apart.
        let wide = Candidate { memory_bytes: 12_501, ..block(10, 100) };
        check(&[wide; 8], Some(0..7));
        check(&[Candidate { memory_bytes: 50_001, ..wide }; 8], None);
    }

    #[test]
    fn a_window_that_is_over_is_cleaned_up_and_windows_stay_apart() {
        let closed = |rows: &[u64]| rows.iter().map(|&rows| block(9, rows)).collect::<Vec<_>>();
        check(&closed(&[10, 10]), Some(0..2));
        check(&closed(&[900, 30, 20, 10]), Some(1..4));
        check(&closed(&[100, 10]), None);
        check(&[block(8, 10), block(9, 10)], None);
        check(&[block(8, 10), block(9, 10), block(9, 10)], Some(1..3));
        let taken = Candidate { is_free: false, ..block(9, 10) };
        check(&[block(9, 10), taken, block(9, 10)], None);
        check(&[taken, taken], None);
    }

    #[test]
    fn full_blocks_are_rewritten_where_many_spans_come_to_their_trace() {
        let late = |rows, late_rows| Candidate { late_rows, ..block(9, rows) };
        check(&[late(800, 0), late(800, 399)], None);
        check(&[late(800, 0), late(800, 400)], Some(0..2));
        check(&[late(800, 400), late(800, 0)], None);
        check(&[late(300, 300), late(800, 0)], Some(0..2));
        check(&[late(800, 0), Candidate { is_settled: false, ..late(800, 400) }], None);
        // More than the budget allows: a shorter run, or none.
        check(&[late(1000, 500); 8], Some(0..5));
        check(&[late(2600, 2600); 2], None);
        // Small blocks come first.
        check(
            &[late(800, 0), late(800, 400), block(10, 900), block(11, 1), block(11, 1)],
            Some(0..2),
        );
        check(&[late(800, 0), late(800, 400), block(9, 10), block(9, 10)], Some(2..4));
    }

    /// Blocks arrive and are compacted until nothing is chosen: what is written again stays within bounds.
    #[test]
    fn rewriting_ends_and_is_bounded() {
        for seed in 0..8 {
            let mut random = Random::new(seed);
            let (mut blocks, mut merged, mut rewritten, mut joined) = (Vec::new(), 0, 0, 0);
            for step in 0..400 {
                let rows = random.between(1, 400);
                merged += rows;
                let late_rows = random.below(rows + 1);
                blocks.push(Candidate { late_rows, ..block(step / 100, rows) });
                let bounds = |joined| Bounds {
                    open_window: step / 100,
                    joined_rows_max: (merged * 2_u64).saturating_sub(joined),
                    ..BOUNDS
                };
                while let Some(Choice { run, reason }) = choose(&blocks, &bounds(joined)) {
                    let taken: Vec<Candidate> = blocks[run.clone()].to_vec();
                    let rows: u64 = taken.iter().map(|block| block.rows).sum();
                    rewritten += rows;
                    joined += if reason == Reason::Late { rows } else { 0 };
                    let mut out = Vec::new();
                    let mut left = rows;
                    while left > 0 {
                        let part = left.min(BOUNDS.rows_max);
                        let late_rows =
                            if out.is_empty() { taken[0].late_rows.min(part) } else { 0 };
                        out.push(Candidate { late_rows, ..block(taken[0].window, part) });
                        left -= part;
                    }
                    blocks.splice(run, out);
                }
            }
            assert!(rewritten <= merged * 8, "{rewritten} of {merged}, seed {seed}");
            let small = blocks.iter().filter(|block| block.rows < 100).count();
            assert!(small <= 20, "{small} small blocks of {}, seed {seed}", blocks.len());
        }
    }
}
