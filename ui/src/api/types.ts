// The answers of the native API, root `/fanal/v1`: one interface for each struct of the server, same names,
// same fields, alphabetical. Absolute times and durations are decimal strings of nanoseconds.

/** A key with a typed value. */
export interface Attribute {
  /** The key. */
  key: string;
  /** The value. */
  value: TypedValue;
}

/** Why, and what to do. */
export interface ErrorBody {
  /** `not_found`, `invalid`, `corrupt`, `overloaded`, `unavailable` or `internal`. */
  kind: string;
  /** Lower-case sentence for a person: what, observed against which limit, what to do. */
  message: string;
  /** The parameter at fault, where one is. */
  parameter?: string;
}

/** Any refusal of the native API: HTTP status 400, 404, 429, 500 or 503. */
export interface ErrorResponse {
  /** The refusal. */
  error: ErrorBody;
}

/** Something that happened during a span. */
export interface Event {
  /** Its attributes. */
  attributes: Attribute[];
  /** Attributes the sender dropped. */
  dropped_attributes_count: number;
  /** Event name. */
  name: string;
  /** Nanoseconds since the Unix epoch. */
  time_unix_nano: string;
}

/** Counters since start, so that a wrong set-up explains itself. */
export interface IngestStatus {
  /** Spans acknowledged. */
  accepted_spans: number;
  /** The newest refusals, newest first, at most 20. */
  recent_rejections: Rejection[];
  /** Requests refused whole, by bad bytes or overload. */
  rejected_requests: number;
  /** Spans refused for good. */
  rejected_spans: number;
  /** Requests received on every receiver. */
  requests: number;
}

/** A reference to another span. */
export interface Link {
  /** Its attributes. */
  attributes: Attribute[];
  /** Attributes the sender dropped. */
  dropped_attributes_count: number;
  /** OTLP flags. */
  flags: number;
  /** 16 hex digits. */
  span_id: string;
  /** 32 hex digits. */
  trace_id: string;
  /** W3C trace state, empty when none. */
  trace_state: string;
}

/** One address listened on. */
export interface Listener {
  /** `host:port` as bound. */
  address: string;
  /** `otlp_grpc`, `otlp_http` or `ui`. */
  name: string;
}

/** A span name with its kind. */
export interface Operation {
  /** `unspecified`, `internal`, `server`, `client`, `producer` or `consumer`. */
  kind: string;
  /** The span name. */
  name: string;
}

/** `GET /fanal/v1/services/{service}/operations`: span names of a service, sorted. */
export interface OperationsResponse {
  /** The operations, by name and then kind. */
  operations: Operation[];
}

/** One refusal. */
export interface Rejection {
  /** What was wrong, for a person. */
  message: string;
  /** `otlp_grpc` or `otlp_http`. */
  receiver: string;
  /** Nanoseconds since the Unix epoch. */
  time_unix_nano: string;
}

/** The entity that produced a span. */
export interface Resource {
  /** Its attributes. */
  attributes: Attribute[];
  /** Attributes the sender dropped. */
  dropped_attributes_count: number;
  /** Schema of the attributes, empty when none. */
  schema_url: string;
}

/** How much of the store a search looked at. */
export interface Scanned {
  /** Granules read and granules there, for judging how well pruning worked. */
  granules_read: number;
  /** Granules that exist in the time range or out of it. */
  granules_total: number;
  /** Spans in the parts that were read, pruned ones excluded. */
  spans: number;
}

/** The instrumentation library that made a span. */
export interface Scope {
  /** Its attributes. */
  attributes: Attribute[];
  /** Attributes the sender dropped. */
  dropped_attributes_count: number;
  /** Its name, empty when none. */
  name: string;
  /** Schema of the attributes, empty when none. */
  schema_url: string;
  /** Its version, empty when none. */
  version: string;
}

/** `GET /fanal/v1/search`: one page of traces, newest first. */
export interface SearchResponse {
  /** False when a limit or an unreadable part made the answer incomplete; `warnings` says why. */
  complete: boolean;
  /** Present when there are more: pass it as `cursor` with the same parameters. */
  next_cursor?: string;
  /** How much was looked at. */
  scanned: Scanned;
  /** The traces, by start, newest first, then by id. */
  traces: TraceSummary[];
  /** Words on what is missing or odd, for a person. */
  warnings: string[];
}

/** A service and the colour that every viewer sees it in. */
export interface Service {
  /** Slot in the palette, given in first-seen order and kept. */
  color_slot: number;
  /** `service.name` of the resource; `unknown_service` where it is missing. */
  name: string;
}

/** What one service has in a trace. */
export interface ServiceCount {
  /** Slot in the palette. */
  color_slot: number;
  /** Its spans with status ERROR. */
  error_count: number;
  /** The service. */
  name: string;
  /** Its spans. */
  span_count: number;
}

/** `GET /fanal/v1/services`: every service that a stored span names, sorted by name. */
export interface ServicesResponse {
  /** The services, by name. */
  services: Service[];
}

