//! The list of receivers.
//!
//! The binary binds an address for each that is on and starts it; settings, help and reference pages are made from the
//! list.

use crate::config::ReceiversConfig;
use crate::datadog;
use crate::honeycomb;
use crate::jaeger;
use crate::listen::{Drained, Shutdown};
use crate::opencensus;
use crate::otlp;
use crate::sampling;
use crate::xray;
use crate::zipkin;
use fanal_pipeline::Pipeline;
use std::pin::Pin;
use std::sync::Arc;
use tokio::net::{TcpListener, UdpSocket};

/// A receiver at work; resolves when it has stopped.
pub type ServeFuture = Pin<Box<dyn Future<Output = Drained> + Send>>;

/// What every receiver is given.
#[derive(Debug, Clone)]
pub struct Door {
    /// Takes the spans.
    pub pipeline: Arc<Pipeline>,
    /// Settings.
    pub config: Arc<ReceiversConfig>,
    /// Says when to stop.
    pub shutdown: Shutdown,
}

/// How a receiver is started on what was bound for it. It serves until the signal, then lets requests in flight finish.
#[derive(Debug, Clone, Copy)]
pub enum Serve {
    /// On a TCP listener.
    Tcp(fn(TcpListener, Door) -> ServeFuture),
    /// On a UDP socket.
    Udp(fn(UdpSocket, Door) -> ServeFuture),
}

/// A front door.
#[derive(Debug)]
pub struct Receiver {
    /// Name in metrics, logs, the ready file and the status page.
    pub name: &'static str,
    /// What it takes, for people.
    pub description: &'static str,
    /// Path of the setting of its address.
    pub setting: &'static str,
    /// Where it listens unless configured.
    pub default_address: &'static str,
    /// Whether the server does not start where the default address is in use. Any other receiver is left out then, with
    /// a warning.
    pub is_essential: bool,
    /// Starts it.
    pub serve: Serve,
}

/// Every receiver.
pub const RECEIVERS: &[Receiver] = &[
    otlp::GRPC,
    otlp::HTTP,
    jaeger::COMPACT,
    jaeger::BINARY,
    jaeger::HTTP,
    jaeger::GRPC,
    sampling::HTTP,
    sampling::GRPC,
    datadog::AGENT,
    honeycomb::EVENTS,
    opencensus::AGENT,
    xray::SEGMENTS,
    xray::SAMPLING,
    zipkin::ZIPKIN,
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::net::SocketAddr;

    #[test]
    fn receivers_have_names_settings_and_addresses_of_their_own() {
        let (mut names, mut addresses) = (BTreeSet::new(), BTreeSet::new());
        for receiver in RECEIVERS {
            let is_udp = matches!(receiver.serve, Serve::Udp(_));
            let address: SocketAddr = receiver.default_address.parse().expect(receiver.name);
            assert!(address.ip().is_loopback(), "{}", receiver.name);
            assert!(addresses.insert((address, is_udp)), "{}", receiver.name);
            assert!(names.insert(receiver.name) && names.insert(receiver.setting));
            assert!(receiver.setting.ends_with("address"), "{}", receiver.setting);
        }
    }
}
