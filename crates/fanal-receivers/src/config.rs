//! Settings of the receivers, with their defaults.
//!
//! The binary fills it from its configuration; the receivers read it once, at start.

use crate::kafka::KafkaConfig;
use crate::listen::ListenLimits;
use crate::otlp::OtlpConfig;
use crate::registry::RECEIVERS;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

/// Settings of every receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiversConfig {
    /// Where each receiver listens, by its name; `None` where it is off. Default as in [`RECEIVERS`].
    pub addresses: BTreeMap<&'static str, Option<SocketAddr>>,
    /// Limits of each request.
    pub requests: RequestLimits,
    /// Limits of each listener.
    pub listen: ListenLimits,
    /// OTLP over gRPC and HTTP.
    pub otlp: OtlpConfig,
    /// Topics of Kafka.
    pub kafka: KafkaConfig,
}

impl Default for ReceiversConfig {
    fn default() -> Self {
        let address = |default: &str| default.parse().ok();
        Self {
            addresses: RECEIVERS
                .iter()
                .map(|receiver| (receiver.name, address(receiver.default_address)))
                .collect(),
            requests: RequestLimits::default(),
            listen: ListenLimits::default(),
            otlp: OtlpConfig::default(),
            kafka: KafkaConfig::default(),
        }
    }
}

/// Limits of a request, at every door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestLimits {
    /// Most bytes of one request, as sent and again after decompression. Default 67108864 (64 MiB), as OTLP
    /// recommends.
    pub request_bytes_max: usize,
    /// Longest time in which the body of a request must arrive. Default 60 s.
    pub body_timeout: Duration,
    /// Most large requests that are decompressed and decoded at once at a door; small ones are decoded where they arrive.
    /// Default the number of processors.
    pub decoders_max: usize,
}

impl RequestLimits {
    /// Default of [`RequestLimits::request_bytes_max`].
    pub const REQUEST_BYTES_MAX: usize = 64 << 20;
    /// Default of [`RequestLimits::body_timeout`].
    pub const BODY_TIMEOUT: Duration = Duration::from_secs(60);
}

impl Default for RequestLimits {
    fn default() -> Self {
        Self {
            request_bytes_max: Self::REQUEST_BYTES_MAX,
            body_timeout: Self::BODY_TIMEOUT,
            decoders_max: std::thread::available_parallelism().map_or(1, usize::from),
        }
    }
}
