//! Counters of what came in, by receiver, since start.
//!
//! The pipeline and the receivers write them; the status page and the metrics page read a snapshot. A request
//! that a receiver began to read is counted once in `requests`, and at most once in `rejected_requests`.

use crate::recent::{RecentRejection, RecentRejections};
use fanal_base::Clock;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// Why a whole request was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RequestRejection {
    /// Bytes that are not what they say, or a request that the protocol does not allow.
    Invalid,
    /// Above a size limit.
    TooLarge,
    /// A content type or encoding that is not spoken here.
    Unsupported,
    /// The body did not arrive in time, or its sender went away.
    Incomplete,
    /// A limit is reached for now.
    Overloaded,
    /// The store takes nothing now.
    Unavailable,
    /// A failure of ours.
    Internal,
}

impl RequestRejection {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::Invalid,
        Self::TooLarge,
        Self::Unsupported,
        Self::Incomplete,
        Self::Overloaded,
        Self::Unavailable,
        Self::Internal,
    ];

    /// The word used in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::TooLarge => "too_large",
            Self::Unsupported => "unsupported",
            Self::Incomplete => "incomplete",
            Self::Overloaded => "overloaded",
            Self::Unavailable => "unavailable",
            Self::Internal => "internal",
        }
    }
}

/// The counters.
#[derive(Debug)]
pub struct IngestStats {
    clock: Arc<dyn Clock>,
    receivers: RwLock<BTreeMap<&'static str, Arc<ReceiverCounters>>>,
    recent: RecentRejections,
}

#[derive(Debug, Default)]
struct ReceiverCounters {
    requests: AtomicU64,
    request_bytes: AtomicU64,
    accepted_spans: AtomicU64,
    duplicate_keys: AtomicU64,
    missing_requests: AtomicU64,
    rejected_requests: [AtomicU64; RequestRejection::ALL.len()],
    rejected_spans: Mutex<BTreeMap<&'static str, u64>>,
    sender_dropped_spans: Mutex<BTreeMap<&'static str, u64>>,
    lag_messages: Mutex<Option<u64>>,
}

