//! Adaptive sampling against clients that sample with what they were last told, and its limits.

use super::*;
use fanal_testkit::Random;

const SECOND: u64 = NANOS_PER_SECOND;

/// Time between questions of a client, seconds: that of every SDK unless told.
const POLL_SECONDS: u64 = 60;

/// Time until a sampled trace arrives, seconds: that of OpenTelemetry's batch processor.
const EXPORT_SECONDS: usize = 5;

/// Processes of a service that ask at different times, sample each trace by chance and send late.
struct Fleet {
    adaptive: Adaptive,
    random: Random,
    now: u64,
    /// By process: the probability it uses.
    told: Vec<f64>,
    /// Traces sampled in the last seconds, that are on their way.
    on_the_way: [u64; EXPORT_SECONDS],
}

impl Fleet {
    fn new(target: f64, initial_probability: f64, processes: usize) -> Self {
        let config = AdaptiveConfig { initial_probability, ..AdaptiveConfig::with_target(target) };
        Self {
            adaptive: Adaptive::new(config, 0),
            random: Random::new(7),
            now: 0,
            told: vec![initial_probability; processes],
            on_the_way: [0; EXPORT_SECONDS],
        }
    }

    fn probability(&self) -> f64 {
        let operations = self.adaptive.strategy("shop").operations.expect("by operation");
        let listed = operations.list.iter().find(|(name, _)| name == "pay");
        listed.map_or(operations.default_probability, |(_, probability)| *probability)
    }

    /// Runs for some seconds with so many traces a second; gives how many of them arrived, a second.
    fn run(&mut self, seconds: u64, offered_per_second: u64) -> f64 {
        let mut arrived = 0;
        for _ in 0..seconds {
            self.now += SECOND;
            self.adaptive.turn(self.now);
            let process_count = self.told.len();
            for process in 0..process_count {
                let offset = cast::wide(process) * POLL_SECONDS / cast::wide(process_count);
                if (self.now / SECOND + offset).is_multiple_of(POLL_SECONDS) {
                    self.told[process] = self.probability();
                }
            }
            let sampled = (0..offered_per_second)
                .filter(|trace| {
                    let process = cast::size(trace % cast::wide(process_count));
                    self.random.chance(self.told[process])
                })
                .count();
            let second = cast::size(self.now / SECOND) % EXPORT_SECONDS;
            let late = std::mem::replace(&mut self.on_the_way[second], cast::wide(sampled));
            if late > 0 {
                self.adaptive.count("shop", "pay", late, self.now);
            }
            arrived += late;
        }
        cast::figure(arrived) / cast::figure(seconds)
    }

    /// Runs for some rounds, behind which ten minutes must be within a third of `expect` traces a second.
    fn check(&mut self, name: &str, offered_per_second: u64, rounds: u32, expect: f64) {
        let rates: Vec<f64> =
            (0..rounds).map(|_| self.run(ROUND_SECONDS, offered_per_second)).collect();
        let mean = self.run(5 * ROUND_SECONDS, offered_per_second);
        let is_close = (mean / expect - 1.0).abs() < 1.0 / 3.0;
        assert!(is_close, "{name}: {mean} traces a second of {expect}, after {rates:?}");
    }
}

/// Seconds from a change to the next: the delay, and an interval of counting.
const ROUND_SECONDS: u64 = 120;

#[test]
fn every_traffic_comes_to_the_target() {
    let check = |target: f64, initial: f64, processes: usize, offered: u64, rounds: u32| {
        let mut fleet = Fleet::new(target, initial, processes);
        let expect = target.min(cast::figure(offered));
        fleet.check("from the start", offered, rounds, expect);
    };
    // Doubling at most: from 0.001 to 0.1 are seven rounds, to 1 ten; down is one, or two where chance has its part.
    check(1.0, 0.001, 1, 10, 9);
    check(1.0, 0.001, 20, 10, 9);
    check(1.0, 0.001, 20, 1, 12);
    check(1.0, 1.0, 20, 1000, 3);
    check(10.0, 0.001, 20, 1000, 6);
    check(0.1, 1.0, 5, 50, 4);
    check(2.5, 0.5, 3, 500, 3);
}

#[test]
fn a_hundred_times_the_traffic_and_back() {
    let mut fleet = Fleet::new(1.0, 0.001, 20);
    fleet.check("usual", 10, 9, 1.0);
    fleet.check("a hundred times", 1000, 4, 1.0);
    fleet.check("usual again", 10, 10, 1.0);
}

#[test]
fn a_restart_keeps_what_was_learnt() {
    let mut fleet = Fleet::new(1.0, 0.001, 20);
    fleet.check("before", 100, 9, 1.0);
    let before = fleet.probability();
    let file = crate::sampling::file::write(fleet.adaptive.probabilities());
    let config = fleet.adaptive.config.clone();
    fleet.adaptive = Adaptive::new(config, fleet.now);
    let read = crate::sampling::file::FileStrategies::read(&file, 1.0).expect("reads");
    fleet.adaptive.restore(crate::sampling::file::probabilities(read.strategies), fleet.now);
    assert!((fleet.probability() / before - 1.0).abs() < 1e-9, "{before}");
    fleet.check("behind", 100, 1, 1.0);
}

