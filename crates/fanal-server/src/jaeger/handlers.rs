//! The calls of Jaeger's older HTTP API, which Grafana, scripts and its UI make.

use super::adjust::Shown;
use super::error::JaegerRefusal;
use super::parameters::{self, JaegerQuestion, flag, number, required};
use super::questions::{self, Found, kind_word};
use super::types::{JaegerDependency, JaegerEnvelope, JaegerError, JaegerOperation, JaegerTrace};
use super::{ids, trace as traces_of, transform};
use crate::answer::{self, JSON};
use crate::limits::Limits;
use crate::parameters::{ApiPath, Parameters};
use crate::refusal::Refusal;
use crate::state::App;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use fanal_base::ErrorKind;
use http::{StatusCode, Uri};
use serde::Serialize;
use serde_json::ser::PrettyFormatter;
use std::collections::BTreeSet;
use std::sync::Arc;

pub(super) type Answer = Result<Response, JaegerRefusal>;
type JaegerPath = ApiPath<String, JaegerRefusal>;

/// How far back dependencies look, in milliseconds.
const LOOKBACK_MILLIS: u64 = 24 * 3600 * 1000;

/// Nanoseconds of a millisecond.
pub(super) const NANOS_PER_MILLI: u64 = 1_000_000;

/// How a client wants its answer written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Style {
    is_pretty: bool,
    limits: Limits,
}

impl Style {
    pub(super) fn read(parameters: &Parameters, app: &App) -> Self {
        let is_pretty = parameters.last("prettyPrint").is_some_and(|value| value != "false");
        Self { is_pretty, limits: app.given.limits }
    }

    pub(super) fn bytes(self, value: &impl Serialize) -> Result<Vec<u8>, Refusal> {
        if !self.is_pretty {
            return answer::json_bytes(value, &self.limits);
        }
        let mut bytes = Vec::new();
        let formatter = PrettyFormatter::with_indent(b"    ");
        let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, formatter);
        value.serialize(&mut serializer).map_err(|error| {
            tracing::error!("writing an answer as JSON failed: {error}");
            Refusal::new(ErrorKind::Internal, "writing the answer as JSON failed")
        })?;
        answer::within_limit(bytes, &self.limits)
    }

    pub(super) fn answer(self, value: &impl Serialize) -> Answer {
        Ok(answer::body(StatusCode::OK, JSON, self.bytes(value)?))
    }
}

fn list<T>(data: Vec<T>) -> JaegerEnvelope<Vec<T>> {
    let total = data.len();
    JaegerEnvelope::new(data, total, Vec::new())
}

/// `GET /api/services`
pub(crate) async fn services(State(app): State<Arc<App>>, uri: Uri) -> Answer {
    let style = Style::read(&Parameters::read(&uri)?, &app);
    style.answer(&list(questions::services(&app).await?))
}

/// `GET /api/services/{service}/operations`
pub(crate) async fn service_operations(
    State(app): State<Arc<App>>,
    path: JaegerPath,
    uri: Uri,
) -> Answer {
    let style = Style::read(&Parameters::read(&uri)?, &app);
    let operations = questions::operations(&app, &path.0, "").await?;
    let names: BTreeSet<String> = operations.into_iter().map(|operation| operation.name).collect();
    style.answer(&list(names.into_iter().collect()))
}

/// `GET /api/operations`
pub(crate) async fn operations(State(app): State<Arc<App>>, uri: Uri) -> Answer {
    let parameters = Parameters::read(&uri)?;
    let style = Style::read(&parameters, &app);
    let service = required(&parameters, "service")?;
    let kind = parameters.last("spanKind").unwrap_or_default();
    let operations = questions::operations(&app, service, kind).await?;
    let write = |operation: fanal_storage::Operation| JaegerOperation {
        span_kind: kind_word(operation.kind),
        name: operation.name,
    };
    style.answer(&list(operations.into_iter().map(write).collect()))
}

