//! Takes a file of traces, told by its content, and stores its spans piece by piece while it arrives.
//!
//! The UI sends what was dropped on it; scripts may too. Invariant: memory holds one item of each file at a time, few
//! files are read at once, and an answer of acceptance means stored. A file that breaks off keeps what came before, and
//! the answer says so; sent again, its spans are not stored twice.

use super::error::NativeRefusal;
use super::types::{ErrorResponse, ImportReject, ImportResponse};
use crate::answer::{self, JSON};
use crate::limits::{
    IMPORT_DRAIN_BYTES_MAX, IMPORT_LIMITS, IMPORT_PAUSE, IMPORT_SILENCE_MAX, IMPORT_TRIES_MAX,
    IMPORTS_MAX,
};
use crate::parameters::Parameters;
use crate::refusal::Refusal;
use crate::state::App;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::{Buf, Bytes};
use fanal_base::ErrorKind;
use fanal_formats::file::{FileError, FileReader, Part, Piece, Tally};
use fanal_pipeline::{Pipeline, PipelineError, RequestRejection, Submission};
use http::StatusCode;
use http_body::Body as _;
use std::error::Error as _;
use std::future::poll_fn;
use std::io::{self, Read};
use std::pin::Pin;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Name in metrics and on the status page.
pub(crate) const RECEIVER: &str = "import";

/// Chunks of a body that wait for the reader.
const CHUNKS_WAITING_MAX: usize = 4;

type Chunk = io::Result<Bytes>;

/// Stores the spans of a file. The body is the file as it is: no form, no content type.
#[utoipa::path(post, tag = "native", path = "/fanal/v1/import", request_body(
    content = Vec<u8>,
    content_type = "application/octet-stream",
    description = "A file of traces, told by its content: OTLP JSON (also a request a line), OTLP protobuf (also with lengths), Jaeger JSON, Zipkin JSON of both versions; gzip and zstd are seen through",
), responses(
    (status = 200, description = "What came of it; every accepted span is stored", body = ImportResponse),
    (status = "default", description = "A refusal; nothing was stored", body = ErrorResponse),
))]
pub(crate) async fn import(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Response, NativeRefusal> {
    Parameters::read_known(request.uri(), &[])?;
    let Ok(turn) = Arc::clone(&app.imports).try_acquire_owned() else {
        let message = format!("imports at once are at their limit of {IMPORTS_MAX}; retry later");
        return Err(Refusal::new(ErrorKind::Overloaded, message).into());
    };
    let pipeline = Arc::clone(&app.given.pipeline);
    pipeline.stats().request_began(RECEIVER);
    let (chunks, arriving) = mpsc::channel(CHUNKS_WAITING_MAX);
    let reading = Reading { app: Arc::clone(&app), runtime: Handle::current() };
    let work = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        reading.store(Arriving { chunks: arriving, chunk: Bytes::new() })
    });
    feed(request.into_body(), &chunks).await;
    drop(chunks);
    let outcome = work.await.unwrap_or_else(|error| {
        tracing::error!("an import broke off: {error}");
        Err(Refusal::new(ErrorKind::Internal, "the import broke off; the log says why"))
    });
    match outcome {
        Ok(done) => {
            let bytes = answer::json_bytes(&done, &app.given.limits)?;
            Ok(answer::body(StatusCode::OK, JSON, bytes))
        }
        Err(refusal) => {
            let kind = match refusal.kind {
                ErrorKind::Overloaded | ErrorKind::Unavailable => RequestRejection::Overloaded,
                _ => RequestRejection::Invalid,
            };
            pipeline.stats().request_rejected(RECEIVER, kind, &refusal.message);
            Err(refusal.into())
        }
    }
}

/// Hands the body on until its end, or until nobody reads any more.
async fn feed(mut body: Body, chunks: &mpsc::Sender<Chunk>) {
    let mut left = IMPORT_DRAIN_BYTES_MAX;
    loop {
        let frame = poll_fn(|context| Pin::new(&mut body).poll_frame(context));
        let chunk = match timeout(IMPORT_SILENCE_MAX, frame).await {
            Ok(None) => return,
            Ok(Some(Ok(frame))) => match frame.into_data() {
                Ok(data) => Ok(data),
                Err(_) => continue,
            },
            Ok(Some(Err(error))) => Err(io::Error::other(error)),
            Err(_) => {
                let seconds = IMPORT_SILENCE_MAX.as_secs();
                let message = format!("nothing arrived for {seconds} s");
                Err(io::Error::new(io::ErrorKind::TimedOut, message))
            }
        };
        let bytes = chunk.as_ref().map(Bytes::len).ok();
        if chunks.send(chunk).await.is_err() {
            // Most clients look at an answer only once they have sent everything.
            left = left.saturating_sub(bytes.unwrap_or(left));
            if left == 0 {
                return;
            }
        } else if bytes.is_none() {
            return;
        }
    }
}

