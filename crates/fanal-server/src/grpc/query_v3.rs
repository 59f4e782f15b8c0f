//! `jaeger.api_v3.QueryService`: OTLP.

use super::call::{Ended, stream, unary};
use super::chunks::{incomplete, otlp, send_found, send_trace};
use super::moments::{duration, required};
use super::summaries::{self, count};
use super::{dependencies, filter};
use crate::jaeger::search::JaegerSearch;
use crate::jaeger::{ids, questions};
use crate::refusal::Refusal;
use crate::state::App;
use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::post;
use fanal_query::{SearchRequest, ServiceCount, TraceSummary};
use fanal_wire::api_v3 as wire;
use std::sync::Arc;

pub(super) fn routes() -> Router<Arc<App>> {
    let path = |call: &str| format!("/jaeger.api_v3.QueryService/{call}");
    Router::new()
        .route(&path("GetTrace"), post(get_trace))
        .route(&path("FindTraces"), post(find_traces))
        .route(&path("GetServices"), post(get_services))
        .route(&path("GetOperations"), post(get_operations))
        .route(&path("GetDependencies"), post(get_dependencies))
        .route(&path("FindTraceSummaries"), post(find_trace_summaries))
}

async fn get_trace(State(app): State<Arc<App>>, request: Request) -> Response {
    let work = async move |asked: wire::GetTraceRequest, sender| {
        let trace = questions::trace(&app, ids::read(&asked.trace_id)?).await?;
        send_trace(&app, trace, asked.raw_traces, otlp, &sender).await
    };
    stream(request, work).await
}

async fn find_traces(State(app): State<Arc<App>>, request: Request) -> Response {
    let work = async move |asked: wire::FindTracesRequest, sender| {
        let query = asked.query.unwrap_or_default();
        let is_raw = query.raw_traces;
        send_found(&app, search(query)?, is_raw, otlp, &sender).await
    };
    stream(request, work).await
}

async fn get_services(State(app): State<Arc<App>>, request: Request) -> Response {
    let answer = async move |_: wire::GetServicesRequest| {
        Ok(wire::GetServicesResponse { services: questions::services(&app).await? })
    };
    unary(request, answer).await
}

async fn get_operations(State(app): State<Arc<App>>, request: Request) -> Response {
    let answer = async move |asked: wire::GetOperationsRequest| {
        let found = questions::operations(&app, &asked.service, &asked.span_kind).await?;
        let write = |it: fanal_storage::Operation| wire::Operation {
            span_kind: questions::kind_word(it.kind).to_owned(),
            name: it.name,
        };
        Ok(wire::GetOperationsResponse { operations: found.into_iter().map(write).collect() })
    };
    unary(request, answer).await
}

/// The message has no place for words: where calls may be missing, there is no answer.
async fn get_dependencies(State(app): State<Arc<App>>, request: Request) -> Response {
    let answer = async move |asked: wire::GetDependenciesRequest| {
        let (start, end) = (asked.start_time.as_ref(), asked.end_time.as_ref());
        let found = dependencies::ask(&app, start, end).await?;
        if let Err(Ended::Refused(refusal)) = incomplete(found.warnings) {
            return Err(refusal);
        }
        let write = |it: fanal_query::ServiceEdge| wire::Dependency {
            parent: it.parent,
            child: it.child,
            call_count: it.calls,
        };
        Ok(wire::DependenciesResponse {
            dependencies: found.edges.into_iter().map(write).collect(),
        })
    };
    unary(request, answer).await
}

async fn find_trace_summaries(State(app): State<Arc<App>>, request: Request) -> Response {
    let work = async move |asked: wire::FindTraceSummariesRequest, sender| {
        let request = search(asked.query.unwrap_or_default())?;
        summaries::send(&app, request, write_summaries, &sender).await
    };
    stream(request, work).await
}

fn search(query: wire::TraceQueryParameters) -> Result<Option<SearchRequest>, Refusal> {
    let start = required("start_time_min", query.start_time_min.as_ref())?;
    let end = required("start_time_max", query.start_time_max.as_ref())?;
    if start >= end {
        let message = "start_time_min must be before start_time_max";
        return Err(Refusal::parameter("start_time_min", message));
    }
    let filter = query.filter.map(filter::read).transpose()?;
    let search = JaegerSearch {
        service: query.service_name,
        operation: query.operation_name,
        tags: query.attributes,
        start_min_unix_nanos: start,
        start_max_unix_nanos: end - 1,
        duration_min_nanos: duration(query.duration_min.as_ref()),
        duration_max_nanos: duration(query.duration_max.as_ref()),
        limit: usize::try_from(query.search_depth).unwrap_or(0),
        filter: Vec::new(),
    };
    search.filtered(filter.as_ref())?.into_request()
}

fn write_summaries(page: Vec<TraceSummary>) -> wire::FindTraceSummariesResponse {
    wire::FindTraceSummariesResponse { summaries: page.into_iter().map(write_summary).collect() }
}

fn write_summary(of: TraceSummary) -> wire::TraceSummary {
    let (root_service_name, root_operation_name) = of.root.unwrap_or_default();
    let service = |of: ServiceCount| wire::ServiceSummary {
        name: of.name,
        span_count: count(of.span_count),
        error_span_count: count(of.error_count),
    };
    let mut services: Vec<_> = of.services.into_iter().map(service).collect();
    services.sort_by(|left, right| left.name.cmp(&right.name));
    wire::TraceSummary {
        trace_id: of.trace_id.to_string(),
        root_service_name,
        root_operation_name,
        min_start_time_unix_nano: of.start_unix_nanos,
        max_end_time_unix_nano: of.start_unix_nanos.saturating_add(of.duration_nanos),
        span_count: count(of.span_count),
        error_span_count: count(of.error_count),
        orphan_span_count: count(of.orphan_count),
        services,
    }
}
