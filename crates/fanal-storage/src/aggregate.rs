//! Counting and measuring spans in groups and time buckets: the question, its answer, and their meaning.
//!
//! Asked through `SpanStore::aggregate`. Spans are counted as they are stored: an exact duplicate counts until the
//! store has removed it. Knows no query language; `rate()` and its like are made of these numbers above.

use crate::error::StoreError;
use crate::predicate::SpanCondition;
use crate::request::ScanCounts;
use fanal_model::{SpanRef, Value, ValueRef, nested};
use std::num::NonZeroU64;

/// Most keys that one aggregate groups by.
pub const GROUP_KEYS_MAX: usize = 8;

/// Most time buckets of one aggregate.
pub const BUCKETS_MAX: u64 = 10_000;

/// Powers of two from 2^0 to 2^64 nanoseconds: the counters of a duration histogram.
pub const HISTOGRAM_COUNTERS: usize = 65;

/// Counters of a histogram of doublings: 15 bounds, and one for all beyond them.
pub const DOUBLING_COUNTERS: usize = 16;

/// A question for numbers over spans: every condition must hold on a span, and it must start in the range.
#[derive(Debug, Clone, PartialEq)]
pub struct AggregateSpans {
    /// Conditions, combined by AND.
    pub conditions: Vec<SpanCondition>,
    /// Earliest span start, inclusive, nanoseconds since the Unix epoch.
    pub start_min_unix_nanos: u64,
    /// Latest span start, inclusive.
    pub start_max_unix_nanos: u64,
    /// Width of a time bucket, at least 1; the first begins at `start_min_unix_nanos`. `None`: one bucket holds all.
    /// At most [`BUCKETS_MAX`] buckets may cover the range.
    pub step_nanos: Option<u64>,
    /// What spans are grouped by, at most [`GROUP_KEYS_MAX`]; none: one group holds all.
    pub group_by: Vec<GroupKey>,
    /// What is told of each group and bucket besides the number of its spans, each at most once.
    pub measures: Vec<Measure>,
    /// Most groups to answer, at least 1.
    pub groups_max: usize,
}

/// What spans are grouped by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupKey {
    /// The resource's service name, as `SpanCondition::Service` compares it: a string always.
    Service,
    /// The span name: a string.
    Name,
    /// The kind, by its word: a string.
    Kind,
    /// The status code, by its word: a string.
    Status,
    /// The scope's name: a string.
    ScopeName,
    /// An attribute of the span. A span without it is in the group without a value; values of different types are
    /// different; of several attributes of the key the one whose encoding (`nested`) is least counts.
    SpanAttribute(String),
    /// The same of the resource.
    ResourceAttribute(String),
    /// The same of the scope.
    ScopeAttribute(String),
}

/// A measure of the spans of a group in a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Sum, least and greatest of the durations.
    Durations,
    /// How many durations lie in each power of two.
    DurationHistogram,
    /// How many durations lie within so many nanoseconds, and within each doubling of them.
    DurationDoublings(NonZeroU64),
}

/// Answer to [`AggregateSpans`].
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SpanAggregates {
    /// Groups with at least one span, by their values as [`encode_group`] orders them. Every group that is here is whole;
    /// beyond `groups_max` any of them may have been left out.
    pub groups: Vec<SpanGroup>,
    /// Spans that matched.
    pub spans: u64,
    /// Those of them whose group was left out.
    pub spans_left_out: u64,
    /// Why the answer may lack something; empty when it is complete.
    pub warnings: Vec<String>,
    /// What was looked at.
    pub scanned: ScanCounts,
}

/// A group of spans.
#[derive(Debug, Clone, PartialEq)]
pub struct SpanGroup {
    /// A value for each key of the question; `None` where the spans have none.
    pub values: Vec<Option<Value>>,
    /// Its buckets with at least one span, ascending.
    pub buckets: Vec<Tally>,
}

