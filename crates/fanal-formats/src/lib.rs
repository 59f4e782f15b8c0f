//! Bytes to model and back: one module per format, each synchronous and pure.
//!
//! Receivers feed request bodies and get a `SpanBatch` with rejects; the server feeds batches and gets bodies.
//! Invariant: no input panics, one bad span never fails its neighbours, and memory is bounded by the input.
//! Knows no sockets and no storage, and compression only around files.

pub mod datadog;
mod decoded;
mod draft;
pub mod file;
pub mod honeycomb;
pub mod jaeger;
mod json;
mod json_document;
mod json_value;
pub mod msgpack;
pub mod opencensus;
pub mod otlp;
pub mod rfc3339;
pub mod sampling;
pub mod thrift;
pub mod wire;
pub mod xray;
pub mod zipkin;

pub use decoded::{
    ATTRIBUTES_MAX, DecodeError, Decoded, EVENTS_MAX, LINKS_MAX, REJECTS_MAX, REQUEST_BYTES_MAX,
    RESOURCE_BYTES_MAX, Reject, RejectReason,
};
