//! Pruning, proved with counters: selective questions read few granules of many. And a question whose asker goes away
//! stops reading.

use fanal_base::ManualClock;
use fanal_local::segment::ReadAt;
use fanal_local::{Disk, DiskFile, DiskLock, LocalConfig, LocalStore, RealDisk};
use fanal_model::{SpanBatch, SpanBatchBuilder, Value};
use fanal_storage::{
    AttributeCondition, AttributeLevel, AttributeTest, Comparison, FindTraces, FoundTraces,
    SpanCondition, SpanStore, TenantId,
};
use fanal_testkit::{GeneratedSpan, Generator, GeneratorConfig, push_into};
use std::future::Future;
use std::io;
use std::path::Path;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Context, Waker};

const START: u64 = 1_760_000_000_000_000_000;
const SECOND: u64 = 1_000_000_000;
const TRACES: u64 = 1500;

/// A trace every second. Three in a row in the middle fail at a service that has no other spans.
fn spans() -> SpanBatch {
    let mut generator = Generator::new(GeneratorConfig::clean(), 3);
    let mut builder = SpanBatchBuilder::default();
    for number in 0..TRACES {
        let mut spans: Vec<GeneratedSpan> = generator.next_trace(START + number * SECOND).spans;
        if (700..703).contains(&number)
            && let Some(span) = spans.last_mut()
        {
            let resource = Arc::make_mut(&mut span.resource);
            resource.attributes.retain(|(key, _)| key != "service.name");
            resource.attributes.push(("service.name".to_owned(), Value::String("rare".to_owned())));
            span.attributes.push(("shop.depth", Value::Int(1_000_000)));
            span.end_unix_nanos = span.start_unix_nanos + 3600 * SECOND;
        } else if let Some(span) = spans.first_mut() {
            span.attributes.push(("shop.depth", Value::Int(5)));
        }
        push_into(&spans, &mut builder);
    }
    builder.finish()
}

fn config(folder: &tempfile::TempDir) -> LocalConfig {
    LocalConfig {
        block_rows: 4000,
        granule_rows: 200,
        questions_at_once_max: 1,
        ..LocalConfig::new(folder.path())
    }
}

fn question(conditions: Vec<SpanCondition>) -> FindTraces {
    FindTraces {
        conditions,
        start_min_unix_nanos: 0,
        start_max_unix_nanos: u64::MAX,
        limit: 20,
        after: None,
    }
}

fn attribute(key: &str, test: AttributeTest) -> SpanCondition {
    let levels = AttributeLevel::ALL.to_vec();
    SpanCondition::Attribute(AttributeCondition { levels, key: key.to_owned(), test })
}

#[tokio::test]
async fn selective_questions_read_few_granules() {
    let folder = tempfile::tempdir().expect("temp folder");
    let clock = Arc::new(ManualClock::at(1));
    let store = LocalStore::open(config(&folder), clock, Arc::new(RealDisk)).expect("opens");
    let tenant = TenantId::default_tenant();
    store.append(&tenant, spans()).await.expect("kept");
    store.merge_now().expect("merges");
    let check = async |name: &str, question: FindTraces, found: usize, read_max: u64| {
        let answer: FoundTraces = store.find_traces(&tenant, question).await.expect("answers");
        let scanned = answer.scanned;
        assert_eq!(answer.traces.len(), found, "{name}");
        assert!(scanned.granules_total > 30, "{name}: {scanned:?}");
        assert!(scanned.granules_read <= read_max, "{name}: {scanned:?}");
    };
    let nothing = question(Vec::new());
    check("newest", nothing.clone(), 20, 4).await;
    let slow =
        vec![SpanCondition::Service("rare".to_owned()), SpanCondition::DurationMin(1000 * SECOND)];
    check("service and duration", question(slow.clone()), 3, 3).await;
    let services = store.services(&tenant).await.expect("answers");
    let common = services.iter().find(|service| **service != "rare").expect("has services");
    let deep = || {
        let test = AttributeTest::Compare(Comparison::Greater, vec![Value::Int(1000)]);
        attribute("shop.depth", test)
    };
    // Each condition alone holds in the granules of the rare service, where the common one has spans too.
    let never = vec![
        SpanCondition::Service(common.clone()),
        SpanCondition::DurationMin(1000 * SECOND),
        deep(),
    ];
    check("service, duration and attribute of others", question(never), 0, 0).await;
    let never = vec![SpanCondition::Service(common.clone()), deep()];
    check("service, and an attribute of another", question(never), 0, 3).await;
    let early = FindTraces { start_max_unix_nanos: START + 600 * SECOND, ..question(slow) };
    check("service and duration, another time", early, 0, 0).await;
    let narrow = FindTraces {
        start_min_unix_nanos: START + 100 * SECOND,
        start_max_unix_nanos: START + 102 * SECOND,
        ..nothing
    };
    check("a short time", narrow, 3, 4).await;
    let text = |text: &str| vec![Value::String(text.to_owned())];
    let nobody = AttributeTest::Compare(Comparison::Equal, text("nobody"));
    check("a value that is nowhere", question(vec![attribute("user.id", nobody)]), 0, 0).await;
    check("a range", question(vec![deep()]), 3, 3).await;
    let deeper = AttributeTest::Compare(Comparison::Greater, vec![Value::Int(2_000_000)]);
    check("a range that is nowhere", question(vec![attribute("shop.depth", deeper)]), 0, 0).await;
    let unknown = attribute("no.such.key", AttributeTest::Exists);
    check("a key that is nowhere", question(vec![unknown]), 0, 0).await;
}

