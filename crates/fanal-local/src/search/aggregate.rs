//! Aggregates: spans counted and measured in groups and time buckets, on codes.
//!
//! Every granule that can match is a piece of work for one of the question's threads. A granule whose statistics say
//! all is not read; of others only the columns of conditions and keys are, and starts only where a granule lies across the
//! borders of the range or of a bucket. The meaning is that of `MemoryStore`.

use super::columns::{Columns, Dictionaries, GranuleColumns, PartColumns, SegmentDictionaries};
use super::combine::Combined;
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
        let (block, numbers, counters) = (None, Vec::new(), Vec::new());
        Worker { totals, scanned: ScanCounts::default(), block, numbers, counters }
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
        Ok(Some((plan, dimensions.collect::<Result<_, _>>()?)))
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
        worker.count(self, &dimensions, &counting)
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
            let group = Some([0; GROUP_KEYS_MAX]);
            return worker.totals.add(group, bucket, cast::wide(stats.row_count())).map(drop);
        }
        worker.scanned.granules_read += 1;
        worker.scanned.spans += cast::wide(stats.row_count());
        worker.turn_to(Some(block), dimensions);
        let columns = GranuleColumns { segment: &open.segment, granule };
        match self.read(plan, dimensions, &columns, starts).map_err(open.failed()) {
            Ok(counting) => worker.count(self, dimensions, &counting),
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

    /// Reads what a unit needs.
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
                let bucket = |&start: &u64| request.bucket_of(start).clamp(first, last) - first;
                let ids = starts.iter().map(bucket).collect();
                let cardinality = last - first + 1;
                counting.buckets = Some(RowIds { ids, cardinality, own: Vec::new() });
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
    /// Buckets of the rows from the first; `None`: that one is all.
    buckets: Option<RowIds>,
    keys: Vec<RowIds>,
    /// Where the question has measures.
    durations: Vec<u64>,
}

impl Worker<'_> {
    /// Forgets the numbers of another block's ids.
    fn turn_to(&mut self, block: Option<usize>, dimensions: &[Dimension]) {
        if block.is_none() || self.block != block {
            self.block = block;
            let unknown = |dimension: &Dimension| {
                vec![Number::Unknown; cast::index(dimension.shared_cardinality())]
            };
            self.numbers = dimensions.iter().map(unknown).collect();
        }
    }

    fn count(
        &mut self,
        aggregation: &Aggregation<'_>,
        dimensions: &[Dimension],
        counting: &Counting,
    ) -> Result<(), StoreError> {
        if counting.rows == 0 {
            return Ok(());
        }
        let buckets = counting.buckets.iter();
        let combined = Combined::new(buckets.chain(&counting.keys).map(RowIds::combinable));
        let mut counters = std::mem::take(&mut self.counters);
        counters.clear();
        counters.resize(cast::index(combined.cardinality), 0);
        tally_rows(&combined.numbers, counting, &mut counters);
        let mut places = vec![None; if counting.durations.is_empty() { 0 } else { counters.len() }];
        let mut ids = vec![0; counting.keys.len() + usize::from(counting.buckets.is_some())];
        for (number, &spans) in (0..).zip(&counters) {
            if spans == 0 {
                continue;
            }
            combined.split(number, &mut ids);
            let (bucket, of_keys) = match (&counting.buckets, ids.split_first()) {
                (Some(_), Some((&bucket, of_keys))) => (counting.bucket_first + bucket, of_keys),
                _ => (counting.bucket_first, &*ids),
            };
            let group = self.group(aggregation, dimensions, &counting.keys, of_keys)?;
            let place = self.totals.add(group, bucket, u64::from(spans))?;
            if let Some(known) = places.get_mut(cast::index(number)) {
                *known = place;
            }
        }
        self.counters = counters;
        self.measure(counting, &combined.numbers, &places);
        aggregation.question.check()
    }

    fn measure(&mut self, counting: &Counting, numbers: &[u32], places: &[Option<usize>]) {
        if counting.durations.is_empty() {
            return;
        }
        let mut measure = |row: usize| {
            let number = numbers.get(row).copied().unwrap_or(0);
            let place = places.get(cast::index(number)).copied().flatten();
            if let (Some(place), Some(&nanos)) = (place, counting.durations.get(row)) {
                self.totals.measure(place, nanos);
            }
        };
        match &counting.selected {
            Some(rows) => rows.iter().for_each(|&row| measure(cast::index(row))),
            None => (0..counting.rows).for_each(measure),
        }
    }

    /// The numbers of a group's values; `None` where the group is left out.
    fn group(
        &mut self,
        aggregation: &Aggregation<'_>,
        dimensions: &[Dimension],
        keys: &[RowIds],
        ids: &[u32],
    ) -> Result<Option<GroupNumbers>, StoreError> {
        let mut group = [0; GROUP_KEYS_MAX];
        for (key, (&id, place)) in ids.iter().zip(&mut group).enumerate() {
            let known = self.numbers.get_mut(key).and_then(|all| all.get_mut(cast::index(id)));
            let number = match known {
                Some(Number::Known(number)) => Some(*number),
                Some(Number::LeftOut) => None,
                other => {
                    let value = dimensions[key].value(id, &keys[key].own);
                    let number = aggregation.registry.number(value)?;
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

/// Counts the rows of each number.
fn tally_rows(numbers: &[u32], counting: &Counting, counters: &mut [u32]) {
    if numbers.is_empty() {
        let rows = counting.selected.as_ref().map_or(counting.rows, Vec::len);
        counters.iter_mut().take(1).for_each(|counter| *counter = cast::narrow(rows));
        return;
    }
    let mut count = |number: u32| {
        if let Some(counter) = counters.get_mut(cast::index(number)) {
            *counter += 1;
        }
    };
    match &counting.selected {
        Some(rows) => rows
            .iter()
            .filter_map(|&row| numbers.get(cast::index(row)))
            .for_each(|&number| count(number)),
        None => numbers.iter().for_each(|&number| count(number)),
    }
}