#[test]
fn what_is_not_seen_grows_to_certainty_and_what_floods_sinks_to_the_minimum() {
    let mut fleet = Fleet::new(1.0, 0.001, 1);
    fleet.adaptive.count("shop", "pay", 1, 0);
    fleet.run(30 * ROUND_SECONDS, 0);
    assert!((fleet.probability() - 1.0).abs() < f64::EPSILON, "{}", fleet.probability());
    for _ in 0..400 {
        fleet.now += 30 * SECOND;
        fleet.adaptive.turn(fleet.now);
        fleet.adaptive.count("shop", "pay", 1_000_000, fleet.now);
    }
    let minimum = AdaptiveConfig::PROBABILITY_MIN;
    assert!((fleet.probability() - minimum).abs() < f64::EPSILON, "{}", fleet.probability());
}

#[test]
fn nothing_changes_before_clients_have_taken_a_change_over() {
    // A step, three intervals of waiting, one of counting; a hundred times the target all the time.
    let config = AdaptiveConfig { initial_probability: 1.0, ..AdaptiveConfig::with_target(1.0) };
    let mut adaptive = Adaptive::new(config, 0);
    let mut probabilities = Vec::new();
    for turn in 1..=5 {
        adaptive.count("shop", "pay", 3000, turn * 30 * SECOND - 1);
        adaptive.turn(turn * 30 * SECOND);
        let list = adaptive.strategy("shop").operations.expect("by operation").list;
        probabilities.push(format!("{:.0e}", list[0].1));
    }
    assert_eq!(probabilities, ["1e-2", "1e-2", "1e-2", "1e-2", "1e-4"]);
}

#[test]
fn operations_above_the_limit_share_the_default() {
    let config = AdaptiveConfig { initial_probability: 1.0, ..AdaptiveConfig::with_target(1.0) };
    let mut adaptive = Adaptive::new(config, 0);
    let count = |adaptive: &mut Adaptive, now: u64| {
        for operation in 0..SERVICE_OPERATIONS_MAX + 100 {
            adaptive.count("shop", &format!("operation {operation:04}"), 30, now);
        }
    };
    count(&mut adaptive, 1);
    adaptive.turn(30 * SECOND);
    let Strategy { kind, operations } = adaptive.strategy("shop");
    let operations = operations.expect("by operation");
    assert_eq!(operations.list.len(), SERVICE_OPERATIONS_MAX);
    // Those with a place arrive at the target, the hundred others together at a hundred times it.
    assert!(operations.list.iter().all(|(_, probability)| (probability - 1.0).abs() < 1e-9));
    assert!((operations.default_probability - 0.01).abs() < 1e-9, "{operations:?}");
    assert_eq!(kind, StrategyKind::Probabilistic(operations.default_probability));
    assert_eq!(adaptive.counts().operations, SERVICE_OPERATIONS_MAX);
    // Which a restart keeps, and which a file that someone wrote cannot set to never.
    let kept = adaptive.probabilities().map(|(name, default, list)| {
        let list = list.map(|(name, _)| (name.to_owned(), 0.0)).collect();
        (name.to_owned(), default, list)
    });
    let mut restored = Adaptive::new(adaptive.config.clone(), 1);
    restored.restore(kept, 1);
    let restored = restored.strategy("shop").operations.expect("by operation");
    assert!((restored.default_probability - 0.01).abs() < 1e-9, "{restored:?}");
    let least = AdaptiveConfig::PROBABILITY_MIN;
    assert!(restored.list.iter().all(|(_, probability)| (probability - least).abs() < 1e-12));
    // A long name never has a place of its own.
    adaptive.count("cart", &"x".repeat(NAME_BYTES_MAX + 1), 1, 30 * SECOND);
    assert_eq!(adaptive.strategy("cart").operations.expect("by operation").list, []);
    // What is not seen for two days is forgotten, and with it the default that the others had.
    adaptive.turn(60 * SECOND);
    adaptive.turn(60 * SECOND + FORGET_AFTER_NANOS);
    adaptive.turn(90 * SECOND + FORGET_AFTER_NANOS);
    assert_eq!(adaptive.counts(), AdaptiveCounts { services: 0, operations: 0, untracked: 0 });
    assert_eq!(adaptive.strategy("shop").kind, StrategyKind::Probabilistic(1.0));
}

#[test]
fn services_above_the_limit_are_counted_and_get_the_initial_probability() {
    let mut adaptive = Adaptive::new(AdaptiveConfig::with_target(1.0), 0);
    for service in 0..SERVICES_MAX + 3 {
        adaptive.count(&format!("service {service}"), "get", 2, 1);
    }
    adaptive.count(&"x".repeat(NAME_BYTES_MAX + 1), "get", 1, 1);
    let expect = AdaptiveCounts { services: SERVICES_MAX, operations: SERVICES_MAX, untracked: 7 };
    assert_eq!(adaptive.counts(), expect);
    let strategy = adaptive.strategy("never seen");
    assert_eq!(strategy.kind, StrategyKind::Probabilistic(0.001));
    let operations = strategy.operations.expect("by operation");
    assert_eq!((operations.default_probability, operations.list), (0.001, Vec::new()));
    let bound = operations.lower_bound_traces_per_second;
    assert!((bound - 1.0 / 60.0).abs() < 1e-12, "{bound}");
}

#[test]
fn a_clock_that_is_set_back_stops_nothing() {
    let mut adaptive = Adaptive::new(AdaptiveConfig::with_target(1.0), 1000 * SECOND);
    adaptive.count("shop", "pay", 1, SECOND);
    adaptive.turn(SECOND);
    adaptive.turn(1030 * SECOND);
    assert_eq!(adaptive.counts().operations, 1);
}
