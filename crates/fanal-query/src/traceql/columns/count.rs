//! Metrics over a walk: spans that a program finds, counted by the numbers of their fields and by bucket.
//!
//! Each call counts for itself and adds up under one lock, so that threads seldom meet. Memory grows with series and
//! buckets, up to [`groups_max`] series.

use super::field::Field;
use super::program::Program;
use super::whole::{self, Whole};
use crate::traceql::cells::{Cell, Cells, groups_max, labels, power_of};
use fanal_storage::{ReadValues, TraceVisitor, WalkValues, WalkedTrace};
use fanal_traceql::ast::{Attribute, MetricsPipeline};
use fanal_traceql::eval::{Buckets, Label};
use foldhash::fast::RandomState;
use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::{Mutex, PoisonError};

/// Most fields of `by()`.
const FIELDS_MAX: usize = 8;

/// The numbers of the fields of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Numbers([u64; FIELDS_MAX]);

impl Hash for Numbers {
    /// One number in place of eight, most of which are 0.
    fn hash<H: Hasher>(&self, state: &mut H) {
        const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
        let mix = |all: u64, number: &u64| (all.rotate_left(23) ^ number).wrapping_mul(ODD);
        state.write_u64(self.0.iter().fold(0, mix));
    }
}

/// What a call counts.
#[derive(Debug, Default)]
struct Counts {
    places: HashMap<(Numbers, usize), usize, RandomState>,
    cells: Vec<(Numbers, usize, Cell)>,
    /// The cell that was counted in last: spans of a series follow one another.
    last: usize,
}

impl Counts {
    fn cell(&mut self, numbers: Numbers, bucket: usize) -> &mut Cell {
        let is_last =
            |(other, place, _): &(Numbers, usize, Cell)| (*other, *place) == (numbers, bucket);
        if !self.cells.get(self.last).is_some_and(is_last) {
            self.last = *self.places.entry((numbers, bucket)).or_insert_with(|| {
                self.cells.push((numbers, bucket, Cell::default()));
                self.cells.len() - 1
            });
        }
        &mut self.cells[self.last].2
    }
}

/// What is counted of a pipeline.
#[derive(Debug)]
pub(in crate::traceql) struct Counter {
    program: Program,
    /// What series are told apart by, at most [`FIELDS_MAX`].
    by: Vec<(Attribute, Field)>,
    /// What is measured of each span.
    measured: Option<Field>,
    buckets: Buckets,
    groups_max: usize,
    pub(in crate::traceql) needed: u64,
    found: Mutex<Found>,
}

/// What was counted.
#[derive(Debug, Default)]
struct Found {
    series: HashMap<Numbers, HashMap<usize, Cell, RandomState>, RandomState>,
    left_out: u64,
    traces: u64,
    divisions_by_zero: u64,
}

impl Counter {
    /// Of a metrics pipeline; `None` where a walk does not tell.
    pub(in crate::traceql) fn compile(
        query: &MetricsPipeline,
        buckets: Buckets,
        asked: &mut super::Asked,
    ) -> Option<Self> {
        let program = Program::of_pipeline(&query.pipeline, asked)?;
        let fields = query.aggregate.by.iter().map(|by| &by.item);
        let by = fields.map(|field| Some((field.clone(), Field::compile(field, asked)?)));
        let by = by.collect::<Option<Vec<_>>>().filter(|by| by.len() <= FIELDS_MAX)?;
        let measured = match query.aggregate.function.argument() {
            Some(field) => Some(Field::compile(&field.item, asked)?),
            None => None,
        };
        let (needed, found) = (program.needed(), Mutex::default());
        let groups_max = groups_max(&query.aggregate.function, &buckets);
        Some(Self { program, by, measured, buckets, groups_max, needed, found })
    }

    fn count(&self, trace: &Whole<'_>, counts: &mut Counts) {
        self.program.each_matched(trace, &mut |place| {
            let Some(bucket) = self.buckets.bucket_of(trace.spans[place].start_unix_nanos) else {
                return;
            };
            let mut numbers = Numbers::default();
            for (number, (_, field)) in numbers.0.iter_mut().zip(&self.by) {
                *number = field.number(trace, place);
            }
            let cell = counts.cell(numbers, bucket);
            cell.spans += 1;
            if let Some(field) = &self.measured {
                let value = field.value(trace, place);
                if let Some(number) = value.as_float() {
                    cell.add_number(number, power_of(&value));
                }
            }
        });
    }

    /// Adds everything to the cells of an answer; answers how many traces were looked at, and in how many of them whole
    /// numbers were divided by zero.
    pub(in crate::traceql) fn add_to(
        &self,
        cells: &mut Cells,
        values: &ReadValues<'_>,
    ) -> (u64, u64) {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        cells.left_out += found.left_out;
        for (numbers, buckets) in found.series.drain() {
            let place = cells.place(self.labels(&numbers, values));
            for (bucket, cell) in buckets {
                match place {
                    Some(place) => cells.cell(place, bucket).merge(&cell),
                    None => cells.left_out += cell.spans,
                }
            }
        }
        (found.traces, found.divisions_by_zero)
    }

    fn labels(&self, numbers: &Numbers, values: &ReadValues<'_>) -> Vec<Label> {
        let fields = self.by.iter().zip(&numbers.0);
        labels(fields.map(|((field, place), &number)| (field, place.of_number(number, values))))
    }
}

impl TraceVisitor for Counter {
    fn visit(&self, traces: &[WalkedTrace<'_>], values: &WalkValues) {
        let values = values.read();
        let mut counts = Counts::default();
        let (mut looked_at, mut divisions) = (0, 0);
        whole::each(traces, &values, self.needed, |_, whole| {
            looked_at += 1;
            self.count(whole, &mut counts);
            divisions += u64::from(whole.has_divided_by_zero());
        });
        drop(values);
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        found.traces += looked_at;
        found.divisions_by_zero += divisions;
        found.add(counts, self.groups_max);
    }
}

impl Found {
    fn add(&mut self, counts: Counts, groups_max: usize) {
        for (numbers, bucket, cell) in counts.cells {
            if self.series.len() >= groups_max && !self.series.contains_key(&numbers) {
                self.left_out += cell.spans;
                continue;
            }
            self.series.entry(numbers).or_default().entry(bucket).or_default().merge(&cell);
        }
    }
}
