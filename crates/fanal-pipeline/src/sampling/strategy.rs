//! What a service is told: how to choose the traces that it begins.
//!
//! The file and the adaptive computation make it, doors write it in their encoding.

/// The sampling of a service.
#[derive(Debug, Clone, PartialEq)]
pub struct Strategy {
    /// What holds for spans of operations that are not listed, and for clients that know no operations.
    pub kind: StrategyKind,
    /// What holds by operation; wins where it is present.
    pub operations: Option<OperationStrategies>,
}

/// How traces are chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum StrategyKind {
    /// Each with this probability, 0 to 1.
    Probabilistic(f64),
    /// So many a second in each process, at most [`RATE_MAX`].
    RateLimiting(u16),
}

/// Most traces a second of a rate-limiting strategy: clients that speak thrift read 16 bits with a sign.
pub const RATE_MAX: u16 = 32_767;

/// Probabilities by operation.
#[derive(Debug, Clone, PartialEq)]
pub struct OperationStrategies {
    /// Probability of operations that are not listed, 0 to 1.
    pub default_probability: f64,
    /// Traces a second of each operation that every process takes at least.
    pub lower_bound_traces_per_second: f64,
    /// Names, each once, and probabilities, 0 to 1.
    pub list: Vec<(String, f64)>,
}

impl OperationStrategies {
    /// Appends operations that are not listed yet.
    pub(crate) fn inherit<'a>(&mut self, others: impl IntoIterator<Item = (&'a str, f64)>) {
        let own: std::collections::BTreeSet<String> =
            self.list.iter().map(|(name, _)| name.clone()).collect();
        let inherited = others.into_iter().filter(|(name, _)| !own.contains(*name));
        self.list.extend(inherited.map(|(name, probability)| (name.to_owned(), probability)));
    }
}
