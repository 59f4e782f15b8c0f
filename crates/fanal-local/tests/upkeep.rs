//! Upkeep against what was sent: late spans join their trace, retries vanish, retention drops whole blocks, a full disk
//! refuses and recovers; and a power loss at any step of all that loses and doubles nothing.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

mod simulated;

use fanal_base::ManualClock;
use fanal_local::{
    Disk, DiskFile, DiskLock, LocalConfig, LocalStore, RealDisk, Retention, Step, TenantConfig,
};
use fanal_model::{Resource, Scope, SpanBatch, SpanBatchBuilder, SpanFields, SpanId, TraceId};
use fanal_storage::{Projection, SpanStore, StoreError, StoreStats, TenantId};
use simulated::{Fault, SimulatedDisk, Survival};
use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const SECOND: u64 = 1_000_000_000;
const DAY: u64 = 86_400 * SECOND;
/// A time that lies in the middle of a window.
const BEGIN: u64 = 20_000 * DAY + DAY / 2;

fn config() -> LocalConfig {
    LocalConfig {
        log_file_bytes: 16 << 10,
        block_rows: 64,
        granule_rows: 8,
        ..LocalConfig::new("/data")
    }
}

fn open(
    disk: &SimulatedDisk,
    clock: &ManualClock,
    config: LocalConfig,
) -> Result<LocalStore, StoreError> {
    LocalStore::open_stepped(config, Arc::new(clock.clone()), Arc::new(disk.clone()))
}

fn tenant() -> TenantId {
    TenantId::default_tenant()
}

/// A span of each trace; equal arguments give equal spans.
fn batch(span: u8, traces: Range<u8>) -> SpanBatch {
    let mut builder = SpanBatchBuilder::default();
    let resource = builder.intern_resource(&Resource::default());
    let scope = builder.intern_scope(&Scope::default());
    for trace in traces {
        builder.finish_span(&SpanFields {
            trace_id: TraceId([trace; 16]),
            span_id: SpanId([span, trace, 0, 0, 0, 0, 0, 1]),
            name: "work",
            start_unix_nanos: BEGIN + u64::from(trace) * 1000 + u64::from(span),
            end_unix_nanos: BEGIN + SECOND,
            resource,
            scope,
            ..SpanFields::default()
        });
    }
    builder.finish()
}

/// Appends, and commits what waits.
async fn try_append(
    store: &LocalStore,
    tenant: &TenantId,
    spans: SpanBatch,
) -> Result<(), StoreError> {
    let commit = async { store.step(tenant, Step::Commit).expect("commits answer for themselves") };
    tokio::join!(store.append(tenant, spans), commit).0
}

async fn append(store: &LocalStore, spans: SpanBatch) {
    try_append(store, &tenant(), spans).await.expect("kept");
}

async fn stats(store: &LocalStore) -> StoreStats {
    store.stats(&tenant()).await.expect("answers")
}

/// How often each span (span, trace) is stored.
async fn stored(store: &LocalStore, traces: Range<u8>) -> BTreeMap<(u8, u8), usize> {
    let ids: Vec<TraceId> = traces.map(|trace| TraceId([trace; 16])).collect();
    let found = store.traces(&tenant(), &ids, Projection::Full).await.expect("answers");
    let mut counts = BTreeMap::new();
    for trace in found {
        assert_eq!(trace.warnings, Vec::<String>::new());
        for id in &trace.spans.span_ids {
            *counts.entry((id.0[0], id.0[1])).or_insert(0) += 1;
        }
    }
    counts
}

fn once(spans: Range<u8>, traces: &Range<u8>) -> BTreeMap<(u8, u8), usize> {
    spans.flat_map(|span| traces.clone().map(move |trace| ((span, trace), 1))).collect()
}

