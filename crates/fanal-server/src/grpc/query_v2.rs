//! `jaeger.api_v2.QueryService`: spans in Jaeger's own form.

use super::call::{stream, unary};
use super::chunks::{Write, send_found, send_trace};
use super::dependencies;
use super::moments::{duration, time, write_duration, write_time};
use crate::jaeger::adjust::Shown;
use crate::jaeger::search::JaegerSearch;
use crate::jaeger::types::{JaegerProcess, JaegerRefType, JaegerReference, JaegerSpan, JaegerTag};
use crate::jaeger::{ids, questions, trace as traces_of, types};
use crate::refusal::Refusal;
use crate::state::App;
use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::post;
use fanal_model::Value;
use fanal_query::SearchRequest;
use fanal_wire::api_v2 as wire;
use prost::Message as _;
use std::sync::Arc;

/// Bytes of spans after which a message is sent.
const MESSAGE_BYTES: usize = 1 << 20;

pub(super) fn routes() -> Router<Arc<App>> {
    let path = |call: &str| format!("/jaeger.api_v2.QueryService/{call}");
    Router::new()
        .route(&path("GetTrace"), post(get_trace))
        .route(&path("ArchiveTrace"), post(archive_trace))
        .route(&path("FindTraces"), post(find_traces))
        .route(&path("GetServices"), post(get_services))
        .route(&path("GetOperations"), post(get_operations))
        .route(&path("GetDependencies"), post(get_dependencies))
}

const WRITE: Write<wire::SpansResponseChunk> = |shown| Ok(chunks(shown));

async fn get_trace(State(app): State<Arc<App>>, request: Request) -> Response {
    let work = async move |asked: wire::GetTraceRequest, sender| {
        let trace = questions::trace(&app, ids::from_bytes(&asked.trace_id)?).await?;
        send_trace(&app, trace, asked.raw_traces, WRITE, &sender).await
    };
    stream(request, work).await
}

async fn archive_trace(State(app): State<Arc<App>>, request: Request) -> Response {
    let answer = async move |asked: wire::ArchiveTraceRequest| {
        questions::archive(&app, ids::from_bytes(&asked.trace_id)?).await?;
        Ok(wire::ArchiveTraceResponse {})
    };
    unary(request, answer).await
}

async fn find_traces(State(app): State<Arc<App>>, request: Request) -> Response {
    let work = async move |asked: wire::FindTracesRequest, sender| {
        let query = asked.query.unwrap_or_default();
        let is_raw = query.raw_traces;
        let request = search(query, app.given.clock.now_unix_nanos())?;
        send_found(&app, request, is_raw, WRITE, &sender).await
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
        let mut operation_names: Vec<String> = found.iter().map(|it| it.name.clone()).collect();
        operation_names.dedup();
        let write = |it: fanal_storage::Operation| wire::Operation {
            span_kind: questions::kind_word(it.kind).to_owned(),
            name: it.name,
        };
        let operations = found.into_iter().map(write).collect();
        Ok(wire::GetOperationsResponse { operation_names, operations })
    };
    unary(request, answer).await
}

async fn get_dependencies(State(app): State<Arc<App>>, request: Request) -> Response {
    let answer = async move |asked: wire::GetDependenciesRequest| {
        let (start, end) = (asked.start_time.as_ref(), asked.end_time.as_ref());
        let found = dependencies::ask(&app, start, end).await?;
        let source = dependencies::source(&found);
        let write = |it: fanal_query::ServiceEdge| wire::DependencyLink {
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

/// Where no end is set, it is now.
fn search(
    query: wire::TraceQueryParameters,
    now_unix_nanos: u64,
) -> Result<Option<SearchRequest>, Refusal> {
    let search = JaegerSearch {
        service: query.service_name,
        operation: query.operation_name,
        tags: query.tags,
        start_min_unix_nanos: time(query.start_time_min.as_ref()).unwrap_or(0),
        start_max_unix_nanos: time(query.start_time_max.as_ref()).unwrap_or(now_unix_nanos),
        duration_min_nanos: duration(query.duration_min.as_ref()),
        duration_max_nanos: duration(query.duration_max.as_ref()),
        limit: usize::try_from(query.search_depth).unwrap_or(0),
        filter: Vec::new(),
    };
    search.into_request()
}

/// The spans of a trace, each with its process.
fn chunks(shown: &Shown) -> Vec<wire::SpansResponseChunk> {
    let trace = traces_of::write(shown);
    let processes: Vec<wire::Process> = trace.processes.into_iter().map(process).collect();
    let mut messages = Vec::new();
    let mut spans = Vec::new();
    let mut bytes = 0;
    for of in trace.spans {
        let place = of.process;
        let mut span = span(of);
        span.process = processes.get(place).cloned();
        bytes += span.encoded_len();
        spans.push(span);
        if bytes >= MESSAGE_BYTES {
            messages.push(wire::SpansResponseChunk { spans: std::mem::take(&mut spans) });
            bytes = 0;
        }
    }
    if !spans.is_empty() {
        messages.push(wire::SpansResponseChunk { spans });
    }
    messages
}

fn span(of: JaegerSpan) -> wire::Span {
    let log = |log: types::JaegerLog| wire::Log {
        timestamp: Some(write_time(log.time_unix_nanos)),
        fields: log.fields.into_iter().map(tag).collect(),
    };
    wire::Span {
        trace_id: of.trace_id.0.to_vec(),
        span_id: of.span_id.0.to_vec(),
        operation_name: of.operation_name,
        references: of.references.iter().map(reference).collect(),
        flags: of.flags,
        start_time: Some(write_time(of.start_unix_nanos)),
        duration: Some(write_duration(of.duration_nanos)),
        tags: of.tags.into_iter().map(tag).collect(),
        logs: of.logs.into_iter().map(log).collect(),
        process: None,
        process_id: types::process_name(of.process),
        warnings: of.warnings,
    }
}

fn reference(of: &JaegerReference) -> wire::SpanRef {
    let ref_type = match of.ref_type {
        JaegerRefType::ChildOf => wire::SpanRefType::ChildOf,
        JaegerRefType::FollowsFrom => wire::SpanRefType::FollowsFrom,
    };
    wire::SpanRef {
        trace_id: of.trace_id.0.to_vec(),
        span_id: of.span_id.0.to_vec(),
        ref_type: ref_type.into(),
    }
}

fn process(of: JaegerProcess) -> wire::Process {
    let tags = of.tags.into_iter().map(tag).collect();
    wire::Process { service_name: of.service_name, tags }
}

fn tag(of: JaegerTag) -> wire::KeyValue {
    let mut tag = wire::KeyValue { key: of.key, ..wire::KeyValue::default() };
    let value_type = match of.value {
        Value::Bool(flag) => {
            tag.v_bool = flag;
            wire::ValueType::Bool
        }
        Value::Int(number) => {
            tag.v_int64 = number;
            wire::ValueType::Int64
        }
        Value::Float(number) => {
            tag.v_float64 = number;
            wire::ValueType::Float64
        }
        Value::Bytes(bytes) => {
            tag.v_binary = bytes;
            wire::ValueType::Binary
        }
        text => {
            tag.v_str = text.to_text();
            wire::ValueType::String
        }
    };
    tag.set_v_type(value_type);
    tag
}
