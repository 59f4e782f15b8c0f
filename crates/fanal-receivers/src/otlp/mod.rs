//! OTLP, the OpenTelemetry protocol, over gRPC and HTTP (<https://opentelemetry.io/docs/specs/otlp/>).
//!
//! SDKs and Collectors feed it, the pipeline takes from it. Both doors share one way in (`ingest`) and differ
//! in framing and words only.

mod config;
mod cors;
mod decoders;
mod encoding;
mod grpc;
mod http;
mod ingest;

pub use config::{GRPC_ADDRESS, HTTP_ADDRESS, OtlpConfig};
pub use grpc::{GRPC_NAME, serve_grpc};
pub use http::{HTTP_NAME, otlp_http_router, serve_http};
