//! Metrics queries over whole traces.

use super::exemplar::add_exemplars;
use super::expression::Context;
use super::pipeline::run;
use super::series::{Label, NAME_KEY, Series, is_same, label_value, ordered};
use super::time::Buckets;
use super::trace::Trace;
use super::{State, Warnings, compare, second};
use crate::ast::{
    Attribute, Body, Located, MetricsExpression, MetricsFunction, MetricsPipeline, MetricsQuery,
    OverTime,
};
use crate::check::{Checked, is_never_true};
use crate::types::ValueType;
use crate::value::Value;
use fanal_base::cast;

/// Nanoseconds of a second.
pub(super) const SECOND: f64 = 1e9;

/// The series of a metrics query over these traces, with up to so many exemplars for each function. A search has none.
pub fn metrics(
    query: &Checked,
    traces: &[Trace],
    buckets: &Buckets,
    exemplars: usize,
    warnings: &mut Warnings,
) -> Vec<Series> {
    let Body::Metrics(metrics) = &query.query().body else { return Vec::new() };
    let state = State { query, warnings };
    let mut run = Run { traces, buckets, exemplars, state };
    combined(metrics, &mut |pipeline| run.pipeline(pipeline))
}

/// What second stages and arithmetic make of the series of each pipeline; `series_of` gives those without second stages.
pub fn combined(
    query: &MetricsQuery,
    series_of: &mut dyn FnMut(&MetricsPipeline) -> Vec<Series>,
) -> Vec<Series> {
    second::stages(&query.second, expression(&query.expression, series_of))
}

fn expression(
    wanted: &MetricsExpression,
    series_of: &mut dyn FnMut(&MetricsPipeline) -> Vec<Series>,
) -> Vec<Series> {
    match wanted {
        MetricsExpression::Pipeline(pipeline) => {
            let series = series_of(pipeline);
            second::stages(&pipeline.second, series)
        }
        MetricsExpression::Constant(_) => Vec::new(),
        MetricsExpression::Arithmetic { operator, left, right, .. } => {
            match (left.as_ref(), right.as_ref()) {
                (MetricsExpression::Constant(left), right) => {
                    second::constant_first(*operator, left, expression(right, series_of))
                }
                (left, MetricsExpression::Constant(right)) => {
                    second::constant_last(*operator, expression(left, series_of), right)
                }
                (left, right) => {
                    let (left, right) = (expression(left, series_of), expression(right, series_of));
                    second::arithmetic(*operator, &left, &right)
                }
            }
        }
    }
}

/// Adds exemplars of these traces to the series of a pipeline, up to so many.
pub fn exemplars(
    query: &Checked,
    pipeline: &MetricsPipeline,
    traces: &[Trace],
    buckets: &Buckets,
    count: usize,
    series: &mut [Series],
) {
    let state = State { query, warnings: &mut Warnings::default() };
    let counted = Run { traces, buckets, exemplars: count, state }.counted(pipeline);
    add_exemplars(series, pipeline, &observations(pipeline, &counted), count, buckets);
}

/// One evaluation.
pub(super) struct Run<'a> {
    pub(super) traces: &'a [Trace],
    pub(super) buckets: &'a Buckets,
    pub(super) exemplars: usize,
    pub(super) state: State<'a>,
}

/// A span that counts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counted<'a> {
    pub(super) trace: &'a Trace,
    pub(super) position: usize,
    pub(super) bucket: usize,
}

impl<'a> Counted<'a> {
    pub(super) fn context(&self) -> Context<'a> {
        Context::outside(self.trace, self.position)
    }
}

/// A span that counts, in its series, with what is measured of it.
#[derive(Debug, Clone)]
pub(super) struct Observation<'a> {
    pub(super) counted: Counted<'a>,
    pub(super) labels: Vec<Label>,
    pub(super) value: Value,
}

impl Observation<'_> {
    /// Start in Unix nanoseconds.
    pub(super) fn time(&self) -> u64 {
        self.counted.trace.spans[self.counted.position].start
    }
}

fn observations<'a>(query: &MetricsPipeline, counted: &[Counted<'a>]) -> Vec<Observation<'a>> {
    let argument = query.aggregate.function.argument();
    let observe = |counted: &Counted<'a>| Observation {
        counted: *counted,
        labels: labels(&query.aggregate.by, &counted.context()),
        value: argument.map_or(Value::Nil, |field| counted.context().field(&field.item)),
    };
    counted.iter().map(observe).collect()
}