/// Reads wait while the gate is shut, and are counted.
#[derive(Debug, Default)]
struct Gate {
    is_shut: AtomicBool,
    reads: AtomicUsize,
    waiting: Mutex<usize>,
    changed: Condvar,
}

impl Gate {
    fn pass(&self) {
        self.reads.fetch_add(1, Ordering::SeqCst);
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        *waiting += 1;
        self.changed.notify_all();
        while self.is_shut.load(Ordering::SeqCst) {
            waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        *waiting -= 1;
    }

    fn open(&self) {
        let _guard = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        self.is_shut.store(false, Ordering::SeqCst);
        self.changed.notify_all();
    }

    fn wait_for_a_reader(&self) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        while *waiting == 0 {
            waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

#[derive(Debug)]
struct GatedDisk(Arc<Gate>);

#[derive(Debug)]
struct GatedFile(Arc<dyn DiskFile>, Arc<Gate>);

impl GatedDisk {
    fn gated(&self, file: Arc<dyn DiskFile>) -> Arc<dyn DiskFile> {
        Arc::new(GatedFile(file, Arc::clone(&self.0)))
    }
}

impl Disk for GatedDisk {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        RealDisk.create_dir_all(dir)
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        RealDisk.create(path).map(|file| self.gated(file))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        RealDisk.open(path).map(|file| self.gated(file))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        RealDisk.list(dir)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        RealDisk.sync_dir(dir)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskLock>> {
        RealDisk.lock(path)
    }
}

impl ReadAt for GatedFile {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.1.pass();
        self.0.read_exact_at(buffer, offset)
    }

    fn byte_length(&self) -> u64 {
        self.0.byte_length()
    }
}

impl DiskFile for GatedFile {
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn preallocate(&self, length: u64) -> io::Result<()> {
        self.0.preallocate(length)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}

#[tokio::test]
async fn a_question_without_an_asker_stops_reading() {
    let folder = tempfile::tempdir().expect("temp folder");
    let gate = Arc::new(Gate::default());
    let disk = Arc::new(GatedDisk(Arc::clone(&gate)));
    let store = LocalStore::open(config(&folder), Arc::new(ManualClock::at(1)), disk);
    let store = store.expect("opens");
    let tenant = TenantId::default_tenant();
    store.append(&tenant, spans()).await.expect("kept");
    store.merge_now().expect("merges");
    let depth = AttributeTest::Compare(Comparison::Less, vec![Value::Int(6)]);
    let conditions = vec![SpanCondition::DurationMin(1), attribute("shop.depth", depth)];
    let all = FindTraces { limit: 100_000, ..question(conditions) };
    let reads_of = |before: usize| gate.reads.load(Ordering::SeqCst) - before;
    let before = gate.reads.load(Ordering::SeqCst);
    store.find_traces(&tenant, all.clone()).await.expect("answers");
    let whole = reads_of(before);
    assert!(whole > 100, "{whole} reads");

    gate.is_shut.store(true, Ordering::SeqCst);
    let before = gate.reads.load(Ordering::SeqCst);
    {
        let mut asked = pin!(store.find_traces(&tenant, all));
        let mut context = Context::from_waker(Waker::noop());
        assert!(asked.as_mut().poll(&mut context).is_pending());
        gate.wait_for_a_reader();
    }
    gate.open();
    // One question at a time: the next one begins when the work of the one before has ended.
    let none = FindTraces { start_max_unix_nanos: 1, ..question(Vec::new()) };
    store.find_traces(&tenant, none).await.expect("answers");
    let read = reads_of(before);
    assert!(read * 4 < whole, "{read} reads after the asker went, {whole} of the whole question");
}
