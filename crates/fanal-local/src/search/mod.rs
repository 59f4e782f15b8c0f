//! Search: the newest traces with a span on which every condition holds.
//!
//! Best first: blocks, granules, parts of the head and candidate traces wait in one queue, each with the latest time at
//! which a trace that it can bring forth begins. What stands first is opened, scanned or resolved; the answer is
//! complete once it is full of traces that begin after everything still waiting. Asks `lookup` for trace starts.

pub(crate) mod aggregate;
mod cell;
mod class_filter;
mod columns;
mod combine;
pub(crate) mod compare;
mod compile;
mod count;
mod dimension;
mod keys;
pub(crate) mod listing;
mod places;
mod plan;
pub(crate) mod question;
mod scan;
mod totals;
pub(crate) mod values;
pub(crate) mod walk;

use crate::block::filter::trace_hash;
use crate::config::LocalConfig;
use crate::failure;
use crate::tenant::Snapshot;
use columns::{GranuleColumns, PartColumns, SegmentDictionaries};
use fanal_base::cast;
use fanal_model::TraceId;
use fanal_storage::{FindTraces, FoundTraces, ScanCounts, StoreError, TracePosition};
use foldhash::fast::RandomState;
use hashbrown::HashSet;
use plan::Plan;
use question::Question;
use scan::Match;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::ops::RangeInclusive;

/// Most units, and most blocks, that are worked on before the queue is looked at again.
const WAVE_MAX: usize = 512;
/// Memory of a candidate trace, about: in the set of those seen and in the queue.
const CANDIDATE_BYTES: usize = 128;

/// Something that can bring forth traces that begin at `bound` or before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Waiting {
    bound: u64,
    work: Work,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Work {
    /// A block to compile the conditions for, which tells what of it must be scanned.
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

/// What stands in a wave.
#[derive(Debug, Clone, Copy)]
enum Task {
    Open(usize),
    Scan(Unit),
}

/// What came of a task.
#[derive(Debug)]
enum Done<'a> {
    Opened(usize, Result<Option<Plan<'a>>, StoreError>),
    Scanned(Unit, Result<Vec<Match>, StoreError>),
}

#[derive(Debug)]
struct Search<'a> {
    snapshot: &'a Snapshot,
    request: &'a FindTraces,
    config: &'a LocalConfig,
    question: &'a Question,
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
    question: &Question,
) -> Result<FoundTraces, StoreError> {
    if request.limit == 0 {
        let message = "search limit is 0; ask for at least 1 trace".to_owned();
        return Err(StoreError::Invalid { message });
    }
    let mut search = Search {
        snapshot,
        request,
        config,
        question,
        starts_wanted: request.start_min_unix_nanos..=request.start_max_unix_nanos,
        waiting: BinaryHeap::new(),
        plans: snapshot.blocks.iter().map(|_| None).collect(),
        seen: HashSet::default(),
        found: BTreeSet::new(),
        warnings: BTreeSet::new(),
        scanned: ScanCounts::default(),
    };
    search.begin();
    search.run()?;
    Ok(search.finish())
}

/// Most that a wave takes.
#[derive(Debug)]
struct WaveSizes {
    blocks: usize,
    units: usize,
}

impl<'a> Search<'a> {
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

    fn run(&mut self) -> Result<(), StoreError> {
        let mut sizes = WaveSizes { blocks: 1, units: 1 };
        while let Some(next) = self.waiting.pop() {
            if self.is_complete(next.bound) {
                return Ok(());
            }
            match next.work {
                Work::Candidate { trace_id, home } => {
                    self.question.check()?;
                    self.resolve(trace_id, home, next.bound);
                }
                Work::Unit(_) | Work::Block(_) => {
                    if let Some(warning) = self.exhausted() {
                        self.give_up(warning)?;
                        return Ok(());
                    }
                    let wave = self.wave(next, &mut sizes);
                    self.work_off(&wave)?;
                }
            }
        }
        Ok(())
    }

    /// Why the search goes no further; `None` while it does.
    fn exhausted(&self) -> Option<String> {
        let count = self.seen.len();
        let is_in_memory = self.question.may_hold(0);
        if count < self.config.search_candidates_max && is_in_memory {
            return None;
        }
        let limit = if is_in_memory { "" } else { ", at the limit question_bytes_max" };
        Some(format!(
            "search stopped after {count} candidate traces{limit}; narrow the time range or add conditions"
        ))
    }

    /// Whether nothing that begins at `bound` or before can change the answer.
    fn is_complete(&self, bound: u64) -> bool {
        self.found.len() > self.request.limit
            && self.found.last().is_some_and(|last| last.start_unix_nanos > bound)
    }