impl<'a> Run<'a> {
    /// The spans of a pipeline that start within a bucket, however they are grouped.
    fn counted(&mut self, query: &MetricsPipeline) -> Vec<Counted<'a>> {
        let mut counted = Vec::new();
        for trace in self.traces {
            let spansets = run(&query.pipeline, trace, &mut self.state);
            let mut spans: Vec<usize> =
                spansets.into_iter().flat_map(|spanset| spanset.spans).collect();
            spans.sort_unstable();
            spans.dedup();
            for position in spans {
                if let Some(bucket) = self.buckets.bucket_of(trace.spans[position].start) {
                    counted.push(Counted { trace, position, bucket });
                }
            }
        }
        counted
    }

    fn pipeline(&mut self, query: &MetricsPipeline) -> Vec<Series> {
        let counted = self.counted(query);
        let aggregate = &query.aggregate;
        if let MetricsFunction::Compare(arguments) = &aggregate.function {
            return compare::series(self, arguments, &counted);
        }
        let observations = observations(query, &counted);
        let mut series: Vec<Series> = groups(&observations)
            .into_iter()
            .flat_map(|group| self.function(&aggregate.function, &group))
            .collect();
        let counts =
            matches!(aggregate.function, MetricsFunction::Rate | MetricsFunction::CountOverTime);
        if series.is_empty() && counts && aggregate.by.is_empty() && !is_never_true(&query.pipeline)
        {
            series.push(self.series(Vec::new(), |_| Some(0.0)));
        }
        for series in &mut series {
            let is_named = !aggregate.by.is_empty() || !series.labels.is_empty();
            if !is_named {
                let name = Value::String(aggregate.function.as_str().to_owned());
                series.labels.push((NAME_KEY.to_owned(), name));
            }
        }
        add_exemplars(&mut series, query, &observations, self.exemplars, self.buckets);
        ordered(series)
    }

    /// A series with a sample for each bucket.
    pub(super) fn series(
        &self,
        labels: Vec<Label>,
        sample: impl FnMut(usize) -> Option<f64>,
    ) -> Series {
        let samples = (0..self.buckets.count()).map(sample).collect();
        Series { labels, samples, exemplars: Vec::new() }
    }

    /// The series of one group.
    fn function(&self, function: &MetricsFunction, group: &[&Observation<'_>]) -> Vec<Series> {
        let labels = group.first().map(|first| first.labels.clone()).unwrap_or_default();
        let unit = unit(function.argument());
        let of_bucket = |bucket: usize| {
            group.iter().filter(move |observation| observation.counted.bucket == bucket)
        };
        let count = |bucket: usize| cast::figure(cast::wide(of_bucket(bucket).count()));
        let numbers = |bucket: usize| {
            of_bucket(bucket).filter_map(|o| o.value.as_float()).collect::<Vec<_>>()
        };
        let bounds = |bucket: usize| Histogram::of(of_bucket(bucket).map(|o| &o.value));
        match function {
            MetricsFunction::Rate => {
                let seconds = cast::figure(self.buckets.step()) / SECOND;
                vec![self.series(labels, |bucket| Some(count(bucket) / seconds))]
            }
            MetricsFunction::CountOverTime => {
                vec![self.series(labels, |bucket| Some(count(bucket)))]
            }
            MetricsFunction::OverTime(kind, _) => {
                let value = |bucket| over_time(*kind, &numbers(bucket)).map(|value| value / unit);
                vec![self.series(labels, value)]
            }
            MetricsFunction::HistogramOverTime(_) => {
                let all = Histogram::of(group.iter().map(|o| &o.value));
                let one = |bound: f64| {
                    let mut labels = labels.clone();
                    labels.push(("__bucket".to_owned(), Value::Float(bound / unit)));
                    self.series(labels, |bucket| Some(bounds(bucket).count(bound)))
                };
                all.0.iter().map(|(bound, _)| one(*bound)).collect()
            }
            MetricsFunction::QuantileOverTime(_, quantiles) => {
                if Histogram::of(group.iter().map(|o| &o.value)).0.is_empty() {
                    return Vec::new();
                }
                let one = |quantile: &Located<f64>| {
                    let mut labels = labels.clone();
                    labels.push(("p".to_owned(), Value::Float(quantile.item)));
                    let value = |bucket| bounds(bucket).quantile(quantile.item) / unit;
                    self.series(labels, |bucket| Some(value(bucket)))
                };
                quantiles.iter().map(one).collect()
            }
            MetricsFunction::Compare(_) => Vec::new(),
        }
    }
}

