//! Jaeger's clients (<https://www.jaegertracing.io/docs/1.76/architecture/apis/>): datagrams to an agent, thrift over HTTP
//! and protobuf over gRPC to a collector.
//!
//! Clients, agents and the exporters of Collectors feed it, the pipeline takes from it. What the bytes mean is the
//! same at every door; only the collector's doors can answer.

mod clients;
mod grpc;
mod http;
mod udp;

pub(crate) use grpc::GRPC;
pub(crate) use http::HTTP;
pub(crate) use udp::{BINARY, COMPACT};
