//! Traces in pieces that a client takes: gRPC libraries refuse messages above 4 MiB unless told otherwise.
//!
//! A piece holds spans of one trace, and the pieces of a trace follow one another. One span alone is never cut, so a
//! message is larger only where a single span is.

use super::call::{Ended, Sender};
use crate::jaeger::adjust::Shown;
use crate::jaeger::questions;
use crate::refusal::Refusal;
use crate::state::App;
use bytes::Bytes;
use fanal_base::ErrorKind;
use fanal_formats::otlp::protobuf::encode_traces;
use fanal_model::{IndexedBatch, Remap, SpanBatchBuilder};
use fanal_query::{SearchRequest, Trace};
use fanal_wire::EncodedTraces;
use std::ops::Range;
use std::sync::Arc;

/// Largest message, in bytes, where there is more than one span in it.
pub(super) const MESSAGE_BYTES_MAX: usize = 3 << 20;

/// Traces searched for at a time, so that the first are sent while the others are looked for.
const PAGE_TRACES_MAX: usize = 100;

/// A way to write a trace as messages.
pub(super) type Write<A> = fn(&Shown) -> Result<Vec<A>, Refusal>;

/// Sends a trace.
pub(super) async fn send_trace<A: Send + 'static>(
    app: &App,
    trace: Arc<Trace>,
    is_raw: bool,
    write: Write<A>,
    sender: &Sender<A>,
) -> Result<(), Ended> {
    for message in app.compute(move || write(&Shown::of(&trace, is_raw)?)).await? {
        sender.send(message).await?;
    }
    Ok(())
}

/// Sends whatever a search finds, page by page. Where traces may be missing, the stream ends with the word about it.
pub(super) async fn send_found<A: Send + 'static>(
    app: &App,
    request: Option<SearchRequest>,
    is_raw: bool,
    write: Write<A>,
    sender: &Sender<A>,
) -> Result<(), Ended> {
    let Some(mut request) = request else { return Ok(()) };
    let mut wanted = request.limit;
    let mut missing: Vec<String> = Vec::new();
    while wanted > 0 {
        let page_traces = wanted.min(PAGE_TRACES_MAX);
        let (found, next) = app.ask(questions::page(app, &request, page_traces)).await?;
        // A page that its limit of spans ended early goes on behind it.
        missing.extend(found.store_warnings);
        wanted = wanted.saturating_sub(found.traces.len());
        for trace in found.traces {
            send_trace(app, trace, is_raw, write, sender).await?;
        }
        let Some(next) = next else { break };
        request.cursor = Some(next);
    }
    incomplete(missing)
}

/// The end of a stream: well, unless something is missing.
pub(super) fn incomplete(mut missing: Vec<String>) -> Result<(), Ended> {
    missing.dedup();
    if missing.is_empty() {
        return Ok(());
    }
    let message = format!("answer is incomplete: {}", missing.join("; "));
    Err(Refusal::new(ErrorKind::Unavailable, message).into())
}

/// A trace as OTLP.
pub(super) fn otlp(shown: &Shown) -> Result<Vec<EncodedTraces>, Refusal> {
    let mut messages = Vec::new();
    let whole = encode_traces(&[&shown.spans]);
    if whole.len() <= MESSAGE_BYTES_MAX {
        messages.push(EncodedTraces(Bytes::from(whole)));
    } else {
        let pieces = whole.len() / MESSAGE_BYTES_MAX + 2;
        drop(whole);
        let rows = shown.spans.len().div_ceil(pieces).max(1);
        for start in (0..shown.spans.len()).step_by(rows) {
            let end = (start + rows).min(shown.spans.len());
            encode_rows(&shown.spans, start..end, &mut messages)?;
        }
    }
    Ok(messages)
}

fn encode_rows(
    spans: &IndexedBatch,
    rows: Range<usize>,
    messages: &mut Vec<EncodedTraces>,
) -> Result<(), Refusal> {
    let mut builder = SpanBatchBuilder::default();
    let mut remap = Remap::default();
    rows.clone().for_each(|row| builder.append_row(spans, &mut remap, row));
    let piece = IndexedBatch::new(Arc::new(builder.finish())).map_err(|error| {
        tracing::error!("cutting a trace failed: {error}");
        Refusal::new(ErrorKind::Internal, "cutting the trace into messages failed")
    })?;
    let bytes = encode_traces(&[&piece]);
    if bytes.len() <= MESSAGE_BYTES_MAX || rows.len() <= 1 {
        messages.push(EncodedTraces(Bytes::from(bytes)));
        return Ok(());
    }
    drop((bytes, piece));
    let middle = rows.start + rows.len() / 2;
    encode_rows(spans, rows.start..middle, messages)?;
    encode_rows(spans, middle..rows.end, messages)
}

#[cfg(test)]
mod tests {
    use super::*;
    use fanal_formats::otlp::protobuf::decode_request;
    use fanal_model::{Resource, Scope, SpanFields, SpanId, TraceId, ValueRef};

    /// A trace of spans that each carry a text of so many bytes.
    fn shown(texts: &[usize]) -> Shown {
        let mut builder = SpanBatchBuilder::default();
        let resource = builder.intern_resource(&Resource::default());
        let scope = builder.intern_scope(&Scope::default());
        for (id, &bytes) in (1..).zip(texts) {
            builder.attribute("text", ValueRef::String(&"x".repeat(bytes)));
            builder.finish_span(&SpanFields {
                trace_id: TraceId([1; 16]),
                span_id: SpanId([id; 8]),
                resource,
                scope,
                ..SpanFields::default()
            });
        }
        let trace = Trace::build(TraceId([1; 16]), builder.finish(), Vec::new()).expect("decodes");
        Shown::of(&trace, true).expect("shown")
    }

    #[test]
    fn large_traces_are_cut_between_spans() {
        let check = |texts: &[usize], expect: &[usize]| {
            let messages = otlp(&shown(texts)).expect("written");
            let spans: Vec<usize> = messages
                .iter()
                .map(|message| decode_request(&message.0).expect("OTLP").batch.len())
                .collect();
            assert_eq!(spans, expect);
            let fits = |(message, spans): (&EncodedTraces, &usize)| {
                message.0.len() <= MESSAGE_BYTES_MAX || *spans == 1
            };
            assert!(messages.iter().zip(&spans).all(fits));
        };
        let mega = 1 << 20;
        check(&[10; 5], &[5]);
        check(&[mega, mega], &[2]);
        check(&[mega; 7], &[2, 2, 2, 1]);
        check(&[10, 5 * mega, 10], &[1, 1, 1]);
        check(&[10, 10, 10, 10, 4 * mega, 10, 10, 10], &[3, 1, 1, 1, 2]);
    }
}
