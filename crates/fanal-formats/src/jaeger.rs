//! Jaeger: batches of spans as its clients send them, in thrift (binary and compact) and in protobuf (`jaeger.api_v2`),
//! and single spans as they lie in queues, in protobuf and its JSON form.
//!
//! Three walks, `thrift`, `protobuf` and `json`, fill the same [`span::JaegerSpan`]; `mapping` and `process`
//! put it into OpenTelemetry's terms, so that a span says the same whichever way it came. Follows
//! <https://github.com/jaegertracing/jaeger-idl>. Invariant: a span that breaks a rule is refused alone.

mod decoder;
mod json;
mod mapping;
mod process;
mod protobuf;
mod span;
#[cfg(test)]
mod testing;
mod thrift;

pub use decoder::{ClientReport, Decoder, EMIT_BATCH, decode_batch, decode_post_spans};
pub use mapping::{DEBUG, FIREHOSE, REF_TYPE, WARNINGS};
