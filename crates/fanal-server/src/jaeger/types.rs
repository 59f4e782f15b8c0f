//! Jaeger's form of traces and answers, and its JSON, field by field.
//!
//! Times are kept in nanoseconds and ids as ids, because the gRPC API writes the same spans in protobuf; only the
//! serializers below round to JSON's microseconds and text.

use super::{ids, tags};
use fanal_model::{SpanId, TraceId, Value};
use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};

/// Nanoseconds of a microsecond.
pub(crate) const NANOS_PER_MICRO: u64 = 1000;

/// What every answer comes in.
#[derive(Debug, Serialize)]
pub(crate) struct JaegerEnvelope<T> {
    pub(crate) data: T,
    pub(crate) total: usize,
    pub(crate) limit: usize,
    pub(crate) offset: usize,
    pub(crate) errors: Option<Vec<JaegerError>>,
}

impl<T> JaegerEnvelope<T> {
    /// An answer, with what is wrong with it, if anything is.
    pub(crate) fn new(data: T, total: usize, errors: Vec<JaegerError>) -> Self {
        let errors = (!errors.is_empty()).then_some(errors);
        Self { data, total, limit: 0, offset: 0, errors }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct JaegerError {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<u16>,
    pub(crate) msg: String,
    #[serde(rename = "traceID", skip_serializing_if = "Option::is_none")]
    pub(crate) trace_id: Option<String>,
}

impl JaegerError {
    /// What is missing from an answer.
    pub(crate) fn warning(msg: String) -> Self {
        Self { code: None, msg, trace_id: None }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct JaegerOperation {
    pub(crate) name: String,
    #[serde(rename = "spanKind")]
    pub(crate) span_kind: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JaegerDependency {
    pub(crate) parent: String,
    pub(crate) child: String,
    pub(crate) call_count: u64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JaegerTrace {
    #[serde(rename = "traceID", serialize_with = "trace_id")]
    pub(crate) trace_id: TraceId,
    pub(crate) spans: Vec<JaegerSpan>,
    #[serde(serialize_with = "by_id")]
    pub(crate) processes: Vec<JaegerProcess>,
    #[serde(serialize_with = "list_or_null")]
    pub(crate) warnings: Vec<String>,
}

#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JaegerProcess {
    pub(crate) service_name: String,
    pub(crate) tags: Vec<JaegerTag>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JaegerSpan {
    #[serde(rename = "traceID", serialize_with = "trace_id")]
    pub(crate) trace_id: TraceId,
    #[serde(rename = "spanID", serialize_with = "text")]
    pub(crate) span_id: SpanId,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) flags: u32,
    pub(crate) operation_name: String,
    pub(crate) references: Vec<JaegerReference>,
    #[serde(rename = "startTime", serialize_with = "micros")]
    pub(crate) start_unix_nanos: u64,
    #[serde(rename = "duration", serialize_with = "micros")]
    pub(crate) duration_nanos: u64,
    pub(crate) tags: Vec<JaegerTag>,
    pub(crate) logs: Vec<JaegerLog>,
    /// Place among the trace's processes.
    #[serde(rename = "processID", serialize_with = "process_id")]
    pub(crate) process: usize,
    #[serde(serialize_with = "list_or_null")]
    pub(crate) warnings: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum JaegerRefType {
    ChildOf,
    FollowsFrom,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JaegerReference {
    pub(crate) ref_type: JaegerRefType,
    #[serde(rename = "traceID", serialize_with = "trace_id")]
    pub(crate) trace_id: TraceId,
    #[serde(rename = "spanID", serialize_with = "text")]
    pub(crate) span_id: SpanId,
}

/// A key with a string, bool, int, float or bytes; `tags` makes them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct JaegerTag {
    pub(crate) key: String,
    pub(crate) value: Value,
}

#[derive(Debug, Serialize)]
pub(crate) struct JaegerLog {
    #[serde(rename = "timestamp", serialize_with = "micros")]
    pub(crate) time_unix_nanos: u64,
    pub(crate) fields: Vec<JaegerTag>,
}

impl Serialize for JaegerTag {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (value_type, value) = tags::json_form(&self.value);
        let mut fields = serializer.serialize_struct("JaegerTag", 3)?;
        fields.serialize_field("key", &self.key)?;
        fields.serialize_field("type", value_type)?;
        fields.serialize_field("value", &value)?;
        fields.end()
    }
}

/// The name of a process in its trace.
pub(crate) fn process_name(place: usize) -> String {
    format!("p{}", place + 1)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde calls")]
fn is_zero(flags: &u32) -> bool {
    *flags == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde calls")]
fn micros<S: Serializer>(nanos: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(nanos / NANOS_PER_MICRO)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde calls")]
fn process_id<S: Serializer>(place: &usize, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&process_name(*place))
}

fn trace_id<S: Serializer>(id: &TraceId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&ids::write(*id))
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde calls")]
fn text<S: Serializer>(id: &SpanId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(id)
}

fn by_id<S: Serializer>(processes: &[JaegerProcess], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(
        processes.iter().enumerate().map(|(place, process)| (process_name(place), process)),
    )
}

fn list_or_null<S: Serializer>(texts: &[String], serializer: S) -> Result<S::Ok, S::Error> {
    if texts.is_empty() { serializer.serialize_none() } else { texts.serialize(serializer) }
}
