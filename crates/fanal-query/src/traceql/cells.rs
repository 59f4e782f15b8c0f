//! Numbers of spans by series and time bucket, and the series that a metrics function makes of them.
//!
//! Filled span by span, or with what a store aggregated. Memory grows with series and buckets that have spans, never with
//! spans; beyond [`groups_max`] series, spans of others are counted as left out.

use fanal_base::cast;
use fanal_traceql::ast::{Attribute, Located, MetricsFunction, OverTime};
use fanal_traceql::eval::{Buckets, Label, NAME_KEY, Series, label_value};
use fanal_traceql::value::Value;
use foldhash::fast::RandomState;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};

/// Most series of one function.
const SERIES_MAX: usize = 10_000;

/// Most samples of one function, and so most cells.
const SAMPLES_MAX: usize = 1_500_000;

/// Powers of two that a histogram has series of, about.
const POWERS: usize = 20;

/// Most groups of spans of a function: so that its samples are no more than may be.
pub(super) fn groups_max(function: &MetricsFunction, buckets: &Buckets) -> usize {
    let series = match function {
        MetricsFunction::HistogramOverTime(_) => POWERS,
        MetricsFunction::QuantileOverTime(_, quantiles) => quantiles.len(),
        _ => 1,
    };
    (SAMPLES_MAX / series.max(1) / buckets.count().max(1)).clamp(1, SERIES_MAX)
}

/// The spans of one series in one bucket, in numbers.
#[derive(Debug, Clone)]
pub(super) struct Cell {
    pub(super) spans: u64,
    /// Of how many the field is a number.
    pub(super) numbers: u64,
    sum: f64,
    /// What `sum` lost to rounding.
    lost: f64,
    /// Least and greatest, where there are numbers.
    min: f64,
    max: f64,
    /// By exponent of the smallest power of two that is not below the number.
    pub(super) powers: BTreeMap<i32, u64>,
}

/// What spans add up to.
#[derive(Debug)]
pub(super) struct Cells {
    pub(super) groups_max: usize,
    places: HashMap<Vec<(String, u8, String)>, usize, RandomState>,
    groups: Vec<(Vec<Label>, BTreeMap<usize, Cell>)>,
    /// Spans of series beyond the limit.
    pub(super) left_out: u64,
}

impl Default for Cell {
    fn default() -> Self {
        let (min, max) = (f64::INFINITY, f64::NEG_INFINITY);
        Self { spans: 0, numbers: 0, sum: 0.0, lost: 0.0, min, max, powers: BTreeMap::new() }
    }
}

impl Cell {
    /// Adds a number; `power` is that of [`power_of`].
    pub(super) fn add_number(&mut self, number: f64, power: Option<i32>) {
        self.numbers += 1;
        self.add_sum(number);
        self.add_extremes(number, number);
        if let Some(power) = power {
            *self.powers.entry(power).or_default() += 1;
        }
    }

    /// Adds to the sum; Neumaier's, which loses nothing to numbers of different sizes.
    pub(super) fn add_sum(&mut self, number: f64) {
        let next = self.sum + number;
        self.lost += if self.sum.abs() >= number.abs() {
            (self.sum - next) + number
        } else {
            (number - next) + self.sum
        };
        self.sum = next;
    }

    /// Widens the range of numbers.
    pub(super) fn add_extremes(&mut self, min: f64, max: f64) {
        self.min = self.min.min(min);
        self.max = self.max.max(max);
    }

    /// Adds the spans of another.
    pub(super) fn merge(&mut self, other: &Self) {
        self.spans += other.spans;
        self.numbers += other.numbers;
        self.add_sum(other.sum);
        self.add_sum(other.lost);
        self.add_extremes(other.min, other.max);
        for (power, count) in &other.powers {
            *self.powers.entry(*power).or_default() += count;
        }
    }

    fn over_time(&self, kind: OverTime) -> Option<f64> {
        let sum = self.sum + self.lost;
        match kind {
            _ if self.numbers == 0 => None,
            OverTime::Minimum => Some(self.min),
            OverTime::Maximum => Some(self.max),
            OverTime::Sum => Some(sum),
            OverTime::Average => Some(sum / cast::figure(self.numbers)),
        }
    }

    /// The quantile, interpolated between powers of two; 0 of nothing.
    fn quantile(&self, quantile: f64) -> f64 {
        let all: u64 = self.powers.values().sum();
        let wanted = (quantile * cast::figure(all)).ceil().max(1.0);
        let mut total = 0.0;
        let mut below = None;
        for (&power, &count) in &self.powers {
            let (high, count) = (f64::from(power), cast::figure(count));
            if total + count > wanted {
                let low = below.unwrap_or(high - 1.0);
                return (low + (high - low) * (wanted - total) / count).exp2();
            }
            total += count;
            if total >= wanted {
                return high.exp2();
            }
            below = Some(high);
        }
        0.0
    }
}

/// The exponent of the smallest power of two that is not below a number in its own unit. Ints and nanoseconds below 2 have
/// none, nor have floats that are not positive.
pub(super) fn power_of(value: &Value) -> Option<i32> {
    match value {
        Value::Int(number) | Value::Duration(number) if *number >= 2 => {
            let bits = u64::BITS - (number.unsigned_abs() - 1).leading_zeros();
            i32::try_from(bits).ok()
        }
        Value::Float(number) if *number > 0.0 && number.is_finite() => {
            let mut power = rounded_up(number.log2());
            while f64::from(power).exp2() < *number {
                power += 1;
            }
            while f64::from(power - 1).exp2() >= *number {
                power -= 1;
            }
            Some(power)
        }
        _ => None,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "logarithms of floats are within 1100 of 0")]