/// The spans of a group in a time bucket, in numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    /// Which bucket, from 0.
    pub bucket: u32,
    /// Spans, at least one.
    pub spans: u64,
    /// The measures of the question, in its order.
    pub measured: Vec<Measured>,
}

/// The value of a [`Measure`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Measured {
    /// Of [`Measure::Durations`], in nanoseconds.
    Durations {
        /// Sum.
        sum: u128,
        /// Least.
        min: u64,
        /// Greatest.
        max: u64,
    },
    /// Of [`Measure::DurationHistogram`]: counter `k` has the durations of at most 2^k nanoseconds that are in no
    /// counter before it.
    DurationHistogram(Box<[u64; HISTOGRAM_COUNTERS]>),
    /// Of [`Measure::DurationDoublings`]: counter `k` has the durations of at most 2^k units that are in no counter before
    /// it; the last has all others.
    DurationDoublings {
        /// The first bound, in nanoseconds.
        unit_nanos: NonZeroU64,
        /// The counters.
        counters: Box<[u64; DOUBLING_COUNTERS]>,
    },
}

impl AggregateSpans {
    /// Whether the question can be answered; `Invalid` tells what to change.
    pub fn validate(&self) -> Result<(), StoreError> {
        let invalid = |message: String| Err(StoreError::Invalid { message });
        if self.groups_max == 0 {
            return invalid("aggregate is limited to 0 groups; allow at least 1".to_owned());
        }
        let keys = self.group_by.len();
        if keys > GROUP_KEYS_MAX {
            return invalid(format!(
                "aggregate groups by {keys} keys, at most {GROUP_KEYS_MAX} are allowed; leave some out"
            ));
        }
        let is_repeated =
            |(place, measure): (usize, &Measure)| self.measures[..place].contains(measure);
        if self.measures.iter().enumerate().any(is_repeated) {
            return invalid("aggregate names a measure twice; name it once".to_owned());
        }
        match self.step_nanos {
            Some(0) => invalid("aggregate has time buckets of 0 ns; widen them".to_owned()),
            Some(step) if self.range_nanos() / step >= BUCKETS_MAX => invalid(format!(
                "time range of {} ns has more than {BUCKETS_MAX} buckets of {step} ns; widen the buckets or narrow the range",
                self.range_nanos()
            )),
            _ => Ok(()),
        }
    }

    fn range_nanos(&self) -> u64 {
        self.start_max_unix_nanos.saturating_sub(self.start_min_unix_nanos)
    }

    /// The bucket of a start within the range.
    #[inline]
    pub fn bucket_of(&self, start_unix_nanos: u64) -> u32 {
        let elapsed = start_unix_nanos.saturating_sub(self.start_min_unix_nanos);
        let bucket = self.step_nanos.map_or(0, |step| elapsed / step.max(1));
        // A question that validates has at most `BUCKETS_MAX`.
        u32::try_from(bucket).unwrap_or(u32::MAX)
    }
}

impl GroupKey {
    /// The encoded value of a span; `None` where it has none.
    pub fn value_of(&self, span: &SpanRef<'_>) -> Option<Vec<u8>> {
        match self {
            Self::Service => Some(encode_text(span.service_name())),
            Self::Name => Some(encode_text(span.name())),
            Self::Kind => Some(encode_text(span.kind().as_str())),
            Self::Status => Some(encode_text(span.status_code().as_str())),
            Self::ScopeName => Some(encode_text(&span.scope().name)),
            Self::SpanAttribute(key) => {
                let of_key = span.attributes().filter(|(name, _)| name == key);
                of_key.map(|(_, value)| encode_ref(value)).min()
            }
            Self::ResourceAttribute(key) => least_of(&span.resource().attributes, key),
            Self::ScopeAttribute(key) => least_of(&span.scope().attributes, key),
        }
    }
}

