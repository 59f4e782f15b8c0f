//! Adaptive sampling: probabilities that bring the traces of each operation to a target rate, from what arrives.
//!
//! The pipeline counts into it, doors ask it. An operation is counted over windows that begin once clients have taken
//! over its last probability; a window gives the next: old × target ÷ observed, at most doubled. Invariant: services,
//! operations and their names have limits; operations above them share one probability, the default of their service.

use super::config::AdaptiveConfig;
use super::strategy::{OperationStrategies, Strategy, StrategyKind};
use fanal_base::cast;
use std::collections::BTreeMap;

/// Most services with probabilities of their own; others are told the initial one.
pub const SERVICES_MAX: usize = 2_000;

/// Most operations of a service with a probability of their own.
pub const SERVICE_OPERATIONS_MAX: usize = 500;

/// Most operations of all services together.
pub const OPERATIONS_MAX: usize = 50_000;

/// Longest name of a service or operation that is kept, in bytes.
pub const NAME_BYTES_MAX: usize = 256;

/// Time after which what was not seen is forgotten, so that daily jobs stay known: two days.
const FORGET_AFTER_NANOS: u64 = 48 * 3600 * NANOS_PER_SECOND;

/// Traces that a window should have at the target rate before it decides: their number then varies by a third.
const WINDOW_TRACES: f64 = 10.0;

/// Part of the target by which the observed rate may be off without a change.
const TOLERANCE: f64 = 0.2;

/// Most by which a probability grows at once: what is not sampled is not seen, so more may come than expected.
const GROWTH_MAX: f64 = 2.0;

/// Traces a second of each operation that every process takes at least, so that rare operations are seen: one a minute, as
/// Jaeger has it.
const LOWER_BOUND_PER_SECOND: f64 = 1.0 / 60.0;

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// The probabilities, and what they are computed from.
#[derive(Debug)]
pub(crate) struct Adaptive {
    config: AdaptiveConfig,
    services: BTreeMap<String, Service>,
    /// Operations of all services.
    operations: usize,
    /// When the counts began that are not closed yet.
    turned_unix_nanos: u64,
    untracked: u64,
}

#[derive(Debug, Default)]
struct Service {
    operations: BTreeMap<String, Operation>,
    /// All operations above the limits together, while there are such.
    others: Option<Operation>,
}

#[derive(Debug)]
struct Operation {
    probability: f64,
    /// Traces in the window.
    count: u64,
    /// Length of the part of the window that is closed.
    window_nanos: u64,
    /// Before it, counts say nothing: clients use older probabilities.
    settled_unix_nanos: u64,
    seen_unix_nanos: u64,
}

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AdaptiveCounts {
    pub(crate) services: usize,
    pub(crate) operations: usize,
    /// Traces of services above the limit, since start.
    pub(crate) untracked: u64,
}

impl Adaptive {
    pub(crate) fn new(config: AdaptiveConfig, now_unix_nanos: u64) -> Self {
        Self {
            config,
            services: BTreeMap::new(),
            operations: 0,
            turned_unix_nanos: now_unix_nanos,
            untracked: 0,
        }
    }

    /// Takes up probabilities of an earlier run. What arrives first was sent before, and says nothing.
    pub(crate) fn restore(
        &mut self,
        services: impl Iterator<Item = (String, f64, Vec<(String, f64)>)>,
        now_unix_nanos: u64,
    ) {
        let (initial, least) = (self.config.initial_probability, self.config.probability_min);
        let settled_unix_nanos = now_unix_nanos.saturating_add(nanos(self.config.delay));
        let take_up = |operation: &mut Operation, probability: f64| {
            operation.probability = probability.clamp(least, 1.0);
            operation.settled_unix_nanos = settled_unix_nanos;
        };
        for (service, default, operations) in services {
            for (operation, probability) in operations {
                if let Some(operation) = self.operation(&service, &operation, now_unix_nanos) {
                    take_up(operation, probability);
                }
            }
            // Only where there was no place left does the default say more than the configuration.
            if let Some(service) = self.services.get_mut(&service)
                && service.operations.len() >= SERVICE_OPERATIONS_MAX
            {
                let others = service.others.get_or_insert(Operation::new(initial, now_unix_nanos));
                take_up(others, default);
            }
        }
    }

    /// Counts traces that arrived.
    pub(crate) fn count(&mut self, service: &str, operation: &str, traces: u64, now: u64) {
        match self.operation(service, operation, now) {
            Some(operation) => {
                operation.count += traces;
                operation.seen_unix_nanos = now;
            }
            None => self.untracked += traces,
        }
    }

