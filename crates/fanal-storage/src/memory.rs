//! The plainest store that can be right: batches in a list, every question a loop over all spans.
//!
//! The reference that backends are compared with, and a store for tests of the layers above. Keeps everything in
//! memory without a limit, so it is never a production store.

use crate::aggregate::{AggregateSpans, SpanAggregates, SpanGroup, Tally, groups_warning};
use crate::compare::{CompareSpans, ComparedSpans, compare_spans};
use crate::error::StoreError;
use crate::export::{ExportSpans, ReadyPieces, SpanPieces};
use crate::links::{LinkVisitor, WalkLinks, WalkedLinks, walk_spans};
use crate::listing::{ListKeys, ListValues, ListedKeys, ListedValues};
use crate::predicate::SpanCondition;
use crate::request::{
    FindTraces, FoundTraces, Operation, Projection, ScanCounts, StoreStats, TenantId,
    TracePosition, TraceSpans,
};
use crate::store::{SpanStore, StoreFuture};
use crate::walk::{TraceVisitor, WalkTraces, WalkedTraces, walk_whole};
use fanal_base::cast;
use fanal_model::{
    IndexedBatch, Remap, SpanBatch, SpanBatchBuilder, SpanFields, SpanRef, TraceId, nested,
};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A store in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    tenants: BTreeMap<TenantId, Tenant>,
    is_stopped: bool,
}

#[derive(Debug, Default)]
struct Tenant {
    batches: Vec<IndexedBatch>,
    services: Vec<String>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer<T: Default>(&self, tenant: &TenantId, question: impl FnOnce(&Tenant) -> T) -> T {
        self.state().tenants.get(tenant).map(question).unwrap_or_default()
    }

    fn keep(&self, tenant: &TenantId, batch: SpanBatch) -> Result<(), StoreError> {
        let invalid = |error: fanal_model::InvalidBatch| StoreError::Invalid {
            message: format!("append refused: {error}; send a batch that validates"),
        };
        let mut state = self.state();
        if state.is_stopped {
            return Err(StoreError::Unavailable { message: "it was shut down".into() });
        }
        let batch = IndexedBatch::validated(batch).map_err(invalid)?;
        let tenant = state.tenants.entry(tenant.clone()).or_default();
        for span in batch.spans() {
            if !tenant.services.iter().any(|known| known == span.service_name()) {
                tenant.services.push(span.service_name().to_owned());
            }
        }
        tenant.batches.push(batch);
        Ok(())
    }
}

