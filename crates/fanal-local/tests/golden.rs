//! A data folder written by version 2 of the catalog, 3 of the segment, 1 of log and block, opens and has its spans, for
//! ever.
//!
//! The folder is `tests/golden/engine-v4`. Where it is missing, the test writes it and fails: a new version gets a new
//! folder; those of released versions are never written again.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use fanal_base::ManualClock;
use fanal_local::{LocalConfig, LocalStore, RealDisk};
use fanal_model::builder::LinkFields;
use fanal_model::{
    Resource, Scope, SpanBatch, SpanBatchBuilder, SpanFields, SpanId, TraceId, Value, ValueRef,
};
use fanal_storage::{MemoryStore, Operation, Projection, SpanStore, TenantId};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const SPANS: u8 = 20;

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/engine-v4")
}

fn open(folder: &Path) -> LocalStore {
    let config = LocalConfig {
        log_file_bytes: 16 << 10,
        log_spare_files_max: 0,
        granule_rows: 8,
        ..LocalConfig::new(folder)
    };
    LocalStore::open(config, Arc::new(ManualClock::at(1)), Arc::new(RealDisk)).expect("opens")
}

fn trace(number: u8) -> TraceId {
    TraceId([number + 1; 16])
}

/// Twenty spans of five traces with every kind of attribute; batches differ by their number.
fn batch(number: u8) -> SpanBatch {
    let mut builder = SpanBatchBuilder::default();
    let service = ("service.name".to_owned(), Value::String(format!("service-{number}")));
    let resource =
        builder.intern_resource(&Resource { attributes: vec![service], ..Resource::default() });
    let scope = builder.intern_scope(&Scope { name: "golden".into(), ..Scope::default() });
    for span in 0..SPANS {
        let text = format!("value {}", span % 3);
        builder.attribute("text", ValueRef::String(&text));
        builder.attribute("number", ValueRef::Int(i64::from(span) - 10));
        builder.attribute("ratio", ValueRef::Float(f64::from(span) / 4.0));
        builder.attribute("flag", ValueRef::Bool(span % 2 == 0));
        builder.attribute("raw", ValueRef::Bytes(&[span, number]));
        if span % 5 == 0 {
            builder.event_attribute("reason", ValueRef::String("golden"));
            builder.finish_event(1_700_000_000_000_000_000 + u64::from(span), "event", 1);
            builder.finish_link(LinkFields { trace_id: trace(9), ..LinkFields::default() });
        }
        builder.finish_span(&SpanFields {
            trace_id: trace(span % 5),
            span_id: SpanId([number, span, 0, 0, 0, 0, 0, 1]),
            parent_span_id: if span < 5 {
                SpanId::default()
            } else {
                SpanId([number, span - 5, 0, 0, 0, 0, 0, 1])
            },
            start_unix_nanos: 1_700_000_000_000_000_000 + u64::from(span) * 1000,
            end_unix_nanos: 1_700_000_000_000_500_000 + u64::from(span) * 3000,
            kind: span % 6,
            status_code: span % 3,
            flags: 257,
            name: if span % 2 == 0 { "even" } else { "odd" },
            trace_state: "vendor=1",
            status_message: if span % 3 == 2 { "failed" } else { "" },
            resource,
            scope,
            dropped_attributes_count: u32::from(span % 7 == 6),
            ..SpanFields::default()
        });
    }
    builder.finish()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("creates");
    for entry in fs::read_dir(from).expect("lists") {
        let entry = entry.expect("lists");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("copies");
        }
    }
}

/// Two batches in a block, one in the log.
async fn write() {
    let tenant = TenantId::default_tenant();
    let store = open(&golden());
    store.append(&tenant, batch(1)).await.expect("kept");
    store.append(&tenant, batch(2)).await.expect("kept");
    store.merge_now().expect("merges");
    store.append(&tenant, batch(3)).await.expect("kept");
    drop(store);
    fs::remove_file(golden().join("LOCK")).expect("removes");
}

/// Spans of a trace as text, sorted.
async fn shown(store: &dyn SpanStore) -> Vec<String> {
    let ids: Vec<TraceId> = (0..5).map(trace).collect();
    let tenant = TenantId::default_tenant();
    let traces = store.traces(&tenant, &ids, Projection::Full).await.expect("answers");
    let mut shown = Vec::new();
    for found in traces {
        assert_eq!(found.warnings, Vec::<String>::new());
        let indexed = fanal_model::IndexedBatch::new(Arc::new(found.spans)).expect("decodes");
        shown.extend(indexed.spans().map(|span| {
            let attributes: Vec<_> = span.attributes().collect();
            let events: Vec<_> = span
                .events()
                .map(|it| (it.time_unix_nanos(), it.name(), it.attributes().collect::<Vec<_>>()))
                .collect();
            let links: Vec<_> = span.links().map(|link| link.trace_id()).collect();
            let row = span.row();
            let batch = indexed.batch();
            let fields = (
                (span.trace_id(), span.span_id(), span.parent_span_id(), span.flags()),
                (span.start_unix_nanos(), span.end_unix_nanos(), batch.kinds[row]),
                (span.status_code(), span.status_message(), span.name(), span.trace_state()),
                (span.service_name(), &span.scope().name, span.dropped_attributes_count()),
            );
            format!("{fields:?} {attributes:?} {events:?} {links:?}")
        }));
    }
    shown.sort_unstable();
    shown
}

#[tokio::test]
async fn the_folder_opens_and_has_its_spans() {
    if !golden().exists() {
        write().await;
        panic!("{} was missing and is written now: commit it", golden().display());
    }
    let folder = tempfile::tempdir().expect("temp folder");
    copy(&golden(), folder.path());
    let store = open(folder.path());
    let tenant = TenantId::default_tenant();
    let stats = store.stats(&tenant).await.expect("answers");
    assert_eq!((stats.spans, stats.head_spans, stats.blocks), (60, 20, 1));
    let model = MemoryStore::new();
    for number in 1..=3 {
        model.append(&tenant, batch(number)).await.expect("kept");
    }
    assert_eq!(shown(&store).await, shown(&model).await);
    let services = store.services(&tenant).await.expect("answers");
    assert_eq!(services, ["service-1", "service-2", "service-3"]);
    let operations: Vec<Operation> = store.operations(&tenant, "service-1").await.expect("answers");
    assert_eq!(operations, model.operations(&tenant, "service-1").await.expect("answers"));
}
