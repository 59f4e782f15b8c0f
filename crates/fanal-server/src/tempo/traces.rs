//! A trace by its id, in the two forms that Tempo has had.

use super::answers::{self, Answer, Notes, PROTOBUF, TempoRefusal, wants_protobuf};
use super::excerpt::Excerpt;
use super::form::Form;
use super::{drawable, excerpt, form};
use crate::answer::{self, JSON};
use crate::limits::Limits;
use crate::parameters::ApiPath;
use crate::refusal::Refusal;
use crate::state::App;
use axum::extract::State;
use bytes::Bytes;
use fanal_base::ErrorKind;
use fanal_formats::otlp;
use fanal_model::IndexedBatch;
use fanal_query::Trace;
use fanal_wire::EncodedTraces;
use fanal_wire::tempo::{PartialStatus, TraceByIdMetrics, TraceByIdResponse};
use http::{HeaderMap, StatusCode, Uri};
use prost::Message as _;
use serde_json::json;
use std::sync::Arc;

type Id = ApiPath<String, TempoRefusal>;

/// `GET /api/traces/{id}`
pub(super) async fn v1(
    State(app): State<Arc<App>>,
    path: Id,
    uri: Uri,
    headers: HeaderMap,
) -> Answer {
    let Some(trace) = find(&app, &path.0, &uri).await? else { return Ok(answers::absent()) };
    let (limits, is_protobuf) = (app.given.limits, wants_protobuf(&headers));
    let notes = Notes { partial: trace.store_warnings.clone(), ..Notes::default() };
    let work = move || {
        let spans = drawable::spans(&trace)?;
        let bytes = if is_protobuf {
            otlp::protobuf::encode_traces(&[&spans])
        } else {
            otlp::json::encode_protobuf_json(&[&spans], "batches")
        };
        Ok(answer::within_limit(bytes, &limits))
    };
    let bytes = match app.compute(work).await? {
        Ok(bytes) => bytes,
        Err(refusal) => return Ok(answers::too_large(refusal)),
    };
    let media_type = if is_protobuf { PROTOBUF } else { JSON };
    let mut response = answer::body(StatusCode::OK, media_type, bytes);
    notes.write(response.headers_mut());
    Ok(response)
}

/// `GET /api/v2/traces/{id}`
pub(super) async fn v2(
    State(app): State<Arc<App>>,
    path: Id,
    uri: Uri,
    headers: HeaderMap,
) -> Answer {
    let excerpt = Excerpt::of_form(&Form::read(&uri)?)?;
    let trace = find(&app, &path.0, &uri).await?;
    let (limits, is_protobuf) = (app.given.limits, wants_protobuf(&headers));
    let work = move || {
        let mut missing = trace.as_ref().map_or_else(Vec::new, |it| it.store_warnings.clone());
        let mut spans = trace.as_deref().map(drawable::spans).transpose()?;
        if let (Some(excerpt), Some(trace), Some(all)) = (&excerpt, &trace, &spans) {
            let rows = excerpt.rows(trace);
            if rows.len() < all.len() {
                missing.push(format!("{} of {} spans are asked for by q", rows.len(), all.len()));
                spans = Some(drawable::indexed(excerpt::part(all.batch(), &rows), trace)?);
            }
        }
        write(spans.as_ref(), missing.join("; "), is_protobuf, &limits)
    };
    let bytes = app.compute(work).await?;
    let media_type = if is_protobuf { PROTOBUF } else { JSON };
    Ok(answer::body(StatusCode::OK, media_type, bytes))
}

async fn find(app: &App, id: &str, uri: &Uri) -> Result<Option<Arc<Trace>>, Refusal> {
    // The range of time is a hint for stores that need one.
    let form = Form::read(uri)?;
    form.range()?;
    match app.trace(form::trace_id(id)?).await {
        Ok(trace) => Ok(Some(trace)),
        Err(refusal) if refusal.kind == ErrorKind::NotFound => Ok(None),
        Err(refusal) => Err(refusal),
    }
}

fn write(
    spans: Option<&IndexedBatch>,
    message: String,
    is_protobuf: bool,
    limits: &Limits,
) -> Result<Vec<u8>, Refusal> {
    let spans: Vec<&IndexedBatch> = spans.into_iter().collect();
    if is_protobuf {
        let is_whole = message.is_empty();
        let status = if is_whole { PartialStatus::Complete } else { PartialStatus::Partial };
        let response = TraceByIdResponse {
            trace: Some(EncodedTraces(Bytes::from(otlp::protobuf::encode_traces(&spans)))),
            metrics: Some(TraceByIdMetrics::default()),
            status: status.into(),
            message,
        };
        return answer::within_limit(response.encode_to_vec(), limits);
    }
    let mut bytes = b"{\"trace\":".to_vec();
    bytes.extend_from_slice(&otlp::json::encode_protobuf_json(&spans, "resourceSpans"));
    bytes.extend_from_slice(b",\"metrics\":{}");
    if !message.is_empty() {
        let text = format!(",\"status\":\"PARTIAL\",\"message\":{}", json!(message));
        bytes.extend_from_slice(text.as_bytes());
    }
    bytes.push(b'}');
    answer::within_limit(bytes, limits)
}