/// The body as a stream that is read off the event loop.
struct Arriving {
    chunks: mpsc::Receiver<Chunk>,
    chunk: Bytes,
}

impl Read for Arriving {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.chunk.is_empty() {
            match self.chunks.blocking_recv() {
                None => return Ok(0),
                Some(chunk) => self.chunk = chunk?,
            }
        }
        let bytes = out.len().min(self.chunk.len());
        self.chunk.copy_to_slice(out.get_mut(..bytes).unwrap_or_default());
        Ok(bytes)
    }
}

/// An import at work.
struct Reading {
    app: Arc<App>,
    runtime: Handle,
}

impl Reading {
    /// Stores every piece. Fails where nothing was stored.
    fn store(&self, arriving: Arriving) -> Result<ImportResponse, Refusal> {
        let mut reader =
            FileReader::open(arriving, IMPORT_LIMITS).map_err(|error| unreadable(&error))?;
        let format = reader.format().map_or("", |format| format.as_str());
        let mut tally = Tally::default();
        let problem = loop {
            let piece = match reader.next_piece() {
                Ok(Some(piece)) => piece,
                Ok(None) => break None,
                Err(error) => break Some(unreadable(&error)),
            };
            match self.store_piece(&piece) {
                Ok(part) => tally.add(part),
                Err(refusal) => break Some(refusal),
            }
        };
        match problem {
            Some(refusal) if tally.accepted_spans == 0 => Err(refusal),
            problem => Ok(answer_of(&tally, format, problem.map(|refusal| refusal.message))),
        }
    }

    /// Stores one piece, waiting for room where there is none for now.
    fn store_piece(&self, piece: &Piece) -> Result<Part, Refusal> {
        let mut tries_left = IMPORT_TRIES_MAX;
        self.app.given.pipeline.stats().request_read(RECEIVER, piece.bytes.len());
        loop {
            match self.try_piece(piece) {
                Err(refusal) if refusal.kind == ErrorKind::Overloaded && tries_left > 0 => {
                    tries_left -= 1;
                    self.runtime.block_on(tokio::time::sleep(IMPORT_PAUSE));
                }
                outcome => return outcome,
            }
        }
    }

    fn try_piece(&self, piece: &Piece) -> Result<Part, Refusal> {
        let pipeline: &Pipeline = &self.app.given.pipeline;
        let mut permit = pipeline.admit(piece.bytes.len()).map_err(|error| not_stored(&error))?;
        let decoded = piece.decode(pipeline.now_unix_nanos()).map_err(|error| {
            let offset = piece.offset;
            Refusal::invalid(format!("the file is damaged behind byte {offset}: {error}"))
        })?;
        let excess_bytes = decoded.batch.memory_bytes().saturating_sub(permit.bytes());
        pipeline.grow(&mut permit, excess_bytes).map_err(|error| not_stored(&error))?;
        let part = Part::new(&decoded, piece.offset);
        let rejected = decoded.rejects_by_reason.iter();
        let submission = Submission {
            rejected_spans: rejected.map(|(reason, count)| (reason.as_str(), *count)).collect(),
            rejection_message: decoded.message().unwrap_or_default(),
            duplicate_keys: decoded.duplicate_keys,
            batch: decoded.batch,
        };
        let stored = pipeline.submit(&self.app.tenant, RECEIVER, submission);
        self.runtime.block_on(stored).map_err(|error| not_stored(&error))?;
        Ok(part)
    }
}

fn unreadable(error: &FileError) -> Refusal {
    Refusal::invalid(match (error, error.source()) {
        (FileError::ItemTooLong { .. }, _) => {
            format!("{error}, or `fanal import`, which holds more")
        }
        (_, Some(cause)) => format!("{error}: {cause}"),
        (_, None) => error.to_string(),
    })
}

fn not_stored(error: &PipelineError) -> Refusal {
    let message = match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    };
    Refusal::new(error.kind(), message)
}

fn answer_of(tally: &Tally, format: &str, problem: Option<String>) -> ImportResponse {
    let reject = |reject: &fanal_formats::file::TallyReject| ImportReject {
        reason: reject.reason.as_str().to_owned(),
        span_count: reject.spans,
        detail: reject.detail.clone(),
    };
    ImportResponse {
        format: format.to_owned(),
        accepted_spans: tally.accepted_spans,
        rejected_spans: tally.rejected_spans(),
        rejects: tally.rejects.iter().map(reject).collect(),
        trace_count: tally.trace_count(),
        has_more_traces: tally.has_more_traces,
        trace_id: tally.first_trace.map(|id| id.to_string()),
        start_min_unix_nano: tally.starts.map(|(min, _)| min.to_string()),
        start_max_unix_nano: tally.starts.map(|(_, max)| max.to_string()),
        problem,
    }
}

#[cfg(test)]
mod tests;