/// The encoded value of a key among owned attributes, the least where there are several.
pub fn least_of(attributes: &[(String, Value)], key: &str) -> Option<Vec<u8>> {
    let encode = |value: &Value| {
        let mut bytes = Vec::new();
        nested::encode(value, &mut bytes);
        bytes
    };
    attributes.iter().filter(|(name, _)| name == key).map(|(_, value)| encode(value)).min()
}

/// A text as an encoded value.
pub fn encode_text(text: &str) -> Vec<u8> {
    encode_ref(ValueRef::String(text))
}

/// A borrowed value, encoded.
pub fn encode_ref(value: ValueRef<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    nested::encode_ref(value, &mut bytes);
    bytes
}

/// The values of a group encoded: what makes groups equal, and their order.
pub fn encode_group(values: &[Option<Value>]) -> Vec<Option<Vec<u8>>> {
    let encode = |value: &Option<Value>| {
        value.as_ref().map(|value| {
            let mut bytes = Vec::new();
            nested::encode(value, &mut bytes);
            bytes
        })
    };
    values.iter().map(encode).collect()
}

/// The counter of a histogram that a duration belongs to.
#[inline]
pub fn histogram_counter(duration_nanos: u64) -> usize {
    // The bits of one less: 2^k itself still belongs to counter k.
    let bits = u64::BITS - duration_nanos.saturating_sub(1).leading_zeros();
    fanal_base::cast::index(bits)
}

/// The counter of a histogram of doublings that a duration belongs to.
#[inline]
pub fn doubling_counter(duration_nanos: u64, unit_nanos: NonZeroU64) -> usize {
    // d ≤ u·2^k exactly where ⌈d/u⌉ ≤ 2^k.
    histogram_counter(duration_nanos.div_ceil(unit_nanos.get())).min(DOUBLING_COUNTERS - 1)
}

impl Tally {
    /// A bucket without a span.
    pub fn new(bucket: u32, measures: &[Measure]) -> Self {
        let empty = |measure: &Measure| match measure {
            Measure::Durations => Measured::Durations { sum: 0, min: u64::MAX, max: 0 },
            Measure::DurationHistogram => {
                Measured::DurationHistogram(Box::new([0; HISTOGRAM_COUNTERS]))
            }
            &Measure::DurationDoublings(unit_nanos) => Measured::DurationDoublings {
                unit_nanos,
                counters: Box::new([0; DOUBLING_COUNTERS]),
            },
        };
        Self { bucket, spans: 0, measured: measures.iter().map(empty).collect() }
    }

    /// Adds a span.
    pub fn add(&mut self, duration_nanos: u64) {
        self.spans += 1;
        self.measured.iter_mut().for_each(|measured| measured.add(duration_nanos));
    }

    /// Adds the spans of another tally of the same measures.
    pub fn merge(&mut self, other: &Self) {
        self.spans += other.spans;
        for (measured, other) in self.measured.iter_mut().zip(&other.measured) {
            measured.merge(other);
        }
    }
}

impl Measured {
    /// Adds a span.
    pub fn add(&mut self, nanos: u64) {
        match self {
            Self::Durations { sum, min, max } => {
                *sum += u128::from(nanos);
                *min = nanos.min(*min);
                *max = nanos.max(*max);
            }
            Self::DurationHistogram(counters) => counters[histogram_counter(nanos)] += 1,
            Self::DurationDoublings { unit_nanos, counters } => {
                counters[doubling_counter(nanos, *unit_nanos)] += 1;
            }
        }
    }

    fn merge(&mut self, other: &Self) {
        match (self, other) {
            (
                Self::Durations { sum, min, max },
                Self::Durations { sum: sum_other, min: min_other, max: max_other },
            ) => {
                *sum += sum_other;
                *min = (*min).min(*min_other);
                *max = (*max).max(*max_other);
            }
            (Self::DurationHistogram(counters), Self::DurationHistogram(others)) => {
                counters.iter_mut().zip(others.iter()).for_each(|(to, from)| *to += from);
            }
            (
                Self::DurationDoublings { counters, .. },
                Self::DurationDoublings { counters: others, .. },
            ) => counters.iter_mut().zip(others.iter()).for_each(|(to, from)| *to += from),
            // Tallies of one question have the same measures.
            _ => {}
        }
    }
}

