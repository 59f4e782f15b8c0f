//! Limits and life of the store: overload, tenants, shutdown, and the lock of the data folder.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use fanal_base::{ManualClock, SystemClock};
use fanal_local::{LocalConfig, LocalStore, RealDisk};
use fanal_model::{Resource, Scope, SpanBatch, SpanBatchBuilder, SpanFields, SpanId, TraceId};
use fanal_storage::{Projection, SpanStore, StoreError, TenantId};
use std::sync::Arc;

fn batch(spans: u64) -> SpanBatch {
    let mut builder = SpanBatchBuilder::default();
    let resource = builder.intern_resource(&Resource::default());
    let scope = builder.intern_scope(&Scope::default());
    for span in 1..=spans {
        builder.finish_span(&SpanFields {
            trace_id: TraceId([7; 16]),
            span_id: SpanId(span.to_be_bytes()),
            name: "work",
            resource,
            scope,
            ..SpanFields::default()
        });
    }
    builder.finish()
}

fn tenant(name: &str) -> TenantId {
    TenantId::parse(name).expect("valid name")
}

fn open(config: LocalConfig) -> Result<LocalStore, StoreError> {
    LocalStore::open(config, Arc::new(ManualClock::at(1)), Arc::new(RealDisk))
}

fn small(folder: &tempfile::TempDir) -> LocalConfig {
    LocalConfig { log_file_bytes: 64 << 10, ..LocalConfig::new(folder.path()) }
}

#[tokio::test]
async fn batches_that_can_never_be_kept_are_invalid() {
    let folder = tempfile::tempdir().expect("temp folder");
    let config = LocalConfig { head_bytes_max: 400_000, ..small(&folder) };
    let store = open(config).expect("opens");
    store.append(&tenant("a"), batch(500)).await.expect("fits");
    let error = store.append(&tenant("a"), batch(50_000)).await.expect_err("never fits");
    assert!(matches!(error, StoreError::Invalid { .. }), "{error}");
    let mut broken = batch(2);
    broken.names.codes[0] = 9;
    let error = store.append(&tenant("a"), broken).await.expect_err("is no batch");
    assert!(matches!(error, StoreError::Invalid { .. }), "{error}");
}

#[tokio::test]
async fn tenants_are_apart_and_limited() {
    let folder = tempfile::tempdir().expect("temp folder");
    let store = open(LocalConfig { tenants_max: 2, ..small(&folder) }).expect("opens");
    store.append(&tenant("a"), batch(2)).await.expect("kept");
    store.append(&tenant("b"), batch(3)).await.expect("kept");
    let error = store.append(&tenant("c"), batch(1)).await.expect_err("one too many");
    assert!(matches!(error, StoreError::Overloaded { limit: "tenants_max", .. }), "{error}");
    store.shutdown().await.expect("stops");
    drop(store);
    let store = open(small(&folder)).expect("opens again");
    for (name, spans) in [("a", 2), ("b", 3), ("c", 0)] {
        assert_eq!(store.stats(&tenant(name)).await.expect("reads").spans, spans, "{name}");
    }
}

#[tokio::test]
async fn a_shut_down_store_takes_nothing_and_a_folder_is_open_once() {
    let folder = tempfile::tempdir().expect("temp folder");
    let store = open(small(&folder)).expect("opens");
    let error = open(small(&folder)).expect_err("in use");
    assert!(error.to_string().contains("in use by another process"), "{error}");
    store.append(&tenant("a"), batch(2)).await.expect("kept");
    store.shutdown().await.expect("stops");
    let error = store.append(&tenant("a"), batch(1)).await.expect_err("stopped");
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error}");
    let store = open(small(&folder)).expect("the folder is free");
    assert_eq!(store.stats(&tenant("a")).await.expect("reads").spans, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_small_requests_at_once_are_all_kept_in_fewer_records() {
    let folder = tempfile::tempdir().expect("temp folder");
    let config = LocalConfig { commit_window_micros: 5_000, ..LocalConfig::new(folder.path()) };
    let store = LocalStore::open(config, Arc::new(SystemClock), Arc::new(RealDisk)).expect("opens");
    let store = Arc::new(store);
    let tasks: Vec<_> = (1..=16_u8)
        .map(|task| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                for number in 0..50_u8 {
                    let mut spans = batch(1);
                    spans.trace_ids[0] = TraceId([task; 16]);
                    spans.span_ids[0] = SpanId([1, task, number, 0, 0, 0, 0, 0]);
                    store.append(&TenantId::default_tenant(), spans).await.expect("kept");
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("no panic");
    }
    let stats = store.stats(&TenantId::default_tenant()).await.expect("reads");
    assert_eq!(stats.spans, 800);
    let alone = 800 * 512;
    assert!(stats.log_bytes < alone, "{} bytes of log for 800 requests", stats.log_bytes);
    let ids: Vec<TraceId> = (1..=16).map(|task| TraceId([task; 16])).collect();
    let traces = store.traces(&TenantId::default_tenant(), &ids, Projection::Full).await;
    let traces = traces.expect("reads");
    assert!(traces.iter().all(|found| found.spans.len() == 50));
    assert_eq!(traces.len(), 16);
}
