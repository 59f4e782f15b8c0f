//! Jaeger's JSON, field by field.

use serde::Serialize;

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

#[derive(Debug, Serialize)]
pub(crate) struct JaegerOperation {
    pub(crate) name: String,
    #[serde(rename = "spanKind")]
    pub(crate) span_kind: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JaegerTrace {
    #[serde(rename = "traceID")]
    pub(crate) trace_id: String,
    pub(crate) spans: Vec<JaegerSpan>,
    #[serde(serialize_with = "as_map")]
    pub(crate) processes: Vec<(String, JaegerProcess)>,
    pub(crate) warnings: Option<Vec<String>>,
}

#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JaegerProcess {
    pub(crate) service_name: String,
    pub(crate) tags: Vec<JaegerTag>,
}

/// Times are microseconds.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JaegerSpan {
    #[serde(rename = "traceID")]
    pub(crate) trace_id: String,
    #[serde(rename = "spanID")]
    pub(crate) span_id: String,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) flags: u32,
    pub(crate) operation_name: String,
    pub(crate) references: Vec<JaegerReference>,
    pub(crate) start_time: u64,
    pub(crate) duration: u64,
    pub(crate) tags: Vec<JaegerTag>,
    pub(crate) logs: Vec<JaegerLog>,
    #[serde(rename = "processID")]
    pub(crate) process_id: String,
    pub(crate) warnings: Option<Vec<String>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JaegerReference {
    pub(crate) ref_type: &'static str,
    #[serde(rename = "traceID")]
    pub(crate) trace_id: String,
    #[serde(rename = "spanID")]
    pub(crate) span_id: String,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct JaegerTag {
    pub(crate) key: String,
    #[serde(rename = "type")]
    pub(crate) value_type: &'static str,
    pub(crate) value: serde_json::Value,
}

#[derive(Debug, Serialize)]
pub(crate) struct JaegerLog {
    pub(crate) timestamp: u64,
    pub(crate) fields: Vec<JaegerTag>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde calls")]
fn is_zero(flags: &u32) -> bool {
    *flags == 0
}

fn as_map<S: serde::Serializer>(
    processes: &[(String, JaegerProcess)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(processes.iter().map(|(key, value)| (key, value)))
}
