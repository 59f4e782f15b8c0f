//! The questions: search, trace by id, services, operations.

use crate::cursor::Cursor;
use crate::error::QueryError;
use crate::summary::TraceSummary;
use crate::trace::Trace;
use fanal_base::cast;
use fanal_model::{InvalidBatch, TraceId};
use fanal_storage::{
    AggregateSpans, ExportSpans, FindTraces, FoundTraces, ListKeys, ListValues, ListedKeys,
    ListedValues, Operation, Projection, ScanCounts, SpanAggregates, SpanCondition, SpanPieces,
    SpanStore, StoreError, StoreStats, TenantId, TraceSpans,
};
use std::sync::Arc;

/// Most traces of one page.
pub const LIMIT_MAX: usize = 1000;

/// Most conditions of one search.
pub const CONDITIONS_MAX: usize = 100;

/// Most spans of a page of whole traces, in spans; its first trace is answered however large it is.
pub const PAGE_SPANS_MAX: u64 = 1_000_000;

/// Traces fetched at a time without attributes, so that a page of large traces is not in memory at once.
const FETCH_TRACES_MAX: usize = 20;

/// Whole traces fetched at a time: so many may be in memory beyond the limit of spans.
const FETCH_WHOLE_MAX: usize = 4;

/// A search.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchRequest {
    /// Conditions, combined by AND on one span; at most [`CONDITIONS_MAX`].
    pub conditions: Vec<SpanCondition>,
    /// Earliest span start, inclusive, nanoseconds since the Unix epoch.
    pub start_min_unix_nanos: u64,
    /// Latest span start, inclusive.
    pub start_max_unix_nanos: u64,
    /// Traces wanted, 1 to [`LIMIT_MAX`].
    pub limit: usize,
    /// Where to go on.
    pub cursor: Option<Cursor>,
}

/// One page of traces, newest first.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchPage {
    /// The traces.
    pub traces: Vec<TraceSummary>,
    /// Present when more follow.
    pub next: Option<Cursor>,
    /// Why the answer may lack traces; empty when it is complete.
    pub warnings: Vec<String>,
    /// What was looked at.
    pub scanned: ScanCounts,
}

/// One page of whole traces.
#[derive(Debug, Default)]
pub struct TracesPage {
    /// The traces, in the order of the search or of the ids asked for.
    pub traces: Vec<Trace>,
    /// Present when more follow; never for traces by id.
    pub next: Option<Cursor>,
    /// Why the answer may lack traces; empty when it is complete.
    pub warnings: Vec<String>,
    /// Whether the limit of spans ended the page early, which the last warning says.
    pub is_cut: bool,
    /// What was looked at.
    pub scanned: ScanCounts,
}

/// Answers questions of one store.
#[derive(Debug, Clone)]
pub struct QueryService {
    store: Arc<dyn SpanStore>,
    page_spans_max: u64,
}

impl SearchRequest {
    /// Whether the search can be answered; `Invalid` tells what to change.
    pub fn validate(&self) -> Result<(), QueryError> {
        if !(1..=LIMIT_MAX).contains(&self.limit) {
            let limit = self.limit;
            return Err(QueryError::invalid(format!(
                "limit is {limit}, allowed are 1 to {LIMIT_MAX} traces; page on with the cursor"
            )));
        }
        if self.start_min_unix_nanos > self.start_max_unix_nanos {
            return Err(QueryError::invalid(format!(
                "start {} lies after end {}; swap them",
                self.start_min_unix_nanos, self.start_max_unix_nanos
            )));
        }
        check_conditions(&self.conditions)?;
        let bound =
            |pick: fn(&SpanCondition) -> Option<u64>| self.conditions.iter().filter_map(pick);
        let longest = bound(|it| match it {
            SpanCondition::DurationMax(nanos) => Some(*nanos),
            _ => None,
        });
        let shortest = bound(|it| match it {
            SpanCondition::DurationMin(nanos) => Some(*nanos),
            _ => None,
        });
        match (shortest.max(), longest.min()) {
            (Some(min), Some(max)) if min > max => Err(QueryError::invalid(format!(
                "minimum duration {min} ns is longer than maximum duration {max} ns; swap them"
            ))),
            _ => Ok(()),
        }
    }

    fn into_find(self) -> FindTraces {
        FindTraces {
            conditions: self.conditions,
            start_min_unix_nanos: self.start_min_unix_nanos,
            start_max_unix_nanos: self.start_max_unix_nanos,
            limit: self.limit,
            after: self.cursor.map(|cursor| cursor.0),
        }
    }
}

