//! `jaeger.storage.v2`: what a storage serves to Jaeger (`storage_v2.proto`).
#![expect(missing_docs, reason = "fields are those of the `.proto` file")]

use crate::expression::Call;
use crate::{Duration, Timestamp};

/// `jaeger.storage.v2.GetTraceParams`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct GetTraceParams {
    #[prost(bytes = "vec", tag = "1")]
    pub trace_id: Vec<u8>,
    #[prost(message, optional, tag = "2")]
    pub start_time: Option<Timestamp>,
    #[prost(message, optional, tag = "3")]
    pub end_time: Option<Timestamp>,
}

/// `jaeger.storage.v2.GetTracesRequest`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct GetTracesRequest {
    #[prost(message, repeated, tag = "1")]
    pub query: Vec<GetTraceParams>,
}

/// `jaeger.storage.v2.GetServicesRequest`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct GetServicesRequest {}

/// `jaeger.storage.v2.GetServicesResponse`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct GetServicesResponse {
    #[prost(string, repeated, tag = "1")]
    pub services: Vec<String>,
}

/// `jaeger.storage.v2.GetOperationsRequest`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct GetOperationsRequest {
    #[prost(string, tag = "1")]
    pub service: String,
    #[prost(string, tag = "2")]
    pub span_kind: String,
}

/// `jaeger.storage.v2.Operation`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Operation {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, tag = "2")]
    pub span_kind: String,
}

/// `jaeger.storage.v2.GetOperationsResponse`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct GetOperationsResponse {
    #[prost(message, repeated, tag = "1")]
    pub operations: Vec<Operation>,
}

/// `jaeger.storage.v2.KeyValue`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct KeyValue {
    #[prost(string, tag = "1")]
    pub key: String,
    #[prost(message, optional, tag = "2")]
    pub value: Option<AnyValue>,
}

/// `jaeger.storage.v2.AnyValue`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct AnyValue {
    #[prost(oneof = "AnyValueValue", tags = "1, 2, 3, 4, 5, 6, 7")]
    pub value: Option<AnyValueValue>,
}

/// The arms of [`AnyValue`].
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum AnyValueValue {
    #[prost(string, tag = "1")]
    String(String),
    #[prost(bool, tag = "2")]
    Bool(bool),
    #[prost(int64, tag = "3")]
    Int(i64),
    #[prost(double, tag = "4")]
    Double(f64),
    #[prost(message, tag = "5")]
    Array(ArrayValue),
    #[prost(message, tag = "6")]
    Kvlist(KeyValueList),
    #[prost(bytes = "vec", tag = "7")]
    Bytes(Vec<u8>),
}

/// `jaeger.storage.v2.KeyValueList`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct KeyValueList {
    #[prost(message, repeated, tag = "1")]
    pub values: Vec<KeyValue>,
}

/// `jaeger.storage.v2.ArrayValue`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ArrayValue {
    #[prost(message, repeated, tag = "1")]
    pub values: Vec<AnyValue>,
}

/// `jaeger.storage.v2.TraceQueryParameters`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct TraceQueryParameters {
    #[prost(string, tag = "1")]
    pub service_name: String,
    #[prost(string, tag = "2")]
    pub operation_name: String,
    #[prost(message, repeated, tag = "3")]
    pub attributes: Vec<KeyValue>,
    #[prost(message, optional, tag = "4")]
    pub start_time_min: Option<Timestamp>,
    #[prost(message, optional, tag = "5")]
    pub start_time_max: Option<Timestamp>,
    #[prost(message, optional, tag = "6")]
    pub duration_min: Option<Duration>,
    #[prost(message, optional, tag = "7")]
    pub duration_max: Option<Duration>,
    #[prost(int32, tag = "8")]
    pub search_depth: i32,
    #[prost(message, optional, tag = "9")]
    pub filter: Option<Call>,
}

/// `jaeger.storage.v2.FindTracesRequest`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct FindTracesRequest {
    #[prost(message, optional, tag = "1")]
    pub query: Option<TraceQueryParameters>,
}

