//! Blocks in an object store: the same answers as from the local disk, an honest word where the store does not answer,
//! and a crash at any step of a move that loses, doubles and forgets nothing.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

mod simulated;

use fanal_base::{Clock, ManualClock};
use fanal_local::tier::{Bucket, BucketCall, Fate, MemoryBucket, TierConfig};
use fanal_local::{Disk, Ground, LocalConfig, LocalStore, Retention, Step};
use fanal_model::{
    Resource, Scope, SpanBatch, SpanBatchBuilder, SpanFields, SpanId, TraceId, Value, ValueRef,
};
use fanal_storage::{
    AttributeCondition, AttributeLevel, AttributeTest, FindTraces, FoundTraces, Projection,
    SpanCondition, SpanStore, StoreError, TenantId, TraceSpans,
};
use simulated::{Fault, SimulatedDisk, Survival};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const AFTER_SECONDS: u64 = 100;
const RETENTION_SECONDS: u64 = 10_000;
const SECOND: u64 = 1_000_000_000;
/// Longer than an object store that failed is left alone.
const REST: u64 = 60 * SECOND;
const TRACES: u8 = 40;
const BLOCKS: &str = "/data/tenants/default/blocks";

/// A store with its surroundings, which outlive it.
struct World {
    disk: SimulatedDisk,
    bucket: Arc<MemoryBucket>,
    clock: ManualClock,
    cache_bytes_max: u64,
}

impl World {
    fn new() -> Self {
        Self {
            disk: SimulatedDisk::new(),
            bucket: Arc::new(MemoryBucket::default()),
            clock: ManualClock::at(SECOND),
            cache_bytes_max: 1 << 20,
        }
    }

    fn config(&self) -> LocalConfig {
        let cache_bytes_max = self.cache_bytes_max;
        LocalConfig {
            log_file_bytes: 64 << 10,
            block_rows: 64,
            granule_rows: 16,
            retention: Retention { age_seconds: RETENTION_SECONDS, bytes_max: 0 },
            tier: TierConfig { after_seconds: AFTER_SECONDS, cache_bytes_max },
            ..LocalConfig::new("/data")
        }
    }

    fn open(&self) -> Result<LocalStore, StoreError> {
        let disk: Arc<dyn Disk> = Arc::new(self.disk.clone());
        let bucket: Arc<dyn Bucket> = Arc::clone(&self.bucket) as Arc<dyn Bucket>;
        let clock: Arc<dyn Clock> = Arc::new(self.clock.clone());
        let ground = Ground { clock, disk, bucket: Some(bucket), is_stepped: true };
        LocalStore::open_on(self.config(), ground)
    }

    /// Files in the folder of blocks whose names end so.
    fn files(&self, suffix: &str) -> Vec<String> {
        let names = self.disk.list(Path::new(BLOCKS)).expect("lists");
        names.into_iter().filter(|name| name.ends_with(suffix)).collect()
    }

    /// Another world on what a power loss left of this one's disk, with the same bucket, which works again.
    fn after_power_loss(&self, keeps_unsynced: bool) -> Self {
        self.bucket.heal();
        let survival = if keeps_unsynced { Survival::Everything } else { Survival::Nothing };
        Self {
            disk: self.disk.after_power_loss(survival),
            bucket: Arc::clone(&self.bucket),
            clock: self.clock.clone(),
            cache_bytes_max: self.cache_bytes_max,
        }
    }
}

fn tenant() -> TenantId {
    TenantId::default_tenant()
}

fn trace(number: u8) -> TraceId {
    let mut bytes = [number; 16];
    bytes[0] = 200;
    TraceId(bytes)
}

/// Words that do not compress, so that blocks are larger than what stays of them.
fn noise(number: u8, span: u8) -> String {
    let mut state = u64::from(number) * 256 + u64::from(span) + 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        format!("{state:016x}")
    };
    (0..40).map(|_| next()).collect()
}

