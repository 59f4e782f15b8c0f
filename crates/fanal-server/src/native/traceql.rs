//! TraceQL over the native API: one call that searches, one that computes series.
//!
//! The bodies below stand on the wire, and `OpenAPI` and the UI's types are made from them. What a query means is
//! `fanal-traceql`'s; how it is answered `fanal-query`'s.

use super::error::NativeRefusal;
use super::search::scanned;
use super::types::{Attribute, ErrorResponse, Scanned, TypedValue};
use super::{moments, values};
use crate::answer::{self, JSON};
use crate::refusal::Refusal;
use crate::state::App;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use fanal_query::traceql::search::TRACES_MAX;
use fanal_query::traceql::{
    TraceqlFound, TraceqlMetrics, TraceqlSearch, TraceqlSeries, TraceqlSet, TraceqlTrace,
};
use fanal_query::{Cursor, parse_duration};
use fanal_traceql::check::{Checked, Warning, compile};
use fanal_traceql::eval::{Buckets, Label, Series, SpanOutput, auto_step, text};
use fanal_traceql::value::Value;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// Traces where no limit is named.
const LIMIT_DEFAULT: usize = 20;
/// Spans of a set where no number is named.
const SPANS_DEFAULT: usize = 3;
/// Most spans of a set.
const SPANS_MAX: usize = 1_000;
/// How far metrics look back where no start is named.
const RANGE_DEFAULT_NANOS: u64 = 3_600_000_000_000;

/// A search by TraceQL.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TraceqlSearchRequest {
    /// The query, such as `{ status = error } | count() > 2`.
    pub query: String,
    /// Traces that end earlier are not found: nanoseconds since 1970, or RFC 3339.
    pub start: Option<String>,
    /// Traces that begin later are not found.
    pub end: Option<String>,
    /// Traces of the page, 1 to 262144; 20 when absent.
    pub limit: Option<usize>,
    /// Spans shown of each set, 1 to 1000; 3 when absent.
    pub spans: Option<usize>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// One page of traces, newest first.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TraceqlSearchResponse {
    /// The traces.
    pub traces: Vec<TraceqlTraceFound>,
    /// Present when more may follow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    /// False when something kept traces out of the answer; `warnings` says what.
    pub complete: bool,
    /// Words on what is missing, and on what of the query is understood otherwise elsewhere.
    pub warnings: Vec<String>,
    /// What the store looked at.
    pub scanned: Scanned,
    /// Traces that were looked at whole.
    pub inspected_traces: u64,
    /// Spans that were looked at whole.
    pub inspected_spans: u64,
}

/// A trace that was found.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TraceqlTraceFound {
    /// 32 hex digits.
    pub trace_id: String,
    /// Earliest start.
    pub start_unix_nano: String,
    /// Latest end minus earliest start.
    pub duration_nanos: String,
    /// Service of the root span, where it has arrived.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root_service: Option<String>,
    /// Name of the root span.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root_name: Option<String>,
    /// Spans of the trace.
    pub span_count: u64,
    /// Spans with an error.
    pub error_count: u64,
    /// What matched; several sets where the query groups.
    pub sets: Vec<TraceqlSpanSet>,
}

/// Spans that matched together.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TraceqlSpanSet {
    /// How many.
    pub matched: u64,
    /// The first of them, by start.
    pub spans: Vec<TraceqlSpan>,
    /// What the query computed of the set.
    pub attributes: Vec<Attribute>,
}

/// A span that matched.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TraceqlSpan {
    /// 16 hex digits.
    pub span_id: String,
    /// Start.
    pub start_unix_nano: String,
    /// Duration.
    pub duration_nanos: String,
    /// The name, where the query mentions it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The fields that the query mentions and the span has.
    pub attributes: Vec<Attribute>,
}

/// A metrics query by TraceQL.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TraceqlMetricsRequest {
    /// The query, such as `{ } | rate() by (resource.service.name)`.
    pub query: String,
    /// Start of the range; an hour before its end when absent.
    pub start: Option<String>,
    /// End of the range; now when absent.
    pub end: Option<String>,
    /// Width of a bucket, such as `30s`; about 240 buckets when absent. At most 10000 buckets.
    pub step: Option<String>,
}

