//! What must be stored, may be stored, and is visible, request by request.

use crate::spans::number_of;
use fanal_model::{IndexedBatch, SpanBatch, TraceId};
use fanal_storage::conformance::describe_span;
use fanal_storage::{SpanStore, TenantId, memory::MemoryStore};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

/// A batch that was sent, once or more often.
pub(crate) struct Request {
    pub(crate) batch: SpanBatch,
    /// By number of the span: its text, and how often it stands in the batch.
    pub(crate) spans: BTreeMap<u32, (String, usize)>,
    /// Copies that questions see.
    pub(crate) visible: usize,
    /// Copies that failed, or whose outcome is not known yet: they may be there after a restart.
    pub(crate) hidden: usize,
    /// How many crashes had been kept when it was first acknowledged: it is in all later ones.
    pub(crate) acknowledged_at: Option<usize>,
}

impl fmt::Debug for Request {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "spans {:?}, {} visible, {} hidden, acknowledged at {:?}",
            self.spans.keys(),
            self.visible,
            self.hidden,
            self.acknowledged_at
        )
    }
}

/// What is known of a tenant.
#[derive(Debug, Default)]
pub(crate) struct TenantModel {
    pub(crate) requests: Vec<Request>,
    pub(crate) traces: BTreeSet<TraceId>,
    /// Which span is in which request.
    request_of: BTreeMap<u32, usize>,
}

/// What is known of all tenants.
#[derive(Debug, Default)]
pub(crate) struct Model {
    pub(crate) tenants: BTreeMap<TenantId, TenantModel>,
    pub(crate) next_number: u32,
}

/// How often each span was found, by its number.
pub(crate) type Copies = BTreeMap<u32, usize>;

impl TenantModel {
    /// Notes a batch that is about to be sent for the first time; answers its place.
    pub(crate) fn add(&mut self, batch: SpanBatch) -> usize {
        let place = self.requests.len();
        let indexed = IndexedBatch::new(Arc::new(batch.clone())).expect("valid");
        let mut spans = BTreeMap::new();
        for span in indexed.spans() {
            let number = number_of(&batch, span.row());
            let entry = spans.entry(number);
            entry.or_insert_with(|| (describe_span(&indexed, &span), 0)).1 += 1;
            self.request_of.insert(number, place);
        }
        self.traces.extend(&batch.trace_ids);
        let (visible, hidden, acknowledged_at) = (0, 0, None);
        self.requests.push(Request { batch, spans, visible, hidden, acknowledged_at });
        place
    }

    /// Checks that requests are there as a whole, none more often than it was sent, acknowledged ones (before so many
    /// crashes were kept) for certain. Where `is_settled`, visible ones are there and hidden ones are not.
    pub(crate) fn check_copies(&self, found: &Copies, crashes: usize, is_settled: bool) {
        for (place, request) in self.requests.iter().enumerate() {
            let count = |number: &u32| found.get(number).copied().unwrap_or(0);
            let present = request.spans.keys().filter(|number| count(number) > 0).count();
            let whole = present == request.spans.len();
            assert!(present == 0 || whole, "request {place} is there in part: {present} spans");
            let is_acknowledged = request.acknowledged_at.is_some_and(|at| at <= crashes);
            let is_required = if is_settled { request.visible > 0 } else { is_acknowledged };
            assert!(!is_required || whole, "request {place} is lost: {request:?}");
            let sent = request.visible + if is_settled { 0 } else { request.hidden };
            for (number, (_, in_batch)) in &request.spans {
                let (count, count_max) = (count(number), sent * in_batch);
                assert!(
                    count <= count_max,
                    "span {number} of request {place} is there {count} times of {count_max}: {request:?}"
                );
            }
        }
        let unknown = found.keys().find(|number| !self.request_of.contains_key(number));
        assert_eq!(unknown, None, "a span that nobody sent");
    }

    /// After a restart: what was found is visible from now on, what was not is gone for good.
    pub(crate) fn settle(&mut self, found: &Copies) {
        for request in &mut self.requests {
            let is_there = request.spans.keys().all(|number| found.contains_key(number));
            request.visible = if is_there { request.visible + request.hidden } else { 0 };
            request.hidden = 0;
        }
    }

    /// All crashes kept so far were checked.
    pub(crate) fn forget_crashes(&mut self) {
        self.requests.iter_mut().for_each(|it| {
            it.acknowledged_at = it.acknowledged_at.map(|_| 0);
        });
    }

    /// The text of a span.
    pub(crate) fn text(&self, number: u32) -> &str {
        let place = self.request_of.get(&number).expect("a span that was sent");
        &self.requests[*place].spans[&number].0
    }

    /// What is visible, in the plainest store.
    pub(crate) fn visible(&self, tenant: &TenantId) -> MemoryStore {
        let memory = MemoryStore::new();
        for request in self.requests.iter().filter(|it| it.visible > 0) {
            let kept = crate::run::now(memory.append(tenant, request.batch.clone()));
            kept.expect("kept");
        }
        memory
    }
}
