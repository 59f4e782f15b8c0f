//! What a crash, a failing disk or damaged bytes leave behind: every acknowledged span exactly once, and an honest word
//! where that is impossible.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

mod simulated;

use fanal_base::ManualClock;
use fanal_local::{Disk, LocalConfig, LocalStore};
use fanal_model::{
    Resource, Scope, SpanBatch, SpanBatchBuilder, SpanFields, SpanId, TraceId, Value, ValueRef,
};
use fanal_storage::{FindTraces, Projection, SpanStore, StoreError, TenantId};
use fanal_testkit::Random;
use simulated::{Fault, SimulatedDisk, Survival};
use std::collections::BTreeMap;
use std::sync::Arc;

fn config() -> LocalConfig {
    LocalConfig {
        log_file_bytes: 16 << 10,
        block_rows: 64,
        granule_rows: 8,
        ..LocalConfig::new("/data")
    }
}

fn open(disk: &SimulatedDisk) -> Result<LocalStore, StoreError> {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    LocalStore::open(config(), Arc::new(ManualClock::at(1)), disk)
}

/// A batch of spans whose ids carry `number`, of two traces that all batches share.
fn batch(number: u8, spans: u8) -> SpanBatch {
    let mut builder = SpanBatchBuilder::default();
    let name = Value::String(format!("service-{number}"));
    let attributes = vec![("service.name".to_owned(), name)];
    let resource = builder.intern_resource(&Resource { attributes, ..Resource::default() });
    let scope = builder.intern_scope(&Scope::default());
    for span in 0..spans {
        builder.attribute("batch", ValueRef::Int(i64::from(number)));
        builder.finish_span(&SpanFields {
            trace_id: trace(span % 2),
            span_id: SpanId([number, span, 0, 0, 0, 0, 0, 1]),
            name: "work",
            start_unix_nanos: 1000 + u64::from(number) * 10 + u64::from(span),
            end_unix_nanos: 5000,
            resource,
            scope,
            ..SpanFields::default()
        });
    }
    builder.finish()
}

fn trace(number: u8) -> TraceId {
    TraceId([number + 1; 16])
}

fn tenant() -> TenantId {
    TenantId::default_tenant()
}

async fn append(store: &LocalStore, number: u8) -> Result<(), StoreError> {
    store.append(&tenant(), batch(number, 3)).await
}

/// Spans stored, by number of their batch; checks on the way that search finds their traces.
async fn stored(store: &LocalStore) -> BTreeMap<u8, usize> {
    let ids = [trace(0), trace(1)];
    let traces = store.traces(&tenant(), &ids, Projection::Full).await.expect("reads");
    let mut counts = BTreeMap::new();
    for found in &traces {
        assert!(found.warnings.is_empty(), "{:?}", found.warnings);
        for id in &found.spans.span_ids {
            *counts.entry(id.0[0]).or_insert(0) += 1;
        }
    }
    let request = FindTraces {
        conditions: Vec::new(),
        start_min_unix_nanos: 0,
        start_max_unix_nanos: u64::MAX,
        limit: 10,
        after: None,
    };
    let found = store.find_traces(&tenant(), request).await.expect("searches");
    assert_eq!(found.traces.len(), traces.len());
    counts
}

fn whole(numbers: impl IntoIterator<Item = u8>) -> BTreeMap<u8, usize> {
    numbers.into_iter().map(|number| (number, 3)).collect()
}

#[tokio::test]
async fn acknowledged_spans_survive_a_power_loss_without_a_shutdown() {
    let disk = SimulatedDisk::new();
    let store = open(&disk).expect("opens");
    for number in 1..=40 {
        append(&store, number).await.expect("kept");
    }
    assert_eq!(stored(&store).await, whole(1..=40));
    let crashed = disk.after_power_loss(Survival::Nothing);
    let store = open(&crashed).expect("opens again");
    assert_eq!(stored(&store).await, whole(1..=40));
    let services = store.services(&tenant()).await.expect("reads");
    let expected: Vec<String> = (1..=40).map(|number| format!("service-{number}")).collect();
    assert_eq!(services, expected, "first-seen order survives");
    append(&store, 41).await.expect("goes on");
    store.merge_now().expect("merges");
    append(&store, 42).await.expect("goes on");
    let store = open(&crashed.after_power_loss(Survival::Nothing)).expect("opens a third time");
    assert_eq!(stored(&store).await, whole(1..=42));
    let stats = store.stats(&tenant()).await.expect("reads");
    assert_eq!((stats.spans, stats.head_spans), (42 * 3, 3));
    let newest = stats.newest_trace.expect("spans are stored");
    assert_eq!(newest.trace_id, trace(0));
    assert_eq!(newest.start_unix_nanos, 1010);
}