/// Series of numbers.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TraceqlMetricsResponse {
    /// Width of a bucket.
    pub step_nanos: String,
    /// End of each bucket; it holds what starts after the end of the one before.
    pub ends_unix_nano: Vec<String>,
    /// The series.
    pub series: Vec<TraceqlMetricsSeries>,
    /// False when something kept spans out of the answer; `warnings` says what.
    pub complete: bool,
    /// Words on what is missing, and on what of the query is understood otherwise elsewhere.
    pub warnings: Vec<String>,
    /// What the store looked at.
    pub scanned: Scanned,
    /// Traces that were looked at whole.
    pub inspected_traces: u64,
    /// Spans that were looked at.
    pub inspected_spans: u64,
}

/// A series.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TraceqlMetricsSeries {
    /// What it is a series of.
    pub labels: Vec<Attribute>,
    /// A number for each bucket, durations in seconds; null where there is none.
    pub samples: Vec<Option<f64>>,
}

type Answer = Result<Response, NativeRefusal>;

/// Traces that a TraceQL query finds, newest first.
#[utoipa::path(post, tag = "native", path = "/fanal/v1/traceql/search", request_body = TraceqlSearchRequest, responses(
    (status = 200, description = "The page", body = TraceqlSearchResponse),
    (status = "default", description = "A refusal", body = ErrorResponse),
))]
pub(crate) async fn search(State(app): State<Arc<App>>, body: Bytes) -> Answer {
    let request: TraceqlSearchRequest = read(&body)?;
    let (query, warnings) = compiled(&request.query)?;
    let end = moment("end", request.end.as_deref())?.unwrap_or(u64::MAX);
    let start = moment("start", request.start.as_deref())?.unwrap_or(0);
    let search = TraceqlSearch {
        query,
        start_unix_nanos: start,
        end_unix_nanos: end,
        limit: number("limit", request.limit, LIMIT_DEFAULT, TRACES_MAX)?,
        spans_per_set: number("spans", request.spans, SPANS_DEFAULT, SPANS_MAX)?,
        cursor: cursor(request.cursor.as_deref())?,
    };
    let ask = async { app.given.query.traceql_search(&app.tenant, search)?.finish().await };
    let found = app.ask(ask).await?;
    json(&app, &write_found(&found, &warnings))
}

/// Series of numbers that a TraceQL query computes.
#[utoipa::path(post, tag = "native", path = "/fanal/v1/traceql/metrics", request_body = TraceqlMetricsRequest, responses(
    (status = 200, description = "The series", body = TraceqlMetricsResponse),
    (status = "default", description = "A refusal", body = ErrorResponse),
))]
pub(crate) async fn metrics(State(app): State<Arc<App>>, body: Bytes) -> Answer {
    let request: TraceqlMetricsRequest = read(&body)?;
    let (query, warnings) = compiled(&request.query)?;
    let now = app.given.clock.now_unix_nanos();
    let end = moment("end", request.end.as_deref())?.unwrap_or(now);
    let start = moment("start", request.start.as_deref())?;
    let start = start.unwrap_or(end.saturating_sub(RANGE_DEFAULT_NANOS));
    let step = match &request.step {
        Some(step) => {
            parse_duration(step).map_err(|error| Refusal::parameter("step", error.to_string()))?
        }
        None => auto_step(start, end),
    };
    let buckets = Buckets::of_range(start, end, step)
        .map_err(|error| Refusal::parameter("step", error.to_string()))?;
    let question = TraceqlMetrics { query, buckets, exemplars: 0 };
    let answer = app.ask(app.given.query.traceql_metrics(&app.tenant, question)).await?;
    json(&app, &write_series(answer, &buckets, &warnings))
}

fn read<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body)
        .map_err(|error| Refusal::invalid(format!("the body is not what is asked for: {error}")))
}

fn compiled(query: &str) -> Result<(Checked, Vec<Warning>), Refusal> {
    compile(query).map_err(|error| Refusal::parameter("query", error.render(query)))
}

