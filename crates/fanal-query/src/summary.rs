//! A trace in numbers, from fields alone: a batch without attributes serves.

use crate::duplicates;
use fanal_base::cast;
use fanal_model::{IndexedBatch, InvalidBatch, SpanBatch, SpanId, StatusCode, TraceId};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// A trace in numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceSummary {
    /// The trace.
    pub trace_id: TraceId,
    /// Earliest start, nanoseconds since the Unix epoch.
    pub start_unix_nanos: u64,
    /// Latest end minus earliest start, nanoseconds.
    pub duration_nanos: u64,
    /// Service and name of the root (parentless span with the earliest start, then the smallest id).
    pub root: Option<(String, String)>,
    /// Spans.
    pub span_count: u64,
    /// Spans with status ERROR.
    pub error_count: u64,
    /// Spans whose parent is not in the trace.
    pub orphan_count: u64,
    /// By service, most spans first, then by name.
    pub services: Vec<ServiceCount>,
}

/// What a service has in a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceCount {
    /// The service.
    pub name: String,
    /// Its spans.
    pub span_count: u64,
    /// Its spans with status ERROR.
    pub error_count: u64,
}

impl TraceSummary {
    /// Counts the spans of a trace, exact duplicates once. Fails where a resource or scope does not decode.
    ///
    /// Without attributes, spans count as duplicates that differ in attributes only; no correct client sends such.
    pub fn build(trace_id: TraceId, spans: SpanBatch) -> Result<Self, InvalidBatch> {
        Ok(Self::of(trace_id, &duplicates::remove(spans)?))
    }

    /// Counts spans among which there is no duplicate.
    pub(crate) fn of(trace_id: TraceId, spans: &IndexedBatch) -> Self {
        let start = spans.batch().start_unix_nanos.iter().copied().min().unwrap_or(0);
        let end = spans.batch().end_unix_nanos.iter().copied().max().unwrap_or(0);
        let mut by_service: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
        for span in spans.spans() {
            let counts = by_service.entry(span.service_name()).or_default();
            counts.0 += 1;
            counts.1 += u64::from(span.status_code() == StatusCode::Error);
        }
        let mut services: Vec<ServiceCount> = by_service
            .into_iter()
            .map(|(name, (span_count, error_count))| ServiceCount {
                name: name.to_owned(),
                span_count,
                error_count,
            })
            .collect();
        // Stable, and by name before: names decide among equals.
        services.sort_by_key(|service| Reverse(service.span_count));
        let root = spans
            .spans()
            .filter(|span| span.parent_span_id().is_zero())
            .min_by_key(|span| (span.start_unix_nanos(), span.span_id()))
            .map(|span| (span.service_name().to_owned(), span.name().to_owned()));
        Self {
            trace_id,
            start_unix_nanos: start,
            duration_nanos: end.saturating_sub(start),
            root,
            span_count: cast::wide(spans.len()),
            error_count: services.iter().map(|service| service.error_count).sum(),
            orphan_count: orphans(spans),
            services,
        }
    }
}

fn orphans(spans: &IndexedBatch) -> u64 {
    let mut ids = spans.batch().span_ids.clone();
    ids.sort_unstable();
    let parents = spans.batch().parent_span_ids.iter();
    let is_orphan = |parent: &&SpanId| !parent.is_zero() && ids.binary_search(parent).is_err();
    cast::wide(parents.filter(is_orphan).count())
}

#[cfg(test)]
mod tests {
    use super::*;
    use fanal_model::SpanBatchBuilder;
    use fanal_testkit::{Generator, GeneratorConfig, push_into};

    #[test]
    fn summaries_are_what_the_generator_knows() {
        let config = GeneratorConfig { duplicate_probability: 0.1, ..GeneratorConfig::default() };
        let mut generator = Generator::new(config, 11);
        for _ in 0..200 {
            let trace = generator.next_trace(1_750_000_000_000_000_000);
            let mut builder = SpanBatchBuilder::default();
            push_into(trace.spans.iter().rev(), &mut builder);
            let found = TraceSummary::build(trace.trace_id, builder.finish()).expect("decodes");
            let truth = trace.truth;
            let service = |name: &str, span_count, error_count| ServiceCount {
                name: name.to_owned(),
                span_count,
                error_count,
            };
            let services =
                truth.services.iter().map(|it| service(&it.name, it.span_count, it.error_count));
            let expected = TraceSummary {
                trace_id: truth.trace_id,
                start_unix_nanos: truth.start_unix_nanos,
                duration_nanos: truth.duration_nanos,
                root: Some((truth.root_service, truth.root_name)),
                span_count: truth.span_count,
                error_count: truth.error_count,
                orphan_count: 0,
                services: services.collect(),
            };
            assert_eq!(found, expected);
        }
    }
}