#[tokio::test]
async fn traces_in_several_full_blocks_are_joined_once_they_are_settled() {
    let (disk, clock) = (SimulatedDisk::new(), ManualClock::at(BEGIN));
    let store = open(&disk, &clock, config()).expect("opens");
    for span in 1..=4 {
        append(&store, batch(span, 1..61)).await;
        store.merge_now().expect("merges");
    }
    let before = stats(&store).await;
    assert_eq!((before.blocks, before.compacted_spans), (4, 0), "late spans are awaited");
    clock.advance(121 * SECOND);
    store.merge_now().expect("compacts");
    let after = stats(&store).await;
    assert_eq!((after.blocks, after.spans, after.compacted_spans), (4, 240, 240));
    assert!(after.write_amplification() > 1.5 && after.write_amplification() < 2.5, "{after:?}");
    assert_eq!(stored(&store, 1..61).await, once(1..5, &(1..61)));
    store.merge_now().expect("has nothing to do");
    assert_eq!(stats(&store).await, after, "joined traces are not joined again");
    // A trace lies in one block now: each fetch meets one trace in one of four.
    let reopened =
        open(&disk.after_power_loss(Survival::Nothing), &clock, config()).expect("opens");
    assert_eq!(stored(&reopened, 1..61).await, once(1..5, &(1..61)));
}

#[tokio::test]
async fn a_compaction_gives_its_memory_back_where_the_head_needs_it() {
    let (disk, clock) = (SimulatedDisk::new(), ManualClock::at(BEGIN));
    let config = LocalConfig { block_rows: 120, head_bytes_max: 64 << 10, ..config() };
    let store = open(&disk, &clock, config).expect("opens");
    for start in [1, 41, 81] {
        append(&store, batch(1, start..start + 40)).await;
        let merged = store.step(&tenant(), Step::Merge).expect("has nothing to do");
        assert!(!merged, "the head is neither full nor old");
        clock.advance(601 * SECOND);
        assert!(store.step(&tenant(), Step::Merge).expect("merges"));
    }
    let mut span = 2;
    while stats(&store).await.head_bytes <= (64 << 10) / 4 * 3 {
        append(&store, batch(span, 1..41)).await;
        span += 1;
    }
    assert!(!store.step(&tenant(), Step::Compact).expect("gives way"));
    assert_eq!(stats(&store).await.blocks, 3);
    while store.step(&tenant(), Step::Merge).expect("merges") {}
    assert!(store.step(&tenant(), Step::Compact).expect("compacts"));
    assert_eq!(stored(&store, 41..121).await, once(1..2, &(41..121)));
}

#[tokio::test]
async fn spans_that_come_hours_late_join_their_trace() {
    let (disk, clock) = (SimulatedDisk::new(), ManualClock::at(BEGIN));
    let store = open(&disk, &clock, config()).expect("opens");
    append(&store, batch(1, 1..61)).await;
    store.merge_now().expect("merges");
    clock.advance(3600 * SECOND);
    // Half a block late, in company of new traces.
    append(&store, batch(2, 1..31)).await;
    append(&store, batch(1, 100..140)).await;
    store.merge_now().expect("merges");
    let merged = stats(&store).await;
    assert_eq!((merged.spans, merged.blocks, merged.compacted_spans), (130, 3, 90), "{merged:?}");
    assert_eq!(stored(&store, 1..31).await, once(1..3, &(1..31)));
    assert_eq!(stored(&store, 100..140).await, once(1..2, &(100..140)));
}