impl QueryService {
    /// Over a store.
    pub fn new(store: Arc<dyn SpanStore>) -> Self {
        Self { store, page_spans_max: PAGE_SPANS_MAX }
    }

    /// What is asked.
    pub(crate) fn store(&self) -> &dyn SpanStore {
        &*self.store
    }

    /// With another limit than [`PAGE_SPANS_MAX`].
    #[must_use]
    pub fn with_page_spans_max(self, page_spans_max: u64) -> Self {
        Self { page_spans_max, ..self }
    }

    /// Service names in first-seen order.
    pub async fn services(&self, tenant: &TenantId) -> Result<Vec<String>, QueryError> {
        Ok(self.store.services(tenant).await?)
    }

    /// Operations of a service, sorted.
    pub async fn operations(
        &self,
        tenant: &TenantId,
        service: &str,
    ) -> Result<Vec<Operation>, QueryError> {
        Ok(self.store.operations(tenant, service).await?)
    }

    /// What is stored.
    pub async fn stats(&self, tenant: &TenantId) -> Result<StoreStats, QueryError> {
        Ok(self.store.stats(tenant).await?)
    }

    /// The spans of traces in pieces, for files.
    pub async fn export(
        &self,
        tenant: &TenantId,
        request: ExportSpans,
    ) -> Result<Box<dyn SpanPieces>, QueryError> {
        Ok(self.store.export(tenant, request).await?)
    }

    /// One page of traces in numbers.
    pub async fn search(
        &self,
        tenant: &TenantId,
        request: SearchRequest,
    ) -> Result<SearchPage, QueryError> {
        let found = self.find(tenant, request).await?;
        let next = next_cursor(&found);
        let mut warnings = found.warnings;
        let mut traces = Vec::with_capacity(found.traces.len());
        let ids: Vec<TraceId> = found.traces.iter().map(|position| position.trace_id).collect();
        for ids in ids.chunks(FETCH_TRACES_MAX) {
            // A trace that retention took since it was found is left out.
            let fetched = self.store.traces(tenant, ids, Projection::Summary).await;
            for trace in in_reach(fetched, &mut warnings)? {
                let summary = TraceSummary::build(trace.trace_id, trace.spans);
                traces.push(summary.map_err(corruption(trace.trace_id))?);
                trace.warnings.into_iter().for_each(|warning| tell(warning, &mut warnings));
            }
        }
        Ok(SearchPage { traces, next, warnings, scanned: found.scanned })
    }

    /// One page of whole traces. Where their spans would be more than [`PAGE_SPANS_MAX`] the page ends earlier, with
    /// a warning and a cursor behind its last trace.
    pub async fn search_traces(
        &self,
        tenant: &TenantId,
        request: SearchRequest,
    ) -> Result<TracesPage, QueryError> {
        let found = self.find(tenant, request).await?;
        let ids: Vec<TraceId> = found.traces.iter().map(|position| position.trace_id).collect();
        let next = next_cursor(&found);
        let mut warnings = found.warnings;
        let (traces, cut) = self.whole_traces(tenant, &ids, &mut warnings).await?;
        let next = match (&cut, traces.last()) {
            (Some(_), Some(last)) => {
                let last = found.traces.iter().find(|it| it.trace_id == last.trace_id);
                last.copied().map(Cursor)
            }
            _ => next,
        };
        let is_cut = cut.is_some();
        warnings.extend(cut);
        Ok(TracesPage { traces, next, warnings, is_cut, scanned: found.scanned })
    }

    /// Whole traces by id; ids without a span are left out. Limited as [`QueryService::search_traces`] is.
    pub async fn traces(
        &self,
        tenant: &TenantId,
        ids: &[TraceId],
    ) -> Result<TracesPage, QueryError> {
        let mut warnings = Vec::new();
        let (traces, cut) = self.whole_traces(tenant, ids, &mut warnings).await?;
        if traces.is_empty() && !warnings.is_empty() {
            // Not a word that there are none.
            return Err(StoreError::Unavailable { message: warnings.join("; ") }.into());
        }
        let is_cut = cut.is_some();
        warnings.extend(cut);
        Ok(TracesPage { traces, warnings, is_cut, ..TracesPage::default() })
    }

