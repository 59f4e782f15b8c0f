//! Seeded traces that look like production's, with the truth about each: the raw material of tests, benchmarks, the
//! load program and the demo.
//!
//! The same seed gives the same bytes on every machine: no hash order, no mathematical library, no clock. Knows the
//! model and OTLP's field numbers, nothing of receivers or stores.

mod attributes;
mod config;
pub mod demo;
mod dialects;
mod draft;
mod generator;
mod names;
mod otlp;
mod random;
mod shop;
mod span;
mod template;
mod truth;

pub use config::{GeneratorConfig, TraceSizes};
pub use dialects::{Dialect, DialectMessage};
pub use generator::Generator;
pub use otlp::encode_request;
pub use random::{Random, Weights};
pub use span::{
    Attributes, GeneratedEvent, GeneratedLink, GeneratedSpan, GeneratedTrace, push_into,
};
pub use template::BodyTemplate;
pub use truth::{Counters, ServiceTruth, TraceTruth};
