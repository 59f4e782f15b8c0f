//! OTLP traces: requests and stored spans in protobuf and JSON, and the answers to exporters.
//!
//! Receivers call [`protobuf::decode_request`] or [`json::decode_request`]; the server calls the encoders.
//! Invariant: what came in as OTLP goes out as OTLP, up to the grouping of spans under resources and scopes.
//! Follows <https://opentelemetry.io/docs/specs/otlp/>.

pub mod file;
mod group;
pub mod json;
pub mod protobuf;
pub mod response;