fn moment(name: &str, text: Option<&str>) -> Result<Option<u64>, Refusal> {
    let Some(text) = text else { return Ok(None) };
    moments::parse(text).map(Some).ok_or_else(|| {
        let message = format!(
            "{name} `{text}` is neither nanoseconds since 1970 nor RFC 3339 such as 2026-01-31T08:30:00Z"
        );
        Refusal::parameter(name, message)
    })
}

fn number(name: &str, given: Option<usize>, default: usize, max: usize) -> Result<usize, Refusal> {
    let number = given.unwrap_or(default);
    if (1..=max).contains(&number) {
        return Ok(number);
    }
    Err(Refusal::parameter(name, format!("{name} is {number}, allowed are 1 to {max}")))
}

fn cursor(text: Option<&str>) -> Result<Option<Cursor>, Refusal> {
    let parse = |text: &str| {
        text.parse().map_err(|error: fanal_query::QueryError| {
            Refusal::parameter("cursor", error.to_string())
        })
    };
    text.map(parse).transpose()
}

fn json(app: &App, value: &impl Serialize) -> Answer {
    let bytes = answer::json_bytes(value, &app.given.limits)?;
    Ok(answer::body(StatusCode::OK, JSON, bytes))
}

fn warnings(partial: &[String], of_query: &[Warning], of_answer: &[String]) -> Vec<String> {
    let of_query = of_query.iter().map(|warning| warning.message.clone());
    partial.iter().cloned().chain(of_query).chain(of_answer.iter().cloned()).collect()
}

fn write_found(found: &TraceqlFound, of_query: &[Warning]) -> TraceqlSearchResponse {
    TraceqlSearchResponse {
        traces: found.traces.iter().map(write_trace).collect(),
        next_cursor: found.next.as_ref().map(Cursor::to_string),
        complete: found.partial.is_empty(),
        warnings: warnings(&found.partial, of_query, &found.warnings),
        scanned: scanned(&found.scanned),
        inspected_traces: found.inspected_traces,
        inspected_spans: found.inspected_spans,
    }
}

fn write_trace(trace: &TraceqlTrace) -> TraceqlTraceFound {
    let (root_service, root_name) = trace.root.clone().unzip();
    TraceqlTraceFound {
        trace_id: trace.position.trace_id.to_string(),
        start_unix_nano: trace.position.start_unix_nanos.to_string(),
        duration_nanos: trace.duration_nanos.to_string(),
        root_service,
        root_name,
        span_count: trace.services.values().map(|(spans, _)| spans).sum(),
        error_count: trace.services.values().map(|(_, errors)| errors).sum(),
        sets: trace.sets.iter().map(write_set).collect(),
    }
}

fn write_set(set: &TraceqlSet) -> TraceqlSpanSet {
    TraceqlSpanSet {
        matched: fanal_base::cast::wide(set.matched),
        spans: set.spans.iter().map(write_span).collect(),
        attributes: set.attributes.iter().map(write_label).collect(),
    }
}

fn write_span(span: &SpanOutput) -> TraceqlSpan {
    TraceqlSpan {
        span_id: span.span_id.to_string(),
        start_unix_nano: span.start.to_string(),
        duration_nanos: span.duration.to_string(),
        name: span.name.clone(),
        attributes: span.attributes.iter().map(write_label).collect(),
    }
}

fn write_label((key, value): &Label) -> Attribute {
    Attribute { key: key.clone(), value: write_value(value) }
}

fn write_value(value: &Value) -> TypedValue {
    match value {
        Value::Nil => TypedValue::Empty,
        Value::Bool(flag) => TypedValue::Bool(*flag),
        Value::Int(number) => TypedValue::Int(number.to_string()),
        Value::Float(number) => TypedValue::Float(values::float_text(*number)),
        Value::Array(items) => TypedValue::Array(items.iter().map(write_value).collect()),
        Value::String(_) | Value::Duration(_) | Value::Status(_) | Value::Kind(_) => {
            TypedValue::String(text(value))
        }
    }
}

