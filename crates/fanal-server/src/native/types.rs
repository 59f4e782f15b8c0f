//! The answers of the native API, root `/fanal/v1`, as they stand on the wire (JSON, `snake_case`).
//!
//! Fed by the handlers beside this file; read by the UI and by scripts. `OpenAPI` and the UI's
//! TypeScript types are generated from these structs. Absolute times and durations are decimal
//! strings of nanoseconds, because JSON numbers of a browser lose digits above 2^53; numbers
//! are used only where they are exact. Absent optional fields are left out.

use serde::Serialize;
use utoipa::ToSchema;

/// `GET /fanal/v1/services`: every service that a stored span names, sorted by name.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ServicesResponse {
    /// The services, by name.
    pub services: Vec<Service>,
}

/// A service and the colour that every viewer sees it in.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Service {
    /// `service.name` of the resource; `unknown_service` where it is missing.
    pub name: String,
    /// Slot in the palette, given in first-seen order and kept.
    pub color_slot: u32,
}

/// `GET /fanal/v1/services/{service}/operations`: span names of a service, sorted.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct OperationsResponse {
    /// The operations, by name and then kind.
    pub operations: Vec<Operation>,
}

/// A span name with its kind.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Operation {
    /// The span name.
    pub name: String,
    /// `unspecified`, `internal`, `server`, `client`, `producer` or `consumer`.
    pub kind: String,
}

/// `GET /fanal/v1/search`: one page of traces, newest first.
///
/// Parameters, all optional and combined by AND on one span of the trace: `service`, `operation`,
/// `tag` (repeatable: `key=value`, `!=`, `>`, `>=`, `<`, `<=`, or a bare `key` for presence; an unquoted
/// value compares with every type it can be read as, a quoted one as text), `status` (`error`, `ok`,
/// `unset`), `kind`, `min_duration` and `max_duration` (`250ms`, `1.5s`), `start` and `end` (nanoseconds since
/// the epoch, or RFC 3339; bounds of span start, both inclusive), `limit` (traces, default 20, at
/// most 1000), `cursor` (from `next_cursor`).
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SearchResponse {
    /// The traces, by start, newest first, then by id.
    pub traces: Vec<TraceSummary>,
    /// Present when there are more: pass it as `cursor` with the same parameters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    /// False when a limit or an unreadable part made the answer incomplete; `warnings` says why.
    pub complete: bool,
    /// Words on what is missing or odd, for a person.
    pub warnings: Vec<String>,
    /// How much was looked at.
    pub scanned: Scanned,
}

/// How much of the store a search looked at.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct Scanned {
    /// Spans in the parts that were read, pruned ones excluded.
    pub spans: u64,
    /// Granules read and granules there, for judging how well pruning worked.
    pub granules_read: u64,
    /// Granules that exist in the time range or out of it.
    pub granules_total: u64,
}

/// One line of a result list: the whole trace in numbers, wherever its spans lie.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TraceSummary {
    /// 32 lower-case hex digits.
    pub trace_id: String,
    /// Earliest span start, nanoseconds since the Unix epoch.
    pub start_unix_nano: String,
    /// Latest end minus earliest start, nanoseconds.
    pub duration_nanos: String,
    /// Service of the root span; absent while no root has arrived.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root_service: Option<String>,
    /// Name of the root span; absent while no root has arrived.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root_name: Option<String>,
    /// Spans in the trace.
    pub span_count: u64,
    /// Spans with status ERROR.
    pub error_count: u64,
    /// Spans by service, most spans first.
    pub services: Vec<ServiceCount>,
}

/// What one service has in a trace.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ServiceCount {
    /// The service.
    pub name: String,
    /// Slot in the palette.
    pub color_slot: u32,
    /// Its spans.
    pub span_count: u64,
    /// Its spans with status ERROR.
    pub error_count: u64,
}

/// `GET /fanal/v1/trace/{id}`: the skeleton of a trace in display order; 404 when no span is stored.
///
/// Rows are pre-order: a parent before its children, siblings by start. A row's handle is its
/// ordinal (index). Attributes are fetched a span at a time.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TraceSkeleton {
    /// 32 lower-case hex digits.
    pub trace_id: String,
    /// Earliest span start, nanoseconds since the Unix epoch.
    pub start_unix_nano: String,
    /// Latest end minus earliest start, nanoseconds.
    pub duration_nanos: String,
    /// Service and name of the root span, absent while no root has arrived.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root_service: Option<String>,
    /// Name of the root span.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root_name: Option<String>,
    /// Spans stored (rows minus synthetic rows).
    pub span_count: u64,
    /// Spans with status ERROR.
    pub error_count: u64,
    /// Deepest level, a root being 1.
    pub depth: u32,
    /// Services in the trace, most spans first; `columns.service` indexes this list.
    pub services: Vec<ServiceCount>,
    /// Distinct span names; `columns.name` indexes this list.
    pub names: Vec<String>,
    /// The rows.
    pub columns: TraceColumns,
    /// What a person should know: missing parents, cycles, several roots, ends before starts.
    pub warnings: Vec<String>,
}

