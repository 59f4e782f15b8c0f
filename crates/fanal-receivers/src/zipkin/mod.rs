//! Zipkin: both versions of its HTTP API and its gRPC service, on one port (<https://zipkin.io/zipkin-api/>).
//!
//! Reporters and proxies feed it, the pipeline takes from it. Path and content type choose the format; the ways differ in
//! framing and words only.

mod cors;
mod grpc;
mod http;

pub(crate) use http::ZIPKIN;
pub use http::zipkin_router;
