//! Works a query out over the series that were brought for its leaves, at all points of time at once.

use super::{Aggregate, Expression, Operator, PromqlError, Query};
use fanal_base::cast;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// Labels by name; the metric's own name is `__name__`.
pub(in crate::prometheus) type Labels = BTreeMap<String, String>;

/// The label of a metric's name.
const NAME: &str = "__name__";
/// The label of a bucket's bound.
const BOUND: &str = "le";

/// A series: a number at each point where it has one.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::prometheus) struct Series {
    pub(in crate::prometheus) labels: Labels,
    pub(in crate::prometheus) samples: Vec<Option<f64>>,
}

/// What an expression comes to.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::prometheus) enum Value {
    Number(f64),
    Series(Vec<Series>),
}

/// The bound of a bucket and its samples.
type Bucket = (f64, Vec<Option<f64>>);

type Evaluated<T> = Result<T, PromqlError>;

/// Works a query out. `leaves` has the series of each leaf, all with so many points.
pub(in crate::prometheus) fn evaluate(
    query: &Query,
    mut leaves: Vec<Vec<Series>>,
    points: usize,
) -> Evaluated<Value> {
    evaluate_node(&query.root, &mut leaves, points)
}

fn evaluate_node(node: &Expression, leaves: &mut [Vec<Series>], points: usize) -> Evaluated<Value> {
    Ok(match node {
        Expression::Number(number) => Value::Number(*number),
        // Each leaf stands in the tree once.
        Expression::Leaf(place) => {
            Value::Series(leaves.get_mut(*place).map(std::mem::take).unwrap_or_default())
        }
        Expression::Aggregate { aggregate, by, of } => {
            let of = series(evaluate_node(of, leaves, points)?, "an aggregation")?;
            Value::Series(aggregated(*aggregate, by, &of, points))
        }
        Expression::TopK { count, by, of } => {
            let count = number(&evaluate_node(count, leaves, points)?, "topk")?;
            let of = series(evaluate_node(of, leaves, points)?, "topk")?;
            Value::Series(top(count, by, of, points))
        }
        Expression::HistogramQuantile { quantile, of } => {
            let quantile = number(&evaluate_node(quantile, leaves, points)?, "histogram_quantile")?;
            let of = series(evaluate_node(of, leaves, points)?, "histogram_quantile")?;
            Value::Series(quantiles(quantile, of, points))
        }
        Expression::Arithmetic { operator, left, right } => {
            let left = evaluate_node(left, leaves, points)?;
            let right = evaluate_node(right, leaves, points)?;
            arithmetic(*operator, left, right)?
        }
        Expression::Or { left, right } => {
            let left = series(evaluate_node(left, leaves, points)?, "or")?;
            let right = series(evaluate_node(right, leaves, points)?, "or")?;
            Value::Series(either(left, right, points))
        }
    })
}

fn series(value: Value, whose: &str) -> Evaluated<Vec<Series>> {
    match value {
        Value::Series(series) => Ok(series),
        Value::Number(_) => Err(PromqlError::Bad(format!("{whose} takes series, not a number"))),
    }
}

fn number(value: &Value, whose: &str) -> Evaluated<f64> {
    match value {
        Value::Number(number) => Ok(*number),
        Value::Series(_) => Err(PromqlError::Bad(format!("{whose} takes a number first"))),
    }
}

fn only(labels: &Labels, by: &[String]) -> Labels {
    by.iter().filter_map(|name| Some((name.clone(), labels.get(name)?.clone()))).collect()
}

fn nameless(mut labels: Labels) -> Labels {
    labels.remove(NAME);
    labels
}

/// Series by the labels of `by`.
fn groups<'a>(by: &[String], of: &'a [Series]) -> BTreeMap<Labels, Vec<&'a Series>> {
    let mut groups: BTreeMap<Labels, Vec<&Series>> = BTreeMap::new();
    for series in of {
        groups.entry(only(&series.labels, by)).or_default().push(series);
    }
    groups
}

