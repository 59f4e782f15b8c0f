//! The questions: search, trace by id, services, operations.

use crate::trace::{Trace, TraceSummary};
use fanal_base::ErrorKind;
use fanal_model::TraceId;
use fanal_storage::{
    Operation, ScanCounts, SpanCondition, SpanStore, StoreError, StoreStats, TenantId,
    TracePosition,
};
use std::sync::Arc;

/// Most traces of one page.
pub const LIMIT_MAX: usize = 1000;

/// A search.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchRequest {
    /// Conditions, combined by AND on one span.
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

/// Where a page ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor(pub TracePosition);

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

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The question itself is wrong.
    #[error("{message}")]
    Invalid {
        /// What is wrong and what to do.
        message: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl QueryError {
    /// How a caller reacts.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Invalid { .. } => ErrorKind::Invalid,
            Self::Store(error) => error.kind(),
        }
    }
}

/// Answers questions of one store.
#[derive(Debug, Clone)]
pub struct QueryService {
    store: Arc<dyn SpanStore>,
}

impl QueryService {
    /// Over a store.
    pub fn new(store: Arc<dyn SpanStore>) -> Self {
        Self { store }
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

    /// One page of traces.
    pub async fn search(
        &self,
        _tenant: &TenantId,
        _request: SearchRequest,
    ) -> Result<SearchPage, QueryError> {
        Err(QueryError::Invalid { message: "not built yet".into() })
    }

    /// A whole trace, or `None` when no span of it is stored.
    pub async fn trace(
        &self,
        _tenant: &TenantId,
        _trace_id: TraceId,
    ) -> Result<Option<Trace>, QueryError> {
        Ok(None)
    }
}