fn write_series(
    answer: TraceqlSeries,
    buckets: &Buckets,
    of_query: &[Warning],
) -> TraceqlMetricsResponse {
    let write = |series: Series| TraceqlMetricsSeries {
        labels: series.labels.iter().map(write_label).collect(),
        // JSON has no infinities and no NaN.
        samples: series.samples.into_iter().map(|it| it.filter(|it| it.is_finite())).collect(),
    };
    TraceqlMetricsResponse {
        step_nanos: buckets.step().to_string(),
        ends_unix_nano: (0..buckets.count()).map(|it| buckets.end(it).to_string()).collect(),
        series: answer.series.into_iter().map(write).collect(),
        complete: answer.partial.is_empty(),
        warnings: warnings(&answer.partial, of_query, &answer.warnings),
        scanned: scanned(&answer.scanned),
        inspected_traces: answer.inspected_traces,
        inspected_spans: answer.inspected_spans,
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Answer, Server};
    use serde_json::{Value, json};

    fn body(answer: &Answer) -> Value {
        serde_json::from_slice(&answer.body).expect("JSON")
    }

    #[tokio::test]
    async fn a_query_finds_traces_and_shows_what_it_mentions() {
        let server = Server::with_traces().await;
        let request = json!({"query": "{ resource.service.name = \"pay\" && span.attempt > 2 }"});
        let answer = server.post("/fanal/v1/traceql/search", request.to_string()).await;
        let found = body(&answer);
        assert_eq!(found["complete"], true, "{found}");
        let trace = &found["traces"][0];
        assert_eq!((&trace["root_name"], &trace["span_count"]), (&json!("checkout"), &json!(3)));
        let set = &trace["sets"][0];
        assert_eq!((&set["matched"], set["spans"].as_array().map(Vec::len)), (&json!(1), Some(1)));
        let shown = &set["spans"][0]["attributes"];
        assert_eq!(
            shown[0],
            json!({"key": "service.name", "value": {"type": "string", "value": "pay"}})
        );
    }

    #[tokio::test]
    async fn a_query_computes_series() {
        let server = Server::with_traces().await;
        let request = json!({
            "query": "{ } | count_over_time() by (resource.service.name)",
            "start": "1700000000000000000", "end": "1700000060000000000", "step": "1m",
        });
        let answer = server.post("/fanal/v1/traceql/metrics", request.to_string()).await;
        let found = body(&answer);
        let of = |place: usize| {
            let series = &found["series"][place];
            let samples = series["samples"].as_array().expect("samples");
            let all: f64 = samples.iter().filter_map(Value::as_f64).sum();
            (series["labels"][0]["value"]["value"].clone(), all)
        };
        assert_eq!(of(0).0, json!("pay"), "{found}");
        assert!(of(0).1 > 0.0, "{found}");
        assert_eq!(found["step_nanos"], "60000000000");
    }

    #[tokio::test]
    async fn mistakes_are_pointed_at() {
        let server = Server::with_traces().await;
        let check = async |path: &str, body: Value, expect: &str| {
            let answer = server.post(path, body.to_string()).await;
            let text = String::from_utf8_lossy(&answer.body).into_owned();
            assert_eq!(answer.status, 400, "{text}");
            assert!(text.contains(expect), "{text}");
        };
        let search = "/fanal/v1/traceql/search";
        check(search, json!({"query": "{ nme = \"a\" }"}), "`name`").await;
        check(search, json!({"query": "{ } | rate()"}), "metrics query").await;
        check(search, json!({"query": "{ }", "limit": 0}), "allowed are 1 to").await;
        check(search, json!({"query": "{ }", "lmit": 1}), "unknown field").await;
        check(search, json!({"query": "{ }", "start": "soon"}), "RFC 3339").await;
        let metrics = "/fanal/v1/traceql/metrics";
        check(metrics, json!({"query": "{ }"}), "this is a search").await;
        check(metrics, json!({"query": "{ } | rate()", "start": "0", "step": "1ms"}), "10000")
            .await;
    }
}
