//! Jaeger over UDP, as to an agent: each datagram a call of `emitBatch` in one of thrift's protocols.
//!
//! Clients with their defaults feed it on ports 6831 and 6832. Both take both protocols, for the first byte tells them
//! apart. Nothing is answered: what is lost is only counted.

use crate::datagram::{self, DatagramDecoder};
use crate::registry::{Receiver, Serve};
use fanal_formats::jaeger::Decoder;
use fanal_formats::{DecodeError, Decoded};

/// The receiver of what most clients send.
pub(crate) const COMPACT: Receiver = Receiver {
    name: COMPACT_NAME,
    description: "Jaeger over UDP, thrift as to an agent, compact protocol",
    setting: "jaeger.compact_address",
    default_address: "127.0.0.1:6831",
    is_essential: false,
    serve: Serve::Udp(|socket, door| {
        Box::pin(datagram::serve(socket, COMPACT_NAME, Messages::new(), door))
    }),
};

/// The receiver of what the client for Node.js and old ones send.
pub(crate) const BINARY: Receiver = Receiver {
    name: BINARY_NAME,
    description: "Jaeger over UDP, thrift as to an agent, binary protocol",
    setting: "jaeger.binary_address",
    default_address: "127.0.0.1:6832",
    is_essential: false,
    serve: Serve::Udp(|socket, door| {
        Box::pin(datagram::serve(socket, BINARY_NAME, Messages::new(), door))
    }),
};

const COMPACT_NAME: &str = "jaeger_compact";
const BINARY_NAME: &str = "jaeger_binary";

/// Datagrams of clients.
#[derive(Debug, Default)]
struct Messages {
    decoder: Decoder,
}

impl Messages {
    fn new() -> Self {
        Self::default()
    }
}

impl DatagramDecoder for Messages {
    fn read(&mut self, datagram: &[u8]) -> Result<(), DecodeError> {
        self.decoder.read_message(datagram).map(drop)
    }

    fn take(&mut self) -> Decoded {
        self.decoder.take()
    }
}
