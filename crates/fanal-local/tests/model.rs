//! Generated traces, in pieces and out of order, over log, head, blocks and compacted blocks: every search gives what a
//! loop over all spans gives, page by page, and every cap is told.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use fanal_base::ManualClock;
use fanal_local::{LocalConfig, LocalStore, RealDisk};
use fanal_model::{SpanBatch, SpanBatchBuilder, SpanKind, StatusCode, TraceId, Value};
use fanal_storage::memory::MemoryStore;
use fanal_storage::{
    AttributeCondition, AttributeLevel, AttributeTest, Comparison, FindTraces, Projection,
    SpanCondition, SpanStore, TenantId,
};
use fanal_testkit::{GeneratedSpan, Generator, GeneratorConfig, Random, push_into};
use std::collections::BTreeSet;
use std::sync::Arc;
use tempfile::TempDir;

fn config(folder: &TempDir) -> LocalConfig {
    LocalConfig {
        log_file_bytes: 256 << 10,
        block_rows: 600,
        granule_rows: 50,
        ..LocalConfig::new(folder.path())
    }
}

fn open(config: LocalConfig) -> LocalStore {
    LocalStore::open(config, Arc::new(ManualClock::at(1)), Arc::new(RealDisk)).expect("opens")
}

fn tenant() -> TenantId {
    TenantId::default_tenant()
}

/// Batches of generated spans; some traces come in two pieces, far apart.
fn batches(random: &mut Random, span_count: usize) -> Vec<SpanBatch> {
    let mut generator = Generator::new(GeneratorConfig::default(), 7);
    let mut pieces: Vec<Vec<GeneratedSpan>> = Vec::new();
    let mut count = 0;
    let mut start = 1_760_000_000_000_000_000;
    while count < span_count {
        let mut spans = generator.next_trace(start).spans;
        spans.truncate(100);
        start += random.between(1, 50_000_000);
        count += spans.len();
        if random.chance(0.2) {
            let late = spans.split_off(spans.len() / 2);
            let place = random.index(pieces.len() + 1);
            pieces.insert(place, late);
        }
        pieces.push(spans);
    }
    let build = |pieces: &[Vec<GeneratedSpan>]| {
        let mut builder = SpanBatchBuilder::default();
        push_into(pieces.iter().flatten(), &mut builder);
        builder.finish()
    };
    pieces.chunks(7).map(build).collect()
}

fn attribute(key: &str, test: AttributeTest) -> SpanCondition {
    let levels = AttributeLevel::ALL.to_vec();
    SpanCondition::Attribute(AttributeCondition { levels, key: key.to_owned(), test })
}

fn searches(service: &str) -> Vec<Vec<SpanCondition>> {
    let compare = |comparison, value| AttributeTest::Compare(comparison, vec![value]);
    vec![
        vec![],
        vec![SpanCondition::Service(service.to_owned())],
        vec![SpanCondition::Service(service.to_owned()), SpanCondition::Kind(SpanKind::Server)],
        vec![SpanCondition::Status(StatusCode::Error)],
        vec![SpanCondition::StatusNot(StatusCode::Unset)],
        vec![SpanCondition::DurationMin(100_000_000)],
        vec![SpanCondition::DurationMax(50_000)],
        vec![attribute("http.response.status_code", compare(Comparison::Greater, Value::Int(399)))],
        vec![attribute("http.response.status_code", AttributeTest::TextEquals("200".to_owned()))],
        vec![attribute("exception.type", AttributeTest::Exists)],
        vec![attribute("service.name", AttributeTest::TextEquals(service.to_owned()))],
        vec![attribute("nobody.has.this", AttributeTest::Exists)],
    ]
}

/// Every page of a search.
async fn pages(store: &dyn SpanStore, request: &FindTraces) -> Vec<TraceId> {
    let mut request = request.clone();
    let mut ids = Vec::new();
    loop {
        let page = store.find_traces(&tenant(), request.clone()).await.expect("answers");
        assert_eq!(page.warnings, Vec::<String>::new());
        ids.extend(page.traces.iter().map(|position| position.trace_id));
        if !page.has_more {
            return ids;
        }
        request.after = page.traces.last().copied();
    }
}