fn rounded_up(number: f64) -> i32 {
    number.ceil() as i32
}

/// The labels of a series by the values of its fields. Nil has no label; where all are nil, the first says so.
pub(super) fn labels<'f>(fields: impl Iterator<Item = (&'f Attribute, Value)>) -> Vec<Label> {
    let mut fields = fields.peekable();
    let first = fields.peek().map(|(field, _)| field.to_string());
    let label =
        |(field, value): (&Attribute, Value)| Some((field.to_string(), label_value(value)?));
    let mut labels: Vec<Label> = fields.filter_map(label).collect();
    if labels.is_empty() {
        labels.extend(first.map(|field| (field, Value::String("nil".to_owned()))));
    }
    labels
}

impl Cells {
    /// None, of a function over these buckets.
    pub(super) fn new(function: &MetricsFunction, buckets: &Buckets) -> Self {
        let groups_max = groups_max(function, buckets);
        Self { groups_max, places: HashMap::default(), groups: Vec::new(), left_out: 0 }
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// The place of a series; `None` beyond the limit of series.
    pub(super) fn place(&mut self, labels: Vec<Label>) -> Option<usize> {
        let key = labels.iter().map(|(key, value)| (key.clone(), type_of(value), text(value)));
        let next = self.groups.len();
        match self.places.entry(key.collect()) {
            Entry::Occupied(known) => Some(*known.get()),
            Entry::Vacant(_) if next >= self.groups_max => None,
            Entry::Vacant(new) => {
                self.groups.push((labels, BTreeMap::new()));
                Some(*new.insert(next))
            }
        }
    }

    /// The cell of a series that has a place, in a bucket.
    pub(super) fn cell(&mut self, place: usize, bucket: usize) -> &mut Cell {
        self.groups[place].1.entry(bucket).or_default()
    }

    /// The cell of a series and bucket; `None` beyond the limit of series.
    pub(super) fn at(&mut self, labels: Vec<Label>, bucket: usize) -> Option<&mut Cell> {
        let place = self.place(labels)?;
        Some(self.cell(place, bucket))
    }

    /// The series of a function; `unit` is what samples of its field are divided by.
    pub(super) fn into_series(
        self,
        function: &MetricsFunction,
        buckets: &Buckets,
        unit: f64,
    ) -> Vec<Series> {
        let is_single = self.groups.len() == 1;
        let groups = self.groups.into_iter();
        let mut all: Vec<Series> = groups
            .flat_map(|(labels, cells)| series(function, buckets, unit, &labels, &cells))
            .collect();
        if let [only] = all.as_mut_slice()
            && is_single
            && only.labels.is_empty()
        {
            only.labels.push((NAME_KEY.to_owned(), Value::String(function.as_str().to_owned())));
        }
        all
    }
}

fn series(
    function: &MetricsFunction,
    buckets: &Buckets,
    unit: f64,
    labels: &[Label],
    cells: &BTreeMap<usize, Cell>,
) -> Vec<Series> {
    let one = |more: Option<Label>, sample: &dyn Fn(Option<&Cell>) -> Option<f64>| Series {
        labels: labels.iter().cloned().chain(more).collect(),
        samples: (0..buckets.count()).map(|bucket| sample(cells.get(&bucket))).collect(),
        exemplars: Vec::new(),
    };
    let spans = |cell: Option<&Cell>| cast::figure(cell.map_or(0, |cell| cell.spans));
    match function {
        MetricsFunction::Rate => {
            let seconds = cast::figure(buckets.step()) / NANOS_PER_SECOND;
            vec![one(None, &|cell| Some(spans(cell) / seconds))]
        }
        MetricsFunction::CountOverTime => vec![one(None, &|cell| Some(spans(cell)))],
        MetricsFunction::OverTime(kind, _) => {
            vec![one(None, &|cell| Some(cell?.over_time(*kind)? / unit))]
        }
        MetricsFunction::HistogramOverTime(_) => {
            let powers: std::collections::BTreeSet<i32> =
                cells.values().flat_map(|cell| cell.powers.keys().copied()).collect();
            let of_power = |power: i32| {
                let bound = Value::Float(f64::from(power).exp2() / unit);
                one(Some(("__bucket".to_owned(), bound)), &|cell| {
                    let count = cell.and_then(|cell| cell.powers.get(&power));
                    Some(cast::figure(count.copied().unwrap_or(0)))
                })
            };
            powers.into_iter().map(of_power).collect()
        }
        MetricsFunction::QuantileOverTime(_, quantiles) => {
            if cells.values().all(|cell| cell.powers.is_empty()) {
                return Vec::new();
            }
            let of_quantile = |quantile: &Located<f64>| {
                let label = ("p".to_owned(), Value::Float(quantile.item));
                one(Some(label), &|cell| {
                    Some(cell.map_or(0.0, |cell| cell.quantile(quantile.item)) / unit)
                })
            };
            quantiles.iter().map(of_quantile).collect()
        }
        MetricsFunction::Compare(_) => Vec::new(),
    }
}

/// Nanoseconds of a second.
pub(super) const NANOS_PER_SECOND: f64 = 1e9;

/// A number for the type of a label's value.
pub(super) fn type_of(value: &Value) -> u8 {
    match value {
        Value::Nil => 0,
        Value::Bool(_) => 1,
        Value::Int(_) => 2,
        Value::Float(_) => 3,
        _ => 4,
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Bool(flag) => flag.to_string(),
        Value::Int(number) => number.to_string(),
        // Both zeros are one label.
        Value::Float(number) => (number + 0.0).to_string(),
        Value::String(text) => text.clone(),
        // Labels have no other types.
        _ => String::new(),
    }
}
