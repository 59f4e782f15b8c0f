//! `jaeger.storage.v2`: what Jaeger asks of its storage. Spans go out as they are stored: Jaeger adjusts them itself.

use super::call::{Ended, stream, unary};
use super::chunks::{incomplete, otlp, send_found, send_trace};
use super::moments::{duration, time, write_time};
use super::summaries::{self, count};
use super::{dependencies, filter};
use crate::jaeger::filter::OPERATORS;
use crate::jaeger::search::JaegerSearch;
use crate::jaeger::{ids, questions};
use crate::refusal::Refusal;
use crate::state::App;
use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::post;
use fanal_model::TraceId;
use fanal_query::{SearchRequest, ServiceCount, TraceSummary};
use fanal_wire::storage_v2::{self as wire, AnyValueValue};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Levels whose attributes a filter can name.
const LEVELS: [&str; 5] = ["span", "resource", "scope", "event", "link"];

/// Traces fetched at a time.
const FETCH_TRACES_MAX: usize = 20;

pub(super) fn routes() -> Router<Arc<App>> {
    let reader = |call: &str| format!("/jaeger.storage.v2.TraceReader/{call}");
    Router::new()
        .route(&reader("GetTraces"), post(get_traces))
        .route(&reader("GetServices"), post(get_services))
        .route(&reader("GetOperations"), post(get_operations))
        .route(&reader("FindTraces"), post(find_traces))
        .route(&reader("FindTraceIDs"), post(find_trace_ids))
        .route(&reader("FindTraceSummaries"), post(find_trace_summaries))
        .route("/jaeger.storage.v2.DependencyReader/GetDependencies", post(get_dependencies))
        .route("/jaeger.storage.v2.Capabilities/GetCapabilities", post(get_capabilities))
}

async fn get_traces(State(app): State<Arc<App>>, request: Request) -> Response {
    let work = async move |asked: wire::GetTracesRequest, sender| {
        let ids = asked.query.iter().map(|query| ids::from_bytes(&query.trace_id));
        let mut missing = Vec::new();
        let mut wanted: Vec<TraceId> = ids.collect::<Result<_, _>>()?;
        while !wanted.is_empty() {
            let mut chunk: Vec<TraceId> =
                wanted.drain(..wanted.len().min(FETCH_TRACES_MAX)).collect();
            let page = app.ask(questions::fetch(&app, &chunk)).await?;
            missing.extend(page.store_warnings);
            chunk.retain(|id| page.traces.iter().all(|trace| trace.trace_id != *id));
            if page.cut.is_some() {
                // The limit of spans kept these out: they are asked for again.
                wanted.splice(0..0, chunk);
            }
            for trace in page.traces {
                send_trace(&app, trace, true, otlp, &sender).await?;
            }
        }
        incomplete(missing)
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

async fn find_traces(State(app): State<Arc<App>>, request: Request) -> Response {
    let work = async move |asked: wire::FindTracesRequest, sender| {
        let request = search(asked.query.unwrap_or_default())?;
        send_found(&app, request, true, otlp, &sender).await
    };
    stream(request, work).await
}

async fn find_trace_ids(State(app): State<Arc<App>>, request: Request) -> Response {
    let answer = async move |asked: wire::FindTraceIdsRequest| {
        let Some(request) = search(asked.query.unwrap_or_default())? else {
            return Ok(wire::FindTraceIdsResponse::default());
        };
        let (found, missing) = app.ask(questions::summaries(&app, request)).await?;
        if let Err(Ended::Refused(refusal)) = incomplete(missing) {
            return Err(refusal);
        }
        let write = |of: TraceSummary| wire::FoundTraceId {
            trace_id: of.trace_id.0.to_vec(),
            start: Some(write_time(of.start_unix_nanos)),
            end: Some(write_time(of.start_unix_nanos.saturating_add(of.duration_nanos))),
        };
        Ok(wire::FindTraceIdsResponse { trace_ids: found.into_iter().map(write).collect() })
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

async fn get_dependencies(State(app): State<Arc<App>>, request: Request) -> Response {
    let answer = async move |asked: wire::GetDependenciesRequest| {
        let (start, end) = (asked.start_time.as_ref(), asked.end_time.as_ref());
        let found = dependencies::ask(&app, start, end).await?;
        let source = dependencies::source(&found);
        let write = |it: fanal_query::ServiceEdge| wire::Dependency {
            parent: it.parent,
            child: it.child,
            call_count: it.calls,
            source: source.clone(),
        };
        let dependencies = found.edges.into_iter().map(write).collect();
        Ok(wire::GetDependenciesResponse { dependencies })
    };
    unary(request, answer).await
}

async fn get_capabilities(request: Request) -> Response {
    let answer = async |_: wire::GetCapabilitiesRequest| {
        let texts = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
        let filter =
            wire::FilterCapabilities { levels: texts(&LEVELS), operators: texts(&OPERATORS) };
        let search = wire::SearchCapabilities {
            without_service_name: true,
            same_span_conjunction: true,
            filter: Some(filter),
        };
        Ok(wire::GetCapabilitiesResponse { search: Some(search) })
    };
    unary(request, answer).await
}

/// A search without times is one of everything.
fn search(query: wire::TraceQueryParameters) -> Result<Option<SearchRequest>, Refusal> {
    let filter = query.filter.map(filter::read).transpose()?;
    let tags =
        query.attributes.into_iter().map(attribute).collect::<Result<BTreeMap<_, _>, _>>()?;
    let search = JaegerSearch {
        service: query.service_name,
        operation: query.operation_name,
        tags,
        start_min_unix_nanos: time(query.start_time_min.as_ref()).unwrap_or(0),
        start_max_unix_nanos: time(query.start_time_max.as_ref()).unwrap_or(u64::MAX),
        duration_min_nanos: duration(query.duration_min.as_ref()),
        duration_max_nanos: duration(query.duration_max.as_ref()),
        limit: usize::try_from(query.search_depth).unwrap_or(0),
        filter: Vec::new(),
    };
    search.filtered(filter.as_ref())?.into_request()
}

/// An attribute as the text that it is compared with.
fn attribute(of: wire::KeyValue) -> Result<(String, String), Refusal> {
    let text = match of.value.and_then(|value| value.value) {
        Some(AnyValueValue::String(text)) => text,
        Some(AnyValueValue::Bool(flag)) => flag.to_string(),
        Some(AnyValueValue::Int(number)) => number.to_string(),
        Some(AnyValueValue::Double(number)) => number.to_string(),
        _ => {
            let message = format!(
                "attribute {} is no text, boolean or number; other values cannot be searched for",
                of.key
            );
            return Err(Refusal::parameter("attributes", message));
        }
    };
    Ok((of.key, text))
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
        trace_id: of.trace_id.0.to_vec(),
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