impl IngestStats {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, receivers: RwLock::default(), recent: RecentRejections::default() }
    }

    fn receiver(&self, name: &'static str) -> Arc<ReceiverCounters> {
        let known = self.receivers.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(counters) = known.get(name) {
            return Arc::clone(counters);
        }
        drop(known);
        let mut receivers = self.receivers.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(receivers.entry(name).or_default())
    }

    /// Makes a receiver's counters exist at zero, so that a page shows it before its first request.
    pub fn register(&self, receiver: &'static str) {
        self.receiver(receiver);
    }

    /// Counts a request whose reading begins.
    pub fn request_began(&self, receiver: &'static str) {
        self.receiver(receiver).requests.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts the bytes of a request that arrived whole, after decompression.
    pub fn request_read(&self, receiver: &'static str, bytes: usize) {
        let bytes = fanal_base::cast::wide(bytes);
        self.receiver(receiver).request_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Counts a request refused whole and remembers why.
    pub fn request_rejected(
        &self,
        receiver: &'static str,
        rejection: RequestRejection,
        message: &str,
    ) {
        self.requests_rejected(receiver, rejection, 1, message);
    }

    /// Counts requests refused whole as one, and remembers why.
    pub fn requests_rejected(
        &self,
        receiver: &'static str,
        rejection: RequestRejection,
        requests: u64,
        message: &str,
    ) {
        let counters = self.receiver(receiver);
        let position = RequestRejection::ALL.iter().position(|&kind| kind == rejection);
        if let Some(counter) = position.and_then(|at| counters.rejected_requests.get(at)) {
            counter.fetch_add(requests, Ordering::Relaxed);
        }
        self.remember(receiver, message);
    }

    /// Counts what a sender says was lost on its side or on the way: requests that did not arrive, and spans that it dropped,
    /// by cause, one of a small fixed set of words.
    pub fn sender_lost(
        &self,
        receiver: &'static str,
        missing_requests: u64,
        dropped_spans: &[(&'static str, u64)],
    ) {
        let counters = self.receiver(receiver);
        counters.missing_requests.fetch_add(missing_requests, Ordering::Relaxed);
        add(&counters.sender_dropped_spans, dropped_spans);
    }

    /// Says how many messages wait in the queue that a receiver fetches from.
    pub fn lag_is(&self, receiver: &'static str, messages: u64) {
        let counters = self.receiver(receiver);
        *counters.lag_messages.lock().unwrap_or_else(PoisonError::into_inner) = Some(messages);
    }

    pub(crate) fn spans_accepted(&self, receiver: &'static str, spans: u64, duplicate_keys: u64) {
        let counters = self.receiver(receiver);
        counters.accepted_spans.fetch_add(spans, Ordering::Relaxed);
        counters.duplicate_keys.fetch_add(duplicate_keys, Ordering::Relaxed);
    }

    pub(crate) fn spans_rejected(
        &self,
        receiver: &'static str,
        by_reason: &[(&'static str, u64)],
        message: &str,
    ) {
        let counters = self.receiver(receiver);
        add(&counters.rejected_spans, by_reason);
        self.remember(receiver, message);
    }

    fn remember(&self, receiver: &'static str, message: &str) {
        self.recent.push(RecentRejection {
            time_unix_nanos: self.clock.now_unix_nanos(),
            receiver,
            message: message.to_owned(),
        });
    }

    /// Reads every counter. Counters of one receiver may be apart by the requests that end meanwhile.
    pub(crate) fn snapshot(
        &self,
        in_flight_bytes: u64,
        in_flight_bytes_max: u64,
    ) -> IngestSnapshot {
        let receivers = self.receivers.read().unwrap_or_else(PoisonError::into_inner);
        IngestSnapshot {
            receivers: receivers.iter().map(|(name, counters)| counters.snapshot(name)).collect(),
            recent_rejections: self.recent.list(),
            in_flight_bytes,
            in_flight_bytes_max,
        }
    }
}

fn add(sums: &Mutex<BTreeMap<&'static str, u64>>, counts: &[(&'static str, u64)]) {
    let mut sums = sums.lock().unwrap_or_else(PoisonError::into_inner);
    for (word, count) in counts {
        *sums.entry(word).or_insert(0) += count;
    }
}

fn list(sums: &Mutex<BTreeMap<&'static str, u64>>) -> Vec<(&'static str, u64)> {
    let sums = sums.lock().unwrap_or_else(PoisonError::into_inner);
    sums.iter().map(|(word, count)| (*word, *count)).collect()
}

impl ReceiverCounters {
    fn snapshot(&self, receiver: &'static str) -> ReceiverSnapshot {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let rejected = RequestRejection::ALL.iter().zip(&self.rejected_requests);
        ReceiverSnapshot {
            receiver,
            requests: read(&self.requests),
            request_bytes: read(&self.request_bytes),
            accepted_spans: read(&self.accepted_spans),
            duplicate_keys: read(&self.duplicate_keys),
            rejected_requests: rejected
                .map(|(kind, counter)| (kind.as_str(), read(counter)))
                .collect(),
            rejected_spans: list(&self.rejected_spans),
            missing_requests: read(&self.missing_requests),
            sender_dropped_spans: list(&self.sender_dropped_spans),
            lag_messages: *self.lag_messages.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }
}

/// What the counters stood at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IngestSnapshot {
    /// Every receiver, by name.
    pub receivers: Vec<ReceiverSnapshot>,
    /// Newest refusals, newest first, at most [`crate::recent::RECENT_REJECTIONS_MAX`].
    pub recent_rejections: Vec<RecentRejection>,
    /// Bytes of requests in memory now.
    pub in_flight_bytes: u64,
    /// Most bytes of requests in memory.
    pub in_flight_bytes_max: u64,
}

/// What one receiver's counters stood at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiverSnapshot {
    /// Name of the receiver.
    pub receiver: &'static str,
    /// Requests whose reading began.
    pub requests: u64,
    /// Bytes of requests read whole, after decompression.
    pub request_bytes: u64,
    /// Spans acknowledged.
    pub accepted_spans: u64,
    /// Attribute keys sent twice on one owner; the last value was kept.
    pub duplicate_keys: u64,
    /// Requests refused whole, by kind, every kind listed.
    pub rejected_requests: Vec<(&'static str, u64)>,
    /// Spans refused for good, by reason.
    pub rejected_spans: Vec<(&'static str, u64)>,
    /// Requests that senders say they sent and that did not arrive.
    pub missing_requests: u64,
    /// Spans that senders say they dropped, by cause.
    pub sender_dropped_spans: Vec<(&'static str, u64)>,
    /// Messages that wait in the queue it fetches from; none where there is no queue, or nothing known of it.
    pub lag_messages: Option<u64>,
}

impl IngestSnapshot {
    fn sum(&self, read: impl Fn(&ReceiverSnapshot) -> u64) -> u64 {
        self.receivers.iter().map(read).sum()
    }

    /// Requests on every receiver.
    pub fn requests(&self) -> u64 {
        self.sum(|receiver| receiver.requests)
    }

    /// Spans acknowledged on every receiver.
    pub fn accepted_spans(&self) -> u64 {
        self.sum(|receiver| receiver.accepted_spans)
    }

    /// Spans refused for good on every receiver.
    pub fn rejected_spans(&self) -> u64 {
        self.sum(|receiver| receiver.rejected_spans.iter().map(|(_, count)| count).sum())
    }

    /// Requests refused whole on every receiver.
    pub fn rejected_requests(&self) -> u64 {
        self.sum(|receiver| receiver.rejected_requests.iter().map(|(_, count)| count).sum())
    }
}
