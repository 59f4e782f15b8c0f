//! Settings of the pipeline, with their defaults.
//!
//! The binary fills it from its configuration file; the pipeline reads it once.

use crate::sampling::config::SamplingConfig;
use std::time::Duration;

/// Settings of the pipeline.
#[derive(Debug, Clone, PartialEq)]
pub struct PipelineConfig {
    /// Most bytes of requests in memory at once, over all receivers: as received, as decompressed and as decoded
    /// columns; above it requests are told to retry. Default 75497472 (72 MiB), a little more than the largest request.
    pub in_flight_bytes_max: usize,
    /// Seconds after which a sender that was told to retry should do so. Default 1.
    pub retry_after_seconds: u32,
    /// What services are told about choosing traces.
    pub sampling: SamplingConfig,
}

impl PipelineConfig {
    /// Default of [`PipelineConfig::in_flight_bytes_max`].
    pub const IN_FLIGHT_BYTES_MAX: usize = 72 << 20;
    /// Default of [`PipelineConfig::retry_after_seconds`].
    pub const RETRY_AFTER_SECONDS: u32 = 1;

    /// How long a sender should wait before it retries.
    pub fn retry_after(&self) -> Duration {
        Duration::from_secs(self.retry_after_seconds.into())
    }
}

impl Default for PipelineConfig {
    fn default() -> Self {
        Self {
            in_flight_bytes_max: Self::IN_FLIGHT_BYTES_MAX,
            retry_after_seconds: Self::RETRY_AFTER_SECONDS,
            sampling: SamplingConfig::default(),
        }
    }
}