/// Columns of equal length, one entry a row.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct TraceColumns {
    /// Level, 0 for a root.
    pub depth: Vec<u32>,
    /// One past the last row of this row's subtree.
    pub subtree_end: Vec<u32>,
    /// Ordinal of the parent row, -1 for a root.
    pub parent: Vec<i64>,
    /// Nanoseconds after the trace's start.
    pub start: Vec<u64>,
    /// Nanoseconds; 0 where the end is not after the start.
    pub duration: Vec<u64>,
    /// Index into `services`.
    pub service: Vec<u32>,
    /// Index into `names`.
    pub name: Vec<u32>,
    /// 0 unspecified, 1 internal, 2 server, 3 client, 4 producer, 5 consumer.
    pub kind: Vec<u8>,
    /// 0 unset, 1 ok, 2 error.
    pub status: Vec<u8>,
    /// Number of events.
    pub events: Vec<u32>,
    /// Number of links.
    pub links: Vec<u32>,
    /// Sum of: 1 synthetic row for a parent that never arrived (its `name` is the missing span id), 2 end
    /// before start, 4 parent reference broken out of a cycle.
    pub flags: Vec<u8>,
}

/// `GET /fanal/v1/trace/{id}/span/{span}`: everything about one span.
///
/// `{span}` is an ordinal of the skeleton or 16 hex digits of a span id (the first row that has it).
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SpanDetail {
    /// Row in the skeleton.
    pub ordinal: u32,
    /// 32 hex digits.
    pub trace_id: String,
    /// 16 hex digits.
    pub span_id: String,
    /// 16 hex digits, absent for a root.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_span_id: Option<String>,
    /// Span name.
    pub name: String,
    /// Service of the resource.
    pub service: String,
    /// As in [`Operation::kind`].
    pub kind: String,
    /// `unset`, `ok` or `error`.
    pub status: String,
    /// Text of the status, empty when none.
    pub status_message: String,
    /// Nanoseconds since the Unix epoch.
    pub start_unix_nano: String,
    /// Nanoseconds since the Unix epoch, as sent.
    pub end_unix_nano: String,
    /// End minus start, 0 where the end is not after the start.
    pub duration_nanos: String,
    /// W3C trace state, empty when none.
    pub trace_state: String,
    /// OTLP flags.
    pub flags: u32,
    /// Attributes of the span in the order sent.
    pub attributes: Vec<Attribute>,
    /// Attributes the sender dropped.
    pub dropped_attributes_count: u32,
    /// Events by time.
    pub events: Vec<Event>,
    /// Events the sender dropped.
    pub dropped_events_count: u32,
    /// Links in the order sent.
    pub links: Vec<Link>,
    /// Links the sender dropped.
    pub dropped_links_count: u32,
    /// The process that sent the span.
    pub resource: Resource,
    /// The instrumentation that made it.
    pub scope: Scope,
    /// What is odd about this span.
    pub warnings: Vec<String>,
}

/// A key with a typed value.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Attribute {
    /// The key.
    pub key: String,
    /// The value.
    pub value: TypedValue,
}

/// A value with its type; no type is flattened to a string.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(tag = "type", content = "value", rename_all = "snake_case")]
#[schema(no_recursion)]
pub enum TypedValue {
    /// Present without a value.
    Empty,
    /// UTF-8 text.
    String(String),
    /// True or false.
    Bool(bool),
    /// A 64-bit integer as decimal digits.
    Int(String),
    /// A number as its shortest text; `NaN`, `Infinity`, `-Infinity`.
    Float(String),
    /// Base64.
    Bytes(String),
    /// Values in order.
    Array(Vec<TypedValue>),
    /// Keys and values in order.
    Map(Vec<Attribute>),
}

/// Something that happened during a span.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Event {
    /// Nanoseconds since the Unix epoch.
    pub time_unix_nano: String,
    /// Event name.
    pub name: String,
    /// Its attributes.
    pub attributes: Vec<Attribute>,
    /// Attributes the sender dropped.
    pub dropped_attributes_count: u32,
}

/// A reference to another span.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Link {
    /// 32 hex digits.
    pub trace_id: String,
    /// 16 hex digits.
    pub span_id: String,
    /// W3C trace state, empty when none.
    pub trace_state: String,
    /// OTLP flags.
    pub flags: u32,
    /// Its attributes.
    pub attributes: Vec<Attribute>,
    /// Attributes the sender dropped.
    pub dropped_attributes_count: u32,
}

