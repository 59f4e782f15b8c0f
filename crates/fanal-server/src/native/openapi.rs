//! The native API's own description, made from its handlers and types.

use super::{aggregate, download, export, handlers, import, traceql, types};
use utoipa::OpenApi;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Fanal native API",
        description = "What the UI asks, open to scripts. Absolute times and durations are decimal strings of nanoseconds. \
                       Absent optional fields are left out. Unknown parameters are refused.",
        version = "1",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    paths(
        handlers::services,
        handlers::operations,
        handlers::search,
        handlers::aggregate,
        handlers::trace,
        handlers::span,
        handlers::otlp,
        download::download,
        export::export,
        import::import,
        traceql::search,
        traceql::metrics,
        handlers::status,
        handlers::openapi,
    ),
    components(schemas(
        aggregate::AggregateBucket,
        aggregate::AggregateGroup,
        aggregate::AggregateResponse,
        aggregate::DurationTotals,
        aggregate::HistogramCounter,
        traceql::TraceqlMetricsRequest,
        traceql::TraceqlMetricsResponse,
        traceql::TraceqlMetricsSeries,
        traceql::TraceqlSearchRequest,
        traceql::TraceqlSearchResponse,
        traceql::TraceqlSpan,
        traceql::TraceqlSpanSet,
        traceql::TraceqlTraceFound,
        types::Attribute,
        types::ErrorBody,
        types::ErrorResponse,
        types::Event,
        types::ImportReject,
        types::ImportResponse,
        types::IngestStatus,
        types::Link,
        types::Consumer,
        types::Listener,
        types::Operation,
        types::OperationsResponse,
        types::Rejection,
        types::Resource,
        types::Scanned,
        types::Scope,
        types::SearchResponse,
        types::Service,
        types::ServiceCount,
        types::ServicesResponse,
        types::SpanDetail,
        types::StatusResponse,
        types::StorageStatus,
        types::TraceColumns,
        types::TraceSkeleton,
        types::TraceSummary,
        types::TypedValue,
    ))
)]
struct Document;

/// The `OpenAPI` document of the native API, as JSON with line breaks.
pub fn openapi_json() -> String {
    let text = Document::openapi().to_pretty_json();
    let mut text = text.unwrap_or_else(|error| {
        tracing::error!("the OpenAPI document does not serialize: {error}");
        "{}".to_owned()
    });
    text.push('\n');
    text
}
