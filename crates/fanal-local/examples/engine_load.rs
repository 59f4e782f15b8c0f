//! Measures the engine alone, on generated spans and the machine's disk: appends, merge, size, searches, fetches.
//!
//! Run: `cargo run --release -p fanal-local --example engine_load -- [spans] [spans a batch] [requests in flight]`.
//! The allocator is the server's.
#![expect(clippy::print_stdout, reason = "prints its result")]
#![expect(clippy::disallowed_methods, reason = "measures time")]

use fanal_base::SystemClock;
use fanal_base::cast;
use fanal_local::{LocalConfig, LocalStore, RealDisk};
use fanal_model::{SpanBatch, SpanBatchBuilder, StatusCode, TraceId, Value};
use fanal_storage::{
    AttributeCondition, AttributeLevel, AttributeTest, Comparison, FindTraces, Projection,
    SpanCondition, SpanStore, TenantId,
};
use fanal_testkit::{Generator, GeneratorConfig, push_into};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

type Failure = Box<dyn std::error::Error>;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Pause before a refused batch is sent again.
const RETRY_AFTER: Duration = Duration::from_millis(20);

/// Rounds of each question.
const ROUNDS: usize = 20;

#[tokio::main(flavor = "multi_thread")]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1).filter_map(|word| word.parse::<usize>().ok());
    let span_count = arguments.next().unwrap_or(1_000_000);
    let batch_spans = arguments.next().unwrap_or(1000);
    let in_flight = arguments.next().unwrap_or(64);
    let (batches, ids) = generate(span_count, batch_spans);
    let folder = tempfile::tempdir()?;
    let config = LocalConfig::new(folder.path());
    let store =
        Arc::new(LocalStore::open(config.clone(), Arc::new(SystemClock), Arc::new(RealDisk))?);
    append_all(&store, batches, span_count, in_flight).await?;
    let log = store.stats(&TenantId::default_tenant()).await?;
    let log_bytes = cast::figure(log.log_bytes) / cast::figure(log.head_spans.max(1));
    println!("{log_bytes:.1} bytes of log a span");
    let own = thread_seconds("engine_load");
    store.merge_now()?;
    let spans = cast::figure(cast::wide(span_count)) / 1e9;
    let merge = thread_seconds("fanal-merge") + thread_seconds("engine_load") - own;
    println!("commit: {:.0} ns CPU a span", thread_seconds("fanal-commit") / spans);
    println!("merge: {:.0} ns CPU a span", merge / spans);
    let tenant = TenantId::default_tenant();
    let stats = store.stats(&tenant).await?;
    let bytes = cast::figure(stats.block_bytes) / cast::figure(stats.spans.max(1));
    println!("{} spans in {} blocks, {bytes:.1} bytes a span", stats.spans, stats.blocks);
    ask(&store, &ids).await?;
    drop(store);
    let started = Instant::now();
    let store = Arc::new(LocalStore::open(config, Arc::new(SystemClock), Arc::new(RealDisk))?);
    println!("opened again in {:?}", started.elapsed());
    ask(&store, &ids).await
}

fn generate(span_count: usize, batch_spans: usize) -> (VecDeque<SpanBatch>, Vec<TraceId>) {
    let mut generator = Generator::new(GeneratorConfig::default(), 1);
    let mut builder = SpanBatchBuilder::default();
    let (mut batches, mut ids) = (VecDeque::new(), Vec::new());
    let mut start = 1_760_000_000_000_000_000;
    let mut count = 0;
    while count < span_count {
        let trace = generator.next_trace(start);
        start += 2_000_000;
        count += trace.spans.len();
        ids.extend(trace.spans.first().map(|span| span.trace_id));
        push_into(&trace.spans, &mut builder);
        if builder.len() >= batch_spans {
            batches.push_back(std::mem::take(&mut builder).finish());
        }
    }
    batches.push_back(builder.finish());
    (batches, ids)
}

async fn append_all(
    store: &Arc<LocalStore>,
    batches: VecDeque<SpanBatch>,
    span_count: usize,
    in_flight: usize,
) -> Result<(), Failure> {
    let batches = Arc::new(Mutex::new(batches));
    let (started, cpu) = (Instant::now(), processor_seconds());
    let tasks: Vec<_> = (0..in_flight)
        .map(|_| tokio::spawn(append_some(Arc::clone(store), Arc::clone(&batches))))
        .collect();
    let mut latencies = Vec::new();
    for task in tasks {
        latencies.extend(task.await?);
    }
    let (elapsed, cpu) = (started.elapsed(), processor_seconds() - cpu);
    let spans = cast::figure(cast::wide(span_count));
    println!(
        "appended {span_count} spans: {:.0} spans/s, {:.0} ns CPU a span (background merges included)",
        spans / elapsed.as_secs_f64(),
        cpu * 1e9 / spans
    );
    tell("append", latencies);
    Ok(())
}

