//! The list of receivers, and of those that fetch instead of listening.
//!
//! The binary binds an address for each receiver that is on and starts it; settings, help and reference pages are made from
//! the list. Consumers bind nothing and have settings of their own.

use crate::config::ReceiversConfig;
use crate::datadog;
use crate::honeycomb;
use crate::jaeger;
use crate::kafka;
use crate::listen::{Drained, Shutdown};
use crate::opencensus;
use crate::otlp;
use crate::sampling;
use crate::xray;
use crate::zipkin;
use axum::Router;
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
    /// What else is answered on its port, where the protocol asks and sends on one.
    pub beside: Router,
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
    /// What it takes, for people; its title, then more behind a comma or semicolon.
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

impl Receiver {
    /// What it takes in a few words, such as `OTLP over gRPC`.
    pub fn title(&self) -> &'static str {
        self.description.split([',', ';']).next().unwrap_or_default()
    }
}

/// A way in that listens nowhere: it fetches what others keep for it.
#[derive(Debug)]
pub struct Consumer {
    /// Name in metrics, logs and the status page.
    pub name: &'static str,
    /// What it takes, for people.
    pub description: &'static str,
    /// Where it fetches, for people; none while it is off.
    pub origin: fn(&ReceiversConfig) -> Option<String>,
    /// Starts it. It works until the signal, then ends what it has begun.
    pub serve: fn(Door) -> ServeFuture,
}

/// Every consumer.
pub const CONSUMERS: &[Consumer] = &[kafka::KAFKA];

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
            assert!(names.insert(receiver.title()), "{}", receiver.title());
            assert!((6..40).contains(&receiver.title().len()), "{}", receiver.title());
            assert!(receiver.setting.ends_with("address"), "{}", receiver.setting);
        }
        for consumer in CONSUMERS {
            assert!(names.insert(consumer.name), "{}", consumer.name);
            assert_eq!((consumer.origin)(&ReceiversConfig::default()), None, "{}", consumer.name);
        }
    }
}