    /// The traces as far as the limit of spans goes, and the warning when it cut.
    async fn whole_traces(
        &self,
        tenant: &TenantId,
        ids: &[TraceId],
        warnings: &mut Vec<String>,
    ) -> Result<(Vec<Trace>, Option<String>), QueryError> {
        let mut traces: Vec<Trace> = Vec::new();
        let mut spans = 0;
        for chunk in ids.chunks(FETCH_WHOLE_MAX) {
            let fetched = self.store.traces(tenant, chunk, Projection::Full).await;
            for trace in in_reach(fetched, warnings)? {
                spans += cast::wide(trace.spans.len());
                if spans > self.page_spans_max && !traces.is_empty() {
                    let warning = format!(
                        "answer stops after {} of {} traces: more than {} spans a page are not \
                         answered; narrow the search, lower its limit or go on with the cursor",
                        traces.len(),
                        ids.len(),
                        self.page_spans_max
                    );
                    return Ok((traces, Some(warning)));
                }
                traces.push(whole(trace)?);
            }
        }
        Ok((traces, None))
    }

    /// Spans in numbers, by group and time bucket.
    pub async fn aggregate(
        &self,
        tenant: &TenantId,
        request: AggregateSpans,
    ) -> Result<SpanAggregates, QueryError> {
        check_conditions(&request.conditions)?;
        request.validate()?;
        Ok(self.store.aggregate(tenant, request).await?)
    }

    /// Keys of attributes, by level.
    pub async fn list_keys(
        &self,
        tenant: &TenantId,
        request: ListKeys,
    ) -> Result<ListedKeys, QueryError> {
        check_conditions(&request.conditions)?;
        Ok(self.store.list_keys(tenant, request).await?)
    }

    /// Values of what no aggregate groups by.
    pub async fn list_values(
        &self,
        tenant: &TenantId,
        request: ListValues,
    ) -> Result<ListedValues, QueryError> {
        check_conditions(&request.conditions)?;
        Ok(self.store.list_values(tenant, request).await?)
    }

    /// A whole trace, or `None` when no span of it is stored.
    pub async fn trace(
        &self,
        tenant: &TenantId,
        trace_id: TraceId,
    ) -> Result<Option<Trace>, QueryError> {
        let found = self.store.traces(tenant, &[trace_id], Projection::Full).await?;
        found.into_iter().next().map(whole).transpose()
    }

    async fn find(
        &self,
        tenant: &TenantId,
        request: SearchRequest,
    ) -> Result<FoundTraces, QueryError> {
        request.validate()?;
        Ok(self.store.find_traces(tenant, request.into_find()).await?)
    }
}

fn check_conditions(conditions: &[SpanCondition]) -> Result<(), QueryError> {
    let count = conditions.len();
    if count > CONDITIONS_MAX {
        return Err(QueryError::invalid(format!(
            "question has {count} conditions, at most {CONDITIONS_MAX} are allowed; leave some out"
        )));
    }
    Ok(())
}

/// What was fetched; where the spans are out of reach for now, nothing and a warning, so that they do not hide others.
pub(crate) fn in_reach(
    fetched: Result<Vec<TraceSpans>, StoreError>,
    warnings: &mut Vec<String>,
) -> Result<Vec<TraceSpans>, StoreError> {
    match fetched {
        Err(StoreError::Unavailable { message }) => {
            tell(message, warnings);
            Ok(Vec::new())
        }
        fetched => fetched,
    }
}

/// Adds a warning that is not there yet: a lost block is told once, not once a trace.
pub(crate) fn tell(warning: String, warnings: &mut Vec<String>) {
    if !warnings.contains(&warning) {
        warnings.push(warning);
    }
}

fn next_cursor(found: &FoundTraces) -> Option<Cursor> {
    found.traces.last().filter(|_| found.has_more).copied().map(Cursor)
}

fn whole(trace: TraceSpans) -> Result<Trace, QueryError> {
    let corrupt = corruption(trace.trace_id);
    Trace::build(trace.trace_id, trace.spans, trace.warnings).map_err(corrupt)
}