async fn append_some(
    store: Arc<LocalStore>,
    batches: Arc<Mutex<VecDeque<SpanBatch>>>,
) -> Vec<Duration> {
    let tenant = TenantId::default_tenant();
    let mut latencies = Vec::new();
    loop {
        let next = batches.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let Some(batch) = next else { return latencies };
        let started = Instant::now();
        // Refused while the merge catches up.
        while store.append(&tenant, batch.clone()).await.is_err() {
            tokio::time::sleep(RETRY_AFTER).await;
        }
        latencies.push(started.elapsed());
    }
}

async fn ask(store: &LocalStore, ids: &[TraceId]) -> Result<(), Failure> {
    let tenant = TenantId::default_tenant();
    let services = store.services(&tenant).await?;
    let service = services.last().cloned().unwrap_or_default();
    let attribute = |key: &str, test| {
        SpanCondition::Attribute(AttributeCondition {
            levels: AttributeLevel::ALL.to_vec(),
            key: key.to_owned(),
            test,
        })
    };
    let searches = [
        ("newest traces", vec![]),
        (
            "service, errors, slow",
            vec![
                SpanCondition::Service(service.clone()),
                SpanCondition::Status(StatusCode::Error),
                SpanCondition::DurationMin(50_000_000),
            ],
        ),
        (
            "one attribute",
            vec![attribute(
                "http.response.status_code",
                AttributeTest::Compare(Comparison::Equal, vec![Value::Int(503)]),
            )],
        ),
        (
            "an attribute that nobody has",
            vec![attribute("user.id", AttributeTest::TextEquals("nobody".to_owned()))],
        ),
    ];
    for (name, conditions) in searches {
        let mut latencies = Vec::new();
        let mut found = 0;
        for _ in 0..ROUNDS {
            let request = FindTraces {
                conditions: conditions.clone(),
                start_min_unix_nanos: 0,
                start_max_unix_nanos: u64::MAX,
                limit: 20,
                after: None,
            };
            let started = Instant::now();
            let answer = store.find_traces(&tenant, request).await?;
            latencies.push(started.elapsed());
            found = answer.traces.len();
        }
        tell(&format!("search {name} ({found} found)"), latencies);
    }
    let mut latencies = Vec::new();
    for id in ids.iter().step_by((ids.len() / 200).max(1)) {
        let started = Instant::now();
        let found = store.traces(&tenant, &[*id], Projection::Full).await?;
        latencies.push(started.elapsed());
        assert_eq!(found.len(), 1, "trace {id} is stored");
    }
    tell("trace by id", latencies);
    let page = &ids[ids.len().saturating_sub(20)..];
    let started = Instant::now();
    let found = store.traces(&tenant, page, Projection::Summary).await?;
    println!("summaries of {} newest traces: {:?}", found.len(), started.elapsed());
    Ok(())
}

fn tell(name: &str, mut latencies: Vec<Duration>) {
    latencies.sort_unstable();
    let at = |part: usize| latencies.get(latencies.len() * part / 100).copied().unwrap_or_default();
    println!("{name}: p50 {:?}, p99 {:?}", at(50), at(99));
}

/// Seconds of CPU that the running threads of a name used, 0 where the system does not tell.
fn thread_seconds(name: &str) -> f64 {
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else { return 0.0 };
    let nanos = |task: std::fs::DirEntry| {
        let read = |file: &str| std::fs::read_to_string(task.path().join(file)).unwrap_or_default();
        let is_named = read("comm").trim_end() == name;
        let nanos = read("schedstat").split(' ').next().and_then(|word| word.parse::<u64>().ok());
        nanos.filter(|_| is_named).unwrap_or(0)
    };
    let total: u64 = tasks.filter_map(Result::ok).map(nanos).sum();
    cast::figure(total) / 1e9
}

/// Seconds of CPU that this process used, 0 where the system does not tell.
fn processor_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: u64 = fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    cast::figure(ticks) / 100.0
}
