//! OTLP JSON that a person has at hand, as traces: what Jaeger's UI asks for when a file is dropped on it.
//!
//! Nothing of it is stored. Spans that break a rule of OTLP are left out and told.

use super::questions::Found;
use crate::refusal::Refusal;
use crate::state::App;
use axum::body::{Body, to_bytes};
use fanal_base::ErrorKind;
use fanal_formats::otlp::json::decode_request;
use fanal_model::{IndexedBatch, Remap, SpanBatchBuilder, TraceId};
use fanal_query::Trace;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Longest body, in bytes.
const BODY_BYTES_MAX: usize = 64 << 20;

/// Reads a body; its traces come in the order of their ids.
pub(crate) async fn read(app: &App, body: Body) -> Result<Found, Refusal> {
    let whole = async {
        to_bytes(body, BODY_BYTES_MAX).await.map_err(|error| {
            let message = format!(
                "body cannot be read, or has more than {BODY_BYTES_MAX} bytes: {error}; send fewer traces at once"
            );
            Refusal::invalid(message)
        })
    };
    let bytes = app.ask(whole).await?;
    app.compute(move || traces(&bytes)).await
}

fn traces(bytes: &[u8]) -> Result<Found, Refusal> {
    let decoded = decode_request(bytes)
        .map_err(|error| Refusal::invalid(format!("cannot unmarshal OTLP: {error}")))?;
    let store_warnings = decoded.message().into_iter().collect();
    let invalid = |error| {
        tracing::error!("decoded spans are no batch: {error}");
        Refusal::new(ErrorKind::Internal, "the spans could not be put together")
    };
    let spans = IndexedBatch::new(Arc::new(decoded.batch)).map_err(invalid)?;
    let mut builders: BTreeMap<TraceId, (SpanBatchBuilder, Remap)> = BTreeMap::new();
    for span in spans.spans() {
        let (builder, remap) = builders.entry(span.trace_id()).or_default();
        builder.append_row(&spans, remap, span.row());
    }
    let build = |(trace_id, (builder, _)): (TraceId, (SpanBatchBuilder, Remap))| {
        Trace::build(trace_id, builder.finish(), Vec::new()).map(Arc::new).map_err(invalid)
    };
    let traces = builders.into_iter().map(build).collect::<Result<_, _>>()?;
    Ok(Found { traces, store_warnings, ..Found::default() })
}
