//! What engines are tested with against the reference evaluator: scenarios with known answers, random queries and random
//! traces. Behind the feature `testing`.

mod answer;
mod dice;
mod queries;
mod scenario;
mod spans;
mod traces;

pub use answer::{Question, answer, is_same_answer};
pub use dice::Dice;
pub use queries::{random_filter, random_metrics, random_query, random_search};
pub use scenario::{Case, SCENARIOS, Scenario};
pub use spans::{InvalidScenario, Spans};
pub use traces::{EPOCH_NANOS, random_traces};

#[cfg(test)]
mod tests;
