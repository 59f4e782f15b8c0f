//! The calls of `/api/v3`.

use super::error::V3Refusal;
use super::query::{SearchQuery, boolean, time, value};
use super::types::{Dependencies, Dependency, Operation, Operations, Services, Summaries};
use crate::answer::{self, JSON};
use crate::jaeger::adjust::Shown;
use crate::jaeger::ids;
use crate::jaeger::questions::{self, Found};
use crate::parameters::{ApiPath, Parameters};
use crate::refusal::Refusal;
use crate::state::App;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::response::Response;
use fanal_base::ErrorKind;
use fanal_formats::otlp;
use fanal_model::IndexedBatch;
use http::{StatusCode, Uri};
use serde::Serialize;
use std::sync::Arc;

type Answer = Result<Response, V3Refusal>;

/// Longest body of a search, in bytes.
const BODY_BYTES_MAX: usize = 1 << 20;

/// What Jaeger says where it has no trace to answer.
const NONE_FOUND: &str = "No traces found";

fn json(app: &App, value: &impl Serialize) -> Answer {
    let bytes = answer::json_bytes(value, &app.given.limits)?;
    Ok(answer::body(StatusCode::OK, JSON, bytes))
}

/// `GET /api/v3/services`
pub(super) async fn services(State(app): State<Arc<App>>) -> Answer {
    json(&app, &Services { services: questions::services(&app).await? })
}

/// `GET /api/v3/operations`
pub(super) async fn operations(State(app): State<Arc<App>>, uri: Uri) -> Answer {
    let parameters = Parameters::read(&uri)?;
    let service = value(&parameters, "service").unwrap_or_default();
    if service.is_empty() {
        return Err(Refusal::parameter("service", "service is required").into());
    }
    let kind = value(&parameters, "spanKind").unwrap_or_default();
    // An unspecified kind is called internal here, so either is meant.
    let mut found = questions::operations(&app, service, "").await?;
    found.retain(|it| kind.is_empty() || kind_word(it.kind) == kind.to_lowercase());
    let write =
        |it: fanal_storage::Operation| Operation { span_kind: kind_word(it.kind), name: it.name };
    let mut operations: Vec<Operation> = found.into_iter().map(write).collect();
    operations.dedup_by(|left, right| left.name == right.name && left.span_kind == right.span_kind);
    json(&app, &Operations { operations })
}

fn kind_word(kind: fanal_model::SpanKind) -> &'static str {
    match questions::kind_word(kind) {
        "" => fanal_model::SpanKind::Internal.as_str(),
        word => word,
    }
}

/// `GET /api/v3/traces/{id}`
pub(super) async fn trace(
    State(app): State<Arc<App>>,
    path: ApiPath<String, V3Refusal>,
    uri: Uri,
) -> Answer {
    let parameters = Parameters::read(&uri)?;
    for hint in ["startTime", "endTime"] {
        value(&parameters, hint).map(|text| time(hint, text)).transpose()?;
    }
    let is_raw = boolean(&parameters, "rawTraces")?;
    let trace = questions::trace(&app, ids::read(&path.0)?).await.map_err(none_found)?;
    write(&app, Found { traces: vec![trace], ..Found::default() }, is_raw).await
}

/// `GET /api/v3/traces`
pub(super) async fn find_traces(State(app): State<Arc<App>>, uri: Uri) -> Answer {
    find(&app, SearchQuery::from_parameters(&Parameters::read(&uri)?)?).await
}

/// `POST /api/v3/traces`
pub(super) async fn find_traces_by_body(State(app): State<Arc<App>>, body: Body) -> Answer {
    find(&app, read_body(&app, body).await?).await
}

async fn find(app: &App, query: SearchQuery) -> Answer {
    let is_raw = query.is_raw();
    let found = match query.into_request()? {
        Some(request) => app.ask(questions::find(app, request)).await?,
        None => Found::default(),
    };
    if found.traces.is_empty() && found.warnings().next().is_none() {
        return Err(Refusal::not_found(NONE_FOUND).into());
    }
    write(app, found, is_raw).await
}

/// `GET /api/v3/trace-summaries`
pub(super) async fn summaries(State(app): State<Arc<App>>, uri: Uri) -> Answer {
    summarize(&app, SearchQuery::from_parameters(&Parameters::read(&uri)?)?).await
}

/// `POST /api/v3/trace-summaries`
pub(super) async fn summaries_by_body(State(app): State<Arc<App>>, body: Body) -> Answer {
    summarize(&app, read_body(&app, body).await?).await
}

async fn summarize(app: &App, query: SearchQuery) -> Answer {
    let (summaries, warnings) = match query.into_request()? {
        Some(request) => app.ask(questions::summaries(app, request)).await?,
        None => (Vec::new(), Vec::new()),
    };
    let summaries = summaries.into_iter().map(Into::into).collect();
    json(app, &Summaries { summaries, warnings })
}

/// `GET /api/v3/dependencies`
pub(super) async fn dependencies(State(app): State<Arc<App>>, uri: Uri) -> Answer {
    let parameters = Parameters::read(&uri)?;
    let moment = |name: &str| time(name, value(&parameters, name).unwrap_or_default());
    let (start, end) = (moment("startTime")?, moment("endTime")?);
    if start >= end {
        return Err(Refusal::parameter("startTime", "startTime must be before endTime").into());
    }
    let edges = questions::dependencies(&app, start, end).await?;
    let write = |edge: fanal_query::ServiceEdge| Dependency {
        parent: edge.parent,
        child: edge.child,
        call_count: edge.calls.to_string(),
    };
    let dependencies = edges.edges.into_iter().map(write).collect();
    json(&app, &Dependencies { dependencies, warnings: edges.warnings })
}

async fn read_body(app: &App, body: Body) -> Result<SearchQuery, Refusal> {
    let whole = async {
        to_bytes(body, BODY_BYTES_MAX).await.map_err(|error| {
            let message =
                format!("body cannot be read, or has more than {BODY_BYTES_MAX} bytes: {error}");
            Refusal::invalid(message)
        })
    };
    SearchQuery::from_body(&app.ask(whole).await?)
}

fn none_found(refusal: Refusal) -> Refusal {
    match refusal.kind {
        ErrorKind::NotFound => Refusal::not_found(NONE_FOUND),
        _ => refusal,
    }
}

/// Writes traces as one OTLP document. What is missing stands beside it, where Jaeger has nothing.
async fn write(app: &App, found: Found, is_raw: bool) -> Answer {
    let limits = app.given.limits;
    let work = move || {
        let show = |trace: &Arc<_>| Shown::of(trace, is_raw);
        let shown: Vec<Shown> = found.traces.iter().map(show).collect::<Result<_, _>>()?;
        let spans: Vec<&IndexedBatch> = shown.iter().map(|shown| &shown.spans).collect();
        let mut bytes = b"{\"result\":".to_vec();
        bytes.extend_from_slice(&otlp::json::encode_traces(&spans));
        let warnings: Vec<&String> = found.warnings().collect();
        if !warnings.is_empty() {
            bytes.extend_from_slice(b",\"warnings\":");
            bytes.extend_from_slice(&answer::json_bytes(&warnings, &limits)?);
        }
        bytes.push(b'}');
        answer::within_limit(bytes, &limits)
    };
    Ok(answer::body(StatusCode::OK, JSON, app.compute(work).await?))
}
