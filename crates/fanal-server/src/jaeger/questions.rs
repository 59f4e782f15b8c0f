//! The questions of Jaeger's APIs, asked of the query crate within the limits of the server.
//!
//! Every transport (HTTP of both generations, gRPC, remote storage) asks here and writes the answer in its own form.
//! A trace that is not stored any more is looked for in the archive.

use super::ids;
use super::types::JaegerError;
use crate::refusal::Refusal;
use crate::state::App;
use fanal_base::ErrorKind;
use fanal_model::{SpanKind, TraceId};
use fanal_pipeline::Submission;
use fanal_query::service::LIMIT_MAX;
use fanal_query::{
    Cursor, QueryError, SearchRequest, ServiceEdges, Trace, TraceSummary, TracesPage,
};
use fanal_storage::Operation;
use std::sync::Arc;

/// What Jaeger says of a trace that is not there.
pub(crate) const NOT_FOUND: &str = "trace not found";

/// Traces, and why others may not be among them.
#[derive(Default)]
pub(crate) struct Found {
    pub(crate) traces: Vec<Arc<Trace>>,
    /// What the store could not read.
    pub(crate) store_warnings: Vec<String>,
    /// Which limit ended the answer.
    pub(crate) cut: Option<String>,
    /// Those of the ids asked for that are nowhere.
    pub(crate) missing: Vec<TraceId>,
}

impl Found {
    fn add(&mut self, page: TracesPage) {
        let mut warnings = page.warnings;
        self.cut = if page.is_cut { warnings.pop() } else { None };
        self.traces.extend(page.traces.into_iter().map(Arc::new));
        for warning in warnings {
            if !self.store_warnings.contains(&warning) {
                self.store_warnings.push(warning);
            }
        }
    }

    fn has(&self, id: TraceId) -> bool {
        self.traces.iter().any(|trace| trace.trace_id == id)
    }

    /// What the client must know, in words.
    pub(crate) fn warnings(&self) -> impl Iterator<Item = &String> {
        self.store_warnings.iter().chain(&self.cut)
    }

    /// The same with the missing ids, as Jaeger's envelope has it.
    pub(crate) fn errors(&self) -> Vec<JaegerError> {
        let missing = self.missing.iter().map(|id| JaegerError {
            code: None,
            msg: NOT_FOUND.to_owned(),
            trace_id: Some(ids::write(*id)),
        });
        self.warnings().cloned().map(JaegerError::warning).chain(missing).collect()
    }
}

/// Service names, sorted.
pub(crate) async fn services(app: &App) -> Result<Vec<String>, Refusal> {
    let mut names = app.ask(app.given.query.services(&app.tenant)).await?;
    names.sort();
    Ok(names)
}

/// Operations of a service, those of a kind where one is named.
pub(crate) async fn operations(
    app: &App,
    service: &str,
    kind: &str,
) -> Result<Vec<Operation>, Refusal> {
    let kind = kind.to_lowercase();
    let mut found = app.ask(app.given.query.operations(&app.tenant, service)).await?;
    found.retain(|operation| kind.is_empty() || kind_word(operation.kind) == kind);
    Ok(found)
}

/// The word of a kind; none for an unspecified one.
pub(crate) fn kind_word(kind: SpanKind) -> &'static str {
    if kind == SpanKind::Unspecified { "" } else { kind.as_str() }
}

/// A whole trace, or Jaeger's refusal.
pub(crate) async fn trace(app: &App, trace_id: TraceId) -> Result<Arc<Trace>, Refusal> {
    app.trace(trace_id).await.map_err(|refusal| match refusal.kind {
        ErrorKind::NotFound => Refusal::not_found(NOT_FOUND),
        _ => refusal,
    })
}

