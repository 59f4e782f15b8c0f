//! Spans and calls of the newest traces, as examples of what is counted: each names its trace.

use super::calls::{Call, Rule, key_of, walk};
use super::{CallKey, RatesQuestion, SpanKey};
use crate::error::QueryError;
use crate::service::{QueryService, corruption, in_reach, tell};
use fanal_model::{IndexedBatch, TraceId};
use fanal_storage::links::walk_spans;
use fanal_storage::{FindTraces, LinkSpan, LinkVisitor, Projection, TenantId};
use std::sync::{Arc, Mutex, PoisonError};

/// Traces fetched at a time.
const FETCH_TRACES_MAX: usize = 4;

/// Spans of all traces, after which no further trace is fetched.
const SPANS_MAX: usize = 20_000;

/// A span, or a call as its called side tells of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateExemplar {
    /// Its trace.
    pub trace_id: TraceId,
    /// When it started, nanoseconds since the Unix epoch.
    pub unix_nanos: u64,
    /// How long it took.
    pub nanos: u64,
}

/// Examples, those of the newest traces first.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RateExemplars {
    /// Spans.
    pub spans: Vec<(SpanKey, RateExemplar)>,
    /// Calls.
    pub calls: Vec<(CallKey, RateExemplar)>,
    /// Why some may be missing.
    pub warnings: Vec<String>,
}

/// Keeps the calls that it is handed.
#[derive(Debug, Default)]
struct Keeper(Mutex<Vec<Call>>);

impl LinkVisitor for Keeper {
    fn visit(&self, traces: &[&[LinkSpan]]) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut rule = Rule::default();
        traces.iter().for_each(|trace| rule.calls(trace, |call| kept.push(call)));
    }
}

impl QueryService {
    /// Examples out of so many of the newest traces that have a span which counts.
    pub async fn rate_exemplars(
        &self,
        tenant: &TenantId,
        question: &RatesQuestion,
        traces_max: usize,
    ) -> Result<RateExemplars, QueryError> {
        question.validate()?;
        let find = FindTraces {
            conditions: question.conditions.clone(),
            start_min_unix_nanos: question.start_unix_nanos,
            start_max_unix_nanos: question.end_unix_nanos - 1,
            limit: traces_max,
            after: None,
        };
        let found = self.store().find_traces(tenant, find).await?;
        let ids: Vec<TraceId> = found.traces.iter().map(|it| it.trace_id).collect();
        let mut exemplars = RateExemplars { warnings: found.warnings, ..RateExemplars::default() };
        let mut spans_left = SPANS_MAX;
        for ids in ids.chunks(FETCH_TRACES_MAX) {
            let fetched = self.store().traces(tenant, ids, Projection::Full).await;
            for trace in in_reach(fetched, &mut exemplars.warnings)? {
                let spans = IndexedBatch::new(Arc::new(trace.spans));
                let spans = spans.map_err(corruption(trace.trace_id))?;
                spans_left = spans_left.saturating_sub(spans.len());
                exemplars.add(question, trace.trace_id, &spans);
                trace.warnings.into_iter().for_each(|it| tell(it, &mut exemplars.warnings));
            }
            if spans_left == 0 {
                break;
            }
        }
        Ok(exemplars)
    }
}

impl RateExemplars {
    fn add(&mut self, question: &RatesQuestion, trace_id: TraceId, spans: &IndexedBatch) {
        let is_in_range = |unix_nanos| question.bucket_of(unix_nanos).is_some();
        for span in spans.spans().filter(|span| is_in_range(span.start_unix_nanos())) {
            if !question.conditions.iter().all(|condition| condition.matches(&span)) {
                continue;
            }
            let key = SpanKey {
                service: span.service_name().to_owned(),
                name: span.name().to_owned(),
                kind: span.kind(),
                status: span.status_code(),
            };
            let (unix_nanos, nanos) = (span.start_unix_nanos(), span.duration_nanos());
            self.spans.push((key, RateExemplar { trace_id, unix_nanos, nanos }));
        }
        let keeper = Keeper::default();
        let walked = walk_spans(spans.spans(), &walk(question), &keeper);
        let calls = keeper.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        for call in calls.into_iter().filter(|call| is_in_range(call.unix_nanos)) {
            let (unix_nanos, nanos) = (call.unix_nanos, call.server_nanos);
            let exemplar = RateExemplar { trace_id, unix_nanos, nanos };
            self.calls.push((key_of(call.key, &walked.names), exemplar));
        }
    }
}
