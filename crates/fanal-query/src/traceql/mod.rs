//! TraceQL over a store: search and metrics, exact over whole traces.
//!
//! A query is first narrowed: [`bounds`] says what of a filter the store can test on one span, and [`finder`] which spans
//! a trace must have to be worth a look. Numbers come from the store's columns: of one filter by [`pushdown`], of whole
//! traces by [`columns`]. What is left is decided on whole traces by the meaning that `fanal-traceql` defines. Invariant:
//! narrowing may keep too much, never too little.

pub mod bounds;
mod cells;
mod columns;
mod compare;
mod exemplars;
pub mod finder;
mod leaf;
pub mod metrics;
mod pushdown;
mod rarest;
pub mod search;
pub mod stretches;

pub use bounds::{Bounds, Known};
pub use metrics::{TraceqlMetrics, TraceqlSeries};
pub use search::{TraceqlFound, TraceqlSearch, TraceqlSearching, TraceqlSet, TraceqlTrace};
pub use stretches::TraceqlMeasuring;

#[cfg(test)]
mod tests;
