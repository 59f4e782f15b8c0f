//! What must be stored, may be stored, and is visible, request by request.

use crate::spans::number_of;
use fanal_local::config::Retention;
use fanal_model::{IndexedBatch, SpanBatch, TraceId};
use fanal_storage::TenantId;
use fanal_storage::conformance::describe_span;
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
    /// When it was first sent, nanoseconds since the Unix epoch; 0 before. A retry is the same spans, and as old.
    pub(crate) sent_at: u64,
    /// Whether retention may have dropped any of its spans.
    pub(crate) may_expire: bool,
    /// How many crashes had been kept when it was first acknowledged: it is in all later ones.
    pub(crate) acknowledged_at: Option<usize>,
}

impl fmt::Debug for Request {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "spans {:?} sent at {}, {} visible, {} hidden, acknowledged at {:?}",
            self.spans.keys(),
            self.sent_at,
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
    pub(crate) retention: Retention,
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
        self.requests.push(Request {
            batch,
            spans,
            visible: 0,
            hidden: 0,
            sent_at: 0,
            may_expire: false,
            acknowledged_at: None,
        });
        place
    }

    /// Notes that retention may look at the clock now.
    pub(crate) fn expire(&mut self, now: u64) {
        let Retention { age_seconds, bytes_max } = self.retention;
        let age = if age_seconds == 0 { u64::MAX } else { age_seconds * 1_000_000_000 };
        for request in &mut self.requests {
            request.may_expire |= bytes_max > 0 || request.sent_at < now.saturating_sub(age);
        }
    }

    /// Checks that requests are there as a whole, none more often than it was sent, acknowledged ones (before so many
    /// crashes were kept) for certain. Where `is_settled`, visible ones are there and hidden ones are not.
    pub(crate) fn check_copies(&self, found: &Copies, crashes: usize, is_settled: bool) {
        for (place, request) in self.requests.iter().enumerate() {
            let may_lack = request.may_expire;
            let count = |number: &u32| found.get(number).copied().unwrap_or(0);
            let present = request.spans.keys().filter(|number| count(number) > 0).count();
            let whole = present == request.spans.len();
            assert!(
                may_lack || present == 0 || whole,
                "request {place} is there in part: {present} spans"
            );
            let is_acknowledged = request.acknowledged_at.is_some_and(|at| at <= crashes);
            let is_required = if is_settled { request.visible > 0 } else { is_acknowledged };
            assert!(
                may_lack || !is_required || whole,
                "request {place} is lost: {request:?}, {:?}",
                self.retention
            );
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
            let is_there = request.spans.keys().any(|number| found.contains_key(number));
            request.visible = if is_there { request.visible + request.hidden } else { 0 };
            request.hidden = 0;
        }
    }

    /// All crashes kept so far were checked.
    pub(crate) fn forget_crashes(&mut self) {
        let requests = &mut self.requests;
        requests.iter_mut().for_each(|it| it.acknowledged_at = it.acknowledged_at.map(|_| 0));
    }

    /// A copy of a request was acknowledged, when so many crashes had been kept.
    pub(crate) fn acknowledge(&mut self, place: usize, crashes: usize) {
        let request = &mut self.requests[place];
        request.hidden -= 1;
        request.visible += 1;
        request.acknowledged_at.get_or_insert(crashes);
    }

    /// The text of a span.
    pub(crate) fn text(&self, number: u32) -> &str {
        let place = self.request_of.get(&number).expect("a span that was sent");
        &self.requests[*place].spans[&number].0
    }
}