/// Appends, merges, appends and merges again, with log files so small that they are used again; answers which appends
/// were acknowledged.
async fn workload(disk: &SimulatedDisk) -> Vec<u8> {
    let mut acknowledged = Vec::new();
    let small = LocalConfig { log_file_bytes: 4 << 10, ..config() };
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let opened = LocalStore::open(small, Arc::new(ManualClock::at(1)), shared);
    let Ok(store) = opened else { return acknowledged };
    for number in 1..=12 {
        if append(&store, number).await.is_ok() {
            acknowledged.push(number);
        }
        if number % 5 == 0 {
            drop(store.merge_now());
        }
    }
    acknowledged
}

/// Whether what is stored is every acknowledged append whole, once, and of the others nothing or the whole, once.
fn check_kept(kept: &BTreeMap<u8, usize>, acknowledged: &[u8], context: &str) {
    for number in acknowledged {
        assert_eq!(kept.get(number), Some(&3), "append {number}, {context}: {kept:?}");
    }
    assert!(kept.values().all(|&count| count == 3), "{context}: {kept:?}");
}

#[tokio::test]
async fn a_power_loss_at_any_step_loses_and_doubles_nothing() {
    let disk = SimulatedDisk::new();
    disk.set_fault(Fault::None);
    assert_eq!(workload(&disk).await.len(), 12);
    let steps = disk.steps();
    assert!(steps > 40, "{steps} steps");
    for step in 0..steps {
        let disk = SimulatedDisk::new();
        disk.set_fault(Fault::From(step));
        let acknowledged = workload(&disk).await;
        let mut random = Random::new(step);
        let survivals = [Survival::Nothing, Survival::Everything, Survival::Some(&mut random)];
        for survival in survivals {
            let context = format!("step {step}, {survival:?}");
            let crashed = disk.after_power_loss(survival);
            let store = open(&crashed).unwrap_or_else(|error| panic!("{context}: {error}"));
            check_kept(&stored(&store).await, &acknowledged, &context);
            append(&store, 100).await.expect("goes on");
            store.merge_now().expect("merges");
            let mut acknowledged = acknowledged.clone();
            acknowledged.push(100);
            check_kept(&stored(&store).await, &acknowledged, &context);
            let store =
                open(&crashed.after_power_loss(Survival::Nothing)).expect("opens once more");
            check_kept(&stored(&store).await, &acknowledged, &context);
        }
    }
}

#[tokio::test]
async fn a_process_that_ends_at_any_step_leaves_what_a_later_power_loss_keeps() {
    let disk = SimulatedDisk::new();
    disk.set_fault(Fault::None);
    workload(&disk).await;
    for step in 0..disk.steps() {
        let disk = SimulatedDisk::new();
        disk.set_fault(Fault::From(step));
        let mut acknowledged = workload(&disk).await;
        disk.set_fault(Fault::None);
        let store = open(&disk).expect("opens");
        append(&store, 100).await.expect("goes on");
        acknowledged.push(100);
        let crashed = disk.after_power_loss(Survival::Nothing);
        let store = open(&crashed).unwrap_or_else(|error| panic!("step {step}: {error}"));
        check_kept(&stored(&store).await, &acknowledged, &format!("step {step}"));
    }
}

#[tokio::test]
async fn a_trace_that_may_lie_in_a_damaged_block_is_not_said_to_be_absent() {
    let disk = SimulatedDisk::new();
    let store = open(&disk).expect("opens");
    append(&store, 1).await.expect("kept");
    store.merge_now().expect("merges");
    drop(store);
    disk.edit(".block", |bytes| bytes.truncate(100));
    let store = open(&disk).expect("opens");
    let answer = store.traces(&tenant(), &[trace(0)], Projection::Full).await;
    assert!(matches!(answer, Err(StoreError::Corrupt { .. })), "{answer:?}");
}