#[tokio::test]
async fn a_retry_vanishes_though_the_first_is_in_a_block() {
    let (disk, clock) = (SimulatedDisk::new(), ManualClock::at(BEGIN));
    let store = open(&disk, &clock, config()).expect("opens");
    append(&store, batch(1, 1..41)).await;
    store.merge_now().expect("merges");
    append(&store, batch(1, 1..41)).await;
    assert_eq!(stats(&store).await.spans, 80);
    store.merge_now().expect("merges");
    let all_repeated = stats(&store).await;
    assert_eq!(
        (all_repeated.spans, all_repeated.blocks, all_repeated.duplicate_spans),
        (40, 1, 40)
    );
    // A retry beside new spans, and spans of the same ids with other content.
    append(&store, batch(1, 20..60)).await;
    let mut other = batch(1, 1..3);
    other.end_unix_nanos[0] += 1;
    append(&store, other).await;
    store.merge_now().expect("merges");
    let stats = stats(&store).await;
    assert_eq!((stats.spans, stats.duplicate_spans), (40 + 19 + 1, 40 + 21 + 1), "{stats:?}");
    let mut expected = once(1..2, &(1..60));
    expected.insert((1, 1), 2);
    assert_eq!(stored(&store, 1..60).await, expected);
    let reopened =
        open(&disk.after_power_loss(Survival::Nothing), &clock, config()).expect("opens");
    assert_eq!(stored(&reopened, 1..60).await, expected);
}

#[tokio::test]
async fn old_blocks_and_old_records_go_and_questions_under_way_finish() {
    let (disk, clock) = (SimulatedDisk::new(), ManualClock::at(BEGIN));
    let own = TenantConfig { retention_age_seconds: Some(0), ..TenantConfig::default() };
    let config = LocalConfig {
        retention: Retention { age_seconds: 3600, bytes_max: 0 },
        tenants: BTreeMap::from([(TenantId::parse("keeper").expect("valid"), own)]),
        ..config()
    };
    let store = open(&disk, &clock, config.clone()).expect("opens");
    let keeper = TenantId::parse("keeper").expect("valid");
    append(&store, batch(1, 1..61)).await;
    try_append(&store, &keeper, batch(1, 1..61)).await.expect("kept");
    store.merge_now().expect("merges");
    clock.advance(1800 * SECOND);
    append(&store, batch(1, 100..150)).await;
    store.merge_now().expect("merges");
    clock.advance(2251 * SECOND);
    store.merge_now().expect("drops");
    let half = stats(&store).await;
    assert_eq!((half.spans, half.expired_spans, half.blocks), (50, 60, 1), "{half:?}");
    assert_eq!(stored(&store, 1..61).await, BTreeMap::new());
    assert_eq!(store.stats(&keeper).await.expect("answers").spans, 60, "an own setting wins");
    // What never got into a block goes too.
    append(&store, batch(1, 200..205)).await;
    clock.advance(4051 * SECOND);
    assert_eq!(stats(&store).await.spans, 55);
    let store = open(&disk.after_power_loss(Survival::Nothing), &clock, config).expect("opens");
    store.step(&tenant(), Step::Retain).expect("drops");
    let empty = stats(&store).await;
    assert_eq!((empty.spans, empty.expired_spans, empty.blocks), (0, 115, 0));
    append(&store, batch(2, 1..5)).await;
    store.merge_now().expect("merges");
    assert_eq!(stored(&store, 1..5).await, once(2..3, &(1..5)));
}

#[tokio::test]
async fn the_oldest_blocks_go_where_there_are_too_many_bytes() {
    let (disk, clock) = (SimulatedDisk::new(), ManualClock::at(BEGIN));
    let store = open(&disk, &clock, config()).expect("opens");
    append(&store, batch(1, 1..61)).await;
    store.merge_now().expect("merges");
    let one = stats(&store).await.block_bytes;
    drop(store);
    let disk = SimulatedDisk::new();
    let bytes_max = one * 4;
    let retention = Retention { age_seconds: 0, bytes_max };
    let store = open(&disk, &clock, LocalConfig { retention, ..config() }).expect("opens");
    for number in 0..4 {
        clock.advance(SECOND);
        append(&store, batch(1, number * 60 + 1..number * 60 + 61)).await;
        store.merge_now().expect("merges");
    }
    let stats = stats(&store).await;
    let bytes = stats.block_bytes + stats.log_bytes;
    assert!((1..4).contains(&stats.blocks), "{stats:?}");
    assert!(bytes <= bytes_max && bytes + one * 9 / 8 > bytes_max, "as many as fit: {stats:?}");
    assert_eq!((stats.spans, stats.expired_spans), (stats.blocks * 60, (4 - stats.blocks) * 60));
    let first_kept = u8::try_from((4 - stats.blocks) * 60 + 1).expect("small");
    assert_eq!(stored(&store, 1..first_kept).await, BTreeMap::new());
    assert_eq!(stored(&store, first_kept..241).await, once(1..2, &(first_kept..241)));
}

