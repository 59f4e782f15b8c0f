//! Jaeger: batches of spans as its clients send them, in thrift (binary and compact) and in protobuf (`jaeger.api_v2`),
//! single spans as they lie in queues, in protobuf and its JSON form, and traces as its query API and UI write them.
//!
//! The walks `thrift`, `protobuf`, `json` and `query_json` fill the same [`span::JaegerSpan`]; `mapping` and `process`
//! put it into OpenTelemetry's terms, so that a span says the same whichever way it came. Follows
//! <https://github.com/jaegertracing/jaeger-idl>. Invariant: a span that breaks a rule is refused alone.

mod decoder;
mod json;
mod mapping;
mod process;
mod protobuf;
mod query_json;
mod span;
#[cfg(test)]
mod testing;
mod thrift;

pub use decoder::{
    ClientReport, Decoder, EMIT_BATCH, decode_batch, decode_post_spans, decode_query_json,
};
pub use mapping::{DEBUG, FIREHOSE, REF_TYPE, WARNINGS};