    fn give_up(&mut self, warning: String) -> Result<(), StoreError> {
        self.warnings.insert(warning);
        // What was found so far is still worth answering, in the order that is known.
        while let Some(next) = self.waiting.pop() {
            if self.is_complete(next.bound) {
                return Ok(());
            }
            if let Work::Candidate { trace_id, home } = next.work {
                self.question.check()?;
                self.resolve(trace_id, home, next.bound);
            }
        }
        Ok(())
    }

    /// The first of the queue, and those that stand next in it and can be worked on at the same time. Each wave is larger
    /// than the last: the newest traces often stand in the first unit.
    fn wave(&mut self, first: Waiting, sizes: &mut WaveSizes) -> Vec<Task> {
        let (mut blocks, mut units) = (0, 0);
        let mut wave = Vec::new();
        let mut next = Some(first);
        while let Some(waiting) = next {
            match waiting.work {
                Work::Block(number) if blocks < sizes.blocks => {
                    blocks += 1;
                    wave.push(Task::Open(number));
                }
                Work::Unit(unit) if units < sizes.units => {
                    units += 1;
                    wave.push(Task::Scan(unit));
                }
                _ => {
                    self.waiting.push(waiting);
                    break;
                }
            }
            next = self.waiting.pop();
        }
        if blocks == sizes.blocks {
            sizes.blocks = (blocks * 2).min(WAVE_MAX);
        }
        if units == sizes.units {
            sizes.units = (units * 2).min(WAVE_MAX);
        }
        wave
    }

    /// Opens and scans what is in a wave.
    fn work_off(&mut self, wave: &[Task]) -> Result<(), StoreError> {
        self.announce(wave);
        let piece = |done: &mut Vec<Done<'a>>, place: usize| {
            done.push(match wave[place] {
                Task::Open(number) => Done::Opened(number, self.compile(number)),
                Task::Scan(unit) => Done::Scanned(unit, self.scan(unit)),
            });
            Ok(())
        };
        let done = self.question.work(wave.len(), Vec::new, piece)?;
        for done in done.into_iter().flatten() {
            match done {
                Done::Opened(number, plan) => self.opened(number, plan),
                Done::Scanned(unit, outcome) => {
                    self.scanned.granules_read += 1;
                    self.scanned.spans += self.unit_rows(unit);
                    match outcome {
                        Ok(matches) => self.add_candidates(unit, matches),
                        Err(error) => drop(self.warnings.insert(self.unit_warning(unit, &error))),
                    }
                }
            }
        }
        Ok(())
    }

    /// The plan of a block; `None` where nothing in it can match.
    fn compile(&self, number: usize) -> Result<Option<Plan<'a>>, StoreError> {
        let Ok(open) = self.snapshot.blocks[number].readable() else { return Ok(None) };
        let compiled = Plan::compile(&self.request.conditions, &SegmentDictionaries(&open.segment));
        compiled.map_err(open.failed())
    }

    /// Puts the granules of a block that may have matches into the queue.
    fn opened(&mut self, number: usize, plan: Result<Option<Plan<'a>>, StoreError>) {
        let block = &self.snapshot.blocks[number];
        let plan = match plan {
            Ok(Some(plan)) => plan,
            Ok(None) => return,
            Err(error) => {
                self.warnings.insert(block.warning(&error));
                return;
            }
        };
        let Ok(open) = block.readable() else { return };
        for (granule, stats) in open.segment.granules().iter().enumerate() {
            let starts = (stats.start_min_unix_nanos, stats.start_max_unix_nanos);
            if self.overlaps(starts) && plan.may_match(stats) {
                self.wait(starts.1, Work::Unit(Unit::Granule { block: number, granule }));
            }
        }
        self.plans[number] = Some(plan);
    }

    /// Tells the blocks of a wave which granules are scanned next.
    fn announce(&self, wave: &[Task]) {
        let mut granules = BTreeMap::<usize, Vec<usize>>::new();
        for task in wave {
            if let Task::Scan(Unit::Granule { block, granule }) = *task {
                granules.entry(block).or_default().push(granule);
            }
        }
        for (block, granules) in granules {
            if let Ok(open) = self.snapshot.blocks[block].readable() {
                open.segment.will_scan(&granules);
            }
        }
    }

    fn scan(&self, unit: Unit) -> Result<Vec<Match>, StoreError> {
        match unit {
            Unit::Part(number) => {
                let columns = PartColumns(&self.snapshot.head[number]);
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
                let columns = GranuleColumns::new(&open.segment, granule);
                let matches = columns
                    .and_then(|columns| scan::scan(plan, &columns, &self.starts_wanted, true));
                matches.map_err(open.failed())
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
                self.question.may_hold(CANDIDATE_BYTES);
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
