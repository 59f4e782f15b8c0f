//! Walking over whole traces in columns, of every trace that has a span in the range. What is told of a span is a
//! [`Telling`]'s affair: [`links`] tells who calls whom, [`spans`] what a query language needs.
//!
//! The traces of a block are contiguous rows and go straight to the visitor. Those that lie in several blocks, or in the
//! head, are put together first. Invariant: each trace is handed out once, with all of its spans that can be read.

mod apart;
pub(crate) mod links;
pub(crate) mod spans;

use super::columns::{Columns, Dictionaries, GranuleColumns, PartColumns, SegmentDictionaries};
use super::places::Places;
use super::question::Question;
use crate::block::{Block, OpenBlock};
use crate::failure;
use crate::guard::lock;
use crate::segment::SegmentError;
use crate::tenant::Snapshot;
use apart::{Apart, Lookup, Place};
use fanal_base::cast;
use fanal_model::TraceId;
use fanal_storage::{ScanCounts, StoreError};
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::{Arc, Mutex};

/// What a walk tells of spans, and who is told.
pub(super) trait Telling: Sync {
    /// What is told of a span.
    type Span: Copy + Send + Sync;
    /// Itself for one set of dictionaries.
    type Compiled;

    /// Earliest and latest start of a span that makes its trace wanted.
    fn range(&self) -> (u64, u64);
    /// Compiles it for a block or a part of the head.
    fn compile(&self, dictionaries: &impl Dictionaries) -> Result<Self::Compiled, SegmentError>;
    /// Appends the rows of a unit. What it appended before it failed is taken back.
    fn append(
        &self,
        compiled: &mut Self::Compiled,
        columns: &impl Columns,
        question: &Question,
        spans: &mut Vec<Self::Span>,
    ) -> Result<(), Unread>;
    /// Takes whole traces.
    fn visit(&self, traces: &[(TraceId, &[Self::Span])]);
}

/// What the threads of a walk share.
struct Walk<'a, T: Telling> {
    blocks: &'a [Arc<Block>],
    telling: &'a T,
    question: &'a Question,
    places: Places,
    apart: Mutex<Apart<T::Span>>,
    warnings: Mutex<BTreeSet<String>>,
}

/// The rows of a trace that end at `end` of those that are held.
#[derive(Debug, Clone, Copy)]
struct Run {
    trace_id: TraceId,
    end: usize,
    is_wanted: bool,
}

/// What a thread holds of the block that it walks over.
#[derive(Debug)]
struct Worker<S> {
    spans: Vec<S>,
    runs: Vec<Run>,
    /// Bytes counted for it.
    held: usize,
    scanned: ScanCounts,
}

/// Walks over what a tenant has at a moment; answers why traces may be missing, and what was looked at.
pub(super) fn walk<T: Telling>(
    snapshot: &Snapshot,
    telling: &T,
    question: &Question,
) -> Result<(Vec<String>, ScanCounts), StoreError> {
    let mut warnings = BTreeSet::new();
    let unreadable = snapshot.blocks.iter().filter_map(|block| block.readable().err());
    warnings.extend(unreadable.map(str::to_owned));
    let head = snapshot.head.iter().flat_map(|part| &part.spans.batch().trace_ids);
    let places = Places::find(snapshot, head, question, &mut warnings)?;
    let walk = Walk {
        blocks: &snapshot.blocks,
        telling,
        question,
        places,
        apart: Mutex::new(Apart::default()),
        warnings: Mutex::new(warnings),
    };
    let mut scanned = walk.head(snapshot)?;
    scanned.granules_total += cast::wide(snapshot.head.len());
    let (blocks, granules_total) = walk.blocks_in_range();
    scanned.granules_total += granules_total;
    let piece = |worker: &mut Worker<T::Span>, place: usize| walk.block(worker, blocks[place]);
    for worker in question.work(blocks.len(), Worker::default, piece)? {
        scanned.spans += worker.scanned.spans;
        scanned.granules_read += worker.scanned.granules_read;
    }
    walk.put_together()?;
    let warnings = std::mem::take(&mut *lock(&walk.warnings)).into_iter().collect();
    Ok((warnings, scanned))
}

