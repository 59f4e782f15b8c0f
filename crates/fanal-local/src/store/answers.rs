//! The embedded engine as a `SpanStore`: each call as a task of the engine.
//!
//! Called through the trait. Holds no state of its own; what a question may use is `Engine::ask`'s affair.

use super::LocalStore;
use crate::guard::lock;
use crate::head;
use crate::search::walk::{links, spans};
use crate::search::{self, aggregate, compare, listing, values};
use fanal_model::{SpanBatch, TraceId};
use fanal_storage::{
    AggregateSpans, CompareSpans, ComparedSpans, ExportSpans, FindTraces, FoundTraces, LinkVisitor,
    ListKeys, ListValues, ListedKeys, ListedValues, Operation, Projection, SpanAggregates,
    SpanPieces, SpanStore, StoreError, StoreFuture, StoreStats, TenantId, TraceSpans, TraceVisitor,
    WalkLinks, WalkTraces, WalkedLinks, WalkedTraces,
};
use std::sync::Arc;

/// A request that is not decoded yet counts as this share of the memory that it may take.
const ROOM_SHARE: usize = 32;

impl SpanStore for LocalStore {
    fn append<'a>(&'a self, tenant: &'a TenantId, batch: SpanBatch) -> StoreFuture<'a, ()> {
        Box::pin(self.engine.append(tenant, batch))
    }

    fn check_room(&self, batch: Option<&SpanBatch>) -> Result<(), StoreError> {
        let config = &self.engine.shared.config;
        let typical = config.head_bytes_max.min(config.pending_bytes_max) / ROOM_SHARE;
        self.engine.check_room(batch.map_or(typical, head::memory_bytes))
    }

    fn find_traces<'a>(
        &'a self,
        tenant: &'a TenantId,
        request: FindTraces,
    ) -> StoreFuture<'a, FoundTraces> {
        Box::pin(self.engine.ask(tenant, move |tenant, snapshot, question| {
            search::find_traces(snapshot, &request, &tenant.config, question)
        }))
    }

    fn aggregate<'a>(
        &'a self,
        tenant: &'a TenantId,
        request: AggregateSpans,
    ) -> StoreFuture<'a, SpanAggregates> {
        Box::pin(self.engine.ask(tenant, move |_, snapshot, question| {
            aggregate::aggregate(snapshot, &request, question)
        }))
    }

    fn compare<'a>(
        &'a self,
        tenant: &'a TenantId,
        request: CompareSpans,
    ) -> StoreFuture<'a, ComparedSpans> {
        Box::pin(self.engine.ask(tenant, move |_, snapshot, question| {
            compare::compare(snapshot, &request, question)
        }))
    }

    fn walk_links<'a>(
        &'a self,
        tenant: &'a TenantId,
        request: WalkLinks,
        visitor: Arc<dyn LinkVisitor>,
    ) -> StoreFuture<'a, WalkedLinks> {
        Box::pin(self.engine.ask(tenant, move |_, snapshot, question| {
            links::walk(snapshot, &request, question, &*visitor)
        }))
    }

    fn walk_traces<'a>(
        &'a self,
        tenant: &'a TenantId,
        request: WalkTraces,
        visitor: Arc<dyn TraceVisitor>,
    ) -> StoreFuture<'a, WalkedTraces> {
        Box::pin(self.engine.ask(tenant, move |_, snapshot, question| {
            spans::walk(snapshot, &request, question, &*visitor)
        }))
    }

    fn list_keys<'a>(
        &'a self,
        tenant: &'a TenantId,
        request: ListKeys,
    ) -> StoreFuture<'a, ListedKeys> {
        Box::pin(self.engine.ask(tenant, move |_, snapshot, question| {
            listing::list_keys(snapshot, &request, question)
        }))
    }

    fn list_values<'a>(
        &'a self,
        tenant: &'a TenantId,
        request: ListValues,
    ) -> StoreFuture<'a, ListedValues> {
        Box::pin(self.engine.ask(tenant, move |_, snapshot, question| {
            values::list_values(snapshot, &request, question)
        }))
    }

    fn traces<'a>(
        &'a self,
        tenant: &'a TenantId,
        ids: &'a [TraceId],
        projection: Projection,
    ) -> StoreFuture<'a, Vec<TraceSpans>> {
        let ids = ids.to_vec();
        Box::pin(self.engine.ask(tenant, move |tenant, snapshot, question| {
            snapshot.traces(&ids, projection, tenant.config.trace_spans_max, question)
        }))
    }

    fn export<'a>(
        &'a self,
        tenant: &'a TenantId,
        request: ExportSpans,
    ) -> StoreFuture<'a, Box<dyn SpanPieces>> {
        Box::pin(self.engine.export(tenant, request))
    }

    fn services<'a>(&'a self, tenant: &'a TenantId) -> StoreFuture<'a, Vec<String>> {
        Box::pin(async move {
            let tenant = self.engine.known_tenant(tenant);
            Ok(tenant.map_or_else(Vec::new, |tenant| lock(&tenant.vocabulary).services()))
        })
    }

    fn operations<'a>(
        &'a self,
        tenant: &'a TenantId,
        service: &'a str,
    ) -> StoreFuture<'a, Vec<Operation>> {
        Box::pin(async move {
            let tenant = self.engine.known_tenant(tenant);
            Ok(tenant.map_or_else(Vec::new, |tenant| lock(&tenant.vocabulary).operations(service)))
        })
    }

    fn stats<'a>(&'a self, tenant: &'a TenantId) -> StoreFuture<'a, StoreStats> {
        Box::pin(self.engine.ask(tenant, |tenant, snapshot, _| Ok(tenant.stats(snapshot))))
    }

    fn shutdown(&self) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            let engine = Arc::clone(&self.engine);
            let stop = move || {
                engine.stop();
                Ok(())
            };
            self.engine.blocking(stop).await
        })
    }
}