pub(crate) fn corruption(trace_id: TraceId) -> impl Fn(InvalidBatch) -> QueryError {
    move |error| {
        let object = format!("trace {trace_id}");
        QueryError::Store(StoreError::Corrupt { object, message: error.to_string() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fanal_base::ErrorKind;
    use fanal_model::SpanBatchBuilder;
    use fanal_storage::MemoryStore;
    use fanal_testkit::{Generator, GeneratorConfig, TraceTruth, push_into};

    const START: u64 = 1_750_000_000_000_000_000;

    async fn shop(traces: u64) -> (QueryService, Vec<TraceTruth>) {
        let store = MemoryStore::new();
        let mut generator = Generator::new(GeneratorConfig::clean(), 3);
        let mut truths = Vec::new();
        for number in 0..traces {
            let trace = generator.next_trace(START + number * 1_000_000);
            let mut builder = SpanBatchBuilder::default();
            push_into(&trace.spans, &mut builder);
            store.append(&tenant(), builder.finish()).await.expect("kept");
            truths.push(trace.truth);
        }
        truths.reverse();
        (QueryService::new(Arc::new(store)), truths)
    }

    fn tenant() -> TenantId {
        TenantId::default_tenant()
    }

    fn all(limit: usize) -> SearchRequest {
        SearchRequest {
            conditions: Vec::new(),
            start_min_unix_nanos: 0,
            start_max_unix_nanos: u64::MAX,
            limit,
            cursor: None,
        }
    }

    #[tokio::test]
    async fn pages_cover_every_trace_once_and_in_order() {
        let (service, truths) = shop(53).await;
        let mut request = all(10);
        let mut seen = Vec::new();
        loop {
            let page = service.search(&tenant(), request.clone()).await.expect("answers");
            assert!(page.warnings.is_empty());
            seen.extend(page.traces.into_iter().map(|it| (it.trace_id, it.span_count)));
            let Some(next) = page.next else { break };
            request.cursor = Some(next.to_string().parse().expect("own cursor"));
        }
        let expected: Vec<_> = truths.iter().map(|it| (it.trace_id, it.span_count)).collect();
        assert_eq!(seen, expected);
    }

    #[tokio::test]
    async fn whole_traces_stop_at_the_limit_of_spans_and_go_on_behind() {
        let (service, truths) = shop(20).await;
        let limit = truths[0].span_count + truths[1].span_count + truths[2].span_count;
        let limited = service.clone().with_page_spans_max(limit);
        let page = limited.search_traces(&tenant(), all(10)).await.expect("answers");
        let ids = |page: &TracesPage| page.traces.iter().map(|it| it.trace_id).collect::<Vec<_>>();
        assert_eq!(ids(&page), truths[..3].iter().map(|it| it.trace_id).collect::<Vec<_>>());
        assert!(page.warnings[0].contains("stops after 3 of 10 traces"), "{:?}", page.warnings);
        assert!(page.warnings[0].contains("a page are not answered;"), "{:?}", page.warnings);
        let request = SearchRequest { cursor: page.next, ..all(1) };
        let page = limited.search_traces(&tenant(), request).await.expect("answers");
        assert_eq!(ids(&page), [truths[3].trace_id]);
        // The first trace is answered however large it is.
        let page = service.with_page_spans_max(0).search_traces(&tenant(), all(5)).await;
        assert_eq!(ids(&page.expect("answers")).len(), 1);
    }

    #[tokio::test]
    async fn traces_are_found_by_id() {
        let (service, truths) = shop(3).await;
        let known = truths[1].trace_id;
        let trace = service.trace(&tenant(), known).await.expect("answers").expect("stored");
        assert_eq!(trace.summary.span_count, truths[1].span_count);
        let unknown = TraceId([0xee; 16]);
        assert!(service.trace(&tenant(), unknown).await.expect("answers").is_none());
        let page = service.traces(&tenant(), &[unknown, known]).await.expect("answers");
        assert_eq!(page.traces.len(), 1);
        assert!(page.warnings.is_empty() && page.next.is_none());
        assert!(!service.services(&tenant()).await.expect("answers").is_empty());
        assert_eq!(service.operations(&tenant(), "nobody").await.expect("answers"), []);
        assert!(service.stats(&tenant()).await.expect("answers").spans > 0);
    }

    #[test]
    fn impossible_searches_are_refused() {
        let check = |request: SearchRequest, expect: &str| {
            let found = request.validate().expect_err(expect);
            assert!(found.to_string().contains(expect), "{expect}: {found}");
            assert_eq!(found.kind(), ErrorKind::Invalid);
        };
        check(all(0), "limit is 0, allowed are 1 to 1000 traces");
        check(all(1001), "limit is 1001, allowed are 1 to 1000 traces");
        let backwards =
            SearchRequest { start_min_unix_nanos: 2, start_max_unix_nanos: 1, ..all(1) };
        check(backwards, "start 2 lies after end 1");
        let many = vec![SpanCondition::DurationMin(1); CONDITIONS_MAX + 1];
        check(SearchRequest { conditions: many, ..all(1) }, "question has 101 conditions");
        let crossed = vec![
            SpanCondition::DurationMin(3),
            SpanCondition::DurationMax(9),
            SpanCondition::DurationMin(7),
            SpanCondition::DurationMax(6),
        ];
        check(
            SearchRequest { conditions: crossed, ..all(1) },
            "minimum duration 7 ns is longer than maximum duration 6 ns",
        );
        assert!(all(1).validate().is_ok() && all(1000).validate().is_ok());
    }
}
