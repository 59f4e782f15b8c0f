//! Exports: the spans of every trace that a search would find, streamed as OTLP while they are read.
//!
//! The parameters are those of a search. A stream that ends early was broken off: its last chunk is missing, which every
//! client notices. Memory holds a few pieces, however slowly a client reads.

use super::error::NativeRefusal;
use super::search;
use super::types::ErrorResponse;
use crate::answer::{self, PROTOBUF};
use crate::parameters::Parameters;
use crate::refusal::Refusal;
use crate::state::App;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use fanal_formats::otlp::file::{FileFormat, encode};
use fanal_storage::{ExportSpans, SpanPieces};
use http::{HeaderName, HeaderValue, StatusCode, Uri};
use http_body::Frame;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::sync::mpsc;

/// Encoded pieces that wait for a client.
const PIECES_WAITING_MAX: usize = 2;

/// Media type of JSON lines.
const JSON_LINES: &str = "application/x-ndjson";

/// Header of an answer that lacks spans, with why.
const INCOMPLETE: HeaderName = HeaderName::from_static("fanal-incomplete");

/// Reads the parameters of an export: what a search filters by, and `format`.
pub(crate) fn read(uri: &Uri) -> Result<(ExportSpans, FileFormat), Refusal> {
    const FORMAT: &str = "format";
    let known: Vec<&str> = search::FILTERS.iter().copied().chain([FORMAT]).collect();
    let parameters = Parameters::read_known(uri, &known)?;
    let format = match parameters.single(FORMAT)? {
        None => FileFormat::JsonLines,
        Some(word) => FileFormat::parse(word).ok_or_else(|| {
            Refusal::parameter(FORMAT, format!("format `{word}` is neither jsonl nor protobuf"))
        })?,
    };
    let (start_min_unix_nanos, start_max_unix_nanos) = search::range(&parameters)?;
    let conditions = search::conditions(&parameters)?;
    Ok((ExportSpans { conditions, start_min_unix_nanos, start_max_unix_nanos }, format))
}

/// What an export's query string asks for, in the words of the API; for the binary, which exports without a server too.
pub fn export_request(query: &str) -> Result<ExportSpans, String> {
    let uri: Uri = format!("/export{query}").parse().map_err(|_| "too long".to_owned())?;
    read(&uri).map(|(request, _)| request).map_err(|refusal| refusal.message)
}

/// Every span of the traces that a search would find, as OTLP in the form of the Collector's files.
#[utoipa::path(get, tag = "native", path = "/fanal/v1/export", params(
    ("service" = Option<String>, Query, description = "Service of a span of the trace"),
    ("operation" = Option<String>, Query, description = "Name of the span"),
    ("tag" = Option<Vec<String>>, Query, description = "Condition on an attribute as in a search; repeatable"),
    ("status" = Option<String>, Query, description = "`error`, `ok` or `unset`"),
    ("kind" = Option<String>, Query, description = "`unspecified`, `internal`, `server`, `client`, `producer` or `consumer`"),
    ("min_duration" = Option<String>, Query, description = "Shortest duration of the span, such as `250ms` or `1.5s`"),
    ("max_duration" = Option<String>, Query, description = "Longest duration of the span"),
    ("start" = Option<String>, Query, description = "Earliest span start, inclusive: nanoseconds since 1970, or RFC 3339"),
    ("end" = Option<String>, Query, description = "Latest span start, inclusive: nanoseconds since 1970, or RFC 3339"),
    ("format" = Option<String>, Query, description = "`jsonl`: an OTLP JSON request a line; `protobuf`: OTLP requests, each with its length before it as four bytes, big endian"),
), responses(
    (status = 200, description = "The spans; the header `fanal-incomplete` tells what is missing", content(
        (Object = "application/x-ndjson"),
        (Object = "application/x-protobuf"),
    )),
    (status = "default", description = "A refusal", body = ErrorResponse),
))]
pub(crate) async fn export(
    State(app): State<Arc<App>>,
    uri: Uri,
) -> Result<Response, NativeRefusal> {
    let (request, format) = read(&uri)?;
    let pieces = app.ask(app.given.query.export(&app.tenant, request)).await?;
    let missing = pieces.warnings().join("; ");
    let (sender, receiver) = mpsc::channel(PIECES_WAITING_MAX);
    tokio::task::spawn_blocking(move || send(pieces, format, &sender));
    let media_type = match format {
        FileFormat::JsonLines => JSON_LINES,
        FileFormat::Protobuf => PROTOBUF,
    };
    let mut response = answer::body(StatusCode::OK, media_type, Body::new(Pieces(receiver)));
    if !missing.is_empty() {
        let ascii: String =
            missing.chars().map(|c| if (' '..='~').contains(&c) { c } else { '?' }).collect();
        if let Ok(value) = HeaderValue::from_str(&ascii) {
            response.headers_mut().insert(INCOMPLETE, value);
        }
    }
    Ok(response)
}

/// Reads, encodes and sends until the end, a failure, or the client's going.
fn send(
    mut pieces: Box<dyn SpanPieces>,
    format: FileFormat,
    sender: &mpsc::Sender<io::Result<Bytes>>,
) {
    loop {
        let piece = match pieces.next_piece() {
            Ok(Some(spans)) => Ok(Bytes::from(encode(&spans, format))),
            Ok(None) => return,
            Err(error) => {
                let refusal = Refusal::from(fanal_query::QueryError::Store(error));
                Err(io::Error::other(refusal.message))
            }
        };
        let is_broken = piece.is_err();
        if sender.blocking_send(piece).is_err() || is_broken {
            return;
        }
    }
}

/// The body of a stream.
struct Pieces(mpsc::Receiver<io::Result<Bytes>>);

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let frame = self.get_mut().0.poll_recv(context);
        frame.map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_export_is_asked_for_as_a_search_is() {
        let check = |query: &str, expect: Result<usize, &str>| {
            let found = export_request(query).map(|request| request.conditions.len());
            assert_eq!(found.as_ref().map_err(String::as_str).copied(), expect, "{query}");
        };
        check("", Ok(0));
        check("?service=a&tag=b%3D1&format=protobuf&start=1&end=2", Ok(2));
        check(
            "?limit=3",
            Err(
                "unknown parameter `limit`; known are service, operation, tag, status, kind, min_duration, max_duration, start, end, format",
            ),
        );
        check("?format=xml", Err("format `xml` is neither jsonl nor protobuf"));
        check("?start=2&end=1", Err("end lies before start; swap them"));
    }
}
