//! Serving a UDP socket: one datagram is one message, and nothing is answered.
//!
//! Every datagram-based receiver runs on this one loop. Datagrams that come while the store works are decoded into one
//! batch and stored together. Invariant: what is gathered and what is being stored is bounded by the limits below and by
//! the pipeline's budget; a datagram that does not fit is dropped and counted, and so is one that cannot be stored.
//! Knows no format.

use crate::body;
use crate::ingest::{self, Ingest};
use crate::listen::{Drained, Shutdown, stop_requested};
use crate::refusal::Refusal;
use crate::registry::Door;
use fanal_formats::{DecodeError, Decoded};
use fanal_pipeline::{BytePermit, RequestRejection};
use socket2::SockRef;
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::task::JoinSet;

/// Room that the system is asked for, in bytes, where datagrams wait to be read. It may give less: Linux gives at most
/// `net.core.rmem_max`.
pub const RECEIVE_BUFFER_BYTES: usize = 4 << 20;

/// Longest datagram, in bytes: the length has 16 bits.
const DATAGRAM_BYTES_MAX: usize = 1 << 16;

/// What a datagram costs beside its bytes, roughly. Bounds the number of datagrams in a batch.
const DATAGRAM_OVERHEAD_BYTES: usize = 256;

/// Bytes of datagrams from which on a batch takes no more.
const BATCH_BYTES: usize = 512 << 10;

/// Most datagrams that are read before other work of the same thread goes on.
const BURST_DATAGRAMS: usize = 256;

/// Most batches that are stored at once; while that many are, the next one grows.
const SUBMISSIONS_MAX: usize = 8;

/// Pause after the system failed to read.
const RECEIVE_PAUSE: Duration = Duration::from_millis(100);

/// Decodes datagrams of one format into one batch after the other.
pub(crate) trait DatagramDecoder: Send + 'static {
    /// Adds the spans of a datagram to the batch. Spans before the place where it breaks may be kept.
    fn read(&mut self, datagram: &[u8]) -> Result<(), DecodeError>;

    /// The batch; the next one begins.
    fn take(&mut self) -> Decoded;
}

/// Serves a socket until the signal, then stores what had arrived.
///
/// `name` appears in the events logged at start and stop.
pub(crate) async fn serve(
    socket: UdpSocket,
    name: &'static str,
    decoder: impl DatagramDecoder,
    door: Door,
) -> Drained {
    let Door { pipeline, config, mut shutdown, .. } = door;
    let address = socket.local_addr().map_or_else(|_| String::new(), |at| at.to_string());
    let receive_buffer_bytes = widen(&socket);
    tracing::info!(receiver = name, address, receive_buffer_bytes, "listening");
    let mut gathering = Gathering {
        ingest: Ingest::new(pipeline, config.requests, name),
        decoder,
        batch: Batch::default(),
        submissions: JoinSet::new(),
    };
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
    while let Some(received) = gathering.next(&socket, &mut buffer, &mut shutdown).await {
        match received {
            Received::Datagram(length) => {
                gathering.read(&buffer[..length]);
                gathering.read_burst(&socket, &mut buffer);
            }
            Received::Failure(error) => {
                tracing::warn!(receiver = name, %error, "receive failed");
                tokio::time::sleep(RECEIVE_PAUSE).await;
            }
            Received::Nothing => {}
        }
        if gathering.submissions.len() < SUBMISSIONS_MAX {
            gathering.submit();
        }
    }
    gathering.read_rest(socket, &mut buffer);
    gathering.submit();
    let connections_cut = gathering.drain(config.listen.drain_timeout).await;
    tracing::info!(receiver = name, connections_cut, "stopped");
    Drained { connections_cut }
}

/// Asks the system for more room than it gives by default; tells how much it gave.
fn widen(socket: &UdpSocket) -> usize {
    let socket = SockRef::from(socket);
    // With less room more datagrams are lost in a burst, and that is all.
    let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES);
    socket.recv_buffer_size().unwrap_or(0)
}

/// What the loop waits for.
enum Received {
    /// Bytes of it in the buffer.
    Datagram(usize),
    Failure(std::io::Error),
    /// A batch was stored.
    Nothing,
}

/// What is gathered for the next submission.
#[derive(Debug, Default)]
struct Batch {
    /// Covers the bytes; none before the first datagram.
    permit: Option<BytePermit>,
    bytes: usize,
    /// Datagrams that were read whole.
    datagrams: u64,
}