/// `GET /api/traces/{id}`
pub(crate) async fn trace(State(app): State<Arc<App>>, path: JaegerPath, uri: Uri) -> Answer {
    let parameters = Parameters::read(&uri)?;
    let style = Style::read(&parameters, &app);
    let is_raw = flag(&parameters, "raw")?;
    check_hints(&parameters)?;
    let found = questions::trace(&app, ids::read(&path.0)?).await?;
    write(&app, style, Found { traces: vec![found], ..Found::default() }, is_raw).await
}

/// `GET /api/traces`
pub(crate) async fn traces(State(app): State<Arc<App>>, uri: Uri) -> Answer {
    let parameters = Parameters::read(&uri)?;
    let style = Style::read(&parameters, &app);
    let is_raw = flag(&parameters, "raw")?;
    let found = match parameters::read(&parameters, app.given.clock.now_unix_nanos())? {
        JaegerQuestion::ById(ids) => app.ask(questions::fetch(&app, &ids)).await?,
        JaegerQuestion::Search(None) => Found::default(),
        JaegerQuestion::Search(Some(request)) => app.ask(questions::find(&app, request)).await?,
    };
    write(&app, style, found, is_raw).await
}

/// `POST /api/archive/{id}`
pub(crate) async fn archive(State(app): State<Arc<App>>, path: JaegerPath, uri: Uri) -> Answer {
    let parameters = Parameters::read(&uri)?;
    check_hints(&parameters)?;
    questions::archive(&app, ids::read(&path.0)?).await?;
    Style::read(&parameters, &app).answer(&list(Vec::<String>::new()))
}

/// `POST /api/transform`
pub(crate) async fn transform(State(app): State<Arc<App>>, uri: Uri, body: Body) -> Answer {
    let style = Style::read(&Parameters::read(&uri)?, &app);
    let traces = transform::read(&app, body).await?;
    write(&app, style, traces, false).await
}

/// `GET /api/dependencies`
pub(crate) async fn dependencies(State(app): State<Arc<App>>, uri: Uri) -> Answer {
    let parameters = Parameters::read(&uri)?;
    let style = Style::read(&parameters, &app);
    let now_millis = app.given.clock.now_unix_nanos() / NANOS_PER_MILLI;
    let end = number(&parameters, "endTs")?.unwrap_or(now_millis);
    let lookback = number(&parameters, "lookback")?.unwrap_or(LOOKBACK_MILLIS);
    let start = end.saturating_sub(lookback).saturating_mul(NANOS_PER_MILLI);
    let end = end.saturating_mul(NANOS_PER_MILLI).saturating_add(NANOS_PER_MILLI - 1);
    let edges = questions::dependencies(&app, start, end).await?;
    let service = parameters.last("service");
    let is_asked = |edge: &fanal_query::ServiceEdge| {
        service.is_none_or(|service| service == edge.parent || service == edge.child)
    };
    let write = |edge: fanal_query::ServiceEdge| JaegerDependency {
        parent: edge.parent,
        child: edge.child,
        call_count: edge.calls,
    };
    let data: Vec<_> = edges.edges.into_iter().filter(is_asked).map(write).collect();
    let errors = edges.warnings.into_iter().map(JaegerError::warning).collect();
    style.answer(&JaegerEnvelope::new(data, 0, errors))
}

/// Times near a trace, with which other stores find it. Fanal needs none, but a wrong one is refused all the same.
fn check_hints(parameters: &Parameters) -> Result<(), Refusal> {
    number(parameters, "start")?;
    number(parameters, "end")?;
    Ok(())
}

async fn write(app: &App, style: Style, found: Found, is_raw: bool) -> Answer {
    let work = move || {
        let write = |trace: &Arc<_>| Ok(traces_of::write(&Shown::of(trace, is_raw)?));
        let data: Vec<JaegerTrace> =
            found.traces.iter().map(write).collect::<Result<_, Refusal>>()?;
        style.bytes(&JaegerEnvelope::new(data, 0, found.errors()))
    };
    let bytes = app.compute(work).await?;
    Ok(answer::body(StatusCode::OK, JSON, bytes))
}