async fn check_searches(store: &LocalStore, model: &MemoryStore, random: &mut Random) {
    let services = model.services(&tenant()).await.expect("answers");
    for conditions in searches(&services[random.index(services.len())]) {
        let base = 1_760_000_000_000_000_000;
        let start = base + random.below(4_000_000_000);
        let ranges = [(0, u64::MAX), (start, start + random.below(3_000_000_000))];
        for (start_min_unix_nanos, start_max_unix_nanos) in ranges {
            let request = FindTraces {
                conditions: conditions.clone(),
                start_min_unix_nanos,
                start_max_unix_nanos,
                limit: 1 + random.index(60),
                after: None,
            };
            let all = FindTraces { limit: usize::MAX - 1, ..request.clone() };
            let expected = model.find_traces(&tenant(), all).await.expect("answers");
            let expected: Vec<TraceId> = expected.traces.iter().map(|it| it.trace_id).collect();
            assert_eq!(pages(store, &request).await, expected, "{request:?}");
        }
    }
}

#[tokio::test]
async fn searches_agree_with_a_loop_over_all_spans_wherever_the_spans_lie() {
    let folder = tempfile::tempdir().expect("temp folder");
    let mut store = open(config(&folder));
    let model = MemoryStore::new();
    let mut random = Random::new(3);
    let mut most_blocks = 0;
    for (number, batch) in batches(&mut random, 4000).into_iter().enumerate() {
        model.append(&tenant(), batch.clone()).await.expect("kept");
        store.append(&tenant(), batch).await.expect("kept");
        if number % 3 == 0 {
            store.merge_now().expect("merges");
        }
        if number % 10 == 9 {
            drop(store);
            store = open(config(&folder));
            check_searches(&store, &model, &mut random).await;
        }
        let stats = store.stats(&tenant()).await.expect("answers");
        most_blocks = most_blocks.max(stats.blocks);
    }
    check_searches(&store, &model, &mut random).await;
    let before = store.stats(&tenant()).await.expect("answers");
    store.merge_now().expect("merges");
    check_searches(&store, &model, &mut random).await;
    let after = store.stats(&tenant()).await.expect("answers");
    assert!(before.head_spans > 0 && after.head_spans == 0, "{before:?} {after:?}");
    assert!(most_blocks >= 8 && after.spans > 3500, "{most_blocks} blocks, {after:?}");
    check_traces(&store, &model).await;
}

/// Every trace has just the distinct spans that were sent.
async fn check_traces(store: &LocalStore, model: &MemoryStore) {
    let everything = FindTraces {
        conditions: Vec::new(),
        start_min_unix_nanos: 0,
        start_max_unix_nanos: u64::MAX,
        limit: usize::MAX - 1,
        after: None,
    };
    let all = model.find_traces(&tenant(), everything).await.expect("answers");
    let ids: Vec<TraceId> = all.traces.iter().map(|position| position.trace_id).collect();
    for projection in [Projection::Full, Projection::Summary] {
        let found = store.traces(&tenant(), &ids, projection).await.expect("answers");
        let expected = model.traces(&tenant(), &ids, projection).await.expect("answers");
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(&expected) {
            let ids = |spans: &SpanBatch| spans.span_ids.iter().copied().collect::<BTreeSet<_>>();
            assert_eq!(found.trace_id, expected.trace_id);
            assert_eq!(ids(&found.spans), ids(&expected.spans), "{}", found.trace_id);
            found.spans.validate().expect("consistent");
        }
    }
}

#[tokio::test]
async fn caps_are_told() {
    let folder = tempfile::tempdir().expect("temp folder");
    let config = LocalConfig { search_candidates_max: 5, trace_spans_max: 3, ..config(&folder) };
    let store = open(config);
    let batches = batches(&mut Random::new(4), 1500);
    for batch in &batches {
        store.append(&tenant(), batch.clone()).await.expect("kept");
    }
    store.merge_now().expect("merges");
    let rare = FindTraces {
        conditions: vec![SpanCondition::DurationMin(1)],
        start_min_unix_nanos: 0,
        start_max_unix_nanos: u64::MAX,
        limit: 1000,
        after: None,
    };
    let answer = store.find_traces(&tenant(), rare).await.expect("answers");
    assert!(answer.warnings[0].starts_with("search stopped after"), "{:?}", answer.warnings);
    assert!(answer.scanned.granules_read < answer.scanned.granules_total);
    let long = batches.iter().flat_map(|batch| &batch.trace_ids);
    let id = *long
        .max_by_key(|id| batches[0].trace_ids.iter().filter(|it| it == id).count())
        .expect("spans");
    let found = store.traces(&tenant(), &[id], Projection::Full).await.expect("answers");
    assert_eq!(found[0].spans.len(), 3);
    assert!(found[0].warnings[0].contains("more than 3 spans"), "{:?}", found[0].warnings);
}
