//! Aggregates: spans counted and measured in groups and time buckets, on codes.
//!
//! Every granule that can match is a piece of work for one of the question's threads. A granule whose statistics say
//! all is not read; of others only the columns of conditions and keys are, and starts only where a granule lies across the
//! borders of the range or of a bucket. The meaning is that of `MemoryStore`.

use super::columns::{Columns, Dictionaries, GranuleColumns, PartColumns, SegmentDictionaries};
use super::combine::{COMPUTED_MAX, Combined};
use super::dimension::{Dimension, RowIds};
use super::plan::Plan;
use super::question::Question;
use super::totals::{GroupNumbers, Registry, Totals, finish};
use crate::block::Block;
use crate::failure;
use crate::guard::lock;
use crate::head::HeadPart;
use crate::segment::SegmentError;
use crate::tenant::Snapshot;
use fanal_base::cast;
use fanal_storage::aggregate::GROUP_KEYS_MAX;
use fanal_storage::{AggregateSpans, ScanCounts, SpanAggregates, StoreError};
use std::collections::BTreeSet;
use std::sync::{Mutex, OnceLock};

/// The question compiled for one block or part; `None` where nothing there can match.
type Compiled<'a> = Option<(Plan<'a>, Vec<Dimension>)>;

/// A piece of work.
#[derive(Debug)]
enum Piece<'a> {
    Part(&'a HeadPart),
    Granule { block: usize, granule: usize },
}

#[derive(Debug)]
struct Aggregation<'a> {
    request: &'a AggregateSpans,
    question: &'a Question,
    registry: &'a Registry<'a>,
    blocks: &'a [std::sync::Arc<Block>],
    /// By block.
    compiled: Vec<OnceLock<Compiled<'a>>>,
    warnings: Mutex<BTreeSet<String>>,
}

/// One thread's work.
#[derive(Debug)]
struct Worker<'a> {
    totals: Totals<'a>,
    scanned: ScanCounts,
    /// The block of `numbers`.
    block: Option<usize>,
    /// By key of the question: numbers of the shared ids, once they are known.
    numbers: Vec<Vec<Number>>,
    /// By combination of ids of the block: index of its group, once it is known.
    slots: Vec<u32>,
    /// By group: spans of the granule.
    counters: Vec<u32>,
}

/// The number of a value in the registry.
#[derive(Debug, Clone, Copy)]
enum Number {
    Unknown,
    LeftOut,
    Known(u32),
}

/// Answers an aggregate over what a tenant has at a moment.
pub(crate) fn aggregate(
    snapshot: &Snapshot,
    request: &AggregateSpans,
    question: &Question,
) -> Result<SpanAggregates, StoreError> {
    request.validate()?;
    let registry = Registry::new(question, request.groups_max);
    let aggregation = Aggregation {
        request,
        question,
        registry: &registry,
        blocks: &snapshot.blocks,
        compiled: snapshot.blocks.iter().map(|_| OnceLock::new()).collect(),
        warnings: Mutex::default(),
    };
    let (pieces, granules_total) = aggregation.pieces(snapshot);
    let workers = aggregation.run(&pieces)?;
    let mut scanned = ScanCounts { granules_total, ..ScanCounts::default() };
    let mut totals = Vec::new();
    for worker in workers {
        scanned.spans += worker.scanned.spans;
        scanned.granules_read += worker.scanned.granules_read;
        totals.push(worker.totals);
    }
    let mut answer = finish(&registry, request.group_by.len(), totals);
    answer.warnings.extend(std::mem::take(&mut *lock(&aggregation.warnings)));
    answer.scanned = scanned;
    Ok(answer)
}

