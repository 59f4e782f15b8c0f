//! Metrics that the store counts by itself: one exact filter, and keys and measures that it has.
//!
//! Asked by [`super::metrics`], which looks at whole traces where this cannot tell.

use super::bounds::Bounds;
use super::cells::{Cell, Cells, groups_max, labels};
use fanal_base::cast;
use fanal_model::Value as ModelValue;
use fanal_storage::{
    AggregateSpans, CompareSpans, GroupKey, Measure, Measured, SpanAggregates, SpanCondition, Tally,
};
use fanal_traceql::ast::{
    Attribute, AttributeScope, Compare, Filter, Intrinsic, MetricsFunction, MetricsPipeline,
    OverTime, Pipeline, SpansetExpression, Stage,
};
use fanal_traceql::eval::{Buckets, Label};
use fanal_traceql::value::Value;

/// A question to the store in place of a pipeline.
#[derive(Debug)]
pub(super) struct Pushdown {
    pub(super) request: AggregateSpans,
    fields: Vec<Attribute>,
}

/// What the store tests in place of filters; `None` where it cannot tell, or no span can match: that is answered as quickly by
/// looking at no trace.
fn conditions<'q>(filters: impl Iterator<Item = Option<&'q Filter>>) -> Option<Vec<SpanCondition>> {
    let mut conditions: Vec<SpanCondition> = Vec::new();
    for filter in filters {
        let bounds = Bounds::of_filter(filter?.expression.as_ref());
        if !bounds.is_exact() {
            return None;
        }
        conditions.extend(bounds.upper.into_conditions()?);
    }
    Some(conditions)
}

fn filters(pipeline: &Pipeline) -> impl Iterator<Item = Option<&Filter>> {
    pipeline.stages.iter().map(|stage| match stage {
        Stage::Spansets(SpansetExpression::Filter(filter)) => Some(filter),
        _ => None,
    })
}

/// Earliest and latest start that buckets hold: each is open at its start and closed at its end.
fn range(buckets: &Buckets) -> Option<(u64, u64)> {
    let last = buckets.count().checked_sub(1)?;
    let start = i128::from(buckets.end(0)) - i128::from(buckets.step()) + 1;
    Some((u64::try_from(start).ok()?, buckets.end(last)))
}

/// The question in place of a comparison, where the store can tell all that does not need whole traces.
pub(super) fn comparison(
    pipeline: &Pipeline,
    arguments: &Compare,
    buckets: &Buckets,
) -> Option<CompareSpans> {
    let (start_min_unix_nanos, start_max_unix_nanos) = range(buckets)?;
    let selection_starts = match arguments.range {
        None => None,
        Some((from, to)) => {
            Some((u64::try_from(from.checked_add(1)?).unwrap_or(0), u64::try_from(to).ok()?))
        }
    };
    Some(CompareSpans {
        conditions: conditions(filters(pipeline))?,
        selection: conditions(std::iter::once(Some(&arguments.selection)))?,
        selection_starts,
        start_min_unix_nanos,
        start_max_unix_nanos,
        step_nanos: Some(buckets.step()),
        values_max: super::compare::VALUES_MAX,
    })
}

/// The question, where the store can tell everything.
pub(super) fn plan(query: &MetricsPipeline, buckets: &Buckets) -> Option<Pushdown> {
    let conditions = conditions(filters(&query.pipeline))?;
    let fields: Vec<Attribute> = query.aggregate.by.iter().map(|by| by.item.clone()).collect();
    let group_by = fields.iter().map(group_key).collect::<Option<Vec<GroupKey>>>()?;
    let (start_min_unix_nanos, start_max_unix_nanos) = range(buckets)?;
    Some(Pushdown {
        request: AggregateSpans {
            conditions,
            start_min_unix_nanos,
            start_max_unix_nanos,
            step_nanos: Some(buckets.step()),
            group_by,
            measures: measures(&query.aggregate.function)?,
            groups_max: groups_max(&query.aggregate.function, buckets),
        },
        fields,
    })
}

