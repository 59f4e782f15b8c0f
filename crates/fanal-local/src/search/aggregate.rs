//! Aggregates: spans counted and measured in groups and time buckets, on codes.
//!
//! Every granule that can match is a piece of work for one of the question's threads. A granule whose statistics say
//! all is not read; of others only the columns of conditions and keys are, and starts only where a granule lies across the
//! borders of the range or of a bucket. The meaning is that of `MemoryStore`.

use super::columns::{Columns, Dictionaries, GranuleColumns, PartColumns, SegmentDictionaries};
use super::count::{Counting, Worker};
use super::keys::Keys;
use super::plan::Plan;
use super::question::Question;
use super::totals::{Registry, finish};
use crate::block::Block;
use crate::failure;
use crate::guard::lock;
use crate::head::HeadPart;
use crate::segment::SegmentError;
use crate::tenant::Snapshot;
use fanal_base::cast;
use fanal_storage::{AggregateSpans, ScanCounts, SpanAggregates, StoreError};
use std::collections::BTreeSet;
use std::sync::{Mutex, OnceLock};

/// The question compiled for one block or part; `None` where nothing there can match.
type Compiled<'a> = Option<(Plan<'a>, Keys)>;

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
    for mut worker in workers {
        aggregation.close(&mut worker)?;
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
    fn run(&self, pieces: &[Piece<'_>]) -> Result<Vec<Worker<'a>>, StoreError> {
        let make = || Worker::new(self.registry, &self.request.measures);
        let work = |worker: &mut Worker<'a>, place: usize| match &pieces[place] {
            Piece::Part(part) => self.count_part(worker, part),
            Piece::Granule { block, granule } => self.count_granule(worker, *block, *granule),
        };
        self.question.work(pieces.len(), make, work)
    }

    /// Closes what a worker has open, which is of the block that it counted last.
    fn close(&self, worker: &mut Worker<'a>) -> Result<(), StoreError> {
        let compiled = worker.block.and_then(|block| self.compiled[block].get());
        match compiled {
            Some(Some((_, keys))) => worker.close(keys),
            _ => Ok(()),
        }
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
        Ok(Some((plan, Keys::compile(&self.request.group_by, dictionaries)?)))
    }

    fn count_part(&self, worker: &mut Worker<'a>, part: &HeadPart) -> Result<(), StoreError> {
        let columns = PartColumns(part);
        let failed = |error| failure::segment("head")(error);
        worker.scanned.granules_read += 1;
        worker.scanned.spans += cast::wide(part.len());
        let Some((plan, keys)) = self.compile(&columns).map_err(failed)? else {
            return Ok(());
        };
        self.close(worker)?;
        worker.turn_to(None, &keys);
        let counting = self.read(&plan, &keys, &columns, part.starts).map_err(failed)?;
        worker.count(&keys, counting)?;
        worker.close(&keys)
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
        let Some((plan, keys)) = compiled else { return Ok(()) };
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
        if worker.block != Some(block) {
            self.close(worker)?;
            worker.turn_to(Some(block), keys);
        }
        let columns = GranuleColumns::new(&open.segment, granule);
        let counting = columns.and_then(|columns| self.read(plan, keys, &columns, starts));
        match counting.map_err(open.failed()) {
            Ok(counting) => worker.count(keys, counting),
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
        keys: &Keys,
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
        counting.lanes = keys.row_ids(columns)?;
        if !request.measures.is_empty() {
            counting.durations = columns.durations(None)?.into_owned();
        }
        Ok(counting)
    }
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
