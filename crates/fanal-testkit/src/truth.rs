//! What is true of generated traces, for comparing with what a system under test says.

use crate::span::GeneratedSpan;
use fanal_base::cast;
use fanal_model::{SpanId, StatusCode, TraceId};
use std::collections::BTreeMap;

/// The truth about one trace. Second copies of spans count nowhere but in `duplicate_count`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceTruth {
    /// The trace.
    pub trace_id: TraceId,
    /// The root.
    pub root_span_id: SpanId,
    /// Service of the root.
    pub root_service: String,
    /// Name of the root.
    pub root_name: String,
    /// Distinct spans.
    pub span_count: u64,
    /// Second copies.
    pub duplicate_count: u64,
    /// Spans sent late.
    pub late_count: u64,
    /// Distinct spans with status ERROR.
    pub error_count: u64,
    /// By service, most spans first, then by name.
    pub services: Vec<ServiceTruth>,
    /// Earliest start, nanoseconds since the Unix epoch.
    pub start_unix_nanos: u64,
    /// Latest end minus earliest start, nanoseconds.
    pub duration_nanos: u64,
}

/// What a service has in a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceTruth {
    /// The service.
    pub name: String,
    /// Its distinct spans.
    pub span_count: u64,
    /// Its distinct spans with status ERROR.
    pub error_count: u64,
}

/// Sums over all traces that a generator made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Traces.
    pub traces: u64,
    /// Distinct spans.
    pub spans: u64,
    /// Second copies.
    pub duplicates: u64,
    /// Spans sent late.
    pub late: u64,
    /// Distinct spans with status ERROR.
    pub errors: u64,
}

impl TraceTruth {
    /// Counts a trace whose root comes first.
    pub(crate) fn of(spans: &[GeneratedSpan]) -> Self {
        let first_copies = || spans.iter().filter(|span| !span.is_duplicate);
        let root = spans.first();
        let mut by_service: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
        for span in first_copies() {
            let counts = by_service.entry(span.resource.service_name()).or_default();
            counts.0 += 1;
            counts.1 += u64::from(span.status_code == StatusCode::Error);
        }
        let mut services: Vec<ServiceTruth> = by_service
            .into_iter()
            .map(|(name, (span_count, error_count))| ServiceTruth {
                name: name.to_owned(),
                span_count,
                error_count,
            })
            .collect();
        services.sort_by(|a, b| b.span_count.cmp(&a.span_count).then_with(|| a.name.cmp(&b.name)));
        let start = first_copies().map(|span| span.start_unix_nanos).min().unwrap_or(0);
        let end = first_copies().map(|span| span.end_unix_nanos).max().unwrap_or(0);
        let span_count = cast::wide(first_copies().count());
        Self {
            trace_id: root.map(|span| span.trace_id).unwrap_or_default(),
            root_span_id: root.map(|span| span.span_id).unwrap_or_default(),
            root_service: root.map_or("", |span| span.resource.service_name()).to_owned(),
            root_name: root.map_or("", |span| &*span.name).to_owned(),
            span_count,
            duplicate_count: cast::wide(spans.len()) - span_count,
            late_count: cast::wide(first_copies().filter(|span| span.late_nanos > 0).count()),
            error_count: services.iter().map(|service| service.error_count).sum(),
            services,
            start_unix_nanos: start,
            duration_nanos: end.saturating_sub(start),
        }
    }
}

impl Counters {
    pub(crate) fn add(&mut self, truth: &TraceTruth) {
        self.traces += 1;
        self.spans += truth.span_count;
        self.duplicates += truth.duplicate_count;
        self.late += truth.late_count;
        self.errors += truth.error_count;
    }
}
