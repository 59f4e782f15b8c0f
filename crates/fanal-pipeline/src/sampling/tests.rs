//! How the sources combine.

use super::testing::batch;
use super::*;
use config::AdaptiveConfig;
use fanal_base::ManualClock;
use strategy::StrategyKind;

fn sampling(adaptive: AdaptiveConfig) -> (Sampling, ManualClock) {
    let clock = ManualClock::at(1);
    let config = SamplingConfig { default_probability: 0.25, adaptive };
    (Sampling::new(config, Arc::new(clock.clone())), clock)
}

const FILE: &[u8] = br#"{
    "default_strategy": {"type": "probabilistic", "param": 0.5, "operation_strategies": [
        {"operation": "health", "type": "probabilistic", "param": 0}
    ]},
    "service_strategies": [{"service": "named", "type": "ratelimiting", "param": 5}]
}"#;

/// The default and the operations that a service is told.
fn check(sampling: &Sampling, service: &str, default: f64, expect: &[(&str, f64)]) {
    let operations = sampling.strategy(service).operations.expect("by operation");
    let list: Vec<_> = operations.list.iter().map(|(name, rate)| (&**name, *rate)).collect();
    assert_eq!((operations.default_probability, &*list), (default, expect), "{service}");
}

#[test]
fn without_sources_the_default_probability_holds() {
    let (sampling, _) = sampling(AdaptiveConfig::default());
    let strategy = sampling.strategy("shop");
    assert_eq!(strategy.kind, StrategyKind::Probabilistic(0.25));
    assert_eq!(strategy.operations, None);
    sampling.count(&batch(&[("shop", "pay", true)]));
    assert_eq!((sampling.probabilities(), sampling.snapshot().adaptive_operations), (None, 0));
}

#[test]
fn what_the_file_names_the_file_decides() {
    let (sampling, clock) = sampling(AdaptiveConfig::with_target(1.0));
    let spans = [("shop", "pay", true), ("shop", "health", true), ("named", "get", true)];
    sampling.count(&batch(&spans));
    check(&sampling, "shop", 0.001, &[("health", 0.001), ("pay", 0.001)]);
    assert_eq!(sampling.load_file(FILE).expect("reads"), [""; 0]);
    check(&sampling, "shop", 0.001, &[("health", 0.0), ("pay", 0.001)]);
    check(&sampling, "unknown", 0.001, &[("health", 0.0)]);
    check(&sampling, "named", 0.5, &[("health", 0.0)]);
    assert_eq!(sampling.strategy("named").kind, StrategyKind::RateLimiting(5));
    // Nor is it counted any more.
    let before = sampling.snapshot().adaptive_operations;
    sampling.count(&batch(&[("named", "put", true)]));
    assert_eq!(sampling.snapshot().adaptive_operations, before);
    clock.advance(30_000_000_000);
    check(&sampling, "shop", 0.001, &[("health", 0.0), ("pay", 0.002)]);
}

#[test]
fn the_files_default_holds_where_nothing_is_adaptive() {
    let (sampling, _) = sampling(AdaptiveConfig::default());
    sampling.load_file(FILE).expect("reads");
    check(&sampling, "shop", 0.5, &[("health", 0.0)]);
    assert_eq!(sampling.strategy("shop").kind, StrategyKind::Probabilistic(0.5));
}

#[test]
fn a_bad_file_keeps_the_strategies_before_it() {
    let (sampling, _) = sampling(AdaptiveConfig::default());
    sampling.load_file(FILE).expect("reads");
    assert!(sampling.load_file(b"{").is_err());
    sampling.file_failed("broken".to_owned());
    check(&sampling, "shop", 0.5, &[("health", 0.0)]);
    let snapshot = sampling.snapshot();
    assert_eq!((snapshot.file_problem.as_deref(), snapshot.file_failures), (Some("broken"), 1));
    assert_eq!(snapshot.file_services, 1);
    sampling.load_file(b"{}").expect("reads");
    let snapshot = sampling.snapshot();
    assert_eq!(
        (snapshot.file_problem, snapshot.file_failures, snapshot.file_services),
        (None, 1, 0)
    );
    assert_eq!(sampling.strategy("shop").kind, StrategyKind::Probabilistic(0.25));
}

#[test]
fn probabilities_survive_a_restart() {
    let adaptive = AdaptiveConfig::with_target(1.0);
    let (before, clock) = sampling(adaptive.clone());
    before.count(&batch(&[("shop", "pay", true)]));
    clock.advance(30_000_000_000);
    check(&before, "shop", 0.001, &[("pay", 0.002)]);
    let (after, _) = sampling(adaptive);
    after.restore(&before.probabilities().expect("on")).expect("reads");
    check(&after, "shop", 0.001, &[("pay", 0.002)]);
    assert!(after.restore(b"torn").is_err());
}
