//! OTLP protobuf: a walk over the wire bytes straight into columns, and back.
//!
//! No message structs and no per-span objects exist: texts are borrowed from the request until the builder interns
//! them. Invariant: fields may come in any order and unknown ones are stepped over.

mod encode;
mod fields;
mod owners;
mod request;
mod resource;
mod span;
mod value;

pub use encode::encode_traces;
pub use request::{RequestDecoder, decode_request};
