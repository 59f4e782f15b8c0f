//! Answers of `/api/v3` beside OTLP, field by field: proto3's JSON, which leaves zeros and empty texts out.

use fanal_query::{ServiceCount, TraceSummary};
use serde::Serialize;

#[derive(Debug, Serialize)]
pub(super) struct Services {
    pub(super) services: Vec<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Operations {
    pub(super) operations: Vec<Operation>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Operation {
    pub(super) name: String,
    pub(super) span_kind: &'static str,
}

#[derive(Debug, Serialize)]
pub(super) struct Dependencies {
    pub(super) dependencies: Vec<Dependency>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) warnings: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Dependency {
    pub(super) parent: String,
    pub(super) child: String,
    /// Decimal.
    pub(super) call_count: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Summaries {
    pub(super) summaries: Vec<Summary>,
    /// Not in Jaeger's answer: what may be missing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) warnings: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Summary {
    /// 32 hex digits.
    trace_id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    root_service_name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    root_operation_name: String,
    /// Decimal.
    min_start_time_unix_nano: String,
    /// Decimal.
    max_end_time_unix_nano: String,
    span_count: u64,
    #[serde(skip_serializing_if = "is_zero")]
    error_span_count: u64,
    #[serde(skip_serializing_if = "is_zero")]
    orphan_span_count: u64,
    /// By name.
    services: Vec<ServiceSummary>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ServiceSummary {
    name: String,
    span_count: u64,
    #[serde(skip_serializing_if = "is_zero")]
    error_span_count: u64,
}

impl From<TraceSummary> for Summary {
    fn from(summary: TraceSummary) -> Self {
        let end = summary.start_unix_nanos.saturating_add(summary.duration_nanos);
        let (root_service_name, root_operation_name) = summary.root.unwrap_or_default();
        let write = |service: ServiceCount| ServiceSummary {
            name: service.name,
            span_count: service.span_count,
            error_span_count: service.error_count,
        };
        let mut services: Vec<_> = summary.services.into_iter().map(write).collect();
        services.sort_by(|left, right| left.name.cmp(&right.name));
        Self {
            trace_id: summary.trace_id.to_string(),
            root_service_name,
            root_operation_name,
            min_start_time_unix_nano: summary.start_unix_nanos.to_string(),
            max_end_time_unix_nano: end.to_string(),
            span_count: summary.span_count,
            error_span_count: summary.error_count,
            orphan_span_count: summary.orphan_count,
            services,
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde calls")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}
