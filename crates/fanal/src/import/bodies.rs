//! The requests that a file becomes: read and decoded on a thread of its own, a few pieces ahead of the sending.

use super::is_standard_input;
use anyhow::Context;
use bytes::Bytes;
use fanal_base::{Clock, SystemClock, cast};
use fanal_formats::file::{FileFormat, FileLimits, FileReader, Part, Piece};
use fanal_formats::otlp::protobuf;
use fanal_model::{IndexedBatch, RowRef, SpanBatch, gather};
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// What a file may make us hold: items of 256 MiB, windows of 128 MiB, the largest that the program `zstd` makes unasked.
const LIMITS: FileLimits = FileLimits { item_bytes_max: 256 << 20, zstd_window_log_max: 27 };
/// Decoded pieces that wait to be sent.
const PIECES_WAITING_MAX: usize = 2;
/// Longest request, in bytes, unless a single span is longer: well within what servers take.
const BODY_BYTES_MAX: usize = 8 << 20;

/// Something that was read.
pub(super) enum Message {
    /// What the file is.
    Format(FileFormat),
    /// Spans as requests, and what they add to the tally once they are all stored.
    Piece { part: Part, bodies: Vec<Bytes> },
}

/// The messages of one file.
pub(super) struct Messages {
    receiver: mpsc::Receiver<Message>,
    reading: JoinHandle<anyhow::Result<()>>,
    total_bytes: Option<u64>,
    read_bytes: Arc<AtomicU64>,
}

impl Messages {
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        let mut total_bytes = None;
        let input: Box<dyn Read + Send> = if is_standard_input(path) {
            Box::new(std::io::stdin())
        } else {
            let file = File::open(path).context("cannot open the file")?;
            let metadata = file.metadata().context("cannot look at the file")?;
            anyhow::ensure!(!metadata.is_dir(), "is a folder; name the files in it");
            total_bytes = metadata.is_file().then_some(metadata.len());
            Box::new(file)
        };
        let read_bytes = Arc::new(AtomicU64::new(0));
        let input = Counted { input, read_bytes: Arc::clone(&read_bytes) };
        let (sender, receiver) = mpsc::channel(PIECES_WAITING_MAX);
        let reading = tokio::task::spawn_blocking(move || read(input, &sender));
        Ok(Self { receiver, reading, total_bytes, read_bytes })
    }

    /// Bytes of the file, where it has an end.
    pub(super) fn total_bytes(&self) -> Option<u64> {
        self.total_bytes
    }

    /// Bytes read so far.
    pub(super) fn read_bytes(&self) -> u64 {
        self.read_bytes.load(Ordering::Relaxed)
    }

    pub(super) async fn next(&mut self) -> Option<Message> {
        self.receiver.recv().await
    }

    /// Why there are no more messages, if not because the file is read.
    pub(super) async fn finish(self) -> anyhow::Result<()> {
        self.reading.await?
    }
}

/// Counts what is read.
struct Counted {
    input: Box<dyn Read + Send>,
    read_bytes: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let bytes = self.input.read(out)?;
        self.read_bytes.fetch_add(cast::wide(bytes), Ordering::Relaxed);
        Ok(bytes)
    }
}

/// Reads until the end, or until nobody takes messages any more.
fn read(input: Counted, sender: &mpsc::Sender<Message>) -> anyhow::Result<()> {
    let mut reader = FileReader::open(input, LIMITS)?;
    let Some(format) = reader.format() else { return Ok(()) };
    if sender.blocking_send(Message::Format(format)).is_err() {
        return Ok(());
    }
    while let Some(piece) = reader.next_piece()? {
        let message = message(&piece)
            .with_context(|| format!("the file is damaged behind byte {}", piece.offset))?;
        if sender.blocking_send(message).is_err() {
            return Ok(());
        }
    }
    Ok(())
}

fn message(piece: &Piece) -> anyhow::Result<Message> {
    let decoded = piece.decode(SystemClock.now_unix_nanos())?;
    let part = Part::new(&decoded, piece.offset);
    let mut bodies = Vec::new();
    write_bodies(decoded.batch, &mut bodies)?;
    Ok(Message::Piece { part, bodies })
}

/// Writes a batch as requests, none longer than allowed unless a single span is.
fn write_bodies(batch: SpanBatch, bodies: &mut Vec<Bytes>) -> anyhow::Result<()> {
    if batch.is_empty() {
        return Ok(());
    }
    let spans = IndexedBatch::new(Arc::new(batch))?;
    let body = protobuf::encode_traces(&[&spans]);
    if body.len() <= BODY_BYTES_MAX || spans.len() == 1 {
        bodies.push(body.into());
        return Ok(());
    }
    drop(body);
    let (rows, middle) = (cast::narrow(spans.len()), cast::narrow(spans.len() / 2));
    for half in [0..middle, middle..rows] {
        let order: Vec<RowRef> = half.map(|row| RowRef { source: 0, row }).collect();
        write_bodies(gather(&[spans.batch()], &order, &|| ()), bodies)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use fanal_model::{SpanBatchBuilder, SpanFields, SpanId, TraceId, ValueRef};

    #[test]
    fn long_batches_become_several_requests_with_every_span() {
        let check = |spans: u8, bytes_each: usize, expect_bodies: usize| {
            let mut builder = SpanBatchBuilder::default();
            let resource = builder.intern_resource(&fanal_model::Resource::default());
            let scope = builder.intern_scope(&fanal_model::Scope::default());
            let text = "x".repeat(bytes_each);
            for number in 1..=spans {
                builder.attribute("text", ValueRef::String(&text));
                let (trace_id, span_id) = (TraceId([1; 16]), SpanId([number; 8]));
                let fields =
                    SpanFields { trace_id, span_id, resource, scope, ..SpanFields::default() };
                builder.finish_span(&fields);
            }
            let mut bodies = Vec::new();
            write_bodies(builder.finish(), &mut bodies).expect("writes");
            assert_eq!(bodies.len(), expect_bodies, "{spans} of {bytes_each}");
            let read = |body: &Bytes| protobuf::decode_request(body).expect("reads").batch.len();
            assert_eq!(bodies.iter().map(read).sum::<usize>(), usize::from(spans));
        };
        check(0, 0, 0);
        check(9, 10, 1);
        check(6, 3 << 20, 4);
        check(1, 9 << 20, 1);
    }
}
