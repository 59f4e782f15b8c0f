//! Settings of sampling, with their defaults.
//!
//! The binary fills it from its configuration; read once, at start.

use std::time::Duration;

/// What services are told that no strategies file names.
#[derive(Debug, Clone, PartialEq)]
pub struct SamplingConfig {
    /// Probability where nothing else is configured, 0 to 1. Default 1, as of Jaeger in one process.
    pub default_probability: f64,
    /// The computation of probabilities from what arrives.
    pub adaptive: AdaptiveConfig,
}

impl SamplingConfig {
    /// Default of [`SamplingConfig::default_probability`].
    pub const DEFAULT_PROBABILITY: f64 = 1.0;
}

impl Default for SamplingConfig {
    fn default() -> Self {
        let default_probability = Self::DEFAULT_PROBABILITY;
        Self { default_probability, adaptive: AdaptiveConfig::default() }
    }
}

/// Settings of adaptive sampling.
#[derive(Debug, Clone, PartialEq)]
pub struct AdaptiveConfig {
    /// Traces a second that are wanted of each operation, over all processes of its service. Default 0, which is off.
    pub target_spans_per_second: f64,
    /// Time over which arriving traces are counted before probabilities are computed again. Default 30 s.
    pub interval: Duration,
    /// Time after a change in which what arrives says nothing yet, because clients ask every minute and send late.
    /// Default 90 s.
    pub delay: Duration,
    /// Probability of an operation of which nothing is known yet. Default 0.001.
    pub initial_probability: f64,
    /// Least probability, above 0, so that an operation is never lost from sight. Default 0.00001.
    pub probability_min: f64,
}

impl AdaptiveConfig {
    /// Default of [`AdaptiveConfig::interval`].
    pub const INTERVAL: Duration = Duration::from_secs(30);
    /// Default of [`AdaptiveConfig::delay`].
    pub const DELAY: Duration = Duration::from_secs(90);
    /// Default of [`AdaptiveConfig::initial_probability`].
    pub const INITIAL_PROBABILITY: f64 = 0.001;
    /// Default of [`AdaptiveConfig::probability_min`].
    pub const PROBABILITY_MIN: f64 = 0.000_01;

    /// The defaults, with a target.
    pub fn with_target(target_spans_per_second: f64) -> Self {
        Self { target_spans_per_second, ..Self::default() }
    }

    /// Whether probabilities are computed.
    pub fn is_on(&self) -> bool {
        self.target_spans_per_second > 0.0
    }
}

impl Default for AdaptiveConfig {
    fn default() -> Self {
        Self {
            target_spans_per_second: 0.0,
            interval: Self::INTERVAL,
            delay: Self::DELAY,
            initial_probability: Self::INITIAL_PROBABILITY,
            probability_min: Self::PROBABILITY_MIN,
        }
    }
}
