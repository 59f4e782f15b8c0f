//! Rates, errors and durations of spans, and of the calls between services, by time: what span metrics are made of.
//!
//! Asked by the façade of Prometheus; the spans in the store are all there is. Each answer is exact for the moment at which
//! it is asked, late spans included. Knows no names of metrics and no query language.

mod calls;
mod exemplars;
mod spans;
#[cfg(test)]
mod tests;

use crate::error::QueryError;
use fanal_base::cast;
use fanal_model::{SpanKind, StatusCode};
use fanal_storage::aggregate::{BUCKETS_MAX, DOUBLING_COUNTERS, doubling_counter};
use fanal_storage::{SpanCondition, StoreError};
use std::collections::BTreeMap;
use std::num::NonZeroU64;

pub use exemplars::{RateExemplar, RateExemplars};

/// Most tallies of one answer: about 150 MB.
pub const TALLIES_MAX: usize = 500_000;

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct RatesQuestion {
    /// Where the first bucket begins, nanoseconds since the Unix epoch.
    pub start_unix_nanos: u64,
    /// Where the last ends, exclusive.
    pub end_unix_nanos: u64,
    /// Width of a bucket; `None`: one holds all.
    pub step_nanos: Option<u64>,
    /// Which spans count, of [`crate::QueryService::span_rates`]; all calls count always.
    pub conditions: Vec<SpanCondition>,
    /// Most keys that are told apart, at least 1.
    pub keys_max: usize,
}

/// The answer: by key and then bucket, for buckets in which there was anything.
#[derive(Debug, Clone, PartialEq)]
pub struct Rates<K: Ord> {
    /// The keys.
    pub keys: BTreeMap<K, BTreeMap<u32, RateTally>>,
    /// What there was of keys beyond the most.
    pub overflow: BTreeMap<u32, RateTally>,
    /// Why the answer may lack something; empty when it is complete.
    pub warnings: Vec<String>,
}

impl<K: Ord> Rates<K> {
    /// No key yet.
    fn new(warnings: Vec<String>) -> Self {
        Self { keys: BTreeMap::new(), overflow: BTreeMap::new(), warnings }
    }
}

/// By what spans are told apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpanKey {
    /// Service.
    pub service: String,
    /// Span name.
    pub name: String,
    /// Kind.
    pub kind: SpanKind,
    /// Status.
    pub status: StatusCode,
}

/// By what calls are told apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallKey {
    /// Who calls.
    pub client: String,
    /// Who is called.
    pub server: String,
    /// How they are connected.
    pub connection: Connection,
}

/// How caller and called are connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Connection {
    /// A call that both sides tell of.
    Direct,
    /// A message that both sides tell of.
    Messaging,
    /// A call of a database, which tells nothing itself.
    Database,
    /// A call of which one side tells nothing.
    Virtual,
}

/// Spans or calls of a key in a bucket.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RateTally {
    /// How many.
    pub count: u64,
    /// How many of the calls failed; of spans their status is part of the key.
    pub failed: u64,
    /// Durations of the spans, or of calls as the called side tells them.
    pub durations: Durations,
    /// Durations of calls as the caller tells them.
    pub client_durations: Durations,
}

/// A histogram with a sum.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Durations {
    /// By bound, each without those before it; the counter behind the last bound has all others.
    pub counters: [u64; DOUBLING_COUNTERS],
    /// Sum in nanoseconds.
    pub sum_nanos: u128,
}

/// The bounds of a histogram: one and its doublings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    unit_nanos: NonZeroU64,
    count: usize,
}

/// Bounds of the durations of spans: 2 ms to 16.384 s.
pub const SPAN_BOUNDS: Bounds = Bounds::new(2_000_000, 14);

/// Bounds of the durations of calls: 0.1 s to 12.8 s.
pub const CALL_BOUNDS: Bounds = Bounds::new(100_000_000, 8);

impl Bounds {
    const fn new(unit_nanos: u64, count: usize) -> Self {
        assert!(count < DOUBLING_COUNTERS, "there is a counter for each bound and one more");
        match NonZeroU64::new(unit_nanos) {
            Some(unit_nanos) => Self { unit_nanos, count },
            None => panic!("bounds begin above 0"),
        }
    }

    /// How many bounds there are; a histogram has one more counter.
    pub const fn count(self) -> usize {
        self.count
    }

    /// The bounds in nanoseconds.
    pub fn nanos(self) -> impl Iterator<Item = u64> {
        (0..self.count).map(move |doublings| self.unit_nanos.get() << doublings)
    }

    /// The counter of a duration.
    pub fn counter(self, nanos: u64) -> usize {
        doubling_counter(nanos, self.unit_nanos).min(self.count)
    }
}

impl Durations {
    /// Adds a duration.
    pub fn add(&mut self, nanos: u64, bounds: Bounds) {
        self.counters[bounds.counter(nanos)] += 1;
        self.sum_nanos += u128::from(nanos);
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.counters.iter().sum()
    }
}

impl RateTally {
    /// Adds what another has.
    pub fn merge(&mut self, other: &Self) {
        self.combine(other, u64::saturating_add, u128::saturating_add);
    }

    /// Takes away what another has, where it is there.
    pub fn reduce(&mut self, other: &Self) {
        self.combine(other, u64::saturating_sub, u128::saturating_sub);
    }

    fn combine(&mut self, other: &Self, count: fn(u64, u64) -> u64, sum: fn(u128, u128) -> u128) {
        self.count = count(self.count, other.count);
        self.failed = count(self.failed, other.failed);
        let sides = [
            (&mut self.durations, &other.durations),
            (&mut self.client_durations, &other.client_durations),
        ];
        for (own, other) in sides {
            for (own, other) in own.counters.iter_mut().zip(other.counters) {
                *own = count(*own, other);
            }
            own.sum_nanos = sum(own.sum_nanos, other.sum_nanos);
        }
    }
}

impl RatesQuestion {
    fn validate(&self) -> Result<(), QueryError> {
        let (start, end) = (self.start_unix_nanos, self.end_unix_nanos);
        if start >= end {
            return Err(QueryError::invalid(format!(
                "range begins at {start} and ends at {end}; end it later than it begins"
            )));
        }
        if self.keys_max == 0 {
            return Err(QueryError::invalid("rates are limited to 0 keys; allow at least 1"));
        }
        let buckets = self.step_nanos.map_or(1, |step| (end - start).div_ceil(step.max(1)));
        if buckets > BUCKETS_MAX {
            return Err(QueryError::invalid(format!(
                "range has {buckets} buckets, at most {BUCKETS_MAX} are answered; widen the step or narrow the range"
            )));
        }
        Ok(())
    }

    fn bucket_of(&self, unix_nanos: u64) -> Option<u32> {
        if !(self.start_unix_nanos..self.end_unix_nanos).contains(&unix_nanos) {
            return None;
        }
        let elapsed = unix_nanos - self.start_unix_nanos;
        let bucket = self.step_nanos.map_or(0, |step| elapsed / step.max(1));
        Some(cast::narrow(cast::size(bucket)))
    }
}

/// An answer that would be too large.
fn too_many_tallies() -> QueryError {
    QueryError::Store(StoreError::Invalid {
        message: format!(
            "answer has more than {TALLIES_MAX} tallies of keys and buckets; narrow the range, widen the step or add conditions"
        ),
    })
}
