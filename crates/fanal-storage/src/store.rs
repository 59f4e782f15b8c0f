//! The trait of a backend.

use crate::aggregate::{AggregateSpans, SpanAggregates};
use crate::compare::{CompareSpans, ComparedSpans};
use crate::error::StoreError;
use crate::export::{ExportSpans, SpanPieces};
use crate::links::{LinkVisitor, WalkLinks, WalkedLinks};
use crate::listing::{ListKeys, ListValues, ListedKeys, ListedValues};
use crate::request::{
    FindTraces, FoundTraces, Operation, Projection, StoreStats, TenantId, TraceSpans,
};
use crate::walk::{TraceVisitor, WalkTraces, WalkedTraces};
use fanal_model::{SpanBatch, TraceId};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// The future of an answer.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Keeps spans and finds traces. Calls may run at the same time from many tasks.
///
/// A span is visible to every question that begins after its append was acknowledged.
pub trait SpanStore: Send + Sync + std::fmt::Debug {
    /// Keeps a valid batch. Resolves once every span of it is durable, or fails and keeps nothing that was promised.
    ///
    /// Fails with `Overloaded` when a limit is reached and `Unavailable` when the disk takes no writes.
    fn append<'a>(&'a self, tenant: &'a TenantId, batch: SpanBatch) -> StoreFuture<'a, ()>;

    /// Whether there is room for a batch now; fails as [`SpanStore::append`] would. Asked without a batch before a request is
    /// decoded, so that refusing it costs little; an append may be refused all the same.
    fn check_room(&self, _batch: Option<&SpanBatch>) -> Result<(), StoreError> {
        Ok(())
    }

    /// Finds traces, newest first.
    fn find_traces<'a>(
        &'a self,
        tenant: &'a TenantId,
        request: FindTraces,
    ) -> StoreFuture<'a, FoundTraces>;

    /// Counts and measures spans in groups and time buckets.
    ///
    /// Fails with `Invalid` where [`AggregateSpans::validate`] does, and where the answer would take more memory than one
    /// question may.
    fn aggregate<'a>(
        &'a self,
        tenant: &'a TenantId,
        request: AggregateSpans,
    ) -> StoreFuture<'a, SpanAggregates>;

    /// Counts the values of everything that spans carry, of some of them beside all others.
    ///
    /// Fails with `Invalid` where [`CompareSpans::validate`] does, where it would take more memory than one question may, or
    /// the store cannot.
    fn compare<'a>(
        &'a self,
        _tenant: &'a TenantId,
        _request: CompareSpans,
    ) -> StoreFuture<'a, ComparedSpans> {
        let message = "this store does not compare spans".to_owned();
        Box::pin(std::future::ready(Err(StoreError::Invalid { message })))
    }

    /// Hands the structure of whole traces to a visitor.
    ///
    /// Fails with `Invalid` where it would take more memory than one question may, or the store cannot.
    fn walk_links<'a>(
        &'a self,
        _tenant: &'a TenantId,
        _request: WalkLinks,
        _visitor: Arc<dyn LinkVisitor>,
    ) -> StoreFuture<'a, WalkedLinks> {
        let message = "this store does not walk over traces".to_owned();
        Box::pin(std::future::ready(Err(StoreError::Invalid { message })))
    }

    /// Hands whole traces in columns to a visitor.
    ///
    /// Fails with `Invalid` where [`WalkTraces::validate`] does, where it would take more memory than one question may, or
    /// the store cannot.
    fn walk_traces<'a>(
        &'a self,
        _tenant: &'a TenantId,
        _request: WalkTraces,
        _visitor: Arc<dyn TraceVisitor>,
    ) -> StoreFuture<'a, WalkedTraces> {
        let message = "this store does not walk over traces".to_owned();
        Box::pin(std::future::ready(Err(StoreError::Invalid { message })))
    }

    /// Lists the keys of attributes of spans: every one of spans that match, and maybe others that are stored.
    ///
    /// Fails with `Invalid` where the store cannot.
    fn list_keys<'a>(
        &'a self,
        _tenant: &'a TenantId,
        _request: ListKeys,
    ) -> StoreFuture<'a, ListedKeys> {
        let message = "this store does not list keys of attributes".to_owned();
        Box::pin(std::future::ready(Err(StoreError::Invalid { message })))
    }

    /// Lists the values of something that spans have, in the same way.
    fn list_values<'a>(
        &'a self,
        _tenant: &'a TenantId,
        _request: ListValues,
    ) -> StoreFuture<'a, ListedValues> {
        let message = "this store does not list values".to_owned();
        Box::pin(std::future::ready(Err(StoreError::Invalid { message })))
    }

    /// Fetches traces by id without a time hint. Ids without a span are left out; the order is that of `ids`.
    fn traces<'a>(
        &'a self,
        tenant: &'a TenantId,
        ids: &'a [TraceId],
        projection: Projection,
    ) -> StoreFuture<'a, Vec<TraceSpans>>;

    /// Hands out the spans of traces in pieces, as they are stored at this moment; exact duplicates may be among them.
    ///
    /// Fails with `Invalid` where the store cannot, or where it is too much at once.
    fn export<'a>(
        &'a self,
        _tenant: &'a TenantId,
        _request: ExportSpans,
    ) -> StoreFuture<'a, Box<dyn SpanPieces>> {
        let message = "this store does not export".to_owned();
        Box::pin(std::future::ready(Err(StoreError::Invalid { message })))
    }

    /// Service names in the order in which they were first seen; a service keeps its place.
    fn services<'a>(&'a self, tenant: &'a TenantId) -> StoreFuture<'a, Vec<String>>;

    /// Operations of a service, sorted; empty for an unknown service.
    fn operations<'a>(
        &'a self,
        tenant: &'a TenantId,
        service: &'a str,
    ) -> StoreFuture<'a, Vec<Operation>>;

    /// What is stored.
    fn stats<'a>(&'a self, tenant: &'a TenantId) -> StoreFuture<'a, StoreStats>;

    /// Makes everything acknowledged durable and stops background work; later appends are `Unavailable`.
    fn shutdown(&self) -> StoreFuture<'_, ()>;
}
