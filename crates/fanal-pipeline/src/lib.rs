//! The way of spans from a receiver to the store: bound, validate, count, hand over, wait until durable.
//!
//! Receivers feed it, the store takes from it, the status page and the metrics page read its counters.
//! Invariant: `submit` answers `Ok` only for spans that the store called durable. Knows no protocol and no
//! byte of any format.

pub mod config;
pub mod error;
pub mod metrics;
pub mod pipeline;
pub mod recent;
pub mod room;
pub mod sampling;
pub mod stats;
pub mod submission;

pub use config::PipelineConfig;
pub use error::PipelineError;
pub use fanal_base::BytePermit;
pub use fanal_storage::TenantId;
pub use metrics::{METRICS, Metric, MetricKind, Sample};
pub use pipeline::{Pipeline, SMALL_REQUEST_BYTES};
pub use recent::RecentRejection;
pub use sampling::config::{AdaptiveConfig, SamplingConfig};
pub use sampling::{Sampling, SamplingSnapshot};
pub use stats::{IngestSnapshot, IngestStats, ReceiverSnapshot, RequestRejection};
pub use submission::{Accepted, Submission};
