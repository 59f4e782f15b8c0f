//! Spans as examples of the series that they count in.

use super::metrics::{Histogram, Observation, bound, unit};
use super::output::fields_of_metrics;
use super::series::{Exemplar, Label, NAME_KEY, Series, is_same};
use super::time::Buckets;
use crate::ast::{Attribute, Hint, Intrinsic, MetricsFunction, MetricsPipeline, Static};
use crate::value::Value;

/// Most exemplars of a function, and how many there are where nobody asks for a number.
pub const EXEMPLARS_MAX: usize = 100;

/// How many exemplars a query has: as its hint says, else as the request does.
pub fn exemplar_count(hints: &[Hint], parameter: Option<usize>) -> usize {
    let hint = hints.iter().rev().find(|hint| hint.name == "exemplars");
    let asked = match hint.map(|hint| &hint.value) {
        Some(Static::Bool(false)) => return 0,
        Some(Static::Int(number)) => usize::try_from(*number).unwrap_or(0),
        _ => parameter.filter(|number| *number > 0).unwrap_or(EXEMPLARS_MAX),
    };
    asked.min(EXEMPLARS_MAX)
}

/// Adds exemplars: of a trace the first span that a series has, at most two of every slice of the range, `count` in all.
pub(super) fn add_exemplars(
    series: &mut [Series],
    query: &MetricsPipeline,
    observations: &[Observation<'_>],
    count: usize,
    buckets: &Buckets,
) {
    let slices = (count / 2).max(1);
    let mut taken = vec![0_usize; slices];
    let mut traces = Vec::new();
    let mut ordered: Vec<&Observation<'_>> = observations.iter().collect();
    ordered.sort_by_key(|observation| (observation.time(), observation.counted.trace.trace_id));
    for observation in ordered {
        let trace_id = observation.counted.trace.trace_id;
        let bucket = observation.counted.bucket;
        let slice = bucket * slices / buckets.count().max(1);
        if traces.len() >= count || taken[slice] >= 2 || traces.contains(&trace_id) {
            continue;
        }
        let Some(labels) = labels_of(observation, &query.aggregate.function, observations) else {
            continue;
        };
        let is_own = |series: &&mut Series| {
            let labels_there = series.labels.iter().filter(|(key, _)| key != NAME_KEY);
            is_same(&labels_there.cloned().collect::<Vec<_>>(), &labels)
        };
        let Some(series) = series.iter_mut().find(is_own) else { continue };
        let is_measured = matches!(
            query.aggregate.function,
            MetricsFunction::OverTime(..) | MetricsFunction::QuantileOverTime(..)
        );
        let measured = observation.value.as_float().filter(|_| is_measured);
        let value = measured.map(|value| value / unit(query.aggregate.function.argument()));
        let value = value.or(series.samples.get(bucket).copied().flatten()).unwrap_or(0.0);
        let fields = fields(observation, query);
        let time = observation.time();
        series.exemplars.push(Exemplar { trace_id, fields, value, time });
        traces.push(trace_id);
        taken[slice] += 1;
    }
}

/// The labels of the series that a span is an example of, without its name; `None` where it is in none.
fn labels_of(
    observation: &Observation<'_>,
    function: &MetricsFunction,
    observations: &[Observation<'_>],
) -> Option<Vec<Label>> {
    let mut labels = observation.labels.clone();
    let unit = unit(function.argument());
    match function {
        MetricsFunction::Rate | MetricsFunction::CountOverTime | MetricsFunction::Compare(_) => {}
        MetricsFunction::OverTime(..) => {
            observation.value.as_float()?;
        }
        MetricsFunction::HistogramOverTime(_) => {
            let bound = bound(&observation.value)? / unit;
            labels.push(("__bucket".to_owned(), Value::Float(bound)));
        }
        MetricsFunction::QuantileOverTime(_, quantiles) => {
            bound(&observation.value)?;
            let value = observation.value.as_float()?;
            let group = observations.iter().filter(|other| is_same(&other.labels, &labels));
            let histogram = Histogram::of(group.map(|other| &other.value));
            let distance = |quantile: f64| (histogram.quantile(quantile) - value).abs();
            let quantiles = quantiles.iter().map(|quantile| quantile.item);
            let nearest =
                quantiles.min_by(|left, right| distance(*left).total_cmp(&distance(*right)))?;
            labels.push(("p".to_owned(), Value::Float(nearest)));
        }
    }
    Some(labels)
}

/// The fields that the query mentions and the span has.
fn fields(observation: &Observation<'_>, query: &MetricsPipeline) -> Vec<(String, Value)> {
    let mut fields = fields_of_metrics(query);
    fields.retain(|field| **field != Attribute::Intrinsic(Intrinsic::TraceId));
    let context = observation.counted.context();
    let fields = fields.into_iter().map(|field| (field.to_string(), context.field(field)));
    fields.filter(|(_, value)| *value != Value::Nil).collect()
}