impl Tenant {
    fn spans(&self) -> impl Iterator<Item = SpanRef<'_>> {
        self.batches.iter().flat_map(IndexedBatch::spans)
    }

    fn export(&self, request: ExportSpans) -> Option<IndexedBatch> {
        let found = self.find(&FindTraces {
            conditions: request.conditions,
            start_min_unix_nanos: request.start_min_unix_nanos,
            start_max_unix_nanos: request.start_max_unix_nanos,
            limit: usize::MAX,
            after: None,
        });
        let wanted: BTreeSet<TraceId> = found.traces.iter().map(|it| it.trace_id).collect();
        let mut builder = SpanBatchBuilder::default();
        for batch in &self.batches {
            let mut remap = Remap::default();
            for row in (0..batch.len()).filter(|&row| wanted.contains(&batch.span(row).trace_id()))
            {
                builder.append_row(batch, &mut remap, row);
            }
        }
        IndexedBatch::new(Arc::new(builder.finish())).ok().filter(|spans| !spans.is_empty())
    }

    fn find(&self, request: &FindTraces) -> FoundTraces {
        let mut starts: BTreeMap<TraceId, u64> = BTreeMap::new();
        let mut matching: BTreeSet<TraceId> = BTreeSet::new();
        let times = request.start_min_unix_nanos..=request.start_max_unix_nanos;
        for span in self.spans() {
            let start = starts.entry(span.trace_id()).or_insert(u64::MAX);
            *start = span.start_unix_nanos().min(*start);
            if times.contains(&span.start_unix_nanos())
                && request.conditions.iter().all(|condition| condition.matches(&span))
            {
                matching.insert(span.trace_id());
            }
        }
        let mut traces: Vec<TracePosition> = matching
            .into_iter()
            .map(|trace_id| TracePosition { start_unix_nanos: starts[&trace_id], trace_id })
            .filter(|position| request.after.is_none_or(|after| *position > after))
            .collect();
        traces.sort_unstable();
        let has_more = traces.len() > request.limit;
        traces.truncate(request.limit);
        let scanned =
            ScanCounts { spans: cast::wide(self.spans().count()), ..ScanCounts::default() };
        FoundTraces { traces, has_more, warnings: Vec::new(), scanned }
    }

    fn aggregate(&self, request: &AggregateSpans) -> SpanAggregates {
        let mut groups: BTreeMap<Vec<Option<Vec<u8>>>, BTreeMap<u32, Tally>> = BTreeMap::new();
        let mut answer = SpanAggregates::default();
        let times = request.start_min_unix_nanos..=request.start_max_unix_nanos;
        for span in self.spans() {
            answer.scanned.spans += 1;
            if !times.contains(&span.start_unix_nanos())
                || !request.conditions.iter().all(|condition| condition.matches(&span))
            {
                continue;
            }
            answer.spans += 1;
            let values: Vec<_> = request.group_by.iter().map(|key| key.value_of(&span)).collect();
            if groups.len() >= request.groups_max && !groups.contains_key(&values) {
                answer.spans_left_out += 1;
                continue;
            }
            let bucket = request.bucket_of(span.start_unix_nanos());
            let tallies = groups.entry(values).or_default();
            let tally =
                tallies.entry(bucket).or_insert_with(|| Tally::new(bucket, &request.measures));
            tally.add(span.duration_nanos());
        }
        if answer.spans_left_out > 0 {
            answer.warnings.push(groups_warning(request.groups_max, answer.spans_left_out));
        }
        let decode = |value: Option<Vec<u8>>| value.and_then(|bytes| nested::decode(&bytes).ok());
        let group = |(values, tallies): (Vec<Option<Vec<u8>>>, BTreeMap<u32, Tally>)| SpanGroup {
            values: values.into_iter().map(decode).collect(),
            buckets: tallies.into_values().collect(),
        };
        answer.groups = groups.into_iter().map(group).collect();
        answer
    }

    /// Spans that start in a range and meet conditions.
    fn matching<'s>(
        &'s self,
        times: RangeInclusive<u64>,
        conditions: &'s [SpanCondition],
    ) -> impl Iterator<Item = SpanRef<'s>> {
        self.spans().filter(move |span| {
            times.contains(&span.start_unix_nanos())
                && conditions.iter().all(|condition| condition.matches(span))
        })
    }

    fn list_keys(&self, request: &ListKeys) -> ListedKeys {
        let times = request.start_min_unix_nanos..=request.start_max_unix_nanos;
        let mut listed = ListedKeys::default();
        let spans = self.matching(times, &request.conditions);
        spans.for_each(|span| listed.add_span(&span, request.keys_max));
        listed
    }

    fn list_values(&self, request: &ListValues) -> ListedValues {
        let times = request.start_min_unix_nanos..=request.start_max_unix_nanos;
        let mut listed = ListedValues::default();
        let spans = self.matching(times, &request.conditions);
        spans.for_each(|span| listed.add_span(&span, request));
        listed
    }

    fn trace(&self, trace_id: TraceId, projection: Projection) -> Option<TraceSpans> {
        let mut builder = SpanBatchBuilder::default();
        for batch in &self.batches {
            let mut remap = Remap::default();
            for span in batch.spans().filter(|span| span.trace_id() == trace_id) {
                match projection {
                    Projection::Full => builder.append_row(batch, &mut remap, span.row()),
                    Projection::Summary => append_fields(&mut builder, batch, &span),
                }
            }
        }
        let spans = builder.finish();
        (!spans.is_empty()).then_some(TraceSpans { trace_id, spans, warnings: Vec::new() })
    }

    fn stats(&self) -> StoreStats {
        let mut newest: Option<(u64, TraceId)> = None;
        for span in self.spans() {
            let candidate = (span.start_unix_nanos(), span.trace_id());
            if newest.is_none_or(|(start, _)| candidate.0 > start) {
                newest = Some(candidate);
            }
        }
        let position = |trace_id: TraceId| TracePosition {
            start_unix_nanos: self
                .spans()
                .filter(|span| span.trace_id() == trace_id)
                .map(|span| span.start_unix_nanos())
                .min()
                .unwrap_or(0),
            trace_id,
        };
        let spans = cast::wide(self.spans().count());
        let memory: usize = self.batches.iter().map(|batch| batch.batch().memory_bytes()).sum();
        StoreStats {
            spans,
            head_spans: spans,
            head_bytes: cast::wide(memory),
            newest_trace: newest.map(|(_, trace_id)| position(trace_id)),
            ..StoreStats::default()
        }
    }
}