impl<'a> Aggregation<'a> {
    fn worker(&self) -> Worker<'a> {
        let totals = Totals::new(self.registry, &self.request.measures);
        let (numbers, slots, counters) = (Vec::new(), Vec::new(), Vec::new());
        let scanned = ScanCounts::default();
        Worker { totals, scanned, block: None, numbers, slots, counters }
    }

    fn run(&self, pieces: &[Piece<'_>]) -> Result<Vec<Worker<'a>>, StoreError> {
        let make = || self.worker();
        let work = |worker: &mut Worker<'a>, place: usize| match &pieces[place] {
            Piece::Part(part) => self.count_part(worker, part),
            Piece::Granule { block, granule } => self.count_granule(worker, *block, *granule),
        };
        self.question.work(pieces.len(), make, work)
    }

    fn overlaps(&self, (earliest, latest): (u64, u64)) -> bool {
        earliest <= self.request.start_max_unix_nanos && latest >= self.request.start_min_unix_nanos
    }

    /// What may have spans in the range, and how many granules there are in all.
    fn pieces<'s>(&self, snapshot: &'s Snapshot) -> (Vec<Piece<'s>>, u64) {
        let mut pieces = Vec::new();
        let mut total = snapshot.head.len();
        let parts = snapshot.head.iter().filter(|part| self.overlaps(part.starts));
        pieces.extend(parts.map(|part| Piece::Part(part)));
        for (block, stored) in snapshot.blocks.iter().enumerate() {
            match stored.readable() {
                Ok(open) => {
                    let granules = open.segment.granules();
                    total += granules.len();
                    let starts = |granule: usize| {
                        let stats = &granules[granule];
                        (stats.start_min_unix_nanos, stats.start_max_unix_nanos)
                    };
                    let wanted = (0..granules.len()).filter(|&it| self.overlaps(starts(it)));
                    pieces.extend(wanted.map(|granule| Piece::Granule { block, granule }));
                }
                Err(warning) => drop(lock(&self.warnings).insert(warning.to_owned())),
            }
        }
        (pieces, cast::wide(total))
    }

    fn compile(&self, dictionaries: &impl Dictionaries) -> Result<Compiled<'a>, SegmentError> {
        let Some(plan) = Plan::compile(&self.request.conditions, dictionaries)? else {
            return Ok(None);
        };
        let keys = self.request.group_by.iter();
        let dimensions = keys.map(|key| Dimension::compile(key, dictionaries));
        let mut dimensions = dimensions.collect::<Result<Vec<_>, _>>()?;
        let sizes = dimensions.iter().map(|it| u64::from(it.code_cardinality()));
        if sizes.fold(1, u64::saturating_mul) <= COMPUTED_MAX {
            dimensions.iter_mut().for_each(Dimension::use_codes);
        }
        Ok(Some((plan, dimensions)))
    }

    fn count_part(&self, worker: &mut Worker<'a>, part: &HeadPart) -> Result<(), StoreError> {
        let columns = PartColumns(&part.spans);
        let failed = |error| failure::segment("head")(error);
        worker.scanned.granules_read += 1;
        worker.scanned.spans += cast::wide(part.len());
        let Some((plan, dimensions)) = self.compile(&columns).map_err(failed)? else {
            return Ok(());
        };
        worker.turn_to(None, &dimensions);
        let counting = self.read(&plan, &dimensions, &columns, part.starts).map_err(failed)?;
        worker.count(self, &dimensions, counting)
    }

    fn count_granule(
        &self,
        worker: &mut Worker<'a>,
        block: usize,
        granule: usize,
    ) -> Result<(), StoreError> {
        let stored = &self.blocks[block];
        let Ok(open) = stored.readable() else { return Ok(()) };
        let compiled = self.compiled[block].get_or_init(|| {
            let compiled = self.compile(&SegmentDictionaries(&open.segment));
            compiled.map_err(open.failed()).unwrap_or_else(|error| {
                lock(&self.warnings).insert(stored.warning(&error));
                None
            })
        });
        let Some((plan, dimensions)) = compiled else { return Ok(()) };
        let Some(stats) = open.segment.granules().get(granule) else { return Ok(()) };
        if !plan.may_match(stats) {
            return Ok(());
        }
        let starts = (stats.start_min_unix_nanos, stats.start_max_unix_nanos);
        if self.is_told_by_statistics(plan, starts) {
            let bucket = self.request.bucket_of(starts.0);
            return worker.count_all(bucket, cast::wide(stats.row_count()));
        }
        worker.scanned.granules_read += 1;
        worker.scanned.spans += cast::wide(stats.row_count());
        worker.turn_to(Some(block), dimensions);
        let columns = GranuleColumns { segment: &open.segment, granule };
        match self.read(plan, dimensions, &columns, starts).map_err(open.failed()) {
            Ok(counting) => worker.count(self, dimensions, counting),
            Err(error) => {
                lock(&self.warnings).insert(stored.warning(&error));
                Ok(())
            }
        }
    }

    /// Whether the number of rows is all that is asked of a granule.
    fn is_told_by_statistics(&self, plan: &Plan<'_>, starts: (u64, u64)) -> bool {
        let request = self.request;
        plan.is_empty()
            && request.group_by.is_empty()
            && request.measures.is_empty()
            && self.is_inside(starts)
            && request.bucket_of(starts.0) == request.bucket_of(starts.1)
    }

    fn is_inside(&self, (earliest, latest): (u64, u64)) -> bool {
        earliest >= self.request.start_min_unix_nanos && latest <= self.request.start_max_unix_nanos
    }

    fn read(
        &self,
        plan: &Plan<'_>,
        dimensions: &[Dimension],
        columns: &impl Columns,
        (earliest, latest): (u64, u64),
    ) -> Result<Counting, SegmentError> {
        let request = self.request;
        let rows = columns.row_count();
        let mut counting = Counting { rows, ..Counting::default() };
        let mut marks = None;
        if !plan.is_empty() {
            let mut passing = vec![true; rows];
            plan.evaluate(columns, &mut passing)?;
            marks = Some(passing);
        }
        let first = request.bucket_of(earliest.max(request.start_min_unix_nanos));
        let last = request.bucket_of(latest.min(request.start_max_unix_nanos));
        let is_inside = self.is_inside((earliest, latest));
        counting.bucket_first = first;
        if !is_inside || first != last {
            let starts = columns.starts()?;
            if !is_inside {
                let passing = marks.get_or_insert_with(|| vec![true; rows]);
                let wanted = request.start_min_unix_nanos..=request.start_max_unix_nanos;
                let marked = passing.iter_mut().zip(starts.iter());
                marked.for_each(|(mark, start)| *mark &= wanted.contains(start));
            }
            if first != last {
                counting.buckets = buckets(request, &starts, first, last);
            }
        }
        if let Some(passing) = marks {
            let selected = (0..).zip(&passing).filter(|(_, passes)| **passes);
            let selected: Vec<u32> = selected.map(|(row, _)| row).collect();
            if selected.is_empty() {
                counting.rows = 0;
                return Ok(counting);
            }
            if selected.len() < rows {
                counting.selected = Some(selected);
            }
        }
        for dimension in dimensions {
            counting.keys.push(dimension.row_ids(columns)?);
        }
        if !request.measures.is_empty() {
            counting.durations = columns.durations()?.into_owned();
        }
        Ok(counting)
    }
}

