//! The `SpanStore` trait that every backend implements, its requests and answers, and the suite that each must pass.
//!
//! Written to by the pipeline, asked by the query crate. Knows no disk and no network. Every call names its
//! tenant.

pub mod aggregate;
pub mod compare;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
pub mod error;
pub mod export;
pub mod links;
pub mod listing;
pub mod memory;
pub mod pattern;
pub mod predicate;
pub mod request;
pub mod store;
pub mod walk;

pub use aggregate::{
    AggregateSpans, GroupKey, Measure, Measured, SpanAggregates, SpanGroup, Tally,
};
pub use compare::{CompareSpans, ComparedField, ComparedSpans};
pub use error::StoreError;
pub use export::{ExportSpans, ReadyPieces, SpanPieces};
pub use links::{LinkNames, LinkSpan, LinkVisitor, Mark, RemoteKey, WalkLinks, WalkedLinks};
pub use listing::{ListKeys, ListValues, ListedKeys, ListedValues, ValuesOf};
pub use memory::MemoryStore;
pub use pattern::Pattern;
pub use predicate::{
    AttributeCondition, AttributeLevel, AttributeTest, Comparison, SpanCondition, TextField,
};
pub use request::{
    FindTraces, FoundTraces, Operation, Projection, RemoteStats, ScanCounts, StoreStats, TenantId,
    TracePosition, TraceSpans,
};
pub use store::{SpanStore, StoreFuture};
pub use walk::{
    ReadValues, TraceVisitor, WalkTraces, WalkValues, WalkedSpan, WalkedTrace, WalkedTraces,
};
