//! The calls of the native API, each described for its `OpenAPI` document.

use super::aggregate::{self as aggregates, AggregateResponse};
use super::error::NativeRefusal;
use super::skeleton::{ColorSlots, skeleton};
use super::types::{
    ErrorResponse, Operation, OperationsResponse, SearchResponse, Service, ServicesResponse,
    SpanDetail, StatusResponse, TraceSkeleton,
};
use super::{ids, openapi as document, search as searching, span as spans, status as statuses};
use crate::answer::{self, JSON, PROTOBUF};
use crate::parameters::{ApiPath, Parameters};
use crate::refusal::Refusal;
use crate::state::App;
use axum::extract::State;
use axum::response::Response;
use fanal_formats::otlp;
use http::header::{ACCEPT, CONTENT_DISPOSITION, VARY};
use http::{HeaderMap, HeaderValue, StatusCode, Uri};
use serde::Serialize;
use std::sync::Arc;

type Answer = Result<Response, NativeRefusal>;
type NativePath<T> = ApiPath<T, NativeRefusal>;

fn json(app: &App, value: &impl Serialize) -> Answer {
    let bytes = answer::json_bytes(value, &app.given.limits)?;
    Ok(answer::body(StatusCode::OK, JSON, bytes))
}

async fn color_slots(app: &App) -> Result<ColorSlots, Refusal> {
    Ok(ColorSlots::new(app.ask(app.given.query.services(&app.tenant)).await?))
}

/// Every service that a stored span names.
#[utoipa::path(get, tag = "native", path = "/fanal/v1/services", responses(
    (status = 200, description = "The services", body = ServicesResponse),
    (status = "default", description = "A refusal", body = ErrorResponse),
))]
pub(crate) async fn services(State(app): State<Arc<App>>, uri: Uri) -> Answer {
    Parameters::read_known(&uri, &[])?;
    let names = app.ask(app.given.query.services(&app.tenant)).await?;
    let mut services: Vec<Service> =
        names.into_iter().zip(0..).map(|(name, color_slot)| Service { name, color_slot }).collect();
    services.sort_by(|left, right| left.name.cmp(&right.name));
    json(&app, &ServicesResponse { services })
}

/// Span names of a service, with their kinds. Empty for a service that no stored span names.
#[utoipa::path(get, tag = "native", path = "/fanal/v1/services/{service}/operations", params(
    ("service" = String, Path, description = "Name of the service"),
), responses(
    (status = 200, description = "The operations", body = OperationsResponse),
    (status = "default", description = "A refusal", body = ErrorResponse),
))]
pub(crate) async fn operations(
    State(app): State<Arc<App>>,
    path: NativePath<String>,
    uri: Uri,
) -> Answer {
    Parameters::read_known(&uri, &[])?;
    let mut found = app.ask(app.given.query.operations(&app.tenant, &path.0)).await?;
    found.sort();
    let write = |operation: fanal_storage::Operation| Operation {
        name: operation.name,
        kind: operation.kind.as_str().to_owned(),
    };
    json(&app, &OperationsResponse { operations: found.into_iter().map(write).collect() })
}

/// One page of traces, newest first. All conditions must hold on one span of a trace.
#[utoipa::path(get, tag = "native", path = "/fanal/v1/search", params(
    ("service" = Option<String>, Query, description = "Service of the span"),
    ("operation" = Option<String>, Query, description = "Name of the span"),
    ("tag" = Option<Vec<String>>, Query, description = "`key=value`, `!=`, `>`, `>=`, `<`, `<=`, or a bare `key` for presence; an unquoted value compares with every type it can be read as, a quoted one as text; repeatable"),
    ("status" = Option<String>, Query, description = "`error`, `ok` or `unset`"),
    ("kind" = Option<String>, Query, description = "`unspecified`, `internal`, `server`, `client`, `producer` or `consumer`"),
    ("min_duration" = Option<String>, Query, description = "Shortest duration of the span, such as `250ms` or `1.5s`"),
    ("max_duration" = Option<String>, Query, description = "Longest duration of the span"),
    ("start" = Option<String>, Query, description = "Earliest span start, inclusive: nanoseconds since 1970, or RFC 3339"),
    ("end" = Option<String>, Query, description = "Latest span start, inclusive: nanoseconds since 1970, or RFC 3339"),
    ("limit" = Option<u32>, Query, description = "Traces on the page, 1 to 1000; 20 when absent"),
    ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
), responses(
    (status = 200, description = "The page", body = SearchResponse),
    (status = "default", description = "A refusal", body = ErrorResponse),
))]
pub(crate) async fn search(State(app): State<Arc<App>>, uri: Uri) -> Answer {
    let request = searching::read(&uri)?;
    let page = app.ask(app.given.query.search(&app.tenant, request)).await?;
    let slots = color_slots(&app).await?;
    json(&app, &searching::write(&page, &slots))
}

