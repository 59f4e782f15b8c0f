//! Jaeger over UDP, as to an agent: each datagram a call of `emitBatch` in one of thrift's protocols.
//!
//! Clients with their defaults feed it on ports 6831 and 6832. Both take both protocols, for the first byte tells them
//! apart. Nothing is answered: what is lost is only counted, as far as clients tell.

use crate::datagram::{self, DatagramDecoder};
use crate::jaeger::clients::Clients;
use crate::listen::Drained;
use crate::registry::{Door, Receiver, Serve};
use fanal_formats::jaeger::Decoder;
use fanal_formats::{DecodeError, Decoded};
use fanal_pipeline::Pipeline;
use std::sync::Arc;
use tokio::net::UdpSocket;

/// The receiver of what most clients send.
pub(crate) const COMPACT: Receiver = Receiver {
    name: COMPACT_NAME,
    description: "Jaeger over UDP (compact), thrift as to an agent",
    setting: "jaeger.compact_address",
    default_address: "127.0.0.1:6831",
    is_essential: false,
    serve: Serve::Udp(|socket, door| Box::pin(serve(socket, COMPACT_NAME, door))),
};

/// The receiver of what the client for Node.js and old ones send.
pub(crate) const BINARY: Receiver = Receiver {
    name: BINARY_NAME,
    description: "Jaeger over UDP (binary), thrift as to an agent",
    setting: "jaeger.binary_address",
    default_address: "127.0.0.1:6832",
    is_essential: false,
    serve: Serve::Udp(|socket, door| Box::pin(serve(socket, BINARY_NAME, door))),
};

const COMPACT_NAME: &str = "jaeger_compact";
const BINARY_NAME: &str = "jaeger_binary";

async fn serve(socket: UdpSocket, name: &'static str, door: Door) -> Drained {
    let messages = Messages {
        decoder: Decoder::default(),
        clients: Clients::default(),
        pipeline: Arc::clone(&door.pipeline),
        receiver: name,
    };
    datagram::serve(socket, name, messages, door).await
}

/// Datagrams of clients.
#[derive(Debug)]
struct Messages {
    decoder: Decoder,
    clients: Clients,
    pipeline: Arc<Pipeline>,
    receiver: &'static str,
}

impl DatagramDecoder for Messages {
    fn read(&mut self, datagram: &[u8]) -> Result<(), DecodeError> {
        let report = self.decoder.read_message(datagram)?;
        if let Some(losses) = self.clients.losses(&report) {
            let stats = self.pipeline.stats();
            stats.sender_lost(self.receiver, losses.missing_batches, &losses.dropped_spans);
        }
        Ok(())
    }

    fn take(&mut self) -> Decoded {
        self.decoder.take()
    }
}
