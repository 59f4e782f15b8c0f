//! Settings of the OTLP receivers, with their defaults.
//!
//! The binary fills it from its configuration; the receivers read it once, at start.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// Default address of OTLP over gRPC.
pub const GRPC_ADDRESS: &str = "127.0.0.1:4317";
/// Default address of OTLP over HTTP.
pub const HTTP_ADDRESS: &str = "127.0.0.1:4318";

/// Settings of the OTLP receivers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtlpConfig {
    /// Where gRPC listens. Default 127.0.0.1:4317.
    pub grpc_address: SocketAddr,
    /// Where HTTP listens. Default 127.0.0.1:4318.
    pub http_address: SocketAddr,
    /// Most bytes of one request, as sent and again after decompression. Default 67108864 (64 MiB), as OTLP
    /// recommends.
    pub request_bytes_max: usize,
    /// Longest time in which the body of a request must arrive. Default 60 s.
    pub body_timeout: Duration,
    /// Origins of web pages that may send from a browser to the HTTP receiver, such as `https://shop.example`; `*`
    /// for any. Default none, like the OpenTelemetry Collector: pages served by Fanal itself need none.
    pub cors_allowed_origins: Vec<String>,
    /// Most large requests that are decompressed and decoded at once; small ones are decoded where they arrive.
    /// Default the number of processors.
    pub decoders_max: usize,
}

impl OtlpConfig {
    /// Default of [`OtlpConfig::request_bytes_max`].
    pub const REQUEST_BYTES_MAX: usize = 64 << 20;
    /// Default of [`OtlpConfig::body_timeout`].
    pub const BODY_TIMEOUT: Duration = Duration::from_secs(60);
}

impl Default for OtlpConfig {
    fn default() -> Self {
        Self {
            grpc_address: SocketAddr::from((Ipv4Addr::LOCALHOST, 4317)),
            http_address: SocketAddr::from((Ipv4Addr::LOCALHOST, 4318)),
            request_bytes_max: Self::REQUEST_BYTES_MAX,
            body_timeout: Self::BODY_TIMEOUT,
            cors_allowed_origins: Vec::new(),
            decoders_max: std::thread::available_parallelism().map_or(1, usize::from),
        }
    }
}
