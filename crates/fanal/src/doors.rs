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