/// Appends, merges, joins and drops; answers which spans were acknowledged.
async fn workload(disk: &SimulatedDisk) -> Vec<u8> {
    let clock = ManualClock::at(BEGIN);
    let retention = Retention { age_seconds: 86_400, bytes_max: 0 };
    let config = LocalConfig { retention, block_rows: 16, ..config() };
    let mut acknowledged = Vec::new();
    let Ok(store) = open(disk, &clock, config) else { return acknowledged };
    // These will be too old.
    drop(try_append(&store, &tenant(), batch(99, 1..16)).await);
    drop(store.merge_now());
    clock.advance(DAY / 2);
    for span in 1..=3 {
        if try_append(&store, &tenant(), batch(span, 1..16)).await.is_ok() {
            acknowledged.push(span);
        }
        drop(store.merge_now());
    }
    // A retry, late.
    clock.advance(200 * SECOND);
    let retry = try_append(&store, &tenant(), batch(2, 1..16)).await;
    acknowledged.extend(retry.is_ok().then_some(2));
    drop(store.merge_now());
    clock.advance(DAY / 2 + 4 * 3600 * SECOND);
    drop(store.merge_now());
    acknowledged
}

#[tokio::test]
async fn a_power_loss_at_any_step_of_upkeep_loses_and_doubles_nothing() {
    let disk = SimulatedDisk::new();
    disk.set_fault(Fault::None);
    assert_eq!(workload(&disk).await, [1, 2, 3, 2]);
    let steps = disk.steps();
    let clock = ManualClock::at(BEGIN + 2 * DAY);
    let store = open(&disk.after_power_loss(Survival::Nothing), &clock, config()).expect("opens");
    let whole = stats(&store).await;
    assert_eq!((whole.spans, whole.expired_spans), (45, 15), "{whole:?}");
    assert!(whole.compacted_spans >= 45 && whole.blocks >= 3, "several outputs: {whole:?}");
    for step in 0..steps {
        for is_once in [false, true] {
            let disk = SimulatedDisk::new();
            disk.set_fault(if is_once { Fault::Once(step) } else { Fault::From(step) });
            let acknowledged = workload(&disk).await;
            for keeps_unsynced in [false, true] {
                let context = format!("step {step}, once: {is_once}, unsynced: {keeps_unsynced}");
                let crashed = disk.after_power_loss(if keeps_unsynced {
                    Survival::Everything
                } else {
                    Survival::Nothing
                });
                let store =
                    open(&crashed, &clock, config()).unwrap_or_else(|e| panic!("{context}: {e}"));
                store.merge_now().expect("merges");
                let kept = stored(&store, 1..16).await;
                for trace in 1..16 {
                    for span in &acknowledged {
                        assert_eq!(kept.get(&(*span, trace)), Some(&1), "{context}: {kept:?}");
                    }
                }
                assert!(kept.values().all(|&count| count == 1), "{context}: {kept:?}");
            }
        }
    }
}

/// The machine's disk with a size of the test's choice.
#[derive(Debug, Clone)]
struct SmallDisk {
    real: RealDisk,
    free_bytes: Arc<AtomicU64>,
}

