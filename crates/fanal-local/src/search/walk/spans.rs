//! What a query language needs of whole traces: ids, times, which conditions hold and the values of keys as numbers.
//!
//! Compiled once for each block and each part of the head: conditions as plans, keys as dimensions whose values get their
//! number where they first occur. The meaning is that of `fanal_storage::walk::walk_whole`.

use super::{Telling, Unread};
use crate::search::columns::{Columns, Dictionaries};
use crate::search::dimension::{CodeSource, Dimension, RowIds};
use crate::search::plan::Plan;
use crate::search::question::Question;
use crate::segment::{Classes, SegmentError};
use crate::tenant::Snapshot;
use fanal_base::cast;
use fanal_model::{SpanKind, TraceId};
use fanal_storage::{
    StoreError, TraceVisitor, WalkTraces, WalkValues, WalkedSpan, WalkedTrace, WalkedTraces,
};
use std::sync::Arc;

/// An id whose value was not numbered yet.
const UNKNOWN: u32 = u32::MAX;

/// Memory of a numbered value besides its bytes, about.
const VALUE_BYTES: usize = 96;

/// A walk with those who take it.
struct Spans<'a> {
    request: &'a WalkTraces,
    visitor: &'a dyn TraceVisitor,
    values: WalkValues,
}

/// A walk compiled for a block or part.
struct Compiled<'a> {
    /// By condition; `None` where no span here can match.
    plans: Vec<Option<Plan<'a>>>,
    keys: Vec<Key>,
    classes: Option<Arc<Classes>>,
}

/// A key, and by shared id the number of its value.
struct Key {
    dimension: Dimension,
    /// The column that tells the ids, and the id of each of its codes; `None` for an attribute of spans.
    coded: Option<(CodeSource, Vec<u32>)>,
    numbers: Vec<u32>,
}

/// Walks over what a tenant has at a moment.
pub(crate) fn walk(
    snapshot: &Snapshot,
    request: &WalkTraces,
    question: &Question,
    visitor: &dyn TraceVisitor,
) -> Result<WalkedTraces, StoreError> {
    request.validate()?;
    let spans = Spans { request, visitor, values: WalkValues::default() };
    let (warnings, scanned) = super::walk(snapshot, &spans, question)?;
    Ok(WalkedTraces { values: spans.values, warnings, scanned })
}

impl<'a> Telling for Spans<'a> {
    type Span = WalkedSpan;
    type Compiled = Compiled<'a>;

    fn range(&self) -> (u64, u64) {
        (self.request.start_min_unix_nanos, self.request.start_max_unix_nanos)
    }

    fn compile(&self, dictionaries: &impl Dictionaries) -> Result<Compiled<'a>, SegmentError> {
        let conditions: &'a [_] = &self.request.conditions;
        let plans = conditions
            .iter()
            .map(|condition| Plan::compile(std::slice::from_ref(condition), dictionaries));
        let plans = plans.collect::<Result<_, _>>()?;
        let classes = dictionaries.classes()?;
        let summary = dictionaries.resource_summary()?;
        let told = classes.as_deref().map(|classes| (classes, &*summary));
        let key = |key| {
            let dimension = Dimension::compile(key, dictionaries)?;
            let numbers = vec![UNKNOWN; cast::index(dimension.shared_cardinality())];
            Ok(Key { coded: dimension.by_code(told), dimension, numbers })
        };
        let keys = self.request.keys.iter().map(key).collect::<Result<_, SegmentError>>()?;
        Ok(Compiled { plans, keys, classes })
    }

    fn append(
        &self,
        compiled: &mut Compiled<'a>,
        columns: &impl Columns,
        question: &Question,
        spans: &mut Vec<WalkedSpan>,
    ) -> Result<(), Unread> {
        let (ids, parents) = columns.span_and_parent_ids()?;
        let (starts, durations) = (columns.starts()?, columns.durations(None)?);
        let kinds = columns.kinds()?;
        let before = spans.len();
        let times = starts.iter().zip(durations.iter());
        let rows = ids.iter().zip(parents.iter()).zip(times.zip(kinds.iter()));
        spans.extend(rows.map(|((&span_id, &parent_span_id), ((&start, &nanos), &kind))| {
            WalkedSpan {
                span_id,
                parent_span_id,
                start_unix_nanos: start,
                duration_nanos: nanos,
                kind: SpanKind::from_code(kind),
                ..WalkedSpan::default()
            }
        }));
        let rows = spans.get_mut(before..).unwrap_or_default();
        for (bit, plan) in compiled.plans.iter().enumerate() {
            let Some(plan) = plan else { continue };
            let mut passing = vec![true; rows.len()];
            plan.evaluate(columns, &mut passing)?;
            for (span, passes) in rows.iter_mut().zip(passing) {
                span.met |= u64::from(passes) << bit;
            }
        }
        let classes = compiled.classes.as_deref();
        for (place, key) in compiled.keys.iter_mut().enumerate() {
            let numbers = key.numbers(columns, classes, &self.values, question)?;
            for (span, number) in rows.iter_mut().zip(numbers) {
                span.values[place] = number;
            }
        }
        Ok(())
    }

    fn visit(&self, traces: &[(TraceId, &[WalkedSpan])]) {
        let traces: Vec<WalkedTrace<'_>> =
            traces.iter().map(|&(trace_id, spans)| WalkedTrace { trace_id, spans }).collect();
        self.visitor.visit(&traces, &self.values);
    }
}

impl Key {
    /// By row of a unit: the number of its value.
    fn numbers(
        &mut self,
        columns: &impl Columns,
        classes: Option<&Classes>,
        values: &WalkValues,
        question: &Question,
    ) -> Result<Vec<u32>, Unread> {
        let RowIds { mut ids, own, .. } = self.ids(columns, classes)?;
        let shared = self.numbers.len();
        let mut own_numbers = vec![UNKNOWN; own.len()];
        for id in &mut ids {
            let place = cast::index(*id);
            let known = match place.checked_sub(shared) {
                None => self.numbers.get_mut(place),
                Some(place) => own_numbers.get_mut(place),
            };
            let Some(known) = known else { continue };
            if *known == UNKNOWN {
                let value = self.dimension.value(*id, &own);
                let bytes = value.as_ref().map_or(0, Vec::len);
                let (number, is_new) = values.number(value);
                *known = number;
                if is_new {
                    question.hold(VALUE_BYTES + 2 * bytes)?;
                }
            }
            *id = *known;
        }
        Ok(ids)
    }

    fn ids(
        &self,
        columns: &impl Columns,
        classes: Option<&Classes>,
    ) -> Result<RowIds, SegmentError> {
        let Some((source, ids)) = &self.coded else { return self.dimension.row_ids(columns) };
        let id = |&code: &u32| ids.get(cast::index(code)).copied().unwrap_or(0);
        let of_byte = |&code: &u8| ids.get(usize::from(code)).copied().unwrap_or(0);
        let ids = match (source, classes) {
            (CodeSource::Column(column), _) => {
                columns.codes(*column, None)?.iter().map(id).collect()
            }
            (CodeSource::Classes, Some(classes)) => {
                columns.class_codes(classes)?.iter().map(id).collect()
            }
            (CodeSource::Classes, None) => vec![0; columns.row_count()],
            (CodeSource::Kinds, _) => columns.kinds()?.iter().map(of_byte).collect(),
            (CodeSource::Statuses, _) => columns.status_codes()?.iter().map(of_byte).collect(),
        };
        Ok(RowIds { ids, ..RowIds::default() })
    }
}
