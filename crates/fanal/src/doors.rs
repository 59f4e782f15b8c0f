//! The sockets of the receivers: bound before anything else is done, so that a port in use is told at once.

use anyhow::Context;
use fanal_receivers::{Door, RECEIVERS, Receiver, ReceiversConfig, Serve, ServeFuture};
use std::io;
use std::net::SocketAddr;
use tokio::net::{TcpListener, UdpSocket};

/// A receiver with the socket bound for it.
pub(crate) struct Opened {
    receiver: &'static Receiver,
    socket: Socket,
}

enum Socket {
    Tcp(TcpListener, fn(TcpListener, Door) -> ServeFuture),
    Udp(UdpSocket, fn(UdpSocket, Door) -> ServeFuture),
}

impl Opened {
    /// Name of the receiver.
    pub(crate) fn name(&self) -> &'static str {
        self.receiver.name
    }

    /// Where it listens.
    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        match &self.socket {
            Socket::Tcp(listener, _) => listener.local_addr(),
            Socket::Udp(socket, _) => socket.local_addr(),
        }
    }

    /// Starts the receiver.
    pub(crate) fn serve(self, door: Door) -> ServeFuture {
        match self.socket {
            Socket::Tcp(listener, serve) => serve(listener, door),
            Socket::Udp(socket, serve) => serve(socket, door),
        }
    }
}

/// Binds the address of each receiver that is on. One that can be done without is left out where another program has its
/// usual port, so that Fanal starts beside a Jaeger or Zipkin that it is to follow.
pub(crate) async fn open(config: &ReceiversConfig) -> anyhow::Result<Vec<Opened>> {
    let mut opened = Vec::new();
    for receiver in RECEIVERS {
        let Some(address) = config.addresses.get(receiver.name).copied().flatten() else {
            continue;
        };
        let socket = match receiver.serve {
            Serve::Tcp(serve) => {
                TcpListener::bind(address).await.map(|listener| Socket::Tcp(listener, serve))
            }
            Serve::Udp(serve) => {
                UdpSocket::bind(address).await.map(|socket| Socket::Udp(socket, serve))
            }
        };
        let flag = format!("--{}", receiver.setting.replace(['.', '_'], "-"));
        match socket {
            Ok(socket) => opened.push(Opened { receiver, socket }),
            Err(error) if can_do_without(receiver, address, &error) => {
                let receiver = receiver.name;
                tracing::warn!(receiver, %address, "port is in use; left out: choose another with {flag}, or `off`");
            }
            Err(error) => return Err(error).context(in_use(receiver.name, &flag, address)),
        }
    }
    Ok(opened)
}

fn can_do_without(receiver: &Receiver, address: SocketAddr, error: &io::Error) -> bool {
    let usual = receiver.default_address.parse().map(|usual: SocketAddr| usual.port());
    error.kind() == io::ErrorKind::AddrInUse
        && !receiver.is_essential
        && usual == Ok(address.port())
}

/// What to do where an address cannot be bound.
pub(crate) fn in_use(name: &str, flag: &str, address: SocketAddr) -> String {
    format!(
        "cannot listen on {address} for {name}; stop what uses it, choose another with {flag}, or let the system choose \
         with --ports ephemeral"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(name: &'static str, address: Option<SocketAddr>) -> ReceiversConfig {
        let mut config = ReceiversConfig::default();
        config.addresses.values_mut().for_each(|address| *address = None);
        config.addresses.insert(name, address);
        config
    }

    #[test]
    fn only_the_usual_port_of_an_older_protocol_may_be_taken() {
        let check = |name: &str, port: Option<u16>, kind: io::ErrorKind, expect: bool| {
            let receiver = RECEIVERS.iter().find(|one| one.name == name).expect("listed");
            let mut address: SocketAddr = receiver.default_address.parse().expect("an address");
            address.set_port(port.unwrap_or(address.port()));
            let error = io::Error::from(kind);
            assert_eq!(can_do_without(receiver, address, &error), expect, "{name} {port:?} {kind}");
        };
        check("zipkin", None, io::ErrorKind::AddrInUse, true);
        check("zipkin", None, io::ErrorKind::PermissionDenied, false);
        check("zipkin", Some(19_411), io::ErrorKind::AddrInUse, false);
        check("otlp_grpc", None, io::ErrorKind::AddrInUse, false);
    }

    #[tokio::test]
    async fn receivers_that_are_on_are_opened_and_a_taken_port_is_told_with_its_flag() {
        let free = SocketAddr::from(([127, 0, 0, 1], 0));
        let opened = open(&config("zipkin", Some(free))).await.expect("opens");
        assert_eq!(opened.iter().map(Opened::name).collect::<Vec<_>>(), ["zipkin"]);
        let taken = opened[0].local_addr().expect("bound");
        let refused = open(&config("jaeger_http", Some(taken))).await.err().expect("is in use");
        let text = format!("{refused:#}");
        assert!(text.contains("--jaeger-http-address") && text.contains("jaeger_http"), "{text}");
        assert!(open(&config("zipkin", None)).await.expect("opens").is_empty());
    }
}