/// What was read of a unit to count it.
#[derive(Debug, Default)]
struct Counting {
    rows: usize,
    /// Rows that count; `None`: all do.
    selected: Option<Vec<u32>>,
    bucket_first: u32,
    /// Buckets of the rows; empty: the first is that of all.
    buckets: Vec<u32>,
    keys: Vec<RowIds>,
    /// Where the question has measures.
    durations: Vec<u64>,
}

/// Most buckets of a granule whose borders are compared with each start, which is faster than dividing.
const COMPARED_BUCKETS_MAX: u32 = 8;

/// Buckets of starts, which are from `first` to `last` where the row counts.
fn buckets(request: &AggregateSpans, starts: &[u64], first: u32, last: u32) -> Vec<u32> {
    let Some(step) = request.step_nanos else { return Vec::new() };
    if last - first > COMPARED_BUCKETS_MAX {
        return starts.iter().map(|&start| request.bucket_of(start).clamp(first, last)).collect();
    }
    let mut buckets = vec![first; starts.len()];
    for bucket in first + 1..=last {
        let border = step.saturating_mul(u64::from(bucket));
        let border = request.start_min_unix_nanos.saturating_add(border);
        let pairs = buckets.iter_mut().zip(starts);
        pairs.for_each(|(bucket, &start)| *bucket += u32::from(start >= border));
    }
    buckets
}

/// A slot whose group is not known yet.
const SLOT_UNKNOWN: u32 = u32::MAX;
/// A slot whose group is left out.
const SLOT_LEFT_OUT: u32 = u32::MAX - 1;