impl<T: Telling> Walk<'_, T> {
    fn overlaps(&self, (earliest, latest): (u64, u64)) -> bool {
        let (min, max) = self.telling.range();
        earliest <= max && latest >= min
    }

    fn wants(&self, start: u64) -> bool {
        self.overlaps((start, start))
    }

    /// Blocks with a span in the range, and the granules of all blocks.
    fn blocks_in_range(&self) -> (Vec<usize>, u64) {
        let mut found = Vec::new();
        let mut granules = 0;
        for (number, block) in self.blocks.iter().enumerate() {
            if let Ok(open) = block.readable() {
                granules += cast::wide(open.segment.granules().len());
                if self.overlaps(block.meta.starts) {
                    found.push(number);
                }
            }
        }
        (found, granules)
    }

    /// Sets the traces of the head apart: their spans lie in no order.
    fn head(&self, snapshot: &Snapshot) -> Result<ScanCounts, StoreError> {
        let mut scanned = ScanCounts::default();
        let mut apart = lock(&self.apart);
        for part in &snapshot.head {
            self.question.check()?;
            let columns = PartColumns(part);
            let mut spans = Vec::new();
            let compiled = self.telling.compile(&columns).map_err(Unread::from);
            let read = compiled.and_then(|mut compiled| {
                self.telling.append(&mut compiled, &columns, self.question, &mut spans)
            });
            read.map_err(|unread| unread.into_store(failure::segment("head")))?;
            let batch = part.spans.batch();
            for (row, span) in spans.iter().enumerate() {
                let is_wanted = self.wants(batch.start_unix_nanos[row]);
                let id = batch.trace_ids[row];
                apart.add(self.question, id, Place::Head, is_wanted, std::slice::from_ref(span))?;
            }
            scanned.spans += cast::wide(part.len());
            scanned.granules_read += 1;
        }
        drop(apart);
        let is_whole = |id: TraceId, places: usize| places >= cast::index(self.places.of(id));
        let whole = lock(&self.apart).take_all(self.question, is_whole);
        self.hand_over(&whole);
        Ok(scanned)
    }

    fn hand_over(&self, traces: &[(TraceId, Vec<T::Span>)]) {
        let traces: Vec<(TraceId, &[T::Span])> =
            traces.iter().map(|(id, spans)| (*id, &**spans)).collect();
        self.telling.visit(&traces);
    }

    /// Walks over a block. One that does not read to its end is left with a warning.
    fn block(&self, worker: &mut Worker<T::Span>, number: usize) -> Result<(), StoreError> {
        let block = &self.blocks[number];
        let Ok(open) = block.readable() else { return Ok(()) };
        worker.clear(self.question);
        let outcome = self.granules(open).map_err(open.failed());
        let compiled = outcome.and_then(|granules| {
            let compiled = self.telling.compile(&SegmentDictionaries(&open.segment));
            Ok((granules, compiled.map_err(open.failed())?))
        });
        let (granules, mut compiled) = match compiled {
            Ok(found) => found,
            Err(error) => {
                self.warn(block, &error);
                return Ok(());
            }
        };
        for granule in granules.clone() {
            self.question.check()?;
            open.segment.will_scan(&[granule]);
            let outcome = self.granule(worker, open, &mut compiled, granule);
            self.pass_over(block, open, outcome)?;
            self.hand_over_runs(worker, number, granule + 1 == granules.end)?;
        }
        Ok(())
    }

    fn warn(&self, block: &Block, error: &StoreError) {
        lock(&self.warnings).insert(block.warning(error));
    }

    /// What does not read is left out with a warning; the limits of the question end it.
    fn pass_over(
        &self,
        block: &Block,
        open: &OpenBlock,
        outcome: Result<(), Unread>,
    ) -> Result<(), StoreError> {
        match outcome {
            Ok(()) => {}
            Err(Unread::Segment(error)) => self.warn(block, &open.failed()(error)),
            Err(Unread::Store(error)) => return Err(error),
        }
        Ok(())
    }

    /// The granules from the first to the last with a span in the range, and those in which their outer traces go on.
    fn granules(&self, open: &OpenBlock) -> Result<Range<usize>, SegmentError> {
        let granules = open.segment.granules();
        let is_in_range = |place: &usize| {
            let granule = &granules[*place];
            self.overlaps((granule.start_min_unix_nanos, granule.start_max_unix_nanos))
        };
        let Some(mut first) = (0..granules.len()).find(is_in_range) else { return Ok(0..0) };
        let mut end = (0..granules.len()).rev().find(is_in_range).map_or(first, |last| last + 1);
        let goes_on = |place: usize| -> Result<bool, SegmentError> {
            let border = granules[place].rows.start;
            let ids = open.segment.trace_ids_of(border - 1..border + 1)?;
            Ok(ids.first() == ids.last())
        };
        while first > 0 && goes_on(first)? {
            first -= 1;
        }
        while end < granules.len() && goes_on(end)? {
            end += 1;
        }
        Ok(first..end)
    }

    fn granule(
        &self,
        worker: &mut Worker<T::Span>,
        open: &OpenBlock,
        compiled: &mut T::Compiled,
        granule: usize,
    ) -> Result<(), Unread> {
        let columns = GranuleColumns::new(&open.segment, granule)?;
        let ids = columns.trace_ids()?;
        let stats = &open.segment.granules()[granule];
        let starts_told = (stats.start_min_unix_nanos, stats.start_max_unix_nanos);
        let is_inside = self.wants(starts_told.0) && self.wants(starts_told.1);
        let starts = if is_inside { None } else { Some(columns.starts()?) };
        let before = worker.spans.len();
        let outcome = self.telling.append(compiled, &columns, self.question, &mut worker.spans);
        if let Err(error) = outcome {
            worker.spans.truncate(before);
            return Err(error);
        }
        worker.scanned.spans += cast::wide(ids.len());
        worker.scanned.granules_read += 1;
        let mut row = 0;
        for run in ids.chunk_by(|left, right| left == right) {
            let rows = row..row + run.len();
            row = rows.end;
            let own = starts.as_ref().and_then(|starts| starts.get(rows.clone()));
            let is_wanted =
                own.map_or(is_inside, |starts| starts.iter().any(|&start| self.wants(start)));
            worker.add_run(Run { trace_id: run[0], end: before + rows.end, is_wanted });
        }
        worker.hold(self.question)?;
        Ok(())
    }

    /// Hands out the traces that are whole; the last may go on unless it is the end of the block.
    fn hand_over_runs(
        &self,
        worker: &mut Worker<T::Span>,
        number: usize,
        is_end: bool,
    ) -> Result<(), StoreError> {
        let open_run = if is_end { None } else { worker.runs.pop() };
        let mut whole = Vec::with_capacity(worker.runs.len());
        let mut joined = Vec::new();
        let mut start = 0;
        for run in &worker.runs {
            let spans = &worker.spans[start..run.end];
            start = run.end;
            let places = cast::index(self.places.of(run.trace_id));
            if places > 1 {
                let mut apart = lock(&self.apart);
                let place = Place::Block(number);
                let seen = apart.add(self.question, run.trace_id, place, run.is_wanted, spans)?;
                if seen >= places {
                    let spans = apart.take(self.question, run.trace_id);
                    joined.extend(spans.map(|spans| (run.trace_id, spans)));
                }
            } else if run.is_wanted {
                whole.push((run.trace_id, spans));
            }
        }
        self.telling.visit(&whole);
        if !joined.is_empty() {
            self.hand_over(&joined);
        }
        worker.runs.clear();
        worker.spans.drain(..start);
        worker.runs.extend(open_run.map(|run| Run { end: run.end - start, ..run }));
        Ok(())
    }

    /// Looks for the missing spans of traces whose places were not all walked over, and hands them out.
    fn put_together(&self) -> Result<(), StoreError> {
        let mut apart = std::mem::take(&mut *lock(&self.apart));
        apart.forget_unwanted();
        for (number, block) in self.blocks.iter().enumerate() {
            self.question.check()?;
            let Ok(open) = block.readable() else { continue };
            let lookups = match apart.lookups(number, open) {
                Ok(lookups) if lookups.is_empty() => continue,
                Ok(lookups) => lookups,
                Err(error) => {
                    self.warn(block, &error);
                    continue;
                }
            };
            let outcome = self.look_up(open, &lookups, &mut apart, number);
            self.pass_over(block, open, outcome)?;
        }
        self.hand_over(&apart.take_all(self.question, |_, _| true));
        Ok(())
    }

    /// Reads each granule that has rows which are looked for, once.
    fn look_up(
        &self,
        open: &OpenBlock,
        lookups: &[Lookup],
        apart: &mut Apart<T::Span>,
        number: usize,
    ) -> Result<(), Unread> {
        let mut compiled = self.telling.compile(&SegmentDictionaries(&open.segment))?;
        for (place, granule) in open.segment.granules().iter().enumerate() {
            let rows = &granule.rows;
            let overlaps = |it: &&Lookup| it.rows.start < rows.end && it.rows.end > rows.start;
            if !lookups.iter().any(|it| overlaps(&it)) {
                continue;
            }
            self.question.check()?;
            let mut spans = Vec::new();
            let columns = GranuleColumns::new(&open.segment, place)?;
            self.telling.append(&mut compiled, &columns, self.question, &mut spans)?;
            for lookup in lookups.iter().filter(overlaps) {
                let first = cast::index(lookup.rows.start.max(rows.start) - rows.start);
                let end = cast::index(lookup.rows.end.min(rows.end) - rows.start);
                let found = spans.get(first..end).unwrap_or_default();
                apart.add(self.question, lookup.trace_id, Place::Block(number), true, found)?;
            }
        }
        Ok(())
    }
}