/// `jaeger.storage.v2.FindTraceIDsRequest`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct FindTraceIdsRequest {
    #[prost(message, optional, tag = "1")]
    pub query: Option<TraceQueryParameters>,
}

/// `jaeger.storage.v2.FoundTraceID`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct FoundTraceId {
    #[prost(bytes = "vec", tag = "1")]
    pub trace_id: Vec<u8>,
    #[prost(message, optional, tag = "2")]
    pub start: Option<Timestamp>,
    #[prost(message, optional, tag = "3")]
    pub end: Option<Timestamp>,
}

/// `jaeger.storage.v2.FindTraceIDsResponse`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct FindTraceIdsResponse {
    #[prost(message, repeated, tag = "1")]
    pub trace_ids: Vec<FoundTraceId>,
}

/// `jaeger.storage.v2.ServiceSummary`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ServiceSummary {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(int32, tag = "2")]
    pub span_count: i32,
    #[prost(int32, tag = "3")]
    pub error_span_count: i32,
}

/// `jaeger.storage.v2.TraceSummary`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct TraceSummary {
    #[prost(bytes = "vec", tag = "1")]
    pub trace_id: Vec<u8>,
    #[prost(string, tag = "2")]
    pub root_service_name: String,
    #[prost(string, tag = "3")]
    pub root_operation_name: String,
    #[prost(fixed64, tag = "4")]
    pub min_start_time_unix_nano: u64,
    #[prost(fixed64, tag = "5")]
    pub max_end_time_unix_nano: u64,
    #[prost(int32, tag = "6")]
    pub span_count: i32,
    #[prost(int32, tag = "7")]
    pub error_span_count: i32,
    #[prost(int32, tag = "8")]
    pub orphan_span_count: i32,
    #[prost(message, repeated, tag = "9")]
    pub services: Vec<ServiceSummary>,
}

/// `jaeger.storage.v2.FindTraceSummariesRequest`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct FindTraceSummariesRequest {
    #[prost(message, optional, tag = "1")]
    pub query: Option<TraceQueryParameters>,
}

/// `jaeger.storage.v2.FindTraceSummariesResponse`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct FindTraceSummariesResponse {
    #[prost(message, repeated, tag = "1")]
    pub summaries: Vec<TraceSummary>,
}

/// `jaeger.storage.v2.GetDependenciesRequest`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct GetDependenciesRequest {
    #[prost(message, optional, tag = "1")]
    pub start_time: Option<Timestamp>,
    #[prost(message, optional, tag = "2")]
    pub end_time: Option<Timestamp>,
}

/// `jaeger.storage.v2.Dependency`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Dependency {
    #[prost(string, tag = "1")]
    pub parent: String,
    #[prost(string, tag = "2")]
    pub child: String,
    #[prost(uint64, tag = "3")]
    pub call_count: u64,
    #[prost(string, tag = "4")]
    pub source: String,
}

/// `jaeger.storage.v2.GetDependenciesResponse`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct GetDependenciesResponse {
    #[prost(message, repeated, tag = "1")]
    pub dependencies: Vec<Dependency>,
}

/// `jaeger.storage.v2.SearchCapabilities`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct SearchCapabilities {
    #[prost(bool, tag = "1")]
    pub without_service_name: bool,
    #[prost(bool, tag = "2")]
    pub same_span_conjunction: bool,
    #[prost(message, optional, tag = "3")]
    pub filter: Option<FilterCapabilities>,
}

/// `jaeger.storage.v2.FilterCapabilities`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct FilterCapabilities {
    #[prost(string, repeated, tag = "1")]
    pub levels: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    pub operators: Vec<String>,
}

/// `jaeger.storage.v2.GetCapabilitiesRequest`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct GetCapabilitiesRequest {}

/// `jaeger.storage.v2.GetCapabilitiesResponse`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct GetCapabilitiesResponse {
    #[prost(message, optional, tag = "1")]
    pub search: Option<SearchCapabilities>,
}
