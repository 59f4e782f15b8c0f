//! Stores that give no answers, or slow ones: what clients are told then.

use fanal_model::{SpanBatch, TraceId};
use fanal_storage::{
    AggregateSpans, FindTraces, FoundTraces, MemoryStore, Operation, Projection, SpanAggregates,
    SpanStore, StoreError, StoreFuture, StoreStats, TenantId, TraceSpans,
};
use std::time::Duration;

/// A store that never answers, or refuses every call, or counts spans slowly.
#[derive(Debug)]
pub(crate) enum MuteStore {
    Silent,
    Unavailable,
    Slow(MemoryStore),
}

/// What a slow store takes for an answer.
pub(crate) const SLOWNESS: Duration = Duration::from_millis(300);

impl MuteStore {
    fn answer<'a, T: Send + 'a>(&self) -> StoreFuture<'a, T> {
        match self {
            Self::Silent | Self::Slow(_) => Box::pin(std::future::pending()),
            Self::Unavailable => {
                let message = "it is stopping".to_owned();
                Box::pin(async { Err(StoreError::Unavailable { message }) })
            }
        }
    }
}

impl SpanStore for MuteStore {
    fn append<'a>(&'a self, tenant: &'a TenantId, batch: SpanBatch) -> StoreFuture<'a, ()> {
        match self {
            Self::Slow(store) => store.append(tenant, batch),
            _ => self.answer(),
        }
    }

    fn find_traces<'a>(&'a self, _: &'a TenantId, _: FindTraces) -> StoreFuture<'a, FoundTraces> {
        self.answer()
    }

    fn aggregate<'a>(
        &'a self,
        tenant: &'a TenantId,
        request: AggregateSpans,
    ) -> StoreFuture<'a, SpanAggregates> {
        let Self::Slow(store) = self else { return self.answer() };
        Box::pin(async move {
            tokio::time::sleep(SLOWNESS).await;
            store.aggregate(tenant, request).await
        })
    }

    fn traces<'a>(
        &'a self,
        _: &'a TenantId,
        _: &'a [TraceId],
        _: Projection,
    ) -> StoreFuture<'a, Vec<TraceSpans>> {
        self.answer()
    }

    fn services<'a>(&'a self, _: &'a TenantId) -> StoreFuture<'a, Vec<String>> {
        self.answer()
    }

    fn operations<'a>(&'a self, _: &'a TenantId, _: &'a str) -> StoreFuture<'a, Vec<Operation>> {
        self.answer()
    }

    fn stats<'a>(&'a self, _: &'a TenantId) -> StoreFuture<'a, StoreStats> {
        self.answer()
    }

    fn shutdown(&self) -> StoreFuture<'_, ()> {
        self.answer()
    }
}
