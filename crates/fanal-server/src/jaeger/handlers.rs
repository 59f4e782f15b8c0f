//! The calls of Jaeger's API.

use super::error::JaegerRefusal;
use super::search::{self, JaegerQuestion, flag, micros};
use super::types::{JaegerEnvelope, JaegerError, JaegerOperation, JaegerTrace};
use super::{ids, trace as traces_of};
use crate::answer::{self, JSON};
use crate::limits::Limits;
use crate::parameters::{ApiPath, Parameters};
use crate::refusal::Refusal;
use crate::state::App;
use axum::extract::State;
use axum::response::Response;
use fanal_base::ErrorKind;
use fanal_model::{SpanKind, TraceId};
use fanal_query::service::LIMIT_MAX;
use fanal_query::{QueryError, SearchRequest, Trace};
use http::{StatusCode, Uri};
use serde::Serialize;
use serde_json::ser::PrettyFormatter;
use std::collections::BTreeSet;
use std::sync::Arc;

type Answer = Result<Response, JaegerRefusal>;
type JaegerPath = ApiPath<String, JaegerRefusal>;

/// How a client wants its answer written.
#[derive(Debug, Clone, Copy)]
struct Style {
    is_pretty: bool,
    limits: Limits,
}

impl Style {
    fn read(parameters: &Parameters, app: &App) -> Self {
        let is_pretty = parameters.last("prettyPrint").is_some_and(|value| value != "false");
        Self { is_pretty, limits: app.given.limits }
    }

    fn bytes(self, value: &impl Serialize) -> Result<Vec<u8>, Refusal> {
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

    fn answer(self, value: &impl Serialize) -> Answer {
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
    let mut names = app.ask(app.given.query.services(&app.tenant)).await?;
    names.sort();
    style.answer(&list(names))
}

/// `GET /api/services/{service}/operations`
pub(crate) async fn service_operations(
    State(app): State<Arc<App>>,
    path: JaegerPath,
    uri: Uri,
) -> Answer {
    let style = Style::read(&Parameters::read(&uri)?, &app);
    let operations = app.ask(app.given.query.operations(&app.tenant, &path.0)).await?;
    let names: BTreeSet<String> = operations.into_iter().map(|operation| operation.name).collect();
    style.answer(&list(names.into_iter().collect()))
}

/// `GET /api/operations`
pub(crate) async fn operations(State(app): State<Arc<App>>, uri: Uri) -> Answer {
    let parameters = Parameters::read(&uri)?;
    let style = Style::read(&parameters, &app);
    let service = parameters
        .last("service")
        .ok_or_else(|| Refusal::parameter("service", "parameter 'service' is required"))?;
    let wanted = parameters.last("spanKind");
    let word = |kind: SpanKind| if kind == SpanKind::Unspecified { "" } else { kind.as_str() };
    let found = app.ask(app.given.query.operations(&app.tenant, service)).await?;
    let operations = found
        .into_iter()
        .map(|operation| JaegerOperation { span_kind: word(operation.kind), name: operation.name })
        .filter(|operation| wanted.is_none_or(|wanted| wanted == operation.span_kind))
        .collect();
    style.answer(&list(operations))
}

/// `GET /api/traces/{id}`
pub(crate) async fn trace(State(app): State<Arc<App>>, path: JaegerPath, uri: Uri) -> Answer {
    let parameters = Parameters::read(&uri)?;
    let style = Style::read(&parameters, &app);
    let is_raw = flag(&parameters, "raw")?;
    // Hints of other stores; a wrong one is refused all the same.
    micros(&parameters, "start")?;
    micros(&parameters, "end")?;
    let found = app.trace(ids::read(&path.0)?).await.map_err(|refusal| match refusal.kind {
        ErrorKind::NotFound => Refusal::not_found("trace not found"),
        _ => refusal,
    })?;
    let found = Found { traces: vec![found], errors: Vec::new() };
    write(&app, style, found, is_raw).await
}

/// `GET /api/traces`
pub(crate) async fn traces(State(app): State<Arc<App>>, uri: Uri) -> Answer {
    let parameters = Parameters::read(&uri)?;
    let style = Style::read(&parameters, &app);
    let is_raw = flag(&parameters, "raw")?;
    let found = match search::read(&parameters, app.given.clock.now_unix_nanos())? {
        JaegerQuestion::ById(ids) => app.ask(fetch(&app, &ids)).await?,
        JaegerQuestion::Search(None) => Found::default(),
        JaegerQuestion::Search(Some(request)) => app.ask(find(&app, request)).await?,
    };
    write(&app, style, found, is_raw).await
}

/// Traces, and what the client must know about those that are not among them.
#[derive(Default)]
struct Found {
    traces: Vec<Arc<Trace>>,
    errors: Vec<JaegerError>,
}

impl Found {
    fn add(&mut self, traces: Vec<Trace>, warnings: Vec<String>) {
        self.traces.extend(traces.into_iter().map(Arc::new));
        for msg in warnings {
            let error = JaegerError { code: None, msg, trace_id: None };
            if !self.errors.contains(&error) {
                self.errors.push(error);
            }
        }
    }

    fn span_count(&self) -> usize {
        self.traces.iter().map(|trace| trace.spans.len()).sum()
    }
}

/// Whole traces up to the limit, page by page, until a page ends early by the limit of spans.
async fn find(app: &App, mut request: SearchRequest) -> Result<Found, QueryError> {
    let limit = request.limit;
    let mut found = Found::default();
    loop {
        let wanted = (limit - found.traces.len()).min(LIMIT_MAX);
        request.limit = wanted;
        let page = app.given.query.search_traces(&app.tenant, request.clone()).await?;
        let is_cut = page.traces.len() < wanted;
        found.add(page.traces, page.warnings);
        match page.next {
            Some(next) if !is_cut && found.traces.len() < limit => {
                if found.span_count() > app.given.limits.answer_spans_max {
                    let spans_max = app.given.limits.answer_spans_max;
                    let message = format!(
                        "answer stops after {} of {limit} traces: it has more than {spans_max} spans; \
                         lower the limit or shorten the time range",
                        found.traces.len()
                    );
                    found.add(Vec::new(), vec![message]);
                    return Ok(found);
                }
                request.cursor = Some(next);
            }
            _ => return Ok(found),
        }
    }
}

/// Whole traces by id; those that are not stored become errors.
async fn fetch(app: &App, wanted: &[TraceId]) -> Result<Found, QueryError> {
    let page = app.given.query.traces(&app.tenant, wanted).await?;
    let is_complete = page.warnings.is_empty();
    let mut found = Found::default();
    found.add(page.traces, page.warnings);
    let is_missing =
        |id: &&TraceId| found.traces.iter().all(|trace: &Arc<Trace>| trace.trace_id != **id);
    // Where a limit cut the answer, its warning stands for the rest.
    let missing: Vec<JaegerError> = wanted
        .iter()
        .filter(|_| is_complete)
        .filter(is_missing)
        .map(|id| JaegerError {
            code: None,
            msg: "trace not found".to_owned(),
            trace_id: Some(ids::write(*id)),
        })
        .collect();
    found.errors.extend(missing);
    Ok(found)
}

async fn write(app: &App, style: Style, found: Found, is_raw: bool) -> Answer {
    let work = move || {
        let data: Vec<JaegerTrace> =
            found.traces.iter().map(|trace| traces_of::write(trace, is_raw)).collect();
        style.bytes(&JaegerEnvelope::new(data, 0, found.errors))
    };
    let bytes = app.compute(work).await?;
    Ok(answer::body(StatusCode::OK, JSON, bytes))
}