/// The entity that produced a span.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Resource {
    /// Its attributes.
    pub attributes: Vec<Attribute>,
    /// Attributes the sender dropped.
    pub dropped_attributes_count: u32,
    /// Schema of the attributes, empty when none.
    pub schema_url: String,
}

/// The instrumentation library that made a span.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Scope {
    /// Its name, empty when none.
    pub name: String,
    /// Its version, empty when none.
    pub version: String,
    /// Its attributes.
    pub attributes: Vec<Attribute>,
    /// Attributes the sender dropped.
    pub dropped_attributes_count: u32,
    /// Schema of the attributes, empty when none.
    pub schema_url: String,
}

/// `GET /fanal/v1/status`: what the server listens on, holds, and refused.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct StatusResponse {
    /// Version of the binary.
    pub version: String,
    /// Seconds since start.
    pub uptime_seconds: u64,
    /// Every address listened on.
    pub listeners: Vec<Listener>,
    /// What is fetched from elsewhere.
    pub consumers: Vec<Consumer>,
    /// Counters of what came in.
    pub ingest: IngestStatus,
    /// What services are told about sampling.
    pub sampling: SamplingStatus,
    /// What is stored.
    pub storage: StorageStatus,
}

/// One address listened on.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Listener {
    /// Name in metrics and settings, such as `otlp_grpc`; `ui` for this port.
    pub name: String,
    /// What it takes, for people, such as `OTLP over gRPC`.
    pub title: String,
    /// `host:port` as bound.
    pub address: String,
}

/// One way in that fetches instead of listening.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Consumer {
    /// `kafka`.
    pub name: String,
    /// Where it fetches: addresses of brokers.
    pub origin: String,
}

/// Counters since start, so that a wrong set-up explains itself.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct IngestStatus {
    /// Requests received on every receiver.
    pub requests: u64,
    /// Spans acknowledged.
    pub accepted_spans: u64,
    /// Spans refused for good.
    pub rejected_spans: u64,
    /// Requests refused whole, by bad bytes or overload.
    pub rejected_requests: u64,
    /// The newest refusals, newest first, at most 20.
    pub recent_rejections: Vec<Rejection>,
}

/// One refusal.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Rejection {
    /// Nanoseconds since the Unix epoch.
    pub time_unix_nano: String,
    /// Name of the listener, or `import` for files.
    pub receiver: String,
    /// What was wrong, for a person.
    pub message: String,
}

/// Where the answers to questions about sampling come from.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct SamplingStatus {
    /// Why the strategies file is not in force as it is now; absent while all is well. The strategies before it stay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_problem: Option<String>,
    /// Services that the strategies file names.
    pub file_services: u64,
    /// Services with adaptive probabilities.
    pub adaptive_services: u64,
    /// Operations with an adaptive probability of their own.
    pub adaptive_operations: u64,
}

/// What the store holds.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct StorageStatus {
    /// Spans stored, duplicates included.
    pub spans: u64,
    /// Spans not yet merged into blocks.
    pub head_spans: u64,
    /// Blocks on disk.
    pub blocks: u64,
    /// Bytes of blocks on disk, every index included.
    pub block_bytes: u64,
    /// Bytes on disk, log included.
    pub disk_bytes: u64,
    /// Newest trace, so that a first-run page can open it; absent while the store is empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub newest_trace_id: Option<String>,
}

/// `POST /fanal/v1/import`: what came of a file.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ImportResponse {
    /// What the file is, such as `Jaeger JSON`; empty where it holds no span.
    pub format: String,
    /// Spans that are stored.
    pub accepted_spans: u64,
    /// Spans that break a rule or a limit.
    pub rejected_spans: u64,
    /// Why, by reason.
    pub rejects: Vec<ImportReject>,
    /// Traces with a stored span.
    pub trace_count: u64,
    /// Whether there are more traces than are counted.
    pub has_more_traces: bool,
    /// The trace of the first span, 32 hex digits; absent where none is stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    /// Earliest start of a stored span, nanoseconds since the Unix epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_min_unix_nano: Option<String>,
    /// Latest start of a stored span.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_max_unix_nano: Option<String>,
    /// Why the file was not read to its end; absent where it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// Spans of a file that were refused for one reason.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ImportReject {
    /// A word, as in the metrics.
    pub reason: String,
    /// How many.
    pub span_count: u64,
    /// What was observed on the first of them, and where.
    pub detail: String,
}

/// Any refusal of the native API: HTTP status 400, 404, 429, 500 or 503.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ErrorResponse {
    /// The refusal.
    pub error: ErrorBody,
}

/// Why, and what to do.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ErrorBody {
    /// `not_found`, `invalid`, `corrupt`, `overloaded`, `unavailable` or `internal`.
    pub kind: String,
    /// Lower-case sentence for a person: what, observed against which limit, what to do.
    pub message: String,
    /// The parameter at fault, where one is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter: Option<String>,
}
