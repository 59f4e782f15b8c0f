//! The suite passes on the model, and fails on stores that are wrong in one thing each.

use super::*;
use crate::aggregate::{AggregateSpans, SpanAggregates};
use crate::compare::{CompareSpans, ComparedSpans};
use crate::error::StoreError;
use crate::links::{LinkSpan, LinkVisitor, WalkLinks, WalkedLinks};
use crate::listing::{ListKeys, ListValues, ListedKeys, ListedValues};
use crate::memory::MemoryStore;
use crate::predicate::{AttributeLevel, SpanCondition};
use crate::request::{
    FindTraces, FoundTraces, Operation, Projection, StoreStats, TenantId, TraceSpans,
};
use crate::store::StoreFuture;
use crate::walk::{TraceVisitor, WalkTraces, WalkedTraces};
use fanal_model::{SpanBatch, TraceId};
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// Runs a future of which every part is ready at once.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    match future.as_mut().poll(&mut context) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("the memory store waits for nothing"),
    }
}

#[test]
fn the_model_passes() {
    block_on(run(async || Arc::new(MemoryStore::new()) as StoreUnderTest, async |store| store));
}

/// What a store does wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    MixesTenants,
    SortsServices,
    LosesTheLastSpan,
    ForgetsBetween,
    EndsTimeRangeEarly,
    MakesDurationExclusive,
    SaysNoMore,
    TakesAfterAsInclusive,
    IgnoresTheLastCondition,
    ReversesTraces,
    AnswersAttributesInSummaries,
    AcceptsAfterShutdown,
    DropsAGroupKey,
    MakesOneBucket,
    CutsGroupsSilently,
    MiscountsDurations,
    CutsWalksAtTheRange,
    SplitsTraces,
    ForgetsToTest,
    SelectsAll,
    ForgetsAKey,
    CutsKeysSilently,
    TellsAForeignKey,
    ForgetsValues,
}

const FAULTS: [Fault; 24] = [
    Fault::MixesTenants,
    Fault::SortsServices,
    Fault::LosesTheLastSpan,
    Fault::ForgetsBetween,
    Fault::EndsTimeRangeEarly,
    Fault::MakesDurationExclusive,
    Fault::SaysNoMore,
    Fault::TakesAfterAsInclusive,
    Fault::IgnoresTheLastCondition,
    Fault::ReversesTraces,
    Fault::AnswersAttributesInSummaries,
    Fault::AcceptsAfterShutdown,
    Fault::DropsAGroupKey,
    Fault::MakesOneBucket,
    Fault::CutsGroupsSilently,
    Fault::MiscountsDurations,
    Fault::CutsWalksAtTheRange,
    Fault::SplitsTraces,
    Fault::ForgetsToTest,
    Fault::SelectsAll,
    Fault::ForgetsAKey,
    Fault::CutsKeysSilently,
    Fault::TellsAForeignKey,
    Fault::ForgetsValues,
];

/// Hands the last span of each trace out alone.
struct Splitter(Arc<dyn LinkVisitor>);

impl LinkVisitor for Splitter {
    fn visit(&self, traces: &[&[LinkSpan]]) {
        let halves =
            traces.iter().flat_map(|trace| <[_; 2]>::from(trace.split_at(trace.len() - 1)));
        let halves: Vec<&[LinkSpan]> = halves.collect();
        self.0.visit(&halves);
    }
}

#[derive(Debug)]
struct Faulty {
    inner: MemoryStore,
    fault: Fault,
}

impl Faulty {
    fn has(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    fn tenant(&self, tenant: &TenantId) -> TenantId {
        if self.has(Fault::MixesTenants) { TenantId::default_tenant() } else { tenant.clone() }
    }
}

fn ready<'a, T: Send + 'a>(answer: Result<T, StoreError>) -> StoreFuture<'a, T> {
    Box::pin(std::future::ready(answer))
}

impl SpanStore for Faulty {
    fn append<'a>(&'a self, tenant: &'a TenantId, mut batch: SpanBatch) -> StoreFuture<'a, ()> {
        if self.has(Fault::LosesTheLastSpan) && batch.len() > 2 {
            let indexed = fanal_model::IndexedBatch::new(Arc::new(batch)).expect("decodes");
            let mut builder = fanal_model::SpanBatchBuilder::default();
            let mut remap = fanal_model::Remap::default();
            (0..indexed.len() - 1).for_each(|row| builder.append_row(&indexed, &mut remap, row));
            batch = builder.finish();
        }
        let answer = block_on(self.inner.append(&self.tenant(tenant), batch));
        ready(if self.has(Fault::AcceptsAfterShutdown) { Ok(()) } else { answer })
    }

