//! The calls of Zipkin's API.

use super::answers::{self, Answer, NAMES_UNCACHED_MAX, ZipkinRefusal};
use super::form::{self, Form};
use super::names;
use super::search::{self, Found, Search};
use crate::answer::{self as plain, JSON};
use crate::parameters::ApiPath;
use crate::refusal::Refusal;
use crate::state::App;
use axum::extract::State;
use axum::response::Response;
use fanal_base::ErrorKind;
use fanal_formats::zipkin::JsonSpan;
use fanal_query::Trace;
use http::{StatusCode, Uri};
use serde::Serialize;
use std::collections::BTreeSet;
use std::sync::Arc;

/// An edge of the service graph.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct DependencyLink {
    parent: String,
    child: String,
    call_count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_count: Option<u64>,
}

fn list(app: &App, names: &BTreeSet<String>) -> Result<Response, ZipkinRefusal> {
    let answer = answers::json(names, &[], &app.given.limits)?;
    Ok(answers::cached(answer, names.len() > NAMES_UNCACHED_MAX))
}

/// `GET /services`
pub(super) async fn services(State(app): State<Arc<App>>) -> Answer {
    list(&app, &names::services(&app).await?)
}

/// `GET /spans`
pub(super) async fn span_names(State(app): State<Arc<App>>, uri: Uri) -> Answer {
    let form = Form::read(&uri)?;
    let names = names::span_names(&app, form.required("serviceName")?).await?;
    list(&app, &names)
}

/// `GET /remoteServices`
pub(super) async fn remote_services(State(app): State<Arc<App>>, uri: Uri) -> Answer {
    let form = Form::read(&uri)?;
    let names = names::remote_services(&app, form.required("serviceName")?).await?;
    list(&app, &names)
}

/// `GET /autocompleteKeys`
pub(super) async fn autocomplete_keys(State(app): State<Arc<App>>) -> Answer {
    let keys = &app.given.zipkin.autocomplete_keys;
    Ok(answers::cached(answers::json(keys, &[], &app.given.limits)?, true))
}

/// `GET /autocompleteValues`
pub(super) async fn autocomplete_values(State(app): State<Arc<App>>, uri: Uri) -> Answer {
    let form = Form::read(&uri)?;
    let key = form.required("key")?;
    if key.is_empty() {
        return Err(Refusal::parameter("key", "parameter key is empty; name a tag").into());
    }
    let is_known = app.given.zipkin.autocomplete_keys.iter().any(|known| known == key);
    let values = if is_known { names::tag_values(&app, key).await? } else { BTreeSet::new() };
    list(&app, &values)
}

/// `GET /dependencies`
pub(super) async fn dependencies(State(app): State<Arc<App>>, uri: Uri) -> Answer {
    let form = Form::read(&uri)?;
    form.required("endTs")?;
    let (start, end) = form.window(app.given.clock.now_unix_nanos())?.nanos();
    let found = app.ask(app.given.query.zipkin_links(&app.tenant, start, end)).await?;
    let link = |edge: fanal_query::ServiceEdge| DependencyLink {
        parent: edge.parent,
        child: edge.child,
        call_count: edge.calls,
        error_count: (edge.errors > 0).then_some(edge.errors),
    };
    let links: Vec<DependencyLink> = found.edges.into_iter().map(link).collect();
    answers::json(&links, &found.warnings, &app.given.limits)
}

/// `GET /trace/{id}`
pub(super) async fn trace(
    State(app): State<Arc<App>>,
    path: ApiPath<String, ZipkinRefusal>,
) -> Answer {
    let id = form::trace_id(&path.0)?;
    let found = app.trace(id).await.map_err(|refusal| match refusal.kind {
        ErrorKind::NotFound => Refusal::not_found(format!("{} not found", path.0.trim())),
        _ => refusal,
    })?;
    let warnings = found.warnings.clone();
    let limits = app.given.limits;
    let bytes = app.compute(move || plain::json_bytes(&spans(&found), &limits)).await?;
    Ok(answers::with_warnings(plain::body(StatusCode::OK, JSON, bytes), &warnings))
}

/// `GET /traceMany`
pub(super) async fn trace_many(State(app): State<Arc<App>>, uri: Uri) -> Answer {
    let ids = Form::read(&uri)?.trace_ids()?;
    let page = app.ask(app.given.query.traces(&app.tenant, &ids)).await?;
    let limits = app.given.limits;
    let traces = page.traces;
    let write = move || {
        let traces: Vec<Vec<JsonSpan>> = traces.iter().map(spans).collect();
        plain::json_bytes(&traces, &limits)
    };
    let bytes = app.compute(write).await?;
    Ok(answers::with_warnings(plain::body(StatusCode::OK, JSON, bytes), &page.warnings))
}

/// `GET /traces`
pub(super) async fn traces(State(app): State<Arc<App>>, uri: Uri) -> Answer {
    let search = Search::read(&Form::read(&uri)?, app.given.clock.now_unix_nanos())?;
    let Found { traces, warnings } = search::find(&app, &search).await?;
    let limits = app.given.limits;
    let bytes = app.compute(move || plain::json_bytes(&traces, &limits)).await?;
    Ok(answers::with_warnings(plain::body(StatusCode::OK, JSON, bytes), &warnings))
}

/// The spans of a trace as Zipkin has them.
pub(super) fn spans(trace: &Trace) -> Vec<JsonSpan> {
    trace.spans.spans().map(|span| JsonSpan::of(&span)).collect()
}