/// Appends a span without its lists.
fn append_fields(builder: &mut SpanBatchBuilder, batch: &IndexedBatch, span: &SpanRef<'_>) {
    let resource = builder.intern_resource(span.resource());
    let scope = builder.intern_scope(span.scope());
    builder.finish_span(&SpanFields {
        trace_id: span.trace_id(),
        span_id: span.span_id(),
        parent_span_id: span.parent_span_id(),
        start_unix_nanos: span.start_unix_nanos(),
        end_unix_nanos: span.end_unix_nanos(),
        kind: batch.batch().kinds[span.row()],
        status_code: batch.batch().status_codes[span.row()],
        flags: span.flags(),
        name: span.name(),
        trace_state: span.trace_state(),
        status_message: span.status_message(),
        resource,
        scope,
        dropped_attributes_count: span.dropped_attributes_count(),
        dropped_events_count: span.dropped_events_count(),
        dropped_links_count: span.dropped_links_count(),
    });
}

fn ready<'a, T: Send + 'a>(answer: Result<T, StoreError>) -> StoreFuture<'a, T> {
    Box::pin(std::future::ready(answer))
}

impl SpanStore for MemoryStore {
    fn append<'a>(&'a self, tenant: &'a TenantId, batch: SpanBatch) -> StoreFuture<'a, ()> {
        ready(self.keep(tenant, batch))
    }

