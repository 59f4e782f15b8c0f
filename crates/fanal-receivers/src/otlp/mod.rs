//! OTLP, the OpenTelemetry protocol, over gRPC and HTTP (<https://opentelemetry.io/docs/specs/otlp/>).
//!
//! SDKs and Collectors feed it, the pipeline takes from it. Both doors share the way from bytes to spans
//! (`encoding`) and differ in framing and words only.

mod config;
mod cors;
pub(crate) mod decoders;
mod encoding;
mod grpc;
mod http;

pub use config::OtlpConfig;
pub(crate) use grpc::GRPC;
pub use grpc::otlp_grpc_router;
pub(crate) use http::HTTP;
pub use http::otlp_http_router;