    /// The operation, or that of all others of its service; `None` for a service above the limit.
    fn operation(&mut self, service: &str, operation: &str, now: u64) -> Option<&mut Operation> {
        if !self.services.contains_key(service) {
            if self.services.len() >= SERVICES_MAX || service.len() > NAME_BYTES_MAX {
                return None;
            }
            self.services.insert(service.to_owned(), Service::default());
        }
        let service = self.services.get_mut(service)?;
        let initial = self.config.initial_probability;
        let default = service.default_probability(initial);
        if !service.operations.contains_key(operation) {
            let has_room = service.operations.len() < SERVICE_OPERATIONS_MAX
                && self.operations < OPERATIONS_MAX
                && operation.len() <= NAME_BYTES_MAX;
            if !has_room {
                return Some(service.others.get_or_insert_with(|| Operation::new(initial, now)));
            }
            service.operations.insert(operation.to_owned(), Operation::new(default, now));
            self.operations += 1;
        }
        service.operations.get_mut(operation)
    }

    /// Computes probabilities where the interval is over. Called before anything is counted or asked.
    pub(crate) fn turn(&mut self, now: u64) {
        let elapsed_nanos = now.saturating_sub(self.turned_unix_nanos);
        if elapsed_nanos < nanos(self.config.interval) {
            return;
        }
        let turn = Turn { config: &self.config, began: self.turned_unix_nanos, now, elapsed_nanos };
        for service in self.services.values_mut() {
            service.operations.retain(|_, operation| operation.turn(&turn));
            service.others.take_if(|others| !others.turn(&turn));
        }
        self.services
            .retain(|_, service| !service.operations.is_empty() || service.others.is_some());
        self.operations = self.services.values().map(|service| service.operations.len()).sum();
        self.turned_unix_nanos = now;
    }

    /// What a service is told.
    pub(crate) fn strategy(&self, service: &str) -> Strategy {
        let known = self.services.get(service);
        let initial = self.config.initial_probability;
        let default_probability = known.map_or(initial, |known| known.default_probability(initial));
        let list = known.into_iter().flat_map(Service::probabilities);
        let list = list.map(|(name, probability)| (name.to_owned(), probability)).collect();
        let lower_bound_traces_per_second =
            LOWER_BOUND_PER_SECOND.min(self.config.target_spans_per_second);
        Strategy {
            kind: StrategyKind::Probabilistic(default_probability),
            operations: Some(OperationStrategies {
                default_probability,
                lower_bound_traces_per_second,
                list,
            }),
        }
    }

    /// Every service with its default and the probabilities of its operations.
    pub(crate) fn probabilities(
        &self,
    ) -> impl Iterator<Item = (&str, f64, impl Iterator<Item = (&str, f64)>)> {
        let initial = self.config.initial_probability;
        self.services.iter().map(move |(name, service)| {
            (&**name, service.default_probability(initial), service.probabilities())
        })
    }

    pub(crate) fn counts(&self) -> AdaptiveCounts {
        AdaptiveCounts {
            services: self.services.len(),
            operations: self.operations,
            untracked: self.untracked,
        }
    }
}

impl Service {
    fn default_probability(&self, initial: f64) -> f64 {
        self.others.as_ref().map_or(initial, |others| others.probability)
    }

    fn probabilities(&self) -> impl Iterator<Item = (&str, f64)> {
        self.operations.iter().map(|(name, operation)| (&**name, operation.probability))
    }
}

/// The end of an interval.
struct Turn<'a> {
    config: &'a AdaptiveConfig,
    began: u64,
    now: u64,
    elapsed_nanos: u64,
}

impl Operation {
    fn new(probability: f64, now: u64) -> Self {
        Self { probability, count: 0, window_nanos: 0, settled_unix_nanos: 0, seen_unix_nanos: now }
    }

    /// Closes an interval; false where the operation is to be forgotten.
    fn turn(&mut self, turn: &Turn<'_>) -> bool {
        if turn.began < self.settled_unix_nanos {
            self.count = 0;
            return true;
        }
        self.window_nanos = self.window_nanos.saturating_add(turn.elapsed_nanos);
        let target = turn.config.target_spans_per_second;
        let seconds = cast::figure(self.window_nanos) / cast::figure(NANOS_PER_SECOND);
        let (count, expected) = (cast::figure(self.count), target * seconds);
        if expected.max(count) >= WINDOW_TRACES {
            (self.count, self.window_nanos) = (0, 0);
            // A rate of nothing is infinitely below the target.
            let ratio = expected / count;
            if (1.0 / ratio - 1.0).abs() > TOLERANCE {
                self.change(self.probability * ratio.min(GROWTH_MAX), turn);
            }
        }
        turn.now.saturating_sub(self.seen_unix_nanos) < FORGET_AFTER_NANOS
    }

    fn change(&mut self, probability: f64, turn: &Turn<'_>) {
        let probability = probability.clamp(turn.config.probability_min, 1.0);
        // At its bounds nothing changes, and nothing needs to settle.
        if (probability - self.probability).abs() > 0.0 {
            self.probability = probability;
            self.settled_unix_nanos = turn.now.saturating_add(nanos(turn.config.delay));
        }
    }
}

fn nanos(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