impl<S> Default for Worker<S> {
    fn default() -> Self {
        Self { spans: Vec::new(), runs: Vec::new(), held: 0, scanned: ScanCounts::default() }
    }
}

impl<S> Worker<S> {
    fn clear(&mut self, question: &Question) {
        self.spans = Vec::new();
        self.runs.clear();
        question.release(std::mem::take(&mut self.held));
    }

    fn add_run(&mut self, run: Run) {
        match self.runs.last_mut() {
            Some(last) if last.trace_id == run.trace_id => {
                last.end = run.end;
                last.is_wanted |= run.is_wanted;
            }
            _ => self.runs.push(run),
        }
    }

    /// Counts the memory of a trace that goes on and on.
    fn hold(&mut self, question: &Question) -> Result<(), StoreError> {
        let bytes = self.spans.capacity() * size_of::<S>();
        let more = bytes.saturating_sub(self.held);
        self.held += more;
        question.hold(more)
    }
}

/// Why a unit was not taken.
#[derive(Debug)]
pub(super) enum Unread {
    Segment(SegmentError),
    Store(StoreError),
}

impl Unread {
    fn into_store(self, failed: impl FnOnce(SegmentError) -> StoreError) -> StoreError {
        match self {
            Self::Segment(error) => failed(error),
            Self::Store(error) => error,
        }
    }
}

impl From<SegmentError> for Unread {
    fn from(error: SegmentError) -> Self {
        Self::Segment(error)
    }
}

impl From<StoreError> for Unread {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}