fn aggregated(aggregate: Aggregate, by: &[String], of: &[Series], points: usize) -> Vec<Series> {
    let value = |members: &[&Series], point: usize| {
        let mut values = members.iter().filter_map(|series| series.samples.get(point)?.as_ref());
        let first = *values.next()?;
        let count = cast::figure(cast::wide(values.clone().count() + 1));
        let sum = first + values.clone().sum::<f64>();
        Some(match aggregate {
            Aggregate::Sum => sum,
            Aggregate::Group => 1.0,
            Aggregate::Count => count,
            Aggregate::Average => sum / count,
            Aggregate::Min => values.fold(first, |least, value| least.min(*value)),
            Aggregate::Max => values.fold(first, |most, value| most.max(*value)),
        })
    };
    let series = |(labels, members): (Labels, Vec<&Series>)| Series {
        labels,
        samples: (0..points).map(|point| value(&members, point)).collect(),
    };
    groups(by, of).into_iter().map(series).collect()
}

/// The series with the greatest values at each point; where there is one point, in their order.
fn top(count: f64, by: &[String], mut of: Vec<Series>, points: usize) -> Vec<Series> {
    let mut groups: BTreeMap<Labels, Vec<usize>> = BTreeMap::new();
    for (place, series) in of.iter().enumerate() {
        groups.entry(only(&series.labels, by)).or_default().push(place);
    }
    let is_beyond = |rank: usize| cast::figure(cast::wide(rank)) + 1.0 > count;
    for point in 0..points {
        for members in groups.values() {
            let value = |place: &usize| of[*place].samples.get(point).copied().flatten();
            let mut ranked: Vec<(usize, f64)> =
                members.iter().filter_map(|place| Some((*place, value(place)?))).collect();
            ranked.sort_by(|left, right| descending(left.1, right.1));
            for (_, (place, _)) in ranked.iter().enumerate().filter(|(rank, _)| is_beyond(*rank)) {
                of[*place].samples[point] = None;
            }
        }
    }
    of.retain(|series| series.samples.iter().any(Option::is_some));
    if points == 1 {
        let value = |series: &Series| series.samples[0].unwrap_or(f64::NAN);
        of.sort_by(|left, right| descending(value(left), value(right)));
    }
    of
}

/// The greatest first, what is no number last.
fn descending(left: f64, right: f64) -> std::cmp::Ordering {
    left.is_nan().cmp(&right.is_nan()).then(right.total_cmp(&left))
}

/// Quantiles of histograms, whose buckets are told apart by their bounds.
fn quantiles(quantile: f64, of: Vec<Series>, points: usize) -> Vec<Series> {
    let mut histograms: BTreeMap<Labels, Vec<Bucket>> = BTreeMap::new();
    for Series { labels, samples } in of {
        let mut labels = nameless(labels);
        let bound = labels.remove(BOUND).and_then(|bound| match &*bound {
            "+Inf" => Some(f64::INFINITY),
            bound => bound.parse().ok(),
        });
        if let Some(bound) = bound {
            histograms.entry(labels).or_default().push((bound, samples));
        }
    }
    let quantile_at = |buckets: &[Bucket], point: usize| {
        let count =
            |(bound, samples): &Bucket| Some((*bound, samples.get(point).copied().flatten()?));
        let counts: Vec<(f64, f64)> = buckets.iter().filter_map(count).collect();
        (!counts.is_empty()).then(|| quantile_of(quantile, &counts))
    };
    let series = |(labels, mut buckets): (Labels, Vec<Bucket>)| {
        buckets.sort_by(|left, right| left.0.total_cmp(&right.0));
        let samples = (0..points).map(|point| quantile_at(&buckets, point)).collect();
        Series { labels, samples }
    };
    histograms.into_iter().map(series).collect()
}