/// One page of whole traces, and where to go on; `wanted` are those that are still to come.
pub(crate) async fn page(
    app: &App,
    request: &SearchRequest,
    wanted: usize,
) -> Result<(Found, Option<Cursor>), QueryError> {
    let request = SearchRequest { limit: wanted.min(LIMIT_MAX), ..request.clone() };
    let page = app.given.query.search_traces(&app.tenant, request).await?;
    let next = page.next;
    let mut found = Found::default();
    found.add(page);
    Ok((found, next))
}

/// Whole traces up to the limit, page by page, until a limit of spans ends the answer.
pub(crate) async fn find(app: &App, mut request: SearchRequest) -> Result<Found, QueryError> {
    let limit = request.limit;
    let spans_max = app.given.limits.answer_spans_max;
    let mut found = Found::default();
    let mut spans = 0;
    loop {
        request.limit = (limit - found.traces.len()).min(LIMIT_MAX);
        let page = app.given.query.search_traces(&app.tenant, request.clone()).await?;
        let next = page.next;
        spans += page.traces.iter().map(|trace| trace.spans.len()).sum::<usize>();
        found.add(page);
        let Some(next) = next.filter(|_| found.cut.is_none() && found.traces.len() < limit) else {
            return Ok(found);
        };
        if spans > spans_max {
            found.cut = Some(format!(
                "answer stops after {} of {limit} traces: it has more than {spans_max} spans; \
                 lower the limit or shorten the time range",
                found.traces.len()
            ));
            return Ok(found);
        }
        request.cursor = Some(next);
    }
}

/// Whole traces by id, wherever they are kept.
pub(crate) async fn fetch(app: &App, wanted: &[TraceId]) -> Result<Found, QueryError> {
    let mut found = Found { missing: wanted.to_vec(), ..Found::default() };
    for tenant in [&app.tenant, &app.archive] {
        if !found.missing.is_empty() && found.cut.is_none() {
            let page = app.given.query.traces(tenant, &found.missing).await?;
            found.add(page);
            found.missing = wanted.iter().copied().filter(|id| !found.has(*id)).collect();
        }
    }
    if found.warnings().next().is_some() {
        // They may be stored: the warnings stand for them.
        found.missing.clear();
    }
    Ok(found)
}

/// Traces in numbers up to the limit, and what may be missing.
pub(crate) async fn summaries(
    app: &App,
    mut request: SearchRequest,
) -> Result<(Vec<TraceSummary>, Vec<String>), QueryError> {
    let limit = request.limit;
    let (mut summaries, mut warnings) = (Vec::new(), Vec::new());
    loop {
        request.limit = (limit - summaries.len()).min(LIMIT_MAX);
        let page = app.given.query.search(&app.tenant, request.clone()).await?;
        summaries.extend(page.traces);
        warnings.extend(page.warnings);
        request.cursor = page.next;
        if request.cursor.is_none() || summaries.len() >= limit {
            warnings.dedup();
            return Ok((summaries, warnings));
        }
    }
}

/// Which services called which, among traces with a span that starts in the range.
pub(crate) async fn dependencies(
    app: &App,
    start_min_unix_nanos: u64,
    start_max_unix_nanos: u64,
) -> Result<ServiceEdges, Refusal> {
    let (start, end) = (start_min_unix_nanos, start_max_unix_nanos);
    app.ask(app.given.query.service_edges(&app.tenant, start, end)).await
}

/// Keeps the spans of a trace beyond retention: a copy in the tenant of the archive, durable when this resolves.
pub(crate) async fn archive(app: &App, trace_id: TraceId) -> Result<(), Refusal> {
    let trace = trace(app, trace_id).await?;
    let batch = (**trace.spans.batch()).clone();
    let submission = Submission { batch, ..Submission::default() };
    let stored = app.given.pipeline.submit(&app.archive, ARCHIVE_RECEIVER, submission).await;
    let refuse = |error: fanal_pipeline::PipelineError| {
        Refusal::new(error.kind(), crate::refusal::chain(&error))
    };
    stored.map(drop).map_err(refuse)
}

/// Under which the spans of archived traces are counted as they come in.
const ARCHIVE_RECEIVER: &str = "jaeger_archive";
