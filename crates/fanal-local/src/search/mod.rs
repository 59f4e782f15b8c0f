//! Search: the newest traces with a span on which every condition holds.
//!
//! Best first: blocks, granules, parts of the head and candidate traces wait in one queue, each with the latest time at
//! which a trace that it can bring forth begins. What stands first is opened, scanned or resolved; the answer is
//! complete once it is full of traces that begin after everything still waiting. Asks `lookup` for trace starts.

mod cell;
mod columns;
mod plan;
mod scan;

use crate::block::filter::trace_hash;
use crate::config::LocalConfig;
use crate::failure;
use crate::guard::lock;
use crate::tenant::Snapshot;
use columns::{GranuleColumns, PartColumns, SegmentDictionaries};
use fanal_base::cast;
use fanal_model::TraceId;
use fanal_storage::{FindTraces, FoundTraces, ScanCounts, StoreError, TracePosition};
use foldhash::fast::RandomState;
use hashbrown::HashSet;
use plan::Plan;
use scan::Match;
use std::collections::{BTreeSet, BinaryHeap};
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Most units that are scanned at once before the queue is looked at again.
const WAVE_MAX: usize = 32;
/// Waves of fewer units are scanned by one thread.
const WAVE_PARALLEL_MIN: usize = 4;

/// Something that can bring forth traces that begin at `bound` or before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Waiting {
    bound: u64,
    work: Work,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Work {
    /// A block to compile the conditions for.
    Block(usize),
    /// A unit to scan.
    Unit(Unit),
    /// A trace to resolve; `home` is a block that has nothing earlier of it than the bound.
    Candidate { trace_id: TraceId, home: Option<usize> },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Unit {
    Part(usize),
    Granule { block: usize, granule: usize },
}

#[derive(Debug)]
struct Search<'a> {
    snapshot: &'a Snapshot,
    request: &'a FindTraces,
    config: &'a LocalConfig,
    starts_wanted: RangeInclusive<u64>,
    waiting: BinaryHeap<Waiting>,
    /// By block: the conditions compiled for it.
    plans: Vec<Option<Plan<'a>>>,
    seen: HashSet<TraceId, RandomState>,
    found: BTreeSet<TracePosition>,
    warnings: BTreeSet<String>,
    scanned: ScanCounts,
}

/// Answers a search over what a tenant has at a moment.
pub(crate) fn find_traces(
    snapshot: &Snapshot,
    request: &FindTraces,
    config: &LocalConfig,
) -> Result<FoundTraces, StoreError> {
    if request.limit == 0 {
        let message = "search limit is 0; ask for at least 1 trace".to_owned();
        return Err(StoreError::Invalid { message });
    }
    let mut search = Search {
        snapshot,
        request,
        config,
        starts_wanted: request.start_min_unix_nanos..=request.start_max_unix_nanos,
        waiting: BinaryHeap::new(),
        plans: snapshot.blocks.iter().map(|_| None).collect(),
        seen: HashSet::default(),
        found: BTreeSet::new(),
        warnings: BTreeSet::new(),
        scanned: ScanCounts::default(),
    };
    search.begin();
    search.run();
    Ok(search.finish())
}