    fn find_traces<'a>(
        &'a self,
        tenant: &'a TenantId,
        request: FindTraces,
    ) -> StoreFuture<'a, FoundTraces> {
        ready(Ok(self.answer(tenant, |tenant| tenant.find(&request))))
    }

    fn aggregate<'a>(
        &'a self,
        tenant: &'a TenantId,
        request: AggregateSpans,
    ) -> StoreFuture<'a, SpanAggregates> {
        let outcome = request.validate();
        ready(outcome.map(|()| self.answer(tenant, |tenant| tenant.aggregate(&request))))
    }

    fn compare<'a>(
        &'a self,
        tenant: &'a TenantId,
        request: CompareSpans,
    ) -> StoreFuture<'a, ComparedSpans> {
        let compare = |tenant: &Tenant| compare_spans(tenant.spans(), &request);
        ready(request.validate().map(|()| self.answer(tenant, compare)))
    }

    fn walk_links<'a>(
        &'a self,
        tenant: &'a TenantId,
        request: WalkLinks,
        visitor: Arc<dyn LinkVisitor>,
    ) -> StoreFuture<'a, WalkedLinks> {
        let walk = |tenant: &Tenant| walk_spans(tenant.spans(), &request, &*visitor);
        ready(Ok(self.answer(tenant, walk)))
    }

    fn walk_traces<'a>(
        &'a self,
        tenant: &'a TenantId,
        request: WalkTraces,
        visitor: Arc<dyn TraceVisitor>,
    ) -> StoreFuture<'a, WalkedTraces> {
        let walk = |tenant: &Tenant| walk_whole(tenant.spans(), &request, &*visitor);
        ready(request.validate().map(|()| self.answer(tenant, walk)))
    }

    fn list_keys<'a>(
        &'a self,
        tenant: &'a TenantId,
        request: ListKeys,
    ) -> StoreFuture<'a, ListedKeys> {
        ready(Ok(self.answer(tenant, |tenant| tenant.list_keys(&request))))
    }

    fn list_values<'a>(
        &'a self,
        tenant: &'a TenantId,
        request: ListValues,
    ) -> StoreFuture<'a, ListedValues> {
        ready(Ok(self.answer(tenant, |tenant| tenant.list_values(&request))))
    }

    fn traces<'a>(
        &'a self,
        tenant: &'a TenantId,
        ids: &'a [TraceId],
        projection: Projection,
    ) -> StoreFuture<'a, Vec<TraceSpans>> {
        let all = |tenant: &Tenant| {
            ids.iter().filter_map(|&trace_id| tenant.trace(trace_id, projection)).collect()
        };
        ready(Ok(self.answer(tenant, all)))
    }

    fn export<'a>(
        &'a self,
        tenant: &'a TenantId,
        request: ExportSpans,
    ) -> StoreFuture<'a, Box<dyn SpanPieces>> {
        let pieces: Box<dyn SpanPieces> =
            Box::new(ReadyPieces(self.answer(tenant, |it| it.export(request))));
        Box::pin(std::future::ready(Ok(pieces)))
    }

    fn services<'a>(&'a self, tenant: &'a TenantId) -> StoreFuture<'a, Vec<String>> {
        ready(Ok(self.answer(tenant, |tenant| tenant.services.clone())))
    }

    fn operations<'a>(
        &'a self,
        tenant: &'a TenantId,
        service: &'a str,
    ) -> StoreFuture<'a, Vec<Operation>> {
        let all = |tenant: &Tenant| {
            let of_service = tenant.spans().filter(|span| span.service_name() == service);
            let operations: BTreeSet<Operation> = of_service
                .map(|span| Operation { name: span.name().to_owned(), kind: span.kind() })
                .collect();
            operations.into_iter().collect()
        };
        ready(Ok(self.answer(tenant, all)))
    }

    fn stats<'a>(&'a self, tenant: &'a TenantId) -> StoreFuture<'a, StoreStats> {
        ready(Ok(self.answer(tenant, Tenant::stats)))
    }

    fn shutdown(&self) -> StoreFuture<'_, ()> {
        self.state().is_stopped = true;
        ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::{GroupKey, Measure};
    use crate::predicate::SpanCondition;
    use fanal_model::{Resource, Scope, SpanId, Value};

    /// Spans as trace, service and start; ids follow from the order.
    fn tenant(spans: &[(u8, &str, u64)]) -> Tenant {
        let store = MemoryStore::new();
        let name = TenantId::default_tenant();
        for (number, &(trace, service, start)) in (1..).zip(spans) {
            let mut builder = SpanBatchBuilder::default();
            let service = vec![("service.name".to_owned(), Value::String(service.to_owned()))];
            let resource = Resource { attributes: service, ..Resource::default() };
            let resource = builder.intern_resource(&resource);
            let scope = builder.intern_scope(&Scope::default());
            builder.finish_span(&SpanFields {
                trace_id: TraceId([trace; 16]),
                span_id: SpanId([number; 8]),
                start_unix_nanos: start,
                end_unix_nanos: start + 1,
                resource,
                scope,
                ..SpanFields::default()
            });
            store.keep(&name, builder.finish()).expect("kept");
        }
        let mut state = store.state.into_inner().expect("not poisoned");
        state.tenants.remove(&name).unwrap_or_default()
    }

    #[test]
    fn traces_are_found_newest_first_by_their_earliest_span() {
        let spans =
            [(3, "cart", 50), (1, "cart", 40), (2, "cart", 40), (3, "pay", 10), (4, "pay", 90)];
        let tenant = tenant(&spans);
        let check =
            |service: Option<&str>, times: (u64, u64), after, limit, expect: &[u8], more| {
                let found = tenant.find(&FindTraces {
                    conditions: service
                        .map(|it| SpanCondition::Service(it.into()))
                        .into_iter()
                        .collect(),
                    start_min_unix_nanos: times.0,
                    start_max_unix_nanos: times.1,
                    limit,
                    after,
                });
                let ids: Vec<u8> = found.traces.iter().map(|it| it.trace_id.0[0]).collect();
                assert_eq!((&*ids, found.has_more), (expect, more), "{service:?} {times:?}");
            };
        let always = (0, u64::MAX);
        check(None, always, None, 9, &[4, 1, 2, 3], false);
        check(None, always, None, 4, &[4, 1, 2, 3], false);
        check(None, always, None, 3, &[4, 1, 2], true);
        check(Some("cart"), always, None, 9, &[1, 2, 3], false);
        check(Some("cart"), (50, 50), None, 9, &[3], false);
        check(Some("pay"), (11, 89), None, 9, &[], false);
        let at = |start_unix_nanos, id| {
            Some(TracePosition { start_unix_nanos, trace_id: TraceId([id; 16]) })
        };
        check(None, always, at(40, 1), 9, &[2, 3], false);
        check(None, always, at(40, 0), 1, &[1], true);
        check(None, always, at(10, 3), 9, &[], false);
    }

    #[test]
    fn spans_are_counted_in_groups_and_buckets() {
        let tenant =
            tenant(&[(1, "b", 5), (2, "a", 9), (1, "b", 7), (3, "b", 16), (3, "c", 4), (1, "", 5)]);
        let check = |groups_max: usize, step, expect: &str, left_out: u64| {
            let answer = tenant.aggregate(&AggregateSpans {
                conditions: vec![SpanCondition::DurationMin(1)],
                start_min_unix_nanos: 5,
                start_max_unix_nanos: 16,
                step_nanos: step,
                group_by: vec![GroupKey::ResourceAttribute("service.name".into())],
                measures: vec![Measure::Durations],
                groups_max,
            });
            let group = |it: &SpanGroup| {
                let tallies = it.buckets.iter().map(|it| format!(" {}x{}", it.bucket, it.spans));
                let value = it.values[0].as_ref().map(Value::to_text);
                format!("{}:{}", value.unwrap_or_default(), tallies.collect::<String>())
            };
            let shown: Vec<String> = answer.groups.iter().map(group).collect();
            assert_eq!((&*shown.join(" "), answer.spans_left_out), (expect, left_out));
            assert_eq!((answer.spans, answer.warnings.is_empty()), (5, left_out == 0));
        };
        check(9, None, ": 0x1 a: 0x1 b: 0x3", 0);
        check(9, Some(3), ": 0x1 a: 1x1 b: 0x2 3x1", 0);
        check(1, None, "b: 0x3", 2);
    }

    #[test]
    fn traces_services_and_counts_are_told() {
        let tenant = tenant(&[(1, "b", 5), (2, "a", 9), (1, "b", 7)]);
        let trace = tenant.trace(TraceId([1; 16]), Projection::Full).expect("stored");
        assert_eq!(trace.spans.span_ids, [SpanId([1; 8]), SpanId([3; 8])]);
        assert!(tenant.trace(TraceId([9; 16]), Projection::Summary).is_none());
        assert_eq!(tenant.services, ["b", "a"]);
        let stats = tenant.stats();
        let newest = stats.newest_trace.map(|it| (it.start_unix_nanos, it.trace_id.0[0]));
        assert_eq!((stats.spans, newest), (3, Some((9, 2))));
    }
}
