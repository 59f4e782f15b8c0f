//! Counters of spans and calls since the process started, for those who fetch them again and again.
//!
//! `collector` adds each window of time once it is over, and looks at it again later: what came late in the meantime is the
//! difference. Bounded in keys; what is beyond them shares a series.

use fanal_query::rates::{CallKey, RateExemplar, RateExemplars, RateTally, Rates, SpanKey};
use std::collections::BTreeMap;

/// Everything that was counted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Totals {
    pub(super) spans: Counters<SpanKey>,
    pub(super) calls: Counters<CallKey>,
    /// Up to when, nanoseconds since the Unix epoch.
    pub(super) counted_unix_nanos: u64,
}

/// Counters by key.
#[derive(Debug, Clone)]
pub(super) struct Counters<K> {
    pub(super) keys: BTreeMap<K, Counter>,
    pub(super) overflow: Counter,
}

/// The counters of a key, and the newest example.
#[derive(Debug, Clone, Default)]
pub(super) struct Counter {
    pub(super) tally: RateTally,
    pub(super) exemplar: Option<RateExemplar>,
}

/// What of a window was counted up to now.
#[derive(Debug, Clone)]
pub(super) struct Counted<K> {
    keys: BTreeMap<K, RateTally>,
    overflow: RateTally,
}

impl<K> Default for Counters<K> {
    fn default() -> Self {
        Self { keys: BTreeMap::new(), overflow: Counter::default() }
    }
}

impl<K> Default for Counted<K> {
    fn default() -> Self {
        Self { keys: BTreeMap::new(), overflow: RateTally::default() }
    }
}

impl<K: Ord + Clone> Counters<K> {
    /// Adds what a window has more than was counted of it; answers what is counted of it then.
    pub(super) fn take(
        &mut self,
        rates: &Rates<K>,
        mut counted: Counted<K>,
        keys_max: usize,
    ) -> Counted<K> {
        let is_known = !counted.keys.is_empty() || counted.overflow.count > 0;
        let is_beyond = !rates.overflow.is_empty() || counted.overflow.count > 0;
        // Which keys are told apart differs from look to look then, so that differences tell nothing.
        if is_known && is_beyond {
            return counted;
        }
        for (key, tallies) in &rates.keys {
            let mut more = RateTally::default();
            tallies.values().for_each(|tally| more.merge(tally));
            let known = counted.keys.entry(key.clone()).or_default();
            more.reduce(known);
            known.merge(&more);
            self.counter(key, keys_max).tally.merge(&more);
        }
        for tally in rates.overflow.values() {
            self.overflow.tally.merge(tally);
            counted.overflow.merge(tally);
        }
        counted
    }

    fn counter(&mut self, key: &K, keys_max: usize) -> &mut Counter {
        if self.keys.len() >= keys_max && !self.keys.contains_key(key) {
            return &mut self.overflow;
        }
        self.keys.entry(key.clone()).or_default()
    }

    fn set_exemplars(&mut self, exemplars: Vec<(K, RateExemplar)>) {
        // The newest come first, and are to stay.
        for (key, exemplar) in exemplars.into_iter().rev() {
            if let Some(counter) = self.keys.get_mut(&key) {
                counter.exemplar = Some(exemplar);
            }
        }
    }
}

impl<K: Ord> Counted<K> {
    /// Adds what was counted of another window.
    pub(super) fn merge(&mut self, other: Self) {
        for (key, tally) in other.keys {
            self.keys.entry(key).or_default().merge(&tally);
        }
        self.overflow.merge(&other.overflow);
    }
}

impl Totals {
    /// Takes examples of what was counted.
    pub(super) fn set_exemplars(&mut self, exemplars: RateExemplars) {
        self.spans.set_exemplars(exemplars.spans);
        self.calls.set_exemplars(exemplars.calls);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(keys: &[(&'static str, u64)], overflow: u64) -> Rates<&'static str> {
        let tally = |count| BTreeMap::from([(0, RateTally { count, ..RateTally::default() })]);
        Rates {
            keys: keys.iter().map(|&(key, count)| (key, tally(count))).collect(),
            overflow: if overflow > 0 { tally(overflow) } else { BTreeMap::new() },
            warnings: Vec::new(),
        }
    }

    fn shown(counters: &Counters<&'static str>) -> Vec<(&'static str, u64)> {
        let keys = counters.keys.iter().map(|(key, counter)| (*key, counter.tally.count));
        keys.chain([("", counters.overflow.tally.count)]).collect()
    }

    #[test]
    fn what_comes_late_is_counted_once() {
        let mut counters = Counters::default();
        let first = counters.take(&rates(&[("a", 2), ("b", 1)], 0), Counted::default(), 9);
        let second = counters.take(&rates(&[("a", 3)], 0), Counted::default(), 9);
        assert_eq!(shown(&counters), [("a", 5), ("b", 1), ("", 0)]);
        let mut both = first;
        both.merge(second);
        // One came late, one was a duplicate that is gone.
        let again = counters.take(&rates(&[("a", 6), ("c", 1)], 0), both, 9);
        assert_eq!(shown(&counters), [("a", 6), ("b", 1), ("c", 1), ("", 0)]);
        counters.take(&rates(&[("a", 6), ("b", 1), ("c", 1)], 0), again, 9);
        assert_eq!(shown(&counters), [("a", 6), ("b", 1), ("c", 1), ("", 0)]);
    }

    #[test]
    fn keys_beyond_the_most_share_a_series() {
        let mut counters = Counters::default();
        let keys = [("a", 1), ("b", 2), ("c", 4)];
        let counted = counters.take(&rates(&keys, 0), Counted::default(), 2);
        assert_eq!(shown(&counters), [("a", 1), ("b", 2), ("", 4)]);
        let counted = counters.take(&rates(&keys, 0), counted, 2);
        assert_eq!(shown(&counters), [("a", 1), ("b", 2), ("", 4)]);
        // Beyond what a question tells apart.
        counters.take(&rates(&[("a", 1), ("z", 5)], 2), counted, 2);
        assert_eq!(shown(&counters), [("a", 1), ("b", 2), ("", 4)]);
        counters.take(&rates(&[("a", 1)], 2), Counted::default(), 2);
        assert_eq!(shown(&counters), [("a", 2), ("b", 2), ("", 6)]);
    }
}
