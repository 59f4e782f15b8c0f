//! Stores that give no answers: what clients are told then.

use fanal_model::{SpanBatch, TraceId};
use fanal_storage::{
    AggregateSpans, FindTraces, FoundTraces, Operation, Projection, SpanAggregates, SpanStore,
    StoreError, StoreFuture, StoreStats, TenantId, TraceSpans,
};

/// A store that never answers, or refuses every call.
#[derive(Debug)]
pub(crate) enum MuteStore {
    Silent,
    Unavailable,
}

impl MuteStore {
    fn answer<'a, T: Send + 'a>(&self) -> StoreFuture<'a, T> {
        match self {
            Self::Silent => Box::pin(std::future::pending()),
            Self::Unavailable => {
                let message = "it is stopping".to_owned();
                Box::pin(async { Err(StoreError::Unavailable { message }) })
            }
        }
    }
}

impl SpanStore for MuteStore {
    fn append<'a>(&'a self, _: &'a TenantId, _: SpanBatch) -> StoreFuture<'a, ()> {
        self.answer()
    }

    fn find_traces<'a>(&'a self, _: &'a TenantId, _: FindTraces) -> StoreFuture<'a, FoundTraces> {
        self.answer()
    }

    fn aggregate<'a>(
        &'a self,
        _: &'a TenantId,
        _: AggregateSpans,
    ) -> StoreFuture<'a, SpanAggregates> {
        self.answer()
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