    fn find_traces<'a>(
        &'a self,
        tenant: &'a TenantId,
        mut request: FindTraces,
    ) -> StoreFuture<'a, FoundTraces> {
        let after = request.after;
        match self.fault {
            Fault::EndsTimeRangeEarly => request.start_max_unix_nanos -= 1,
            Fault::IgnoresTheLastCondition => drop(request.conditions.pop()),
            Fault::TakesAfterAsInclusive => request.after = None,
            Fault::MakesDurationExclusive => {
                for condition in &mut request.conditions {
                    if let SpanCondition::DurationMin(nanos) = condition {
                        *nanos = nanos.saturating_add(1);
                    }
                }
            }
            _ => {}
        }
        let mut found = block_on(self.inner.find_traces(&self.tenant(tenant), request)).unwrap();
        if self.has(Fault::TakesAfterAsInclusive) {
            found.traces.retain(|position| after.is_none_or(|after| *position >= after));
        }
        found.has_more &= !self.has(Fault::SaysNoMore);
        ready(Ok(found))
    }

    fn aggregate<'a>(
        &'a self,
        tenant: &'a TenantId,
        mut request: AggregateSpans,
    ) -> StoreFuture<'a, SpanAggregates> {
        match self.fault {
            Fault::EndsTimeRangeEarly => request.start_max_unix_nanos -= 1,
            Fault::DropsAGroupKey => drop(request.group_by.pop()),
            Fault::MakesOneBucket => request.step_nanos = None,
            _ => {}
        }
        let limit = request.groups_max;
        if self.has(Fault::CutsGroupsSilently) {
            request.groups_max = usize::MAX;
        }
        let mut answer = block_on(self.inner.aggregate(&self.tenant(tenant), request)).unwrap();
        answer.groups.truncate(limit);
        if self.has(Fault::MiscountsDurations) {
            answer.groups.iter_mut().flat_map(|it| &mut it.buckets).for_each(|it| it.add(1 << 40));
            answer.groups.iter_mut().flat_map(|it| &mut it.buckets).for_each(|it| it.spans -= 1);
        }
        ready(Ok(answer))
    }

    fn walk_links<'a>(
        &'a self,
        tenant: &'a TenantId,
        mut request: WalkLinks,
        visitor: Arc<dyn LinkVisitor>,
    ) -> StoreFuture<'a, WalkedLinks> {
        if self.has(Fault::CutsWalksAtTheRange) {
            request.start_max_unix_nanos = request.start_min_unix_nanos;
        }
        let is_split = self.has(Fault::SplitsTraces);
        let visitor = if is_split { Arc::new(Splitter(visitor)) as _ } else { visitor };
        ready(block_on(self.inner.walk_links(&self.tenant(tenant), request, visitor)))
    }

    fn compare<'a>(
        &'a self,
        tenant: &'a TenantId,
        mut request: CompareSpans,
    ) -> StoreFuture<'a, ComparedSpans> {
        if self.has(Fault::SelectsAll) {
            request.selection.clear();
        }
        ready(block_on(self.inner.compare(&self.tenant(tenant), request)))
    }

    fn walk_traces<'a>(
        &'a self,
        tenant: &'a TenantId,
        mut request: WalkTraces,
        visitor: Arc<dyn TraceVisitor>,
    ) -> StoreFuture<'a, WalkedTraces> {
        if self.has(Fault::ForgetsToTest) {
            request.conditions.pop();
            request.needed = 0;
        }
        ready(block_on(self.inner.walk_traces(&self.tenant(tenant), request, visitor)))
    }

    fn list_keys<'a>(
        &'a self,
        tenant: &'a TenantId,
        request: ListKeys,
    ) -> StoreFuture<'a, ListedKeys> {
        let keys_max = request.keys_max;
        let mut listed = block_on(self.inner.list_keys(&self.tenant(tenant), request)).unwrap();
        match self.fault {
            Fault::ForgetsAKey => {
                listed.keys.get_mut(&AttributeLevel::Link).map(BTreeSet::pop_last);
            }
            Fault::CutsKeysSilently => listed.warnings.clear(),
            Fault::TellsAForeignKey => listed.add(AttributeLevel::Scope, "foreign", keys_max),
            _ => {}
        }
        ready(Ok(listed))
    }

    fn list_values<'a>(
        &'a self,
        tenant: &'a TenantId,
        mut request: ListValues,
    ) -> StoreFuture<'a, ListedValues> {
        if self.has(Fault::ForgetsValues) {
            request.conditions.push(SpanCondition::Root);
        }
        ready(block_on(self.inner.list_values(&self.tenant(tenant), request)))
    }

    fn traces<'a>(
        &'a self,
        tenant: &'a TenantId,
        ids: &'a [TraceId],
        projection: Projection,
    ) -> StoreFuture<'a, Vec<TraceSpans>> {
        let is_full = self.has(Fault::AnswersAttributesInSummaries);
        let projection = if is_full { Projection::Full } else { projection };
        let mut found = block_on(self.inner.traces(&self.tenant(tenant), ids, projection)).unwrap();
        if self.has(Fault::ReversesTraces) {
            found.reverse();
        }
        ready(Ok(found))
    }

    fn services<'a>(&'a self, tenant: &'a TenantId) -> StoreFuture<'a, Vec<String>> {
        let mut found = block_on(self.inner.services(&self.tenant(tenant))).unwrap();
        if self.has(Fault::SortsServices) {
            found.sort_unstable();
        }
        ready(Ok(found))
    }

    fn operations<'a>(
        &'a self,
        tenant: &'a TenantId,
        service: &'a str,
    ) -> StoreFuture<'a, Vec<Operation>> {
        ready(block_on(self.inner.operations(&self.tenant(tenant), service)))
    }

    fn stats<'a>(&'a self, tenant: &'a TenantId) -> StoreFuture<'a, StoreStats> {
        ready(block_on(self.inner.stats(&self.tenant(tenant))))
    }

    fn shutdown(&self) -> StoreFuture<'_, ()> {
        self.inner.shutdown()
    }
}

#[test]
fn wrong_stores_fail() {
    for fault in FAULTS {
        let make = async || Arc::new(Faulty { inner: MemoryStore::new(), fault }) as StoreUnderTest;
        let between = async |store| {
            let is_lost = fault == Fault::ForgetsBetween;
            if is_lost { Arc::new(MemoryStore::new()) as StoreUnderTest } else { store }
        };
        let outcome = catch_unwind(AssertUnwindSafe(|| block_on(run(make, between))));
        assert!(outcome.is_err(), "{fault:?} is not noticed");
    }
}
