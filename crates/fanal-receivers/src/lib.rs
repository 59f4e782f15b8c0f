//! Network front doors, one folder per protocol.
//!
//! Senders feed it; it hands decoded spans to the pipeline and answers in the sender's protocol once they are
//! durable. A new receiver is a folder and a line in [`RECEIVERS`], or in [`CONSUMERS`] where it fetches instead of
//! listening. Knows no store.

mod body;
mod compression;
mod config;
mod datadog;
mod datagram;
mod honeycomb;
mod ingest;
mod jaeger;
mod kafka;
mod listen;
mod opencensus;
pub mod otlp;
mod post;
mod refusal;
mod registry;
mod sampling;
mod streaming;
#[cfg(test)]
mod testing;
mod unary;
mod xray;
mod zipkin;

pub use config::{ReceiversConfig, RequestLimits};
pub use datagram::RECEIVE_BUFFER_BYTES;
pub use kafka::{KafkaConfig, KafkaEncoding, KafkaTopic};
pub use listen::{
    Drained, FRAME_BYTES_MAX, HEADER_BYTES_MAX, HEADER_READ_TIMEOUT, ListenLimits, PING_INTERVAL,
    PING_TIMEOUT, STREAMS_MAX, Shutdown, WINDOW_BYTES,
};
pub use otlp::{OtlpConfig, otlp_grpc_router, otlp_http_router};
pub use registry::{CONSUMERS, Consumer, Door, RECEIVERS, Receiver, Serve, ServeFuture};
pub use zipkin::zipkin_router;
