//! What is done with series: the best, filters, arithmetic.

use super::metrics::SECOND;
use super::series::{Label, LabelTexts, NAME_KEY, Series, is_same, ordered, texts};
use crate::ast::{ArithmeticOperator, Located, SecondStage, Static};
use crate::value::{self, Value};
use std::cmp::Ordering;

/// Second stages, from left to right.
pub(super) fn stages(stages: &[SecondStage], series: Vec<Series>) -> Vec<Series> {
    stages.iter().fold(series, |series, stage| match stage {
        SecondStage::Top(count) => best(series, count, Ordering::Greater),
        SecondStage::Bottom(count) => best(series, count, Ordering::Less),
        SecondStage::Filter(operator, constant) => {
            let limit = Value::Float(number(constant));
            keep(series, |sample| value::compare(*operator, &Value::Float(sample), &limit))
        }
    })
}

/// A constant as series have it: durations in seconds.
fn number(constant: &Static) -> f64 {
    let number = Value::from(constant).as_float().unwrap_or(f64::NAN);
    if matches!(constant, Static::Duration(_)) { number / SECOND } else { number }
}

/// The samples for which `keeps` is true.
fn keep(mut series: Vec<Series>, keeps: impl Fn(f64) -> bool) -> Vec<Series> {
    for series in &mut series {
        series
            .samples
            .iter_mut()
            .for_each(|sample| *sample = sample.filter(|sample| keeps(*sample)));
    }
    ordered(series)
}

/// In every bucket the `count` samples that are furthest on a side. Of equal samples the greatest take the first by label
/// texts, the least the last.
fn best(mut series: Vec<Series>, count: &Located<i64>, side: Ordering) -> Vec<Series> {
    let count = usize::try_from(count.item).unwrap_or(0);
    let buckets = series.first().map_or(0, |series| series.samples.len());
    for bucket in 0..buckets {
        let mut rank: Vec<(f64, LabelTexts, usize)> = series
            .iter()
            .enumerate()
            .filter_map(|(index, series)| {
                Some((series.samples[bucket]?, texts(&series.labels), index))
            })
            .collect();
        rank.sort_by(|left, right| match left.0.total_cmp(&right.0) {
            Ordering::Equal if side == Ordering::Greater => left.1.cmp(&right.1),
            Ordering::Equal => right.1.cmp(&left.1),
            order if side == Ordering::Greater => order.reverse(),
            order => order,
        });
        for (_, _, index) in rank.into_iter().skip(count) {
            series[index].samples[bucket] = None;
        }
    }
    ordered(series)
}

/// `constant operator series`.
pub(super) fn constant_first(
    operator: ArithmeticOperator,
    constant: &Static,
    series: Vec<Series>,
) -> Vec<Series> {
    each(series, |sample| calculate(operator, Some(number(constant)), Some(sample)))
}

/// `series operator constant`.
pub(super) fn constant_last(
    operator: ArithmeticOperator,
    series: Vec<Series>,
    constant: &Static,
) -> Vec<Series> {
    each(series, |sample| calculate(operator, Some(sample), Some(number(constant))))
}

fn each(mut series: Vec<Series>, calculate: impl Fn(f64) -> Option<f64>) -> Vec<Series> {
    for series in &mut series {
        series.samples.iter_mut().for_each(|sample| *sample = sample.and_then(&calculate));
    }
    ordered(series)
}

/// A point of the result; missing where one is missing, and where it would be divided by zero.
fn calculate(operator: ArithmeticOperator, left: Option<f64>, right: Option<f64>) -> Option<f64> {
    let (left, right) = (left?, right?);
    let is_divided_by_zero = operator == ArithmeticOperator::Divide && right == 0.0;
    (!is_divided_by_zero).then(|| value::float_arithmetic(operator, left, right))
}

/// `left operator right`, of series with the same labels; one series without labels goes with every other.
pub(super) fn arithmetic(
    operator: ArithmeticOperator,
    left: &[Series],
    right: &[Series],
) -> Vec<Series> {
    let mut result = Vec::new();
    for left_one in left {
        for right_one in right {
            let matches = is_single(left)
                || is_single(right)
                || is_same(&named_off(left_one), &named_off(right_one));
            if matches {
                result.push(pair(operator, left_one, right_one));
            }
        }
    }
    ordered(result)
}

/// Whether it is one series that has no label but its name.
fn is_single(series: &[Series]) -> bool {
    matches!(series, [one] if named_off(one).is_empty())
}

/// The labels without the name.
fn named_off(series: &Series) -> Vec<Label> {
    series.labels.iter().filter(|(key, _)| key != NAME_KEY).cloned().collect()
}

fn name(series: &Series) -> Option<&Value> {
    series.labels.iter().find(|(key, _)| key == NAME_KEY).map(|(_, value)| value)
}

fn pair(operator: ArithmeticOperator, left: &Series, right: &Series) -> Series {
    let (left_labels, right_labels) = (named_off(left), named_off(right));
    let mut labels = if left_labels.is_empty() { right_labels } else { left_labels };
    if let (Some(Value::String(left)), Some(Value::String(right))) = (name(left), name(right)) {
        let name = format!("({left} {} {right})", operator.as_str());
        labels.push((NAME_KEY.to_owned(), Value::String(name)));
    }
    let samples = left.samples.iter().zip(&right.samples);
    let samples = samples.map(|(left, right)| calculate(operator, *left, *right)).collect();
    let mut exemplars = left.exemplars.clone();
    exemplars.extend(right.exemplars.iter().cloned());
    exemplars.sort_by_key(|exemplar| exemplar.time);
    Series { labels, samples, exemplars }
}