fn measures(function: &MetricsFunction) -> Option<Vec<Measure>> {
    let is_duration = |field: &Attribute| *field == Attribute::Intrinsic(Intrinsic::Duration);
    match function {
        MetricsFunction::Rate | MetricsFunction::CountOverTime => Some(Vec::new()),
        MetricsFunction::OverTime(_, field) if is_duration(&field.item) => {
            Some(vec![Measure::Durations])
        }
        MetricsFunction::HistogramOverTime(field) | MetricsFunction::QuantileOverTime(field, _)
            if is_duration(&field.item) =>
        {
            Some(vec![Measure::DurationHistogram])
        }
        _ => None,
    }
}

fn group_key(field: &Attribute) -> Option<GroupKey> {
    Some(match field {
        Attribute::Named { scope: AttributeScope::Span, name } => {
            GroupKey::SpanAttribute(name.clone())
        }
        Attribute::Named { scope: AttributeScope::Resource, name } => {
            GroupKey::ResourceAttribute(name.clone())
        }
        Attribute::Named { scope: AttributeScope::Instrumentation, name } => {
            GroupKey::ScopeAttribute(name.clone())
        }
        Attribute::Intrinsic(Intrinsic::Name) => GroupKey::Name,
        Attribute::Intrinsic(Intrinsic::Kind) => GroupKey::Kind,
        Attribute::Intrinsic(Intrinsic::Status) => GroupKey::Status,
        Attribute::Intrinsic(Intrinsic::InstrumentationName) => GroupKey::ScopeName,
        _ => return None,
    })
}

impl Pushdown {
    /// Adds what the store answered.
    pub(super) fn add(
        &self,
        answer: SpanAggregates,
        function: &MetricsFunction,
        cells: &mut Cells,
    ) {
        cells.left_out += answer.spans_left_out;
        for group in answer.groups {
            let place = cells.place(self.labels(&group.values));
            for tally in &group.buckets {
                match place {
                    Some(place) => {
                        add_tally(tally, function, cells.cell(place, cast::index(tally.bucket)));
                    }
                    None => cells.left_out += tally.spans,
                }
            }
        }
    }

    fn labels(&self, values: &[Option<ModelValue>]) -> Vec<Label> {
        let value = |field: &Attribute, told: &Option<ModelValue>| match told
            .as_ref()
            .map_or(Value::Nil, Value::from)
        {
            Value::Nil if field.is_service_name() => Value::String(String::new()),
            value => value,
        };
        let fields = self.fields.iter().zip(values);
        labels(fields.map(|(field, told)| (field, value(field, told))))
    }
}

fn add_tally(tally: &Tally, function: &MetricsFunction, cell: &mut Cell) {
    cell.spans += tally.spans;
    for measured in &tally.measured {
        match measured {
            Measured::Durations { sum, min, max } => {
                cell.numbers += tally.spans;
                cell.add_extremes(cast::figure(*min), cast::figure(*max));
                if matches!(
                    function,
                    MetricsFunction::OverTime(OverTime::Sum | OverTime::Average, _)
                ) {
                    cell.add_sum(figure(*sum));
                }
            }
            Measured::DurationHistogram(counters) => {
                // Nanoseconds below 2 have no power of two.
                for (power, &count) in (0..).zip(counters.iter()).skip(1).filter(|(_, n)| **n > 0) {
                    *cell.powers.entry(power).or_default() += count;
                }
            }
            // Not asked for here.
            Measured::DurationDoublings { .. } => {}
        }
    }
}

/// A sum as the nearest float, or nearly.
fn figure(sum: u128) -> f64 {
    let high = u64::try_from(sum >> 64).unwrap_or(u64::MAX);
    let low = u64::try_from(sum & u128::from(u64::MAX)).unwrap_or(u64::MAX);
    cast::figure(high) * 18_446_744_073_709_551_616.0 + cast::figure(low)
}
