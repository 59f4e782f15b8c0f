//! The sockets of the doors: bound before anything else is done, so that a port in use is told at once.
//!
//! Receivers take spans, doors for questions answer; both are named, configured and left out by the same rules.

use crate::config::Config;
use anyhow::Context;
use fanal_receivers::{Door, RECEIVERS, Receiver, Serve, ServeFuture, otlp_grpc_router};
use fanal_server::{QUESTION_DOORS, QuestionDoor, Questions};
use std::io;
use std::net::SocketAddr;
use tokio::net::{TcpListener, UdpSocket};

/// A door with the socket bound for it.
pub(crate) struct Opened {
    name: &'static str,
    socket: Socket,
}

enum Socket {
    Tcp(TcpListener, fn(TcpListener, Door) -> ServeFuture),
    Udp(UdpSocket, fn(UdpSocket, Door) -> ServeFuture),
    Questions(TcpListener, &'static QuestionDoor),
}

/// What the list that a door is in says of it.
#[derive(Debug, Clone, Copy)]
struct Entry {
    name: &'static str,
    setting: &'static str,
    default_address: &'static str,
    is_essential: bool,
}

impl Entry {
    fn of_receiver(receiver: &Receiver) -> Self {
        Self {
            name: receiver.name,
            setting: receiver.setting,
            default_address: receiver.default_address,
            is_essential: receiver.is_essential,
        }
    }

    fn of_question_door(door: &QuestionDoor) -> Self {
        Self {
            name: door.name,
            setting: door.setting,
            default_address: door.default_address,
            is_essential: false,
        }
    }

    /// What was bound; nothing where the door can be done without and another program has its usual port, so that Fanal
    /// starts beside a Jaeger or Zipkin that it is to follow.
    fn opened(
        self,
        address: SocketAddr,
        socket: io::Result<Socket>,
    ) -> anyhow::Result<Option<Opened>> {
        let flag = format!("--{}", self.setting.replace(['.', '_'], "-"));
        let door = self.name;
        match socket {
            Ok(socket) => Ok(Some(Opened { name: door, socket })),
            Err(error) if self.can_be_left_out(address, &error) => {
                tracing::warn!(door, %address, "port is in use; left out: choose another with {flag}, or `off`");
                Ok(None)
            }
            Err(error) => Err(error).context(in_use(door, &flag, address)),
        }
    }

    fn can_be_left_out(self, address: SocketAddr, error: &io::Error) -> bool {
        let usual = self.default_address.parse().map(|usual: SocketAddr| usual.port());
        error.kind() == io::ErrorKind::AddrInUse
            && !self.is_essential
            && usual == Ok(address.port())
    }
}

impl Opened {
    /// Name of the door.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// Where it listens.
    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        match &self.socket {
            Socket::Tcp(listener, _) | Socket::Questions(listener, _) => listener.local_addr(),
            Socket::Udp(socket, _) => socket.local_addr(),
        }
    }

    /// Serves until the door's signal to stop, then lets requests in flight finish.
    pub(crate) async fn serve(self, door: Door, questions: Questions) {
        // How many were cut is in the log already.
        let _ = match self.socket {
            Socket::Tcp(listener, serve) => serve(listener, door).await,
            Socket::Udp(socket, serve) => serve(socket, door).await,
            Socket::Questions(listener, asked) => {
                return serve_questions(listener, asked, door, &questions).await;
            }
        };
    }
}

async fn serve_questions(
    listener: TcpListener,
    asked: &'static QuestionDoor,
    door: Door,
    questions: &Questions,
) {
    let mut router = questions.door(asked).await;
    if asked.takes_spans {
        router = router.merge(otlp_grpc_router(door.pipeline, &door.config, asked.name));
    }
    if let Err(error) = fanal_server::serve(listener, router, door.shutdown).await {
        tracing::error!(door = asked.name, "serving ended: {error}");
    }
}

/// Binds the address of each door that is on.
pub(crate) async fn open(config: &Config) -> anyhow::Result<Vec<Opened>> {
    let mut opened = Vec::new();
    for receiver in RECEIVERS {
        let Some(address) = config.receivers.addresses.get(receiver.name).copied().flatten() else {
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
        opened.extend(Entry::of_receiver(receiver).opened(address, socket)?);
    }
    for door in QUESTION_DOORS {
        let Some(address) = config.question_addresses.get(door.name).copied().flatten() else {
            continue;
        };
        let socket = TcpListener::bind(address).await;
        let socket = socket.map(|listener| Socket::Questions(listener, door));
        opened.extend(Entry::of_question_door(door).opened(address, socket)?);
    }
    Ok(opened)
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
    use std::collections::BTreeSet;

    /// With one door on.
    fn config(name: &'static str, address: Option<SocketAddr>) -> Config {
        let mut config = Config::default();
        config.receivers.addresses.values_mut().for_each(|address| *address = None);
        config.question_addresses.values_mut().for_each(|address| *address = None);
        if QUESTION_DOORS.iter().any(|door| door.name == name) {
            config.question_addresses.insert(name, address);
        } else {
            config.receivers.addresses.insert(name, address);
        }
        config
    }

    fn entries() -> impl Iterator<Item = Entry> {
        let receivers = RECEIVERS.iter().map(Entry::of_receiver);
        receivers.chain(QUESTION_DOORS.iter().map(Entry::of_question_door))
    }

    #[test]
    fn doors_have_names_and_settings_of_their_own() {
        let mut seen = BTreeSet::new();
        for entry in entries() {
            assert!(seen.insert(entry.name) && seen.insert(entry.setting), "{}", entry.name);
            let address: SocketAddr = entry.default_address.parse().expect(entry.name);
            assert!(address.ip().is_loopback(), "{}", entry.name);
        }
    }

    #[test]
    fn only_the_usual_port_of_an_older_protocol_may_be_taken() {
        let check = |name: &str, port: Option<u16>, kind: io::ErrorKind, expect: bool| {
            let entry = entries().find(|one| one.name == name).expect("listed");
            let mut address: SocketAddr = entry.default_address.parse().expect("an address");
            address.set_port(port.unwrap_or(address.port()));
            let error = io::Error::from(kind);
            assert_eq!(entry.can_be_left_out(address, &error), expect, "{name} {port:?} {kind}");
        };
        check("zipkin", None, io::ErrorKind::AddrInUse, true);
        check("zipkin", None, io::ErrorKind::PermissionDenied, false);
        check("zipkin", Some(19_411), io::ErrorKind::AddrInUse, false);
        check("otlp_grpc", None, io::ErrorKind::AddrInUse, false);
        check("jaeger_query", None, io::ErrorKind::AddrInUse, true);
        check("jaeger_storage", Some(1), io::ErrorKind::AddrInUse, false);
    }

    #[tokio::test]
    async fn doors_that_are_on_are_opened_and_a_taken_port_is_told_with_its_flag() {
        let free = SocketAddr::from(([127, 0, 0, 1], 0));
        for (name, taker, flag) in [
            ("zipkin", "jaeger_http", "--jaeger-http-address"),
            ("jaeger_storage", "jaeger_query", "--jaeger-query-address"),
        ] {
            let opened = open(&config(name, Some(free))).await.expect("opens");
            assert_eq!(opened.iter().map(Opened::name).collect::<Vec<_>>(), [name]);
            let taken = opened[0].local_addr().expect("bound");
            let refused = open(&config(taker, Some(taken))).await.err().expect("is in use");
            let text = format!("{refused:#}");
            assert!(text.contains(flag) && text.contains(taker), "{text}");
        }
        assert!(open(&config("zipkin", None)).await.expect("opens").is_empty());
    }
}
