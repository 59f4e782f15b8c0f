//! TraceQL over a store: search and metrics, exact over whole traces.
//!
//! A query is first narrowed: [`bounds`] says what of a filter the store can test on one span, and [`finder`] which spans
//! a trace must have to be worth a look. What is left is decided on whole traces by the meaning that `fanal-traceql`
//! defines. Invariant: narrowing may keep too much, never too little.

pub mod bounds;
pub mod finder;
mod leaf;

pub use bounds::{Bounds, Known};