/// Spans counted in groups and time buckets. All conditions must hold on a span.
#[utoipa::path(get, tag = "native", path = "/fanal/v1/aggregate", params(
    ("service" = Option<String>, Query, description = "Service of the span"),
    ("operation" = Option<String>, Query, description = "Name of the span"),
    ("tag" = Option<Vec<String>>, Query, description = "As in a search; repeatable"),
    ("status" = Option<String>, Query, description = "`error`, `ok` or `unset`"),
    ("kind" = Option<String>, Query, description = "As in a search"),
    ("min_duration" = Option<String>, Query, description = "Shortest duration of the span, such as `250ms` or `1.5s`"),
    ("max_duration" = Option<String>, Query, description = "Longest duration of the span"),
    ("start" = Option<String>, Query, description = "Earliest span start, inclusive: nanoseconds since 1970, or RFC 3339"),
    ("end" = Option<String>, Query, description = "Latest span start, inclusive; now when there is a step"),
    ("by" = Option<Vec<String>>, Query, description = "What to group by: `service`, `name`, `kind`, `status`, `scope`, `resource.KEY`, `span.KEY` or `scope.KEY`; repeatable, at most 8"),
    ("step" = Option<String>, Query, description = "Width of time buckets, such as `1m`; needs a start, and at most 10000 buckets"),
    ("measure" = Option<Vec<String>>, Query, description = "`duration` for sum, least and greatest, `histogram` for counts by power of two; repeatable"),
    ("limit" = Option<u32>, Query, description = "Most groups, 1 to 10000; 1000 when absent"),
), responses(
    (status = 200, description = "The numbers", body = AggregateResponse),
    (status = "default", description = "A refusal", body = ErrorResponse),
))]
pub(crate) async fn aggregate(State(app): State<Arc<App>>, uri: Uri) -> Answer {
    let question = aggregates::read(&uri, app.given.clock.now_unix_nanos())?;
    let asked = app.given.query.aggregate(&app.tenant, question.request.clone());
    let answer = app.ask(asked).await?;
    let limits = app.given.limits;
    let write = move || answer::json_bytes(&aggregates::write(question, answer), &limits);
    let bytes = app.compute(write).await?;
    Ok(answer::body(StatusCode::OK, JSON, bytes))
}

/// The skeleton of a trace in display order.
#[utoipa::path(get, tag = "native", path = "/fanal/v1/trace/{id}", params(
    ("id" = String, Path, description = "Trace id: 1 to 32 hex digits, dashes ignored"),
), responses(
    (status = 200, description = "The skeleton", body = TraceSkeleton),
    (status = "default", description = "A refusal", body = ErrorResponse),
))]
pub(crate) async fn trace(
    State(app): State<Arc<App>>,
    path: NativePath<String>,
    uri: Uri,
) -> Answer {
    Parameters::read_known(&uri, &[])?;
    let trace = app.trace(ids::trace_id(&path.0)?).await?;
    let slots = color_slots(&app).await?;
    let limits = app.given.limits;
    let bytes = app.compute(move || answer::json_bytes(&skeleton(&trace, &slots), &limits)).await?;
    Ok(answer::body(StatusCode::OK, JSON, bytes))
}