impl Disk for SmallDisk {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.real.create_dir_all(dir)
    }
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        if self.free_bytes.load(Ordering::SeqCst) == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.real.create(path)
    }
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.real.open(path)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.real.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.real.remove(path)
    }
    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.real.list(dir)
    }
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.real.sync_dir(dir)
    }
    fn free_bytes(&self, _: &Path) -> io::Result<u64> {
        Ok(self.free_bytes.load(Ordering::SeqCst))
    }
    fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskLock>> {
        self.real.lock(path)
    }
}

#[tokio::test]
async fn what_others_take_of_the_reserve_is_noticed_before_it_is_used_up() {
    let folder = tempfile::tempdir().expect("temp folder");
    let free_bytes = Arc::new(AtomicU64::new(100 << 20));
    let disk = SmallDisk { real: RealDisk, free_bytes: Arc::clone(&free_bytes) };
    let config = LocalConfig { data_dir: folder.path().to_owned(), ..config() };
    let config = LocalConfig { disk_reserve_bytes: 2 << 20, log_file_bytes: 1 << 20, ..config };
    let clock = Arc::new(ManualClock::at(BEGIN));
    let store = LocalStore::open_stepped(config, clock, Arc::new(disk)).expect("opens");
    append(&store, batch(1, 1..50)).await;
    // The log file has room, but merges would use up what is left.
    free_bytes.store(1 << 20, Ordering::SeqCst);
    store.step(&tenant(), Step::Retain).expect("looks");
    let error = try_append(&store, &tenant(), batch(2, 1..50)).await.expect_err("refused");
    assert!(error.to_string().contains("disk is full"), "{error}");
    free_bytes.store((2 << 20) + (1 << 20), Ordering::SeqCst);
    store.step(&tenant(), Step::Retain).expect("looks");
    append(&store, batch(2, 1..50)).await;
}

/// Appends until one is refused; answers how many were kept.
async fn fill(store: &LocalStore, from: u8) -> (u8, StoreError) {
    for span in from..=u8::MAX {
        if let Err(error) = try_append(store, &tenant(), batch(span, 1..200)).await {
            return (span, error);
        }
    }
    panic!("never refused");
}

#[tokio::test]
async fn a_full_disk_refuses_answers_and_recovers() {
    for free_when_full in [1 << 20, 0] {
        let folder = tempfile::tempdir().expect("temp folder");
        let free_bytes = Arc::new(AtomicU64::new(100 << 20));
        let disk = SmallDisk { real: RealDisk, free_bytes: Arc::clone(&free_bytes) };
        let config = LocalConfig {
            data_dir: folder.path().to_owned(),
            disk_reserve_bytes: 2 << 20,
            block_rows: 100_000,
            ..config()
        };
        let clock = Arc::new(ManualClock::at(BEGIN));
        let store = LocalStore::open_stepped(config, clock, Arc::new(disk)).expect("opens");
        append(&store, batch(1, 1..200)).await;
        free_bytes.store(free_when_full, Ordering::SeqCst);
        let (refused, error) = fill(&store, 2).await;
        assert!(matches!(error, StoreError::Unavailable { .. }), "{error}");
        assert!(error.to_string().contains("disk is full"), "{error}");
        assert!(store.check_room(None).is_err(), "requests are refused before they are decoded");
        assert_eq!(stored(&store, 1..200).await, once(1..refused, &(1..200)), "questions go on");
        assert!(stats(&store).await.is_disk_full);
        if free_when_full > 0 {
            store.merge_now().expect("the reserve is there for merges");
            assert_eq!(stats(&store).await.head_spans, 0);
        }
        free_bytes.store(100 << 20, Ordering::SeqCst);
        store.step(&tenant(), Step::Retain).expect("looks");
        assert!(!stats(&store).await.is_disk_full);
        append(&store, batch(refused, 1..200)).await;
        store.merge_now().expect("merges");
        assert_eq!(stored(&store, 1..200).await, once(1..refused + 1, &(1..200)));
    }
}
