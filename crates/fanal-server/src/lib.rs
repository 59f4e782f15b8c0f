//! What people and programs ask: the native API, Jaeger's query APIs over HTTP and gRPC, Zipkin's and Tempo's, health, metrics, the UI.
//!
//! The binary gives it a [`ServerState`] and a listener; browsers, scripts and Jaeger's clients ask it. It asks
//! the query crate and reads the pipeline's counters. Every refusal has one form inside ([`refusal`]) and is
//! written in the words of the API that was asked. Knows no store and receives no spans.

pub mod grpc;
pub mod jaeger;
pub mod limits;
pub mod native;
pub mod operations;
pub mod router;
pub mod serve;
pub mod state;

mod answer;
mod cache;
mod parameters;
mod prometheus;
mod questions;
mod refusal;
mod tempo;
mod ui;
mod zipkin;

#[cfg(test)]
mod testing;

pub use grpc::{QUESTION_DOORS, QuestionDoor};
pub use limits::Limits;
pub use native::export::export_request;
pub use native::openapi::openapi_json;
pub use native::types::{Consumer, Listener};
pub use operations::metrics::metrics_reference;
pub use operations::resident_bytes;
pub use prometheus::{RemoteWriteSettings, SpanMetricsSettings};
pub use questions::Questions;
pub use serve::serve;
pub use state::{Readiness, ServerState};
pub use tempo::TempoSettings;
pub use zipkin::ZipkinSettings;