/// The quantile of a histogram of bounds and what lies within each, which ends with infinity.
fn quantile_of(quantile: f64, counts: &[(f64, f64)]) -> f64 {
    let total = match counts {
        [.., (last, total)] if last.is_infinite() && counts.len() > 1 => *total,
        _ => return f64::NAN,
    };
    if quantile.is_nan() || total.is_nan() || total <= 0.0 {
        return f64::NAN;
    }
    if quantile < 0.0 {
        return f64::NEG_INFINITY;
    }
    if quantile > 1.0 {
        return f64::INFINITY;
    }
    let rank = quantile * total;
    let place = counts[..counts.len() - 1].partition_point(|(_, count)| *count < rank);
    if place == counts.len() - 1 {
        // Beyond the last bound nothing is known.
        return counts[place - 1].0;
    }
    let (bound, within) = counts[place];
    let (lower, below) = match place.checked_sub(1) {
        Some(before) => counts[before],
        None if bound <= 0.0 => return bound,
        None => (0.0, 0.0),
    };
    if within <= below {
        return lower;
    }
    lower + (bound - lower) * (rank - below) / (within - below)
}

fn arithmetic(operator: Operator, left: Value, right: Value) -> Evaluated<Value> {
    let apply = |left: f64, right: f64| match operator {
        Operator::Add => left + right,
        Operator::Subtract => left - right,
        Operator::Multiply => left * right,
        Operator::Divide => left / right,
    };
    let each = |series: Vec<Series>, apply: &dyn Fn(f64) -> f64| {
        let one = |series: Series| Series {
            labels: nameless(series.labels),
            samples: series.samples.into_iter().map(|sample| sample.map(apply)).collect(),
        };
        Value::Series(series.into_iter().map(one).collect())
    };
    Ok(match (left, right) {
        (Value::Number(left), Value::Number(right)) => Value::Number(apply(left, right)),
        (Value::Series(left), Value::Number(right)) => each(left, &|left| apply(left, right)),
        (Value::Number(left), Value::Series(right)) => each(right, &|right| apply(left, right)),
        (Value::Series(left), Value::Series(right)) => {
            let mut right = by_labels(right)?;
            let mut pairs = Vec::new();
            for (labels, left) in by_labels(left)? {
                let Some(right) = right.remove(&labels) else { continue };
                let both = left.into_iter().zip(right);
                let samples = both.map(|(left, right)| Some(apply(left?, right?))).collect();
                pairs.push(Series { labels, samples });
            }
            Value::Series(pairs)
        }
    })
}

/// Samples by labels, of which no two series may have the same.
fn by_labels(series: Vec<Series>) -> Evaluated<BTreeMap<Labels, Vec<Option<f64>>>> {
    let mut all = BTreeMap::new();
    for Series { labels, samples } in series {
        match all.entry(nameless(labels)) {
            Entry::Vacant(entry) => drop(entry.insert(samples)),
            Entry::Occupied(entry) => {
                return Err(PromqlError::Execution(format!(
                    "several series on one side have the labels {:?}; sum them by labels first",
                    entry.key()
                )));
            }
        }
    }
    Ok(all)
}

/// All of the left, and of the right what has other labels than all of the left have at a point.
fn either(left: Vec<Series>, right: Vec<Series>, points: usize) -> Vec<Series> {
    let mut taken: BTreeMap<Labels, Vec<bool>> = BTreeMap::new();
    for series in &left {
        let labels = nameless(series.labels.clone());
        let taken = taken.entry(labels).or_insert_with(|| vec![false; points]);
        taken.iter_mut().zip(&series.samples).for_each(|(it, sample)| *it |= sample.is_some());
    }
    let mut all: BTreeMap<Labels, Vec<Option<f64>>> =
        left.into_iter().map(|series| (series.labels, series.samples)).collect();
    for mut series in right {
        if let Some(taken) = taken.get(&nameless(series.labels.clone())) {
            let marked = series.samples.iter_mut().zip(taken);
            marked.filter(|(_, is_taken)| **is_taken).for_each(|(sample, _)| *sample = None);
        }
        match all.entry(series.labels) {
            Entry::Vacant(entry) => drop(entry.insert(series.samples)),
            Entry::Occupied(mut entry) => {
                let merged = entry.get_mut().iter_mut().zip(series.samples);
                merged.for_each(|(own, other)| *own = own.or(other));
            }
        }
    }
    let mut all: Vec<Series> =
        all.into_iter().map(|(labels, samples)| Series { labels, samples }).collect();
    all.retain(|series| series.samples.iter().any(Option::is_some));
    all
}