/// Everything about one span.
#[utoipa::path(get, tag = "native", path = "/fanal/v1/trace/{id}/span/{span}", params(
    ("id" = String, Path, description = "Trace id: 1 to 32 hex digits, dashes ignored"),
    ("span" = String, Path, description = "Ordinal of the skeleton, or 16 hex digits of a span id"),
), responses(
    (status = 200, description = "The span", body = SpanDetail),
    (status = "default", description = "A refusal", body = ErrorResponse),
))]
pub(crate) async fn span(
    State(app): State<Arc<App>>,
    path: NativePath<(String, String)>,
    uri: Uri,
) -> Answer {
    Parameters::read_known(&uri, &[])?;
    let (id, span) = path.0;
    let trace_id = ids::trace_id(&id)?;
    // A span that the open trace does not have may have come since.
    if let Some(detail) = app.open_trace(trace_id).and_then(|it| spans::detail(&it, &span).ok()) {
        return json(&app, &detail);
    }
    let trace = app.trace(trace_id).await?;
    json(&app, &spans::detail(&trace, &span)?)
}

/// The trace as OTLP: JSON, or protobuf for `Accept: application/x-protobuf`.
#[utoipa::path(get, tag = "native", path = "/fanal/v1/trace/{id}/otlp", params(
    ("id" = String, Path, description = "Trace id: 1 to 32 hex digits, dashes ignored"),
    ("download" = Option<String>, Query, description = "`1` makes a browser save the answer as a file"),
), responses(
    (status = 200, description = "An OTLP `TracesData`", content(
        (Object = "application/json"),
        (Object = "application/x-protobuf"),
    )),
    (status = "default", description = "A refusal", body = ErrorResponse),
))]
pub(crate) async fn otlp(
    State(app): State<Arc<App>>,
    path: NativePath<String>,
    headers: HeaderMap,
    uri: Uri,
) -> Answer {
    let parameters = Parameters::read_known(&uri, &["download"])?;
    let is_download = match parameters.single("download")? {
        None | Some("0" | "false") => false,
        Some("1" | "true") => true,
        Some(text) => {
            let message = format!("download is `{text}`; write 1 or 0");
            return Err(Refusal::parameter("download", message).into());
        }
    };
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_protobuf = accept.contains(PROTOBUF) || accept.contains("application/protobuf");
    let trace = app.trace(ids::trace_id(&path.0)?).await?;
    let trace_id = trace.trace_id;
    let limits = app.given.limits;
    let encode = move || {
        let batches = [&trace.spans];
        let bytes = if is_protobuf {
            otlp::protobuf::encode_traces(&batches)
        } else {
            otlp::json::encode_traces(&batches)
        };
        answer::within_limit(bytes, &limits)
    };
    let bytes = app.compute(encode).await?;
    let (media_type, extension) = if is_protobuf { (PROTOBUF, "pb") } else { (JSON, "json") };
    let mut response = answer::body(StatusCode::OK, media_type, bytes);
    response.headers_mut().insert(VARY, HeaderValue::from_static("accept"));
    if is_download {
        let value = format!("attachment; filename=\"trace-{trace_id}.otlp.{extension}\"");
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(CONTENT_DISPOSITION, value);
        }
    }
    Ok(response)
}

/// What the server listens on, holds, and refused.
#[utoipa::path(get, tag = "native", path = "/fanal/v1/status", responses(
    (status = 200, description = "The status", body = StatusResponse),
    (status = "default", description = "A refusal", body = ErrorResponse),
))]
pub(crate) async fn status(State(app): State<Arc<App>>, uri: Uri) -> Answer {
    Parameters::read_known(&uri, &[])?;
    let stats = app.ask(app.given.query.stats(&app.tenant)).await?;
    json(&app, &statuses::status(&app, &stats))
}

/// This document.
#[utoipa::path(get, tag = "native", path = "/fanal/v1/openapi.json", responses(
    (status = 200, description = "This document", body = Object),
))]
pub(crate) async fn openapi() -> Response {
    answer::body(StatusCode::OK, JSON, document::openapi_json())
}
