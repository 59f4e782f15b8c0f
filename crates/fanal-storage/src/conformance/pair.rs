//! A store under test beside the model: every step is taken on both, every answer compared.

use super::links::{self, LinkKeeper};
use super::walks::{self, TraceKeeper};
use super::{StoreUnderTest, aggregates, compares, listing};
use crate::aggregate::AggregateSpans;
use crate::compare::CompareSpans;
use crate::error::StoreError;
use crate::links::WalkLinks;
use crate::listing::{ListKeys, ListValues};
use crate::memory::MemoryStore;
use crate::request::{FindTraces, FoundTraces, Projection, TenantId, TracePosition, TraceSpans};
use crate::store::SpanStore;
use crate::walk::WalkTraces;
use fanal_base::{ErrorKind, cast};
use fanal_model::{IndexedBatch, Remap, SpanBatch, SpanBatchBuilder, SpanRef, TraceId, ValueRef};
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

/// What a scenario does next.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// Appends one batch to a tenant.
    Append(&'static str, Box<SpanBatch>),
    /// Appends batches at the same time.
    AppendTogether(&'static str, Vec<SpanBatch>),
    /// Asks for one page.
    Find(&'static str, FindTraces),
    /// Asks for pages until the end; page sizes are taken in turn.
    Page(&'static str, FindTraces, Vec<usize>),
    /// Asks for numbers.
    Aggregate(&'static str, AggregateSpans),
    /// Asks for the structure of traces.
    Compare(&'static str, CompareSpans),
    Walk(&'static str, WalkLinks),
    Traces(&'static str, WalkTraces),
    /// Asks for keys of attributes.
    Keys(&'static str, ListKeys),
    /// Asks for values.
    Values(&'static str, ListValues),
}

impl Step {
    pub(super) fn is_append(&self) -> bool {
        matches!(self, Self::Append(..) | Self::AppendTogether(..))
    }
}

pub(super) struct Pair {
    scenario: &'static str,
    pub(super) store: StoreUnderTest,
    model: MemoryStore,
    /// The model without exact duplicates, which a store may remove when it likes.
    distinct: MemoryStore,
    seen: BTreeSet<(&'static str, String)>,
    tenants: BTreeSet<&'static str>,
    /// Whether the order of services is known.
    is_ordered: bool,
}

/// A search for everything.
pub(super) fn everything(limit: usize) -> FindTraces {
    FindTraces {
        conditions: Vec::new(),
        start_min_unix_nanos: 0,
        start_max_unix_nanos: u64::MAX,
        limit,
        after: None,
    }
}

fn tenant(name: &str) -> TenantId {
    TenantId::parse(name).unwrap_or_else(TenantId::default_tenant)
}

impl Pair {
    pub(super) fn new(scenario: &'static str, store: StoreUnderTest) -> Self {
        Self {
            scenario,
            store,
            model: MemoryStore::new(),
            distinct: MemoryStore::new(),
            seen: BTreeSet::new(),
            tenants: BTreeSet::from(["nobody"]),
            is_ordered: true,
        }
    }

    fn must<T>(&self, what: &str, answer: Result<T, StoreError>) -> T {
        match answer {
            Ok(answer) => answer,
            Err(error) => panic!("{}: {what} failed: {error}", self.scenario),
        }
    }

    fn same<T: PartialEq + Debug>(&self, what: &str, found: &T, expected: &T) {
        assert!(
            found == expected,
            "{}: {what} answered\n  {found:?}\nthe model answers\n  {expected:?}",
            self.scenario
        );
    }

    pub(super) async fn take(&mut self, step: Step) {
        match step {
            Step::Append(name, batch) => self.append(name, vec![*batch]).await,
            Step::AppendTogether(name, batches) => self.append(name, batches).await,
            Step::Find(name, request) => drop(self.find(&tenant(name), request).await),
            Step::Page(name, request, limits) => self.page(&tenant(name), request, &limits).await,
            Step::Aggregate(name, request) => self.aggregate(&tenant(name), request).await,
            Step::Compare(name, request) => self.compare(&tenant(name), request).await,
            Step::Walk(name, request) => self.walk(&tenant(name), request).await,
            Step::Traces(name, request) => self.traces(&tenant(name), request).await,
            Step::Keys(name, request) => self.keys(&tenant(name), request).await,
            Step::Values(name, request) => self.values(&tenant(name), request).await,
        }
    }

    async fn append(&mut self, name: &'static str, batches: Vec<SpanBatch>) {
        self.tenants.insert(name);
        self.is_ordered &= batches.len() == 1;
        let tenant = tenant(name);
        for batch in &batches {
            self.must("append to the model", self.model.append(&tenant, batch.clone()).await);
            let distinct = self.unseen(name, batch);
            self.must("append to the model", self.distinct.append(&tenant, distinct).await);
        }
        let mut open: Vec<_> =
            batches.into_iter().map(|batch| self.store.append(&tenant, batch)).collect();
        poll_fn(|context| {
            open.retain_mut(|append| match append.as_mut().poll(context) {
                Poll::Ready(answer) => {
                    self.must("append", answer);
                    false
                }
                Poll::Pending => true,
            });
            if open.is_empty() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// The spans of a batch that are no exact duplicates of earlier ones.
    fn unseen(&mut self, tenant: &'static str, batch: &SpanBatch) -> SpanBatch {
        let (mut builder, mut remap) = (SpanBatchBuilder::default(), Remap::default());
        match IndexedBatch::new(Arc::new(batch.clone())) {
            Ok(spans) => {
                for span in spans.spans() {
                    if self.seen.insert((tenant, describe_span(&spans, &span))) {
                        builder.append_row(&spans, &mut remap, span.row());
                    }
                }
            }
            Err(error) => panic!("{}: batch of the scenario: {error}", self.scenario),
        }
        builder.finish()
    }

    async fn aggregate(&self, tenant: &TenantId, request: AggregateSpans) {
        let what = format!("aggregate of {tenant:?} with {request:?}");
        let whole = AggregateSpans { groups_max: usize::MAX, ..request.clone() };
        let groups_max = request.groups_max;
        let found = self.must(&what, self.store.aggregate(tenant, request).await);
        let most = self.must(&what, self.model.aggregate(tenant, whole.clone()).await);
        let least = self.must(&what, self.distinct.aggregate(tenant, whole).await);
        if let Some(difference) = aggregates::difference(&found, &most, &least, groups_max) {
            panic!("{}: {what}: {difference}", self.scenario);
        }
    }

    async fn compare(&self, tenant: &TenantId, request: CompareSpans) {
        let what = format!("comparison of {tenant:?} with {request:?}");
        let whole = CompareSpans { values_max: usize::MAX, ..request.clone() };
        let values_max = request.values_max;
        let found = self.must(&what, self.store.compare(tenant, request).await);
        let most = self.must(&what, self.model.compare(tenant, whole.clone()).await);
        let least = self.must(&what, self.distinct.compare(tenant, whole).await);
        if let Some(difference) = compares::difference(&found, &most, &least, values_max) {
            panic!("{}: {what}: {difference}", self.scenario);
        }
    }

    async fn walk(&self, tenant: &TenantId, request: WalkLinks) {
        let what = format!("walk of {tenant:?} with {request:?}");
        let [found, expected] = [Arc::new(LinkKeeper::default()), Arc::new(LinkKeeper::default())];
        let answer = self.store.walk_links(tenant, request.clone(), Arc::clone(&found) as _).await;
        let answer = self.must(&what, answer);
        self.same(&what, &answer.warnings, &Vec::new());
        let model = self.model.walk_links(tenant, request, Arc::clone(&expected) as _).await;
        let model = self.must(&what, model);
        self.same(&what, &found.shown(&answer), &expected.shown(&model));
    }

    async fn traces(&self, tenant: &TenantId, request: WalkTraces) {
        let what = format!("walk over traces of {tenant:?} with {request:?}");
        let [found, expected] =
            [Arc::new(TraceKeeper::default()), Arc::new(TraceKeeper::default())];
        let answer = self.store.walk_traces(tenant, request.clone(), Arc::clone(&found) as _).await;
        let answer = self.must(&what, answer);
        self.same(&what, &answer.warnings, &Vec::new());
        let needed = request.needed;
        let model = self.model.walk_traces(tenant, request, Arc::clone(&expected) as _).await;
        let model = self.must(&what, model);
        let expected = expected.shown(needed, &model.values);
        self.same(&what, &found.shown(needed, &answer.values), &expected);
    }

    async fn keys(&self, tenant: &TenantId, request: ListKeys) {
        let what = format!("list_keys of {tenant:?} with {request:?}");
        let whole = ListKeys { keys_max: usize::MAX, ..request.clone() };
        let max = request.keys_max;
        let found = self.must(&what, self.store.list_keys(tenant, request).await);
        let least = self.must(&what, self.model.list_keys(tenant, whole).await);
        let most = self.must(&what, self.model.list_keys(tenant, listing::all_keys()).await);
        if let Some(difference) = listing::keys_difference(&found, &least, &most, max) {
            panic!("{}: {what}: {difference}", self.scenario);
        }
    }

    async fn values(&self, tenant: &TenantId, request: ListValues) {
        let what = format!("list_values of {tenant:?} with {request:?}");
        let whole = ListValues { values_max: usize::MAX, ..request.clone() };
        let all = listing::all_values(request.of.clone());
        let max = request.values_max;
        let found = self.must(&what, self.store.list_values(tenant, request).await);
        let least = self.must(&what, self.model.list_values(tenant, whole).await);
        let most = self.must(&what, self.model.list_values(tenant, all).await);
        if let Some(difference) = listing::values_difference(&found, &least, &most, max) {
            panic!("{}: {what}: {difference}", self.scenario);
        }
    }

    async fn find(&self, tenant: &TenantId, request: FindTraces) -> FoundTraces {
        let what = format!("find_traces of {tenant:?} with {request:?}");
        let found = self.must(&what, self.store.find_traces(tenant, request.clone()).await);
        let expected = self.must(&what, self.model.find_traces(tenant, request).await);
        let answer = |it: &FoundTraces| (it.traces.clone(), it.has_more, it.warnings.clone());
        self.same(&what, &answer(&found), &answer(&expected));
        found
    }

    async fn page(&self, tenant: &TenantId, mut request: FindTraces, limits: &[usize]) {
        let what = format!("paging with {request:?}");
        let all = FindTraces { limit: usize::MAX, ..request.clone() };
        let all = self.must(&what, self.model.find_traces(tenant, all).await).traces;
        let mut seen: Vec<TracePosition> = Vec::new();
        for &limit in limits.iter().cycle().take(all.len() + 1) {
            request.limit = limit;
            let page = self.find(tenant, request.clone()).await;
            seen.extend(&page.traces);
            request.after = seen.last().copied();
            if !page.has_more {
                break;
            }
        }
        self.same(&what, &seen, &all);
    }

    /// Everything that can be asked without a condition, of every tenant.
    pub(super) async fn check_everything(&self) {
        for name in &self.tenants {
            let tenant = tenant(name);
            self.check_services(&tenant).await;
            let found = self.find(&tenant, everything(1_000_000)).await;
            self.page(&tenant, everything(1), &[7]).await;
            let mut ids: Vec<TraceId> = found.traces.iter().map(|it| it.trace_id).collect();
            // Unknown ones among them, and not in the order of the answer.
            ids.insert(ids.len() / 2, TraceId([0xab; 16]));
            ids.push(TraceId([0xcd; 16]));
            ids.reverse();
            self.check_traces(&tenant, &ids).await;
            self.check_traces(&tenant, &[]).await;
            for request in aggregates::of_everything() {
                self.aggregate(&tenant, request).await;
            }
            for request in compares::of_everything() {
                self.compare(&tenant, request).await;
            }
            for request in links::of_everything() {
                self.walk(&tenant, request).await;
            }
            for request in walks::of_everything() {
                self.traces(&tenant, request).await;
            }
            let (keys, values) = listing::of_everything();
            for request in keys {
                self.keys(&tenant, request).await;
            }
            for request in values {
                self.values(&tenant, request).await;
            }
            self.check_stats(&tenant).await;
        }
    }

    async fn check_services(&self, tenant: &TenantId) {
        let what = format!("services of {tenant:?}");
        let mut found = self.must(&what, self.store.services(tenant).await);
        let mut expected = self.must(&what, self.model.services(tenant).await);
        if !self.is_ordered {
            found.sort_unstable();
            expected.sort_unstable();
        }
        self.same(&what, &found, &expected);
        expected.push("absent".into());
        for service in &expected {
            let what = format!("operations of {service:?} of {tenant:?}");
            let found = self.must(&what, self.store.operations(tenant, service).await);
            let expected = self.must(&what, self.model.operations(tenant, service).await);
            self.same(&what, &found, &expected);
        }
    }

    async fn check_traces(&self, tenant: &TenantId, ids: &[TraceId]) {
        for projection in [Projection::Full, Projection::Summary] {
            let what = format!("traces of {tenant:?}, {projection:?}");
            let found = self.must(&what, self.store.traces(tenant, ids, projection).await);
            let expected = self.must(&what, self.model.traces(tenant, ids, projection).await);
            let order = |it: &[TraceSpans]| it.iter().map(|it| it.trace_id).collect::<Vec<_>>();
            self.same(&what, &order(&found), &order(&expected));
            for (found, expected) in found.into_iter().zip(expected) {
                let what = format!("{what} {}", found.trace_id);
                self.same(&what, &found.warnings, &Vec::new());
                let (found, expected) = (self.spans(found), self.spans(expected));
                self.same_spans(&what, &found, &expected);
            }
        }
    }

    fn same_spans(&self, what: &str, found: &BTreeSet<String>, expected: &BTreeSet<String>) {
        if let Some(span) = expected.difference(found).next() {
            panic!("{}: {what}: the store lacks this span:\n  {span}", self.scenario);
        }
        if let Some(span) = found.difference(expected).next() {
            panic!("{}: {what}: the model lacks this span:\n  {span}", self.scenario);
        }
    }

    /// The distinct spans as text.
    fn spans(&self, trace: TraceSpans) -> BTreeSet<String> {
        if let Err(error) = trace.spans.validate() {
            panic!("{}: batch of trace {}: {error}", self.scenario, trace.trace_id);
        }
        match IndexedBatch::new(Arc::new(trace.spans)) {
            Ok(spans) => spans.spans().map(|span| describe_span(&spans, &span)).collect(),
            Err(error) => panic!("{}: batch of trace {}: {error}", self.scenario, trace.trace_id),
        }
    }

    /// Duplicates may have been removed, and of spans that start at the same time any may be the newest.
    async fn check_stats(&self, tenant: &TenantId) {
        let what = format!("stats of {tenant:?}");
        let found = self.must(&what, self.store.stats(tenant).await);
        let all = self.must(&what, self.model.stats(tenant).await).spans;
        let ids = self.must(&what, self.model.find_traces(tenant, everything(usize::MAX)).await);
        let ids: Vec<TraceId> = ids.traces.iter().map(|it| it.trace_id).collect();
        let traces = self.must(&what, self.model.traces(tenant, &ids, Projection::Full).await);
        let start = |trace: &TraceSpans| trace.spans.start_unix_nanos.iter().max().copied();
        let newest = traces.iter().map(start).max().flatten();
        let is_newest =
            |id: TraceId| traces.iter().any(|it| it.trace_id == id && start(it) == newest);
        match found.newest_trace {
            None => self.same(&what, &None, &newest),
            Some(position) if is_newest(position.trace_id) => {}
            Some(position) => panic!("{}: {what}: {position:?} is not the newest", self.scenario),
        }
        let distinct: usize = traces.into_iter().map(|trace| self.spans(trace).len()).sum();
        let allowed = cast::wide(distinct)..=all;
        assert!(
            allowed.contains(&found.spans) && found.head_spans <= found.spans,
            "{}: {what}: {found:?}, stored are {allowed:?} spans",
            self.scenario
        );
    }

    /// Ends the scenario: later appends are refused.
    pub(super) async fn shut_down(self) {
        self.must("shutdown", self.store.shutdown().await);
        let batch = super::spans::batch(&[super::spans::span(1, 1, "late", 0)]);
        match self.store.append(&TenantId::default_tenant(), batch).await {
            Err(error) if error.kind() == ErrorKind::Unavailable => {}
            other => panic!("{}: append after shutdown answered {other:?}", self.scenario),
        }
    }
}

/// Everything of a span as text; equal where the spans are, floats by their bits.
pub fn describe_span(spans: &IndexedBatch, span: &SpanRef<'_>) -> String {
    let attributes = |items: &mut dyn Iterator<Item = (&str, ValueRef<'_>)>| {
        let shown: Vec<String> = items
            .map(|(key, value)| match value {
                ValueRef::Float(number) => format!("{key:?}: {number} {:#x}", number.to_bits()),
                other => format!("{key:?}: {:?}", other.to_value()),
            })
            .collect();
        shown.join(", ")
    };
    let events: Vec<String> = span
        .events()
        .map(|it| {
            let items = attributes(&mut it.attributes());
            format!(
                "{} {} {} {items}",
                it.time_unix_nanos(),
                it.name(),
                it.dropped_attributes_count()
            )
        })
        .collect();
    let links: Vec<String> = span
        .links()
        .map(|it| {
            let ids =
                format!("{} {} {} {}", it.trace_id(), it.span_id(), it.trace_state(), it.flags());
            let items = attributes(&mut it.attributes());
            format!("{ids} {} {items}", it.dropped_attributes_count())
        })
        .collect();
    format!(
        "{} {} parent {} {}..{} kind {} status {} {:?} flags {} name {:?} state {:?} dropped {} {} {} [{}] \
         events {events:?} links {links:?} {:?} {:?}",
        span.trace_id(),
        span.span_id(),
        span.parent_span_id(),
        span.start_unix_nanos(),
        span.end_unix_nanos(),
        spans.batch().kinds[span.row()],
        spans.batch().status_codes[span.row()],
        span.status_message(),
        span.flags(),
        span.name(),
        span.trace_state(),
        span.dropped_attributes_count(),
        span.dropped_events_count(),
        span.dropped_links_count(),
        attributes(&mut span.attributes()),
        span.resource(),
        span.scope(),
    )
}
