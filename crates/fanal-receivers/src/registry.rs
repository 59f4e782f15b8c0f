//! The list of receivers.
//!
//! The binary binds an address for each and starts it; help and reference pages are made from the list.

use crate::listen::{Drained, ListenLimits, Shutdown};
use crate::otlp::{self, OtlpConfig};
use fanal_pipeline::Pipeline;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use tokio::net::TcpListener;

/// Settings of every receiver.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReceiversConfig {
    /// OTLP over gRPC and HTTP.
    pub otlp: OtlpConfig,
    /// Limits of each listener.
    pub listen: ListenLimits,
}

/// A receiver at work; resolves when it has stopped.
pub type ServeFuture = Pin<Box<dyn Future<Output = Drained> + Send>>;

/// A front door.
#[derive(Debug)]
pub struct Receiver {
    /// Name in metrics, logs and the status page.
    pub name: &'static str,
    /// What it takes, for people.
    pub description: &'static str,
    /// Where it listens unless configured.
    pub default_address: &'static str,
    /// Where it listens as configured.
    pub address: fn(&ReceiversConfig) -> SocketAddr,
    /// Serves a bound listener until the signal, then lets requests in flight finish.
    pub serve: fn(TcpListener, Arc<Pipeline>, &ReceiversConfig, Shutdown) -> ServeFuture,
}

/// Every receiver.
pub const RECEIVERS: &[Receiver] = &[
    Receiver {
        name: otlp::GRPC_NAME,
        description: "OTLP over gRPC; gzip, zstd, deflate or plain",
        default_address: otlp::GRPC_ADDRESS,
        address: |config| config.otlp.grpc_address,
        serve: |listener, pipeline, config, shutdown| {
            Box::pin(otlp::serve_grpc(
                listener,
                pipeline,
                config.otlp.clone(),
                config.listen,
                shutdown,
            ))
        },
    },
    Receiver {
        name: otlp::HTTP_NAME,
        description: "OTLP over HTTP, protobuf or JSON; gzip, zstd, deflate or plain",
        default_address: otlp::HTTP_ADDRESS,
        address: |config| config.otlp.http_address,
        serve: |listener, pipeline, config, shutdown| {
            Box::pin(otlp::serve_http(
                listener,
                pipeline,
                config.otlp.clone(),
                config.listen,
                shutdown,
            ))
        },
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_addresses_are_the_configured_defaults() {
        let config = ReceiversConfig::default();
        for receiver in RECEIVERS {
            let address = (receiver.address)(&config).to_string();
            assert_eq!(address, receiver.default_address, "{}", receiver.name);
        }
    }
}