/// One batch with a trace of ten spans.
fn batch(number: u8) -> SpanBatch {
    let mut builder = SpanBatchBuilder::default();
    let name = Value::String("shop".to_owned());
    let attributes = vec![("service.name".to_owned(), name)];
    let resource = builder.intern_resource(&Resource { attributes, ..Resource::default() });
    let scope = builder.intern_scope(&Scope::default());
    for span in 0..10 {
        builder.attribute("number", ValueRef::Int(i64::from(number)));
        builder.attribute("words", ValueRef::String(&format!("{number} {span} ").repeat(9)));
        builder.attribute("noise", ValueRef::String(&noise(number, span)));
        builder.finish_span(&SpanFields {
            trace_id: trace(number),
            span_id: SpanId([number, span, 0, 0, 0, 0, 0, 1]),
            name: "work",
            start_unix_nanos: 1000 + u64::from(number) * 100 + u64::from(span),
            end_unix_nanos: 9000,
            resource,
            scope,
            ..SpanFields::default()
        });
    }
    builder.finish()
}

/// Appends; with a stepped store the caller commits.
async fn append(store: &LocalStore, number: u8) -> Result<(), StoreError> {
    let tenant = tenant();
    let appending = store.append(&tenant, batch(number));
    let committing = async {
        while !store.step(&tenant, Step::Commit)? {
            tokio::task::yield_now().await;
        }
        Ok(())
    };
    let (appended, committed) = tokio::join!(appending, committing);
    appended.and(committed)
}

/// Everything, merged into blocks, and old enough to move.
async fn filled(world: &World) -> LocalStore {
    let store = world.open().expect("opens");
    for number in 0..TRACES {
        append(&store, number).await.expect("kept");
        if number % 8 == 7 {
            store.merge_now().expect("merges");
        }
    }
    world.clock.advance((AFTER_SECONDS + 1) * SECOND);
    store
}

fn search(conditions: Vec<SpanCondition>) -> FindTraces {
    FindTraces {
        conditions,
        start_min_unix_nanos: 0,
        start_max_unix_nanos: u64::MAX,
        limit: 1000,
        after: None,
    }
}

fn words(text: &str) -> Vec<SpanCondition> {
    vec![SpanCondition::Attribute(AttributeCondition {
        levels: AttributeLevel::ALL.to_vec(),
        key: "words".to_owned(),
        test: AttributeTest::TextEquals(text.to_owned()),
    })]
}

async fn find(store: &LocalStore, conditions: Vec<SpanCondition>) -> FoundTraces {
    store.find_traces(&tenant(), search(conditions)).await.expect("answers")
}

async fn fetch(store: &LocalStore, number: u8) -> Result<Vec<TraceSpans>, StoreError> {
    store.traces(&tenant(), &[trace(number)], Projection::Full).await
}

/// Every answer that the tests compare: all traces by id, a search for all, and one that reads an attribute.
async fn answers(store: &LocalStore) -> (Vec<TraceSpans>, Vec<FoundTraces>) {
    let ids: Vec<TraceId> = (0..TRACES).map(trace).collect();
    let traces = store.traces(&tenant(), &ids, Projection::Full).await.expect("answers");
    let found = vec![
        find(store, Vec::new()).await,
        find(store, words(&"7 3 ".repeat(9))).await,
        find(store, words("nobody has this")).await,
    ];
    (traces, found)
}

async fn check_whole(store: &LocalStore, context: &str) {
    let (traces, found) = answers(store).await;
    assert_eq!(traces.len(), usize::from(TRACES), "{context}");
    for trace in &traces {
        assert!(trace.warnings.is_empty(), "{context}: {:?}", trace.warnings);
        let ids: BTreeSet<_> = trace.spans.span_ids.iter().collect();
        assert_eq!((ids.len(), trace.spans.len()), (10, 10), "{context}");
    }
    let counts: Vec<usize> = found.iter().map(|answer| answer.traces.len()).collect();
    assert_eq!(counts, [usize::from(TRACES), 1, 0], "{context}");
    for answer in found {
        assert!(answer.warnings.is_empty(), "{context}: {:?}", answer.warnings);
    }
}