/// What samples are divided by: durations count in seconds.
pub(super) fn unit(argument: Option<&Located<Attribute>>) -> f64 {
    let is_duration = argument.is_some_and(|field| field.item.value_type() == ValueType::Duration);
    if is_duration { SECOND } else { 1.0 }
}

/// The labels of a group. Nil has no label; where all are nil, the first says so.
fn labels(by: &[Located<Attribute>], context: &Context<'_>) -> Vec<Label> {
    let label = |field: &Located<Attribute>| {
        Some((field.to_string(), label_value(context.field(&field.item))?))
    };
    let mut labels: Vec<Label> = by.iter().filter_map(label).collect();
    if let (true, Some(first)) = (labels.is_empty(), by.first()) {
        labels.push((first.to_string(), Value::String("nil".to_owned())));
    }
    labels
}

/// Observations with the same labels.
fn groups<'a, 'b>(observations: &'b [Observation<'a>]) -> Vec<Vec<&'b Observation<'a>>> {
    let mut groups: Vec<Vec<&Observation<'_>>> = Vec::new();
    for observation in observations {
        let same = |group: &&mut Vec<&Observation<'_>>| {
            group.first().is_some_and(|first| is_same(&first.labels, &observation.labels))
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.push(observation),
            None => groups.push(vec![observation]),
        }
    }
    groups
}

fn over_time(kind: OverTime, numbers: &[f64]) -> Option<f64> {
    let count = cast::figure(cast::wide(numbers.len()));
    match kind {
        _ if numbers.is_empty() => None,
        OverTime::Minimum => numbers.iter().copied().reduce(f64::min),
        OverTime::Maximum => numbers.iter().copied().reduce(f64::max),
        OverTime::Sum => Some(compensated_sum(numbers)),
        OverTime::Average => Some(compensated_sum(numbers) / count),
    }
}

/// Neumaier's sum, which loses nothing to numbers of different sizes.
fn compensated_sum(numbers: &[f64]) -> f64 {
    let (mut sum, mut lost) = (0.0_f64, 0.0_f64);
    for &number in numbers {
        let next = sum + number;
        lost +=
            if sum.abs() >= number.abs() { (sum - next) + number } else { (number - next) + sum };
        sum = next;
    }
    sum + lost
}

/// Numbers by the smallest power of two that is not below them: ascending bounds with their counts.
pub(super) struct Histogram(Vec<(f64, u64)>);

impl Histogram {
    pub(super) fn of<'b>(values: impl Iterator<Item = &'b Value>) -> Self {
        let mut bounds: Vec<f64> = values.filter_map(bound).collect();
        bounds.sort_by(f64::total_cmp);
        let mut counted: Vec<(f64, u64)> = Vec::new();
        for bound in bounds {
            match counted.last_mut() {
                Some((last, count)) if last.total_cmp(&bound).is_eq() => *count += 1,
                _ => counted.push((bound, 1)),
            }
        }
        Self(counted)
    }

    fn count(&self, bound: f64) -> f64 {
        let found = self.0.iter().find(|(known, _)| known.total_cmp(&bound).is_eq());
        found.map_or(0.0, |(_, count)| cast::figure(*count))
    }

    /// The quantile, interpolated between powers of two; 0 of nothing.
    pub(super) fn quantile(&self, quantile: f64) -> f64 {
        let all: u64 = self.0.iter().map(|(_, count)| count).sum();
        let wanted = (quantile * cast::figure(all)).ceil().max(1.0);
        let mut total = 0.0;
        let mut below = None;
        for &(bound, count) in &self.0 {
            let count = cast::figure(count);
            if total + count > wanted {
                let high = bound.log2();
                let low = below.map_or(high - 1.0, f64::log2);
                return (low + (high - low) * (wanted - total) / count).exp2();
            }
            total += count;
            if total >= wanted {
                return bound;
            }
            below = Some(bound);
        }
        0.0
    }
}

/// The smallest power of two that is not below a number. Ints and nanoseconds below 2 have none, nor have floats that are not
/// positive.
pub(super) fn bound(value: &Value) -> Option<f64> {
    match value {
        Value::Int(number) | Value::Duration(number) if *number >= 2 => {
            Some(cast::figure(number.unsigned_abs().next_power_of_two()))
        }
        Value::Float(number) if *number > 0.0 && number.is_finite() => {
            let mut bound = 1.0_f64;
            while bound < *number {
                bound *= 2.0;
            }
            while bound / 2.0 >= *number {
                bound /= 2.0;
            }
            Some(bound)
        }
        _ => None,
    }
}
