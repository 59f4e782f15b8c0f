//! A store that keeps batches, or fails, or waits, as a test tells it.

use fanal_model::{IndexedBatch, SpanBatch, TraceId};
use fanal_storage::{
    AggregateSpans, FindTraces, FoundTraces, Operation, Projection, SpanAggregates, SpanStore,
    StoreError, StoreFuture, StoreStats, TenantId, TraceSpans,
};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::Semaphore;

/// What an append does.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) enum Script {
    #[default]
    Keep,
    Overloaded,
    Unavailable,
    Broken,
}

#[derive(Debug)]
pub(crate) struct ScriptedStore {
    script: Mutex<Script>,
    kept: Mutex<Vec<SpanBatch>>,
    is_gated: AtomicBool,
    gate: Semaphore,
    entered: Semaphore,
    inside: AtomicUsize,
    inside_max: AtomicUsize,
}

impl Default for ScriptedStore {
    fn default() -> Self {
        Self {
            script: Mutex::default(),
            kept: Mutex::default(),
            is_gated: AtomicBool::new(false),
            gate: Semaphore::new(0),
            entered: Semaphore::new(0),
            inside: AtomicUsize::new(0),
            inside_max: AtomicUsize::new(0),
        }
    }
}

impl ScriptedStore {
    pub(crate) fn follow(&self, script: Script) {
        *self.script.lock().expect("not poisoned") = script;
    }

    /// Lets appends wait for [`ScriptedStore::release`].
    pub(crate) fn close_gate(&self) {
        self.is_gated.store(true, Ordering::SeqCst);
    }

    /// Lets as many waiting appends through.
    pub(crate) fn release(&self, appends: usize) {
        self.gate.add_permits(appends);
    }

    /// Waits until as many appends have begun.
    pub(crate) async fn wait_for_appends(&self, appends: u32) {
        self.entered.acquire_many(appends).await.expect("open").forget();
    }

    /// Most appends that ran at once.
    pub(crate) fn inside_max(&self) -> usize {
        self.inside_max.load(Ordering::SeqCst)
    }

    /// Batches kept, in order.
    pub(crate) fn batches(&self) -> Vec<IndexedBatch> {
        let kept = self.kept.lock().expect("not poisoned");
        let indexed = |batch: &SpanBatch| IndexedBatch::new(Arc::new(batch.clone()));
        kept.iter().map(|batch| indexed(batch).expect("valid")).collect()
    }

    /// Names of the spans kept, in order.
    pub(crate) fn names(&self) -> Vec<String> {
        let batches = self.batches();
        batches.iter().flat_map(|batch| batch.spans().map(|span| span.name().to_owned())).collect()
    }

    async fn run(&self, batch: SpanBatch) -> Result<(), StoreError> {
        let inside = self.inside.fetch_add(1, Ordering::SeqCst) + 1;
        self.inside_max.fetch_max(inside, Ordering::SeqCst);
        self.entered.add_permits(1);
        if self.is_gated.load(Ordering::SeqCst) {
            self.gate.acquire().await.expect("open").forget();
        }
        self.inside.fetch_sub(1, Ordering::SeqCst);
        let script = *self.script.lock().expect("not poisoned");
        match script {
            Script::Keep => {
                self.kept.lock().expect("not poisoned").push(batch);
                Ok(())
            }
            Script::Overloaded => {
                Err(StoreError::Overloaded { limit: "head_bytes_max", observed: 2, allowed: 1 })
            }
            Script::Unavailable => {
                Err(StoreError::Unavailable { message: "disk takes no writes".to_owned() })
            }
            Script::Broken => Err(StoreError::Io {
                operation: "append".to_owned(),
                source: std::io::Error::other("bad sector"),
            }),
        }
    }
}

/// Questions are not asked here.
fn unasked<'a, T: Send + 'a>() -> StoreFuture<'a, T> {
    Box::pin(std::future::ready(Err(StoreError::Invalid { message: "not asked here".to_owned() })))
}

impl SpanStore for ScriptedStore {
    fn append<'a>(&'a self, _: &'a TenantId, batch: SpanBatch) -> StoreFuture<'a, ()> {
        Box::pin(self.run(batch))
    }

    fn find_traces<'a>(&'a self, _: &'a TenantId, _: FindTraces) -> StoreFuture<'a, FoundTraces> {
        unasked()
    }

    fn aggregate<'a>(
        &'a self,
        _: &'a TenantId,
        _: AggregateSpans,
    ) -> StoreFuture<'a, SpanAggregates> {
        unasked()
    }

    fn traces<'a>(
        &'a self,
        _: &'a TenantId,
        _: &'a [TraceId],
        _: Projection,
    ) -> StoreFuture<'a, Vec<TraceSpans>> {
        unasked()
    }

    fn services<'a>(&'a self, _: &'a TenantId) -> StoreFuture<'a, Vec<String>> {
        unasked()
    }

    fn operations<'a>(&'a self, _: &'a TenantId, _: &'a str) -> StoreFuture<'a, Vec<Operation>> {
        unasked()
    }

    fn stats<'a>(&'a self, _: &'a TenantId) -> StoreFuture<'a, StoreStats> {
        unasked()
    }

    fn shutdown(&self) -> StoreFuture<'_, ()> {
        unasked()
    }
}