#[tokio::test]
async fn one_failing_step_is_unavailable_and_the_next_append_works() {
    let disk = SimulatedDisk::new();
    disk.set_fault(Fault::None);
    workload(&disk).await;
    let steps = disk.steps();
    let mut refused = 0;
    for step in 0..steps {
        let disk = SimulatedDisk::new();
        disk.set_fault(Fault::Once(step));
        let Ok(store) = open(&disk) else { continue };
        let mut acknowledged = Vec::new();
        for number in 1..=12 {
            match append(&store, number).await {
                Ok(()) => acknowledged.push(number),
                Err(error) => {
                    assert!(matches!(error, StoreError::Unavailable { .. }), "{error}");
                    refused += 1;
                    append(&store, number).await.expect("the next one works");
                    acknowledged.push(number);
                }
            }
            if number % 5 == 0 {
                drop(store.merge_now());
            }
        }
        assert_eq!(acknowledged.len(), 12);
        assert_eq!(stored(&store).await, whole(1..=12), "step {step}");
        let store = open(&disk.after_power_loss(Survival::Nothing)).expect("opens");
        check_kept(&dedup(stored(&store).await), &acknowledged, &format!("step {step}"));
    }
    assert!(refused > 12, "{refused} appends met the failure");
}

/// A refused append may have reached the disk before its retry did: until the merge drops the copy it counts twice.
fn dedup(kept: BTreeMap<u8, usize>) -> BTreeMap<u8, usize> {
    kept.into_iter().map(|(number, count)| (number, if count == 6 { 3 } else { count })).collect()
}

#[tokio::test]
async fn a_head_that_cannot_be_merged_fills_up_and_refuses_until_it_can() {
    let disk = SimulatedDisk::new();
    disk.refuse(Some(".block"));
    let limited = LocalConfig { head_bytes_max: 100_000, ..config() };
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let store = LocalStore::open(limited, Arc::new(ManualClock::at(1)), shared).expect("opens");
    let mut kept = Vec::new();
    let refusal = loop {
        let number = u8::try_from(kept.len() + 1).expect("refused before");
        match append(&store, number).await {
            Ok(()) => kept.push(number),
            Err(error) => break error,
        }
    };
    assert!(matches!(refusal, StoreError::Overloaded { limit: "head_bytes_max", .. }), "{refusal}");
    assert!(store.merge_now().is_err());
    assert_eq!(stored(&store).await, whole(kept.clone()), "what was kept can be read");
    disk.refuse(None);
    store.merge_now().expect("merges");
    append(&store, 200).await.expect("there is room again");
    kept.push(200);
    assert_eq!(stored(&store).await, whole(kept));
}

#[tokio::test]
async fn a_log_cut_anywhere_in_its_last_record_keeps_the_earlier_ones() {
    let disk = SimulatedDisk::new();
    let store = open(&disk).expect("opens");
    for number in 1..=3 {
        append(&store, number).await.expect("kept");
    }
    drop(store);
    let mut length = 0;
    disk.edit(".log", |bytes| {
        length = bytes.iter().rposition(|&byte| byte != 0).expect("has records") + 1;
    });
    let mut counts = BTreeMap::new();
    for cut in (length - 600)..=length {
        let damaged = disk.after_power_loss(Survival::Everything);
        damaged.edit(".log", |bytes| bytes[cut..].fill(0));
        let store = open(&damaged).expect("opens");
        let kept = stored(&store).await;
        let expected = [whole(1..=1), whole(1..=2), whole(1..=3)];
        assert!(expected.contains(&kept), "cut at {cut}: {kept:?}");
        *counts.entry(kept.len()).or_insert(0) += 1;
    }
    assert!(counts.contains_key(&2) && counts.get(&3) == Some(&1), "{counts:?}");
}

#[tokio::test]
async fn damaged_blocks_are_told_in_answers_and_damaged_catalogs_refuse_to_open() {
    let disk = SimulatedDisk::new();
    let store = open(&disk).expect("opens");
    append(&store, 1).await.expect("kept");
    store.merge_now().expect("merges");
    append(&store, 2).await.expect("kept");
    drop(store);
    let damaged = disk.after_power_loss(Survival::Nothing);
    damaged.edit(".block", |bytes| {
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
    });
    let store = open(&damaged).expect("a damaged block does not keep the rest away");
    let found = store.traces(&tenant(), &[trace(0)], Projection::Full).await.expect("answers");
    assert_eq!(found[0].spans.len(), 2);
    assert!(found[0].warnings[0].contains("cannot be read"), "{:?}", found[0].warnings);
    let request = FindTraces {
        conditions: Vec::new(),
        start_min_unix_nanos: 0,
        start_max_unix_nanos: u64::MAX,
        limit: 10,
        after: None,
    };
    let answer = store.find_traces(&tenant(), request).await.expect("answers");
    assert_eq!((answer.traces.len(), answer.warnings.len()), (2, 1));
    let damaged = disk.after_power_loss(Survival::Nothing);
    damaged.edit("CATALOG", |bytes| bytes[30] ^= 1);
    let error = open(&damaged).expect_err("a damaged catalog is not guessed at");
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
}