impl Search<'_> {
    fn overlaps(&self, (earliest, latest): (u64, u64)) -> bool {
        earliest <= *self.starts_wanted.end() && latest >= *self.starts_wanted.start()
    }

    fn wait(&mut self, latest_start: u64, work: Work) {
        let bound = latest_start.min(*self.starts_wanted.end());
        self.waiting.push(Waiting { bound, work });
    }

    fn begin(&mut self) {
        let snapshot = self.snapshot;
        for (number, part) in snapshot.head.iter().enumerate() {
            if self.overlaps(part.starts) {
                self.wait(part.starts.1, Work::Unit(Unit::Part(number)));
            }
        }
        let mut granules_total = snapshot.head.len();
        for (number, block) in snapshot.blocks.iter().enumerate() {
            match block.readable() {
                Ok(open) => {
                    granules_total += open.segment.granules().len();
                    if self.overlaps(block.meta.starts) {
                        self.wait(block.meta.starts.1, Work::Block(number));
                    }
                }
                Err(warning) => drop(self.warnings.insert(warning.to_owned())),
            }
        }
        self.scanned.granules_total = cast::wide(granules_total);
    }

    fn run(&mut self) {
        let mut wave_size = 1;
        while let Some(next) = self.waiting.pop() {
            if self.is_complete(next.bound) {
                return;
            }
            match next.work {
                Work::Block(number) => self.open_block(number),
                Work::Candidate { trace_id, home } => self.resolve(trace_id, home, next.bound),
                Work::Unit(unit) => {
                    if self.seen.len() >= self.config.search_candidates_max {
                        self.give_up();
                        return;
                    }
                    self.scan_wave(unit, wave_size);
                    wave_size = (wave_size * 2).min(WAVE_MAX);
                }
            }
        }
    }

    /// Whether nothing that begins at `bound` or before can change the answer.
    fn is_complete(&self, bound: u64) -> bool {
        self.found.len() > self.request.limit
            && self.found.last().is_some_and(|last| last.start_unix_nanos > bound)
    }

    fn give_up(&mut self) {
        let count = self.seen.len();
        self.warnings.insert(format!(
            "search stopped after {count} candidate traces; narrow the time range or add conditions"
        ));
        // What was found so far is still worth answering, in the order that is known.
        while let Some(next) = self.waiting.pop() {
            if self.is_complete(next.bound) {
                return;
            }
            if let Work::Candidate { trace_id, home } = next.work {
                self.resolve(trace_id, home, next.bound);
            }
        }
    }

    fn open_block(&mut self, number: usize) {
        let snapshot = self.snapshot;
        let block = &snapshot.blocks[number];
        let Ok(open) = block.readable() else { return };
        let compiled = Plan::compile(&self.request.conditions, &SegmentDictionaries(&open.segment));
        let plan = match compiled.map_err(open.failed()) {
            Ok(Some(plan)) => plan,
            Ok(None) => return,
            Err(error) => {
                self.warnings.insert(block.warning(&error));
                return;
            }
        };
        for (granule, stats) in open.segment.granules().iter().enumerate() {
            let starts = (stats.start_min_unix_nanos, stats.start_max_unix_nanos);
            if self.overlaps(starts) && plan.may_match(stats) {
                self.wait(starts.1, Work::Unit(Unit::Granule { block: number, granule }));
            }
        }
        self.plans[number] = Some(plan);
    }

    /// Scans a unit, and those that stand next in the queue with it.
    fn scan_wave(&mut self, first: Unit, size: usize) {
        let mut wave = vec![first];
        while wave.len() < size
            && let Some(&Waiting { work: Work::Unit(unit), .. }) = self.waiting.peek()
        {
            self.waiting.pop();
            wave.push(unit);
        }
        let outcomes = self.scan_all(&wave);
        for (unit, outcome) in wave.into_iter().zip(outcomes) {
            self.scanned.granules_read += 1;
            self.scanned.spans += self.unit_rows(unit);
            match outcome {
                Ok(matches) => self.add_candidates(unit, matches),
                Err(error) => drop(self.warnings.insert(self.unit_warning(unit, &error))),
            }
        }
    }

    fn scan_all(&self, wave: &[Unit]) -> Vec<Result<Vec<Match>, StoreError>> {
        if wave.len() < WAVE_PARALLEL_MIN || self.config.scan_threads_max < 2 {
            return wave.iter().map(|&unit| self.scan(unit)).collect();
        }
        let next = AtomicUsize::new(0);
        let outcomes: Vec<_> = wave.iter().map(|_| Mutex::new(Ok(Vec::new()))).collect();
        let work = || {
            while let place = next.fetch_add(1, Ordering::Relaxed)
                && let Some(&unit) = wave.get(place)
            {
                *lock(&outcomes[place]) = self.scan(unit);
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..self.config.scan_threads_max.min(wave.len()) {
                scope.spawn(work);
            }
            work();
        });
        outcomes
            .into_iter()
            .map(|outcome| outcome.into_inner().unwrap_or_else(PoisonError::into_inner))
            .collect()
    }

    fn scan(&self, unit: Unit) -> Result<Vec<Match>, StoreError> {
        match unit {
            Unit::Part(number) => {
                let columns = PartColumns(&self.snapshot.head[number].spans);
                let failed = failure::segment("head");
                let compiled = Plan::compile(&self.request.conditions, &columns);
                let matches = compiled.and_then(|plan| match plan {
                    Some(plan) => scan::scan(&plan, &columns, &self.starts_wanted, false),
                    None => Ok(Vec::new()),
                });
                matches.map_err(failed)
            }
            Unit::Granule { block, granule } => {
                let Some(plan) = &self.plans[block] else { return Ok(Vec::new()) };
                let Ok(open) = self.snapshot.blocks[block].readable() else {
                    return Ok(Vec::new());
                };
                let columns = GranuleColumns { segment: &open.segment, granule };
                scan::scan(plan, &columns, &self.starts_wanted, true).map_err(open.failed())
            }
        }
    }

    fn unit_rows(&self, unit: Unit) -> u64 {
        match unit {
            Unit::Part(number) => cast::wide(self.snapshot.head[number].len()),
            Unit::Granule { block, granule } => {
                let open = self.snapshot.blocks[block].readable().ok();
                let stats = open.and_then(|open| open.segment.granules().get(granule));
                stats.map_or(0, |stats| cast::wide(stats.row_count()))
            }
        }
    }

    fn unit_warning(&self, unit: Unit, error: &StoreError) -> String {
        match unit {
            Unit::Part(_) => format!("part of the head was left out: {}", failure::chain(error)),
            Unit::Granule { block, .. } => self.snapshot.blocks[block].warning(error),
        }
    }

    fn add_candidates(&mut self, unit: Unit, matches: Vec<Match>) {
        for found in matches {
            if self.seen.insert(found.trace_id) {
                let home = match unit {
                    Unit::Granule { block, .. } if !found.may_go_on => Some(block),
                    _ => None,
                };
                // Not clamped to the range: a trace may begin before it, never after its matching span.
                let bound = found.start_unix_nanos;
                let work = Work::Candidate { trace_id: found.trace_id, home };
                self.waiting.push(Waiting { bound, work });
            }
        }
    }

    /// Finds out when a trace begins, and keeps it if it is among the first of the answer.
    fn resolve(&mut self, trace_id: TraceId, home: Option<usize>, bound: u64) {
        let hash = trace_hash(trace_id);
        let start = self.snapshot.trace_start(trace_id, hash, home, bound, &mut self.warnings);
        let position = TracePosition { start_unix_nanos: start, trace_id };
        if self.request.after.is_none_or(|after| position > after) {
            self.found.insert(position);
            if self.found.len() > self.request.limit + 1 {
                self.found.pop_last();
            }
        }
    }

    fn finish(mut self) -> FoundTraces {
        let has_more = self.found.len() > self.request.limit;
        if has_more {
            self.found.pop_last();
        }
        FoundTraces {
            traces: self.found.into_iter().collect(),
            has_more,
            warnings: self.warnings.into_iter().collect(),
            scanned: self.scanned,
        }
    }
}