/// The warning of an answer that lacks groups.
pub fn groups_warning(groups_max: usize, spans_left_out: u64) -> String {
    format!(
        "answer has the {groups_max} groups it may have; {spans_left_out} spans of further groups are left out; \
         add conditions, or group by fewer keys"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_fall_into_powers_of_two() {
        let check = |nanos: u64, expect: usize| {
            assert_eq!(histogram_counter(nanos), expect, "{nanos}");
        };
        check(0, 0);
        check(1, 0);
        check(2, 1);
        check(3, 2);
        check(4, 2);
        check(5, 3);
        check(1 << 63, 63);
        check((1 << 63) + 1, 64);
        check(u64::MAX, 64);
    }

    #[test]
    fn durations_fall_into_doublings_of_a_unit() {
        let unit = NonZeroU64::new(2_000_000).expect("not 0");
        let check = |nanos: u64, expect: usize| {
            assert_eq!(doubling_counter(nanos, unit), expect, "{nanos}");
        };
        check(0, 0);
        check(2_000_000, 0);
        check(2_000_001, 1);
        check(4_000_000, 1);
        check(4_000_001, 2);
        check(2_000_000 << 14, 14);
        check((2_000_000 << 14) + 1, 15);
        check(u64::MAX, 15);
    }

    #[test]
    fn questions_beyond_the_limits_are_refused() {
        let plain = AggregateSpans {
            conditions: Vec::new(),
            start_min_unix_nanos: 100,
            start_max_unix_nanos: 100 + 9_999,
            step_nanos: Some(1),
            group_by: vec![GroupKey::Name; GROUP_KEYS_MAX],
            measures: vec![Measure::Durations, Measure::DurationHistogram],
            groups_max: 1,
        };
        assert!(plain.validate().is_ok());
        assert_eq!((plain.bucket_of(100), plain.bucket_of(10_099)), (0, 9_999));
        let check = |request: AggregateSpans, expect: &str| {
            let error = request.validate().expect_err(expect).to_string();
            assert!(error.contains(expect), "{error}");
        };
        check(AggregateSpans { groups_max: 0, ..plain.clone() }, "0 groups");
        check(AggregateSpans { step_nanos: Some(0), ..plain.clone() }, "buckets of 0 ns");
        let wide = AggregateSpans { start_max_unix_nanos: 100 + 10_000, ..plain.clone() };
        check(wide, "has more than 10000 buckets of 1 ns");
        let keys = vec![GroupKey::Name; GROUP_KEYS_MAX + 1];
        check(AggregateSpans { group_by: keys, ..plain.clone() }, "groups by 9 keys");
        check(AggregateSpans { measures: vec![Measure::Durations; 2], ..plain }, "a measure twice");
    }

    #[test]
    fn tallies_merge_into_that_of_all_spans() {
        let doublings = Measure::DurationDoublings(NonZeroU64::MIN);
        let measures = [Measure::DurationHistogram, Measure::Durations, doublings];
        let of = |durations: &[u64]| {
            let mut tally = Tally::new(3, &measures);
            durations.iter().for_each(|&nanos| tally.add(nanos));
            tally
        };
        let mut merged = of(&[5, 9]);
        merged.merge(&of(&[]));
        merged.merge(&of(&[2, u64::MAX]));
        assert_eq!(merged, of(&[u64::MAX, 2, 5, 9]));
        let Measured::Durations { sum, min, max } = merged.measured[1] else { panic!("order") };
        assert_eq!((sum, min, max), (u128::from(u64::MAX) + 16, 2, u64::MAX));
    }
}
