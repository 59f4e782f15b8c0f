//! Zipkin, both versions of its span: version 2 in JSON and protobuf, version 1 in JSON and thrift.
//!
//! Fed by receivers and consumers of queues. Each walk fills a span of its version; one of version 1 is converted into
//! spans of version 2, and one mapping takes these into the model. Invariant: a span that breaks a rule is refused alone.
//! Follows <https://zipkin.io/zipkin-api/> and <https://github.com/openzipkin/zipkin-api>.

mod annotation;
pub mod encode;
mod endpoint;
mod fault;
mod format;
mod id;
mod json;
mod link;
mod map;
mod object;
mod owners;
mod protobuf;
mod span;
mod status;
mod tags;
mod thrift;
mod v1;

pub use encode::JsonSpan;
pub use format::{Format, decode, decode_message, sniff};