struct Gathering<D> {
    ingest: Ingest,
    decoder: D,
    batch: Batch,
    /// Batches being stored.
    submissions: JoinSet<()>,
}

impl<D: DatagramDecoder> Gathering<D> {
    /// Waits for what comes next; nothing once the signal says stop.
    async fn next(
        &mut self,
        socket: &UdpSocket,
        buffer: &mut [u8],
        shutdown: &mut Shutdown,
    ) -> Option<Received> {
        tokio::select! {
            () = stop_requested(shutdown) => None,
            Some(_) = self.submissions.join_next(), if !self.submissions.is_empty() => {
                Some(Received::Nothing)
            }
            received = socket.recv(buffer) => Some(match received {
                Ok(length) => Received::Datagram(length),
                Err(error) => Received::Failure(error),
            }),
        }
    }

    /// Reads what has arrived already, to a limit.
    fn read_burst(&mut self, socket: &UdpSocket, buffer: &mut [u8]) {
        for _ in 0..BURST_DATAGRAMS {
            match socket.try_recv(buffer) {
                Ok(length) if !self.is_full() => self.read(&buffer[..length]),
                Ok(length) => return self.read(&buffer[..length]),
                Err(_) => return,
            }
        }
    }

    /// Reads what had arrived before the stop, as far as it fits into a last batch.
    fn read_rest(&mut self, socket: UdpSocket, buffer: &mut [u8]) {
        // Asks the system itself: what the runtime knows may be older.
        let Ok(socket) = socket.into_std() else { return };
        while !self.is_full()
            && let Ok(length) = socket.recv(buffer)
        {
            self.read(&buffer[..length]);
        }
    }

    fn is_full(&self) -> bool {
        self.batch.bytes >= BATCH_BYTES
    }

    /// Adds a datagram to the batch, or drops and counts it.
    fn read(&mut self, datagram: &[u8]) {
        self.ingest.began();
        if let Err(refusal) = self.try_read(datagram) {
            self.ingest.refused(&refusal);
        }
    }

    fn try_read(&mut self, datagram: &[u8]) -> Result<(), Refusal> {
        let bytes_max = self.ingest.limits.request_bytes_max;
        if datagram.len() > bytes_max {
            return Err(body::too_large(bytes_max));
        }
        if self.is_full() {
            let message = format!(
                "datagram was dropped: {SUBMISSIONS_MAX} batches are being stored and {} bytes wait behind them; \
                 senders that hear of overload, over HTTP or gRPC, can try again",
                self.batch.bytes,
            );
            let wait = self.ingest.pipeline.retry_after();
            return Err(Refusal::passing(RequestRejection::Overloaded, message, wait));
        }
        let pipeline = &self.ingest.pipeline;
        let bytes = datagram.len() + DATAGRAM_OVERHEAD_BYTES;
        match &mut self.batch.permit {
            Some(permit) => pipeline.grow(permit, bytes),
            None => pipeline.admit(bytes).map(|permit| self.batch.permit = Some(permit)),
        }
        .map_err(|error| Refusal::from_pipeline(&error, pipeline))?;
        self.batch.bytes += bytes;
        self.decoder.read(datagram).map_err(|error| ingest::undecodable(&error))?;
        self.batch.datagrams += 1;
        self.ingest.read(datagram.len());
        Ok(())
    }

    /// Begins to store what was gathered, if anything was.
    fn submit(&mut self) {
        let Batch { permit: Some(mut permit), datagrams, .. } = std::mem::take(&mut self.batch)
        else {
            return;
        };
        let decoded = self.decoder.take();
        let ingest = self.ingest.clone();
        if let Err(refusal) = ingest.cover(&mut permit, &decoded) {
            return ingest.refused_together(&refusal, datagrams);
        }
        self.submissions.spawn(async move {
            let _permit = permit;
            if let Err(refusal) = ingest.store(decoded).await {
                ingest.refused_together(&refusal, datagrams);
            }
        });
    }

    /// Waits until everything is stored, or cuts it after `timeout`; tells how many batches were cut.
    async fn drain(&mut self, timeout: Duration) -> usize {
        let stored = async { while self.submissions.join_next().await.is_some() {} };
        if tokio::time::timeout(timeout, stored).await.is_ok() {
            return 0;
        }
        while self.submissions.try_join_next().is_some() {}
        let cut = self.submissions.len();
        self.submissions.shutdown().await;
        cut
    }
}