#[tokio::test]
async fn answers_are_the_same_after_the_move_and_after_a_restart() {
    let world = World::new();
    let store = filled(&world).await;
    let before = answers(&store).await;
    store.move_now().expect("moves");
    let stats = store.stats(&tenant()).await.expect("answers");
    assert_eq!((stats.remote.blocks, stats.block_bytes), (stats.blocks, 0));
    assert!(stats.blocks > 3, "{} blocks", stats.blocks);
    assert_eq!(stats.remote.bytes, stats.remote.uploaded_bytes);
    assert_eq!(answers(&store).await, before);
    assert!(world.files(".block").is_empty(), "local files are gone");
    drop(store);
    let reads = world.bucket.calls(BucketCall::Read);
    let store = world.open().expect("opens");
    assert_eq!(world.bucket.calls(BucketCall::Read), reads, "nothing is asked at the start");
    let nowhere = find(&store, vec![SpanCondition::Service("nobody".to_owned())]).await;
    assert!(nowhere.traces.is_empty());
    assert_eq!(world.bucket.calls(BucketCall::Read), reads, "pruning needs no network");
    assert_eq!(answers(&store).await, before);
    let (again, reads) = (answers(&store).await, world.bucket.calls(BucketCall::Read));
    assert_eq!(again, before);
    assert_eq!(answers(&store).await, before);
    assert_eq!(world.bucket.calls(BucketCall::Read), reads, "the cache has it");
}

#[tokio::test]
async fn young_blocks_stay_and_a_tiny_cache_is_enough() {
    let world = World { cache_bytes_max: 0, ..World::new() };
    let store = filled(&world).await;
    append(&store, TRACES).await.expect("kept");
    store.merge_now().expect("merges");
    let before = answers(&store).await;
    store.move_now().expect("moves");
    let stats = store.stats(&tenant()).await.expect("answers");
    assert_eq!(stats.remote.blocks, stats.blocks - 1);
    assert!(stats.block_bytes > 0);
    assert_eq!(answers(&store).await, before);
    assert_eq!(store.stats(&tenant()).await.expect("answers").remote.cache_bytes, 0);
}

#[tokio::test]
async fn a_bucket_that_is_gone_makes_answers_partial_and_says_so() {
    let world = World::new();
    let store = filled(&world).await;
    store.move_now().expect("moves");
    append(&store, 100).await.expect("kept");
    let before = answers(&store).await;
    drop(store);
    world.bucket.set_fates(|_, _| Fate::Fails);
    let store = world.open().expect("opens without the bucket");
    let found = find(&store, Vec::new()).await;
    // Newest first; of the others, the ends that stubs keep may have some.
    assert_eq!(found.traces[0].trace_id, trace(100), "local spans are there");
    assert!(found.traces.len() < usize::from(TRACES), "{} traces", found.traces.len());
    let expected = "older spans may be missing: the object store memory:// cannot be reached: it is \
                    made to fail";
    assert_eq!(found.warnings, [expected], "one word for all blocks");
    let calls = world.bucket.calls(BucketCall::Read);
    find(&store, Vec::new()).await;
    assert_eq!(world.bucket.calls(BucketCall::Read), calls, "it is left alone for a moment");
    assert_eq!(fetch(&store, 100).await.expect("answers")[0].warnings, Vec::<String>::new());
    let error = fetch(&store, 1).await.expect_err("nobody knows");
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error}");
    assert!(error.to_string().contains("cannot be reached"), "{error}");
    append(&store, 101).await.expect("ingest goes on");
    world.bucket.heal();
    world.clock.advance(REST);
    assert_eq!(answers(&store).await.0, before.0, "whole again");
    assert!(find(&store, Vec::new()).await.warnings.is_empty());
}