impl Worker<'_> {
    fn turn_to(&mut self, block: Option<usize>, dimensions: &[Dimension]) {
        if block.is_none() || self.block != block {
            self.block = block;
            let unknown = |dimension: &Dimension| {
                vec![Number::Unknown; cast::index(dimension.shared_cardinality())]
            };
            self.numbers = dimensions.iter().map(unknown).collect();
            self.slots.clear();
        }
    }

    fn count_all(&mut self, bucket: u32, spans: u64) -> Result<(), StoreError> {
        if let Some(group) = self.totals.group([0; GROUP_KEYS_MAX])? {
            let place = self.totals.place(group, bucket)?;
            self.totals.count(place, spans);
        }
        Ok(())
    }

    fn count(
        &mut self,
        aggregation: &Aggregation<'_>,
        dimensions: &[Dimension],
        mut counting: Counting,
    ) -> Result<(), StoreError> {
        let is_counted_whole = counting.buckets.is_empty() && counting.durations.is_empty();
        if counting.rows == 0 {
            return Ok(());
        }
        if is_counted_whole && counting.keys.is_empty() {
            let rows = counting.selected.as_ref().map_or(counting.rows, Vec::len);
            return self.count_all(counting.bucket_first, cast::wide(rows));
        }
        let combined = Combined::new(&mut counting.keys);
        let is_shared = counting.keys.iter().all(|key| key.own.is_empty());
        if !combined.is_computed() || !is_shared {
            self.slots.clear();
        }
        self.slots.resize(cast::index(combined.cardinality), SLOT_UNKNOWN);
        let registry = aggregation.registry;
        let context = Context { registry, dimensions, keys: &counting.keys, combined };
        match (&counting.selected, is_counted_whole) {
            (None, true) => {
                self.count_groups(&context, context.combined.numbers.iter().copied())?;
            }
            (Some(rows), true) => {
                self.count_groups(&context, rows.iter().map(|&row| context.number(row)))?;
            }
            (None, false) => {
                self.count_rows(&context, &counting, 0..cast::narrow(counting.rows))?;
            }
            (Some(rows), false) => {
                self.count_rows(&context, &counting, rows.iter().copied())?;
            }
        }
        self.flush(counting.bucket_first)?;
        if !context.combined.is_computed() || !is_shared {
            self.slots.clear();
        }
        Ok(())
    }

    fn count_groups(
        &mut self,
        context: &Context<'_>,
        numbers: impl Iterator<Item = u32>,
    ) -> Result<(), StoreError> {
        for number in numbers {
            let slot = self.slots.get(cast::index(number)).copied().unwrap_or(SLOT_LEFT_OUT);
            match self.counters.get_mut(cast::index(slot)) {
                Some(counter) => *counter += 1,
                None => match self.resolve(context, number)? {
                    Some(group) => self.counters[cast::index(group)] += 1,
                    None => self.totals.left_out += 1,
                },
            }
        }
        Ok(())
    }

    /// One by one, each in its bucket, and measured.
    fn count_rows(
        &mut self,
        context: &Context<'_>,
        counting: &Counting,
        rows: impl Iterator<Item = u32>,
    ) -> Result<(), StoreError> {
        for row in rows {
            let number = context.number(row);
            let slot = self.slots.get(cast::index(number)).copied().unwrap_or(SLOT_LEFT_OUT);
            let group = match slot {
                SLOT_UNKNOWN => self.resolve(context, number)?,
                SLOT_LEFT_OUT => None,
                group => Some(group),
            };
            let Some(group) = group else {
                self.totals.left_out += 1;
                continue;
            };
            let bucket = counting.buckets.get(cast::index(row));
            let bucket = bucket.copied().unwrap_or(counting.bucket_first);
            let place = self.totals.place(group, bucket)?;
            match counting.durations.get(cast::index(row)) {
                Some(&nanos) => self.totals.measure(place, nanos),
                None => self.totals.count(place, 1),
            }
        }
        Ok(())
    }

    /// Moves what [`Worker::count_groups`] counted to a bucket.
    fn flush(&mut self, bucket: u32) -> Result<(), StoreError> {
        for group in 0..self.counters.len() {
            let spans = std::mem::take(&mut self.counters[group]);
            if spans > 0 {
                let place = self.totals.place(cast::narrow(group), bucket)?;
                self.totals.count(place, u64::from(spans));
            }
        }
        Ok(())
    }

    /// The group of a combination; `None` where it is left out.
    #[cold]
    fn resolve(&mut self, context: &Context<'_>, number: u32) -> Result<Option<u32>, StoreError> {
        let known = self.slots.get(cast::index(number)).copied();
        if known != Some(SLOT_UNKNOWN) {
            return Ok(None);
        }
        let mut ids = [0; GROUP_KEYS_MAX];
        context.combined.split(number, &mut ids);
        let group = match self.group_numbers(context, &ids)? {
            Some(numbers) => self.totals.group(numbers)?,
            None => None,
        };
        self.counters.resize(self.totals.group_count(), 0);
        if let Some(slot) = self.slots.get_mut(cast::index(number)) {
            *slot = group.unwrap_or(SLOT_LEFT_OUT);
        }
        Ok(group)
    }

    /// The numbers of a group's values; `None` where the group is left out.
    fn group_numbers(
        &mut self,
        context: &Context<'_>,
        ids: &[u32],
    ) -> Result<Option<GroupNumbers>, StoreError> {
        let mut group = [0; GROUP_KEYS_MAX];
        let keys = context.dimensions.iter().zip(context.keys).zip(&mut self.numbers);
        for (((dimension, key), numbers), (&id, place)) in keys.zip(ids.iter().zip(&mut group)) {
            let known = numbers.get_mut(cast::index(id));
            let number = match known {
                Some(Number::Known(number)) => Some(*number),
                Some(Number::LeftOut) => None,
                other => {
                    let value = dimension.value(id, &key.own);
                    let number = context.registry.number(value)?;
                    if let Some(known) = other {
                        *known = number.map_or(Number::LeftOut, Number::Known);
                    }
                    number
                }
            };
            let Some(number) = number else { return Ok(None) };
            *place = number;
        }
        Ok(Some(group))
    }
}

/// What resolving the groups of a unit needs.
struct Context<'c> {
    registry: &'c Registry<'c>,
    dimensions: &'c [Dimension],
    keys: &'c [RowIds],
    combined: Combined,
}

impl Context<'_> {
    #[inline]
    fn number(&self, row: u32) -> u32 {
        self.combined.numbers.get(cast::index(row)).copied().unwrap_or(0)
    }
}
