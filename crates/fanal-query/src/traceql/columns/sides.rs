//! What a comparison needs of whole traces: on each side the spans by what only their trace tells.

use super::Asked;
use super::field::Field;
use super::program::Program;
use super::test::Test;
use super::whole::{self, Whole};
use fanal_storage::{ReadValues, TraceVisitor, WalkValues, WalkedTrace};
use fanal_traceql::ast::{Attribute, Compare, Intrinsic, Pipeline};
use fanal_traceql::eval::Buckets;
use fanal_traceql::value::Value;
use foldhash::fast::RandomState;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Fields that are compared and that a span does not tell by itself.
pub(in crate::traceql) const FIELDS: [Intrinsic; 3] =
    [Intrinsic::RootName, Intrinsic::RootServiceName, Intrinsic::ChildCount];

/// Place in [`FIELDS`], number of the value, whether the spans are selected, and bucket.
type Place = (usize, u64, bool, usize);

/// What is counted.
#[derive(Debug)]
pub(in crate::traceql) struct Sides {
    program: Program,
    selection: Option<Test>,
    /// Starts of selected spans: behind the first, up to the second.
    range: Option<(i64, i64)>,
    fields: Vec<Field>,
    buckets: Buckets,
    found: Mutex<HashMap<Place, u64, RandomState>>,
}

impl Sides {
    /// `None` where a walk does not tell which spans are meant.
    pub(in crate::traceql) fn compile(
        pipeline: &Pipeline,
        arguments: &Compare,
        buckets: Buckets,
        asked: &mut Asked,
    ) -> Option<Self> {
        let program = Program::of_pipeline(pipeline, asked)?;
        let selection = match &arguments.selection.expression {
            Some(expression) => Some(Test::compile(expression, asked)?),
            None => None,
        };
        let fields = FIELDS.map(Attribute::Intrinsic);
        let fields = fields.iter().map(|field| Field::compile(field, asked));
        let fields = fields.collect::<Option<Vec<_>>>()?;
        let (range, found) = (arguments.range, Mutex::default());
        Some(Self { program, selection, range, fields, buckets, found })
    }

    /// Bits that a trace must meet to count.
    pub(in crate::traceql) fn needed(&self) -> u64 {
        self.program.needed()
    }

    /// Field, value, whether selected, bucket, and how many spans.
    pub(in crate::traceql) fn take(
        &self,
        values: &ReadValues<'_>,
    ) -> Vec<(Intrinsic, Value, bool, usize, u64)> {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let counts = found.drain();
        let told = counts.map(|((field, number, is_selected, bucket), spans)| {
            let value = self.fields[field].of_number(number, values);
            (FIELDS[field], value, is_selected, bucket, spans)
        });
        told.collect()
    }

    fn is_selected(&self, trace: &Whole<'_>, place: usize) -> bool {
        let start = i128::from(trace.spans[place].start_unix_nanos);
        let is_within =
            |(from, to): (i64, i64)| i128::from(from) < start && start <= i128::from(to);
        self.range.is_none_or(is_within)
            && self.selection.as_ref().is_none_or(|test| test.holds(trace, place))
    }
}

impl TraceVisitor for Sides {
    fn visit(&self, traces: &[WalkedTrace<'_>], values: &WalkValues) {
        let values = values.read();
        let mut counts = HashMap::<Place, u64, RandomState>::default();
        whole::each(traces, &values, self.needed(), |_, whole| {
            self.program.each_matched(whole, &mut |place| {
                let start = whole.spans[place].start_unix_nanos;
                let Some(bucket) = self.buckets.bucket_of(start) else { return };
                let is_selected = self.is_selected(whole, place);
                for (number, field) in self.fields.iter().enumerate() {
                    let value = field.number(whole, place);
                    *counts.entry((number, value, is_selected, bucket)).or_default() += 1;
                }
            });
        });
        drop(values);
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        for (place, spans) in counts {
            *found.entry(place).or_default() += spans;
        }
    }
}
