//! Comparing a store with the model.

use crate::model::{Copies, TenantModel};
use crate::run::answer_of;
use crate::spans::{self, number_of};
use fanal_local::LocalStore;
use fanal_model::{IndexedBatch, SpanBatch, TraceId};
use fanal_storage::conformance::{LinkKeeper, describe_span};
use fanal_storage::memory::MemoryStore;
use fanal_storage::{
    AggregateSpans, FindTraces, Projection, SpanAggregates, SpanStore, StoreError, TenantId,
    TracePosition, TraceSpans, WalkLinks,
};
use fanal_testkit::Random;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Searches of one check.
const SEARCHES: usize = 3;

fn fetch(
    store: &LocalStore,
    tenant: &TenantId,
    model: &TenantModel,
    projection: Projection,
) -> Result<Vec<TraceSpans>, StoreError> {
    let ids: Vec<TraceId> = model.traces.iter().copied().collect();
    answer_of(store.traces(tenant, &ids, projection))
}

/// How often each span is stored.
pub(crate) fn copies(store: &LocalStore, tenant: &TenantId, model: &TenantModel) -> Copies {
    let mut copies = Copies::new();
    for trace in fetch(store, tenant, model, Projection::Summary).expect("answers") {
        assert_eq!(trace.warnings, Vec::<String>::new(), "{}", trace.trace_id);
        for row in 0..trace.spans.len() {
            *copies.entry(number_of(&trace.spans, row)).or_insert(0) += 1;
        }
    }
    copies
}

/// Everything that can be asked, while the disk works.
pub(crate) fn everything(
    store: &LocalStore,
    tenant: &TenantId,
    model: &TenantModel,
    random: &mut Random,
    clock_unix_nanos: u64,
) {
    let (copies, spans) = traces(store, tenant, model).expect("answers without a warning");
    model.check_copies(&copies, usize::MAX, true);
    // What searches and aggregates must find, in the plainest store.
    let plain = MemoryStore::new();
    for batch in spans {
        answer_of(plain.append(tenant, batch)).expect("kept");
    }
    for _ in 0..SEARCHES {
        let request = spans::search(random, clock_unix_nanos);
        let all = FindTraces { limit: usize::MAX - 1, ..request.clone() };
        let expected = answer_of(plain.find_traces(tenant, all)).expect("answers").traces;
        assert_eq!(pages(store, tenant, request.clone()), expected, "{request:?}");
        walk(store, tenant, &plain, &request);
        aggregate(store, tenant, &plain, &spans::aggregate(random, request));
    }
    let stored = answer_of(store.services(tenant)).expect("answers");
    let distinct: BTreeSet<&String> = stored.iter().collect();
    assert_eq!(distinct.len(), stored.len(), "a service is listed twice: {stored:?}");
    for service in answer_of(plain.services(tenant)).expect("answers") {
        assert!(stored.contains(&service), "service {service:?} is missing: {stored:?}");
        let stored = answer_of(store.operations(tenant, &service)).expect("answers");
        let expected = answer_of(plain.operations(tenant, &service)).expect("answers");
        let is_there = expected.iter().all(|operation| stored.contains(operation));
        assert!(is_there, "operations of {service:?}: {stored:?}, sent were {expected:?}");
    }
    let stats = answer_of(store.stats(tenant)).expect("answers");
    let spans: usize = copies.values().sum();
    assert_eq!(usize::try_from(stats.spans).expect("few"), spans, "{stats:?}");
}

/// Every trace of a range, whole and once, wherever its spans lie.
fn walk(store: &LocalStore, tenant: &TenantId, plain: &MemoryStore, search: &FindTraces) {
    let request = WalkLinks {
        start_min_unix_nanos: search.start_min_unix_nanos,
        start_max_unix_nanos: search.start_max_unix_nanos,
        ..WalkLinks::default()
    };
    let shown = |store: &dyn SpanStore| {
        let keeper = Arc::new(LinkKeeper::default());
        let walked = store.walk_links(tenant, request.clone(), Arc::clone(&keeper) as _);
        let walked = answer_of(walked).expect("answers");
        assert_eq!(walked.warnings, Vec::<String>::new());
        keeper.shown(&walked)
    };
    assert_eq!(shown(store), shown(plain), "{request:?}");
}

fn aggregate(store: &LocalStore, tenant: &TenantId, plain: &MemoryStore, request: &AggregateSpans) {
    let found = answer_of(store.aggregate(tenant, request.clone())).expect("answers");
    let expected = answer_of(plain.aggregate(tenant, request.clone())).expect("answers");
    assert_eq!(found.warnings, Vec::<String>::new());
    let answer = |it: SpanAggregates| (it.spans, it.groups);
    assert_eq!(answer(found), answer(expected), "{request:?}");
}

/// Every trace with every span's text; where something cannot be read, the store must say so.
pub(crate) fn traces(
    store: &LocalStore,
    tenant: &TenantId,
    model: &TenantModel,
) -> Result<(Copies, Vec<SpanBatch>), String> {
    let mut copies = Copies::new();
    let mut batches = Vec::new();
    let found = fetch(store, tenant, model, Projection::Full).map_err(|it| it.to_string())?;
    for trace in found {
        if let Some(warning) = trace.warnings.first() {
            return Err(warning.clone());
        }
        trace.spans.validate().expect("consistent");
        batches.push(trace.spans.clone());
        let indexed = IndexedBatch::new(Arc::new(trace.spans)).expect("consistent");
        for span in indexed.spans() {
            let number = number_of(indexed.batch(), span.row());
            assert_eq!(describe_span(&indexed, &span), model.text(number));
            *copies.entry(number).or_insert(0) += 1;
        }
    }
    Ok((copies, batches))
}

/// Every page of a search.
fn pages(store: &LocalStore, tenant: &TenantId, mut request: FindTraces) -> Vec<TracePosition> {
    let mut all = Vec::new();
    loop {
        let page = answer_of(store.find_traces(tenant, request.clone())).expect("answers");
        assert_eq!(page.warnings, Vec::<String>::new());
        all.extend(page.traces);
        if !page.has_more {
            return all;
        }
        request.after = all.last().copied();
    }
}