#[tokio::test]
async fn without_a_bucket_what_moved_is_told_missing() {
    let world = World::new();
    let store = filled(&world).await;
    store.move_now().expect("moves");
    append(&store, 100).await.expect("kept");
    drop(store);
    let disk: Arc<dyn Disk> = Arc::new(world.disk.clone());
    let clock: Arc<dyn Clock> = Arc::new(world.clock.clone());
    let store = LocalStore::open_stepped(world.config(), clock, disk).expect("opens");
    let found = find(&store, Vec::new()).await;
    assert_eq!(found.traces.len(), 1);
    assert!(found.warnings[0].contains("none is configured"), "{:?}", found.warnings);
    drop(store);
    check_whole_but(&world, 1).await;
}

/// With its bucket the store is whole, and has so many traces more.
async fn check_whole_but(world: &World, more: usize) {
    let store = world.open().expect("opens");
    let found = find(&store, Vec::new()).await;
    assert_eq!(found.traces.len(), usize::from(TRACES) + more);
    assert!(found.warnings.is_empty(), "{:?}", found.warnings);
}

#[tokio::test]
async fn a_damaged_object_is_told_and_never_believed() {
    let world = World::new();
    let store = filled(&world).await;
    store.move_now().expect("moves");
    drop(store);
    for object in world.bucket.objects() {
        world.bucket.damage(&object, |bytes| bytes.iter_mut().for_each(|byte| *byte ^= 1));
    }
    let store = world.open().expect("opens");
    let found = find(&store, words(&"7 3 ".repeat(9))).await;
    assert!(!found.warnings.is_empty(), "{found:?}");
    assert!(found.warnings.iter().all(|warning| warning.contains("corrupt")), "{found:?}");
    // The ends that stubs keep may have the trace, and nothing but the trace.
    assert!(found.traces.iter().all(|found| found.trace_id == trace(7)), "{found:?}");
}

#[tokio::test]
async fn a_lost_stub_is_made_again() {
    let world = World::new();
    let store = filled(&world).await;
    store.move_now().expect("moves");
    drop(store);
    let stubs = world.files(".stub");
    assert!(stubs.len() > 1);
    for stub in &stubs {
        world.disk.remove(&Path::new(BLOCKS).join(stub)).expect("lost");
    }
    let store = world.open().expect("opens");
    assert!(!find(&store, Vec::new()).await.warnings.is_empty());
    store.move_now().expect("mends");
    check_whole(&store, "mended").await;
    assert_eq!(world.files(".stub"), stubs);
    drop(store);
    check_whole(&world.open().expect("opens"), "opened again").await;
}

#[tokio::test]
async fn objects_go_when_the_catalog_and_every_question_let_go() {
    let world = World { cache_bytes_max: 0, ..World::new() };
    let store = Arc::new(filled(&world).await);
    store.move_now().expect("moves");
    let objects = world.bucket.objects();
    assert!(objects.len() > 3, "{objects:?}");
    world.clock.advance(2 * RETENTION_SECONDS * SECOND);
    let (asked, upkeep, seen) = (Arc::clone(&store), Arc::new(AtomicU64::new(0)), &objects);
    let reads = Arc::clone(&upkeep);
    world.bucket.set_fates(move |call, _| {
        // While a question reads its first granule, everything is dropped.
        if call == BucketCall::Read && reads.fetch_add(1, Ordering::Relaxed) == 0 {
            while asked.step(&tenant(), Step::Retain).expect("retains") {}
            asked.move_now().expect("leaves what is read alone");
        }
        Fate::Succeeds
    });
    let ids: Vec<TraceId> = (0..TRACES).map(trace).collect();
    let traces = store.traces(&tenant(), &ids, Projection::Full).await.expect("answers");
    assert_eq!(traces.len(), usize::from(TRACES));
    assert!(traces.iter().all(|trace| trace.warnings.is_empty() && trace.spans.len() == 10));
    assert!(upkeep.load(Ordering::Relaxed) > 1, "it was read");
    assert_eq!(world.bucket.objects(), *seen, "kept for the question");
    assert_eq!(store.stats(&tenant()).await.expect("answers").blocks, 0);
    world.bucket.set_fates(|_, _| Fate::Fails);
    assert!(store.move_now().is_err(), "nothing is forgotten when the bucket is gone");
    world.bucket.heal();
    store.move_now().expect("removes");
    assert_eq!(world.bucket.objects(), Vec::<String>::new());
    assert_eq!(world.files(""), Vec::<String>::new(), "no file is left");
}

