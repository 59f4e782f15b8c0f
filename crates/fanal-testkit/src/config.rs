//! What the generator can be told, with defaults that resemble a shop of twenty services.

/// Settings of a [`crate::Generator`]. Probabilities are from 0 to 1.
#[derive(Debug, Clone, PartialEq)]
pub struct GeneratorConfig {
    /// Services, 1 to 500.
    pub services: usize,
    /// Processes of each service, at least 1.
    pub instances_per_service: usize,
    /// Hosts that the processes share, at least 1.
    pub hosts: usize,
    /// Operations that each service offers, at least 1.
    pub operations_per_service: usize,
    /// Sizes of traces.
    pub trace_sizes: Vec<TraceSizes>,
    /// Most spans of a trace.
    pub trace_spans_max: usize,
    /// Distinct users.
    pub users: u64,
    /// That a span fails by itself.
    pub error_probability: f64,
    /// That the failure of a call fails its caller.
    pub error_propagation_probability: f64,
    /// That a span has an event that is no exception.
    pub event_probability: f64,
    /// That a span has a link to another trace.
    pub link_probability: f64,
    /// That a span is sent late.
    pub late_probability: f64,
    /// Longest delay of a late span, nanoseconds.
    pub late_max_nanos: u64,
    /// That a span is sent twice.
    pub duplicate_probability: f64,
    /// That the clock of a host is wrong.
    pub skew_probability: f64,
    /// Most that a wrong clock differs, nanoseconds, before or behind.
    pub skew_max_nanos: u64,
}

/// One part of a mixture of log-normal distributions of spans a trace.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TraceSizes {
    /// How often, relative to the other parts.
    pub weight: u32,
    /// Median, in spans.
    pub median_spans: f64,
    /// Sigma of the logarithm.
    pub sigma: f64,
}

impl Default for GeneratorConfig {
    fn default() -> Self {
        Self {
            services: 20,
            instances_per_service: 3,
            hosts: 12,
            operations_per_service: 8,
            // Median about 8, mean about 20: most traces are small, one in a hundred is a batch job.
            trace_sizes: vec![
                TraceSizes { weight: 99, median_spans: 7.7, sigma: 1.0 },
                TraceSizes { weight: 1, median_spans: 400.0, sigma: 1.2 },
            ],
            trace_spans_max: 10_000,
            users: 200_000,
            error_probability: 0.01,
            error_propagation_probability: 0.8,
            event_probability: 0.05,
            link_probability: 0.01,
            late_probability: 0.002,
            late_max_nanos: 60_000_000_000,
            duplicate_probability: 0.002,
            skew_probability: 0.1,
            skew_max_nanos: 20_000_000,
        }
    }
}

impl GeneratorConfig {
    /// Without late, duplicate or skewed spans, for tests that compare times and orders.
    pub fn clean() -> Self {
        Self {
            late_probability: 0.0,
            duplicate_probability: 0.0,
            skew_probability: 0.0,
            ..Self::default()
        }
    }
}
