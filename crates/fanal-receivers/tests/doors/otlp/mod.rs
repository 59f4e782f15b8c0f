//! The OTLP receivers: over HTTP, over gRPC, and while they stop.

mod grpc;
mod http;
mod stopping;
