//! OTLP JSON: requests into the same columns as protobuf, and stored spans back.
//!
//! Not the hot path, but bounded all the same: every list is read as borrowed raw text first and its items one by one,
//! so that memory stays within some tens of bytes a body byte. Invariant: a field of a wrong type refuses the spans it
//! belongs to; only text that is no JSON fails the request.
//! Follows <https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding>.

mod encode;
mod message;
mod request;
mod span;
mod value;

pub use encode::{encode_protobuf_json, encode_traces};
pub use request::decode_request;