/// A move of everything that stops at a call of the bucket or a step of the disk, as told.
async fn moved_until(world: &World, prepare: impl FnOnce(&World)) {
    let store = filled(world).await;
    prepare(world);
    drop(store.move_now());
}

/// After a crash everything is there at once, and after the next moves the bucket has what the catalog says, no more.
async fn check_after_crash(world: &World, context: &str) {
    let store = world.open().unwrap_or_else(|error| panic!("{context}: {error}"));
    check_whole(&store, context).await;
    store.move_now().unwrap_or_else(|error| panic!("{context}: {error}"));
    check_whole(&store, context).await;
    let stats = store.stats(&tenant()).await.expect("answers");
    assert_eq!(stats.remote.blocks, stats.blocks, "{context}");
    let objects = u64::try_from(world.bucket.objects().len()).expect("few");
    assert_eq!(objects, stats.blocks, "{context}: orphans");
    assert!(world.files(".block").is_empty(), "{context}");
}

#[tokio::test]
async fn a_power_loss_at_any_step_of_the_disk_keeps_every_block_once() {
    let world = World::new();
    moved_until(&world, |world| world.disk.set_fault(Fault::None)).await;
    let steps = world.disk.steps();
    assert!(steps > 20, "{steps} steps");
    for step in 0..steps {
        let world = World::new();
        moved_until(&world, |world| world.disk.set_fault(Fault::From(step))).await;
        for keeps_unsynced in [false, true] {
            // The bucket is not copied: what the first of the two puts there is there for the second.
            let context = format!("step {step}, unsynced kept: {keeps_unsynced}");
            let left = world.after_power_loss(keeps_unsynced);
            let store = left.open().unwrap_or_else(|error| panic!("{context}: {error}"));
            check_whole(&store, &context).await;
            if keeps_unsynced {
                drop(store);
                check_after_crash(&left, &context).await;
            }
        }
    }
}

#[tokio::test]
async fn a_crash_at_any_call_of_the_bucket_keeps_every_block_once() {
    for last in [Fate::Fails, Fate::SucceedsUnheard, Fate::Succeeds] {
        for call in 0.. {
            let world = World::new();
            let calls = Arc::new(AtomicU64::new(0));
            let (counter, disk) = (Arc::clone(&calls), world.disk.clone());
            moved_until(&world, |world| {
                world.bucket.set_fates(move |_, _| {
                    match counter.fetch_add(1, Ordering::Relaxed).cmp(&call) {
                        std::cmp::Ordering::Less => Fate::Succeeds,
                        std::cmp::Ordering::Equal => {
                            // The machine stops here: nothing more reaches the disk.
                            disk.set_fault(Fault::From(0));
                            last
                        }
                        std::cmp::Ordering::Greater => Fate::Fails,
                    }
                });
            })
            .await;
            let left = world.after_power_loss(false);
            check_after_crash(&left, &format!("call {call} {last:?}")).await;
            if calls.load(Ordering::Relaxed) <= call {
                assert!(call > 10, "{call} calls");
                break;
            }
        }
    }
}

#[tokio::test]
async fn calls_that_fail_once_are_made_up_for_without_a_crash() {
    for fate in [Fate::Fails, Fate::SucceedsUnheard] {
        for failing in 0..12 {
            let world = World::new();
            let calls = AtomicU64::new(0);
            let store = filled(&world).await;
            world.bucket.set_fates(move |_, _| {
                let is_failing = calls.fetch_add(1, Ordering::Relaxed) == failing;
                if is_failing { fate } else { Fate::Succeeds }
            });
            let context = format!("call {failing} {fate:?}");
            while store.move_now().is_err() {
                check_whole(&store, &context).await;
            }
            check_whole(&store, &context).await;
            assert_eq!(
                u64::try_from(world.bucket.objects().len()).expect("few"),
                store.stats(&tenant()).await.expect("answers").remote.blocks,
                "{context}"
            );
        }
    }
}
