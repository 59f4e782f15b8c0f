//! Which attributes of a span tell the other side of a call, and what Zipkin's spans tell by attributes.
//!
//! One table for what is counted (service dependencies) and for what is written (Zipkin's endpoints), so that both agree.

use crate::SpanKind;

/// A key that names the service on the other side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RemoteServiceKey {
    /// The key.
    pub key: &'static str,
    /// Whether only spans that call or send mean the other side by it: of a server it is its own address.
    pub is_of_callers: bool,
}

const fn of_all(key: &'static str) -> RemoteServiceKey {
    RemoteServiceKey { key, is_of_callers: false }
}

const fn of_callers(key: &'static str) -> RemoteServiceKey {
    RemoteServiceKey { key, is_of_callers: true }
}

/// Keys that name the service on the other side, the most telling first
/// (<https://opentelemetry.io/docs/specs/otel/trace/sdk_exporters/zipkin/>).
pub const REMOTE_SERVICE_KEYS: [RemoteServiceKey; 8] = [
    of_all("peer.service"),
    of_all("service.peer.name"),
    of_callers("server.address"),
    of_callers("net.peer.name"),
    of_callers("server.socket.domain"),
    of_callers("net.sock.peer.name"),
    of_callers("peer.hostname"),
    of_callers("db.name"),
];

/// An attribute by which senders tell a failure, whatever its text but `false`.
pub const ERROR_KEY: &str = "error";

/// Marks a span of Zipkin that shares its id with the other side of its call.
pub const SHARED_KEY: &str = "zipkin.shared";

impl SpanKind {
    /// Whether the span calls another service or sends to one.
    pub fn is_caller(self) -> bool {
        matches!(self, Self::Client | Self::Producer)
    }

    /// Whether it is called or receives.
    pub fn is_callee(self) -> bool {
        matches!(self, Self::Server | Self::Consumer)
    }
}