/** `GET /fanal/v1/trace/{id}/span/{span}`: everything about one span. */
export interface SpanDetail {
  /** Attributes of the span in the order sent. */
  attributes: Attribute[];
  /** Attributes the sender dropped. */
  dropped_attributes_count: number;
  /** Events the sender dropped. */
  dropped_events_count: number;
  /** Links the sender dropped. */
  dropped_links_count: number;
  /** End minus start, 0 where the end is not after the start. */
  duration_nanos: string;
  /** Nanoseconds since the Unix epoch, as sent. */
  end_unix_nano: string;
  /** Events by time. */
  events: Event[];
  /** OTLP flags. */
  flags: number;
  /** As in `Operation.kind`. */
  kind: string;
  /** Links in the order sent. */
  links: Link[];
  /** Span name. */
  name: string;
  /** Row in the skeleton. */
  ordinal: number;
  /** 16 hex digits, absent for a root. */
  parent_span_id?: string;
  /** The process that sent the span. */
  resource: Resource;
  /** The instrumentation that made it. */
  scope: Scope;
  /** Service of the resource. */
  service: string;
  /** 16 hex digits. */
  span_id: string;
  /** Nanoseconds since the Unix epoch. */
  start_unix_nano: string;
  /** `unset`, `ok` or `error`. */
  status: string;
  /** Text of the status, empty when none. */
  status_message: string;
  /** 32 hex digits. */
  trace_id: string;
  /** W3C trace state, empty when none. */
  trace_state: string;
  /** What is odd about this span. */
  warnings: string[];
}

/** `GET /fanal/v1/status`: what the server listens on, holds, and refused. */
export interface StatusResponse {
  /** Counters of what came in. */
  ingest: IngestStatus;
  /** Every address listened on. */
  listeners: Listener[];
  /** What is stored. */
  storage: StorageStatus;
  /** Seconds since start. */
  uptime_seconds: number;
  /** Version of the binary. */
  version: string;
}

/** What the store holds. */
export interface StorageStatus {
  /** Bytes of blocks on disk, every index included. */
  block_bytes: number;
  /** Blocks on disk. */
  blocks: number;
  /** Bytes on disk, log included. */
  disk_bytes: number;
  /** Spans not yet merged into blocks. */
  head_spans: number;
  /** Newest trace, so that a first-run page can open it; absent while the store is empty. */
  newest_trace_id?: string;
  /** Spans stored, duplicates included. */
  spans: number;
}

/** Columns of equal length, one entry a row. */
export interface TraceColumns {
  /** Level, 0 for a root. */
  depth: number[];
  /** Nanoseconds; 0 where the end is not after the start. */
  duration: number[];
  /** Number of events. */
  events: number[];
  /** Sum of: 1 synthetic row for a parent that never arrived, 2 end before start, 4 broken out of a cycle. */
  flags: number[];
  /** 0 unspecified, 1 internal, 2 server, 3 client, 4 producer, 5 consumer. */
  kind: number[];
  /** Number of links. */
  links: number[];
  /** Index into `names`. */
  name: number[];
  /** Ordinal of the parent row, -1 for a root. */
  parent: number[];
  /** Index into `services`. */
  service: number[];
  /** Nanoseconds after the trace's start. */
  start: number[];
  /** 0 unset, 1 ok, 2 error. */
  status: number[];
  /** One past the last row of this row's subtree. */
  subtree_end: number[];
}

/** `GET /fanal/v1/trace/{id}`: the skeleton of a trace in display order; 404 when no span is stored. */
export interface TraceSkeleton {
  /** The rows. */
  columns: TraceColumns;
  /** Deepest level, a root being 1. */
  depth: number;
  /** Latest end minus earliest start, nanoseconds. */
  duration_nanos: string;
  /** Spans with status ERROR. */
  error_count: number;
  /** Distinct span names; `columns.name` indexes this list. */
  names: string[];
  /** Name of the root span. */
  root_name?: string;
  /** Service and name of the root span, absent while no root has arrived. */
  root_service?: string;
  /** Services in the trace, most spans first; `columns.service` indexes this list. */
  services: ServiceCount[];
  /** Spans stored (rows minus synthetic rows). */
  span_count: number;
  /** Earliest span start, nanoseconds since the Unix epoch. */
  start_unix_nano: string;
  /** 32 lower-case hex digits. */
  trace_id: string;
  /** What a person should know: missing parents, cycles, several roots, ends before starts. */
  warnings: string[];
}

/** One line of a result list: the whole trace in numbers, wherever its spans lie. */
export interface TraceSummary {
  /** Latest end minus earliest start, nanoseconds. */
  duration_nanos: string;
  /** Spans with status ERROR. */
  error_count: number;
  /** Name of the root span; absent while no root has arrived. */
  root_name?: string;
  /** Service of the root span; absent while no root has arrived. */
  root_service?: string;
  /** Spans by service, most spans first. */
  services: ServiceCount[];
  /** Spans in the trace. */
  span_count: number;
  /** Earliest span start, nanoseconds since the Unix epoch. */
  start_unix_nano: string;
  /** 32 lower-case hex digits. */
  trace_id: string;
}

/** A value with its type; no type is flattened to a string. */
export type TypedValue =
  | { type: 'empty' }
  | { type: 'string'; value: string }
  | { type: 'bool'; value: boolean }
  | { type: 'int'; value: string }
  | { type: 'float'; value: string }
  | { type: 'bytes'; value: string }
  | { type: 'array'; value: TypedValue[] }
  | { type: 'map'; value: Attribute[] };
