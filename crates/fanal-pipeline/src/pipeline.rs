//! The pipeline itself: a budget of bytes at its mouth, the store at its end.
//!
//! A receiver admits the bytes of a request while they arrive, decodes, submits, and answers once `submit`
//! resolves. Refusals of whole requests are counted by the receiver, which knows them all; refusals of spans
//! here.

use crate::config::PipelineConfig;
use crate::error::PipelineError;
use crate::room::RoomQueue;
use crate::sampling::Sampling;
use crate::stats::{IngestSnapshot, IngestStats};
use crate::submission::{Accepted, Submission, cut_message};
use fanal_base::{ByteBudget, BytePermit, Clock, cast};
use fanal_storage::{SpanStore, TenantId};
use std::sync::Arc;
use std::time::Duration;

/// A request of at most so many bytes is small: in overload it goes first, so that a slow sender, who has few chances, is
/// not kept out by those who send all they can.
pub const SMALL_REQUEST_BYTES: usize = 64 << 10;

/// Spans of a small request, about.
const SMALL_REQUEST_SPANS: usize = 128;

/// One part in so many of the budget is for small requests.
const SMALL_SHARE: usize = 8;

/// The way from receivers to the store; shared by all of them.
#[derive(Debug)]
pub struct Pipeline {
    store: Arc<dyn SpanStore>,
    clock: Arc<dyn Clock>,
    budget: ByteBudget,
    stats: IngestStats,
    sampling: Sampling,
    /// Requests whose bodies are not read to their end yet.
    at_the_door: RoomQueue,
    /// Requests that are decoded; room is theirs first.
    decoded: RoomQueue,
    /// Small ones among them, which fit where others do not, and wait for none of these.
    decoded_small: RoomQueue,
    config: PipelineConfig,
}

impl Pipeline {
    /// A pipeline into `store`. The clock stamps refusals.
    pub fn new(store: Arc<dyn SpanStore>, config: PipelineConfig, clock: Arc<dyn Clock>) -> Self {
        let budget = ByteBudget::new(config.in_flight_bytes_max);
        let sampling = Sampling::new(config.sampling.clone(), Arc::clone(&clock));
        Self {
            store,
            clock: Arc::clone(&clock),
            budget,
            stats: IngestStats::new(clock),
            sampling,
            at_the_door: RoomQueue::default(),
            decoded: RoomQueue::default(),
            decoded_small: RoomQueue::default(),
            config,
        }
    }

    /// Whether a request would be let in now. Fails like [`Pipeline::admit`] and [`Pipeline::wait_for_room`] would.
    pub fn check(&self) -> Result<(), PipelineError> {
        self.store.check_room(None)?;
        self.admit(0).map(drop)
    }

    /// Lets `bytes` of a request into memory until the permit is dropped.
    ///
    /// Fails with `Overloaded` when they do not fit now, with `TooLarge` when they never will.
    pub fn admit(&self, bytes: usize) -> Result<BytePermit, PipelineError> {
        self.budget.try_draw(bytes).ok_or_else(|| self.refusal(0, bytes))
    }

    /// Lets `bytes` more of the same request in. Fails like [`Pipeline::admit`], and for requests that are not small
    /// already when only the room of small ones is left.
    pub fn grow(&self, permit: &mut BytePermit, bytes: usize) -> Result<(), PipelineError> {
        let is_small = permit.bytes().saturating_add(bytes) <= SMALL_REQUEST_BYTES;
        let allowed = self.budget.bytes_max();
        // A request that is alone may have everything.
        let others = self.budget.used_bytes().saturating_sub(permit.bytes());
        let is_crowded = others > 0
            && self.budget.used_bytes().saturating_add(bytes) > allowed - allowed / SMALL_SHARE;
        if (is_small || !is_crowded) && permit.try_grow(bytes) {
            Ok(())
        } else {
            Err(self.refusal(permit.bytes(), bytes))
        }
    }

    /// Where the store has no room for now, waits for it up to [`crate::room::ROOM_WAIT_MAX`]; for requests that turn out
    /// not to be small. Fails like the store.
    pub async fn wait_for_room(&self) -> Result<(), PipelineError> {
        Ok(self.at_the_door.wait(|| self.store.check_room(None)).await?)
    }

    fn refusal(&self, held: usize, bytes: usize) -> PipelineError {
        let allowed = self.budget.bytes_max();
        let total = held.saturating_add(bytes);
        if total > allowed {
            return PipelineError::TooLarge { requested: total, allowed };
        }
        PipelineError::Overloaded { requested: bytes, used: self.budget.used_bytes(), allowed }
    }

    /// Stores the spans of one request. Resolves once they are durable; where the store has no room for now, waits for it
    /// like [`Pipeline::wait_for_room`].
    ///
    /// Fails with the store's kind, and keeps nothing that was promised. Spans that the format refused do not
    /// fail the rest; they are counted here, once the rest is safe, so that a retried request counts once.
    pub async fn submit(
        &self,
        tenant: &TenantId,
        receiver: &'static str,
        submission: Submission,
    ) -> Result<Accepted, PipelineError> {
        let Submission { batch, rejected_spans, rejection_message: mut message, duplicate_keys } =
            submission;
        let accepted_spans = cast::wide(batch.len());
        if !batch.is_empty() {
            // Decoders build batches, and built batches are valid.
            debug_assert!(batch.validate().is_ok());
            let is_small = batch.len() <= SMALL_REQUEST_SPANS;
            let queue = if is_small { &self.decoded_small } else { &self.decoded };
            queue.wait(|| self.store.check_room(Some(&batch))).await?;
            // Before the batch is given away. A sender that is refused behind this sends, and is counted, again: rare enough.
            self.sampling.count(&batch);
            self.store.append(tenant, batch).await?;
        }
        cut_message(&mut message);
        self.stats.spans_accepted(receiver, accepted_spans, duplicate_keys);
        if !rejected_spans.is_empty() {
            self.stats.spans_rejected(receiver, &rejected_spans, &message);
        }
        let rejected_spans = rejected_spans.iter().map(|(_, count)| count).sum();
        Ok(Accepted { accepted_spans, rejected_spans, message })
    }

    /// The counters, for receivers to write.
    pub fn stats(&self) -> &IngestStats {
        &self.stats
    }

    /// What services are told about choosing traces.
    pub fn sampling(&self) -> &Sampling {
        &self.sampling
    }

    /// The counters, for pages to read.
    pub fn snapshot(&self) -> IngestSnapshot {
        self.stats
            .snapshot(cast::wide(self.budget.used_bytes()), cast::wide(self.budget.bytes_max()))
    }

    /// Now, for spans whose sender leaves the time to whoever receives them.
    pub fn now_unix_nanos(&self) -> u64 {
        self.clock.now_unix_nanos()
    }

    /// How long a sender that is told to retry should wait.
    pub fn retry_after(&self) -> Duration {
        self.config.retry_after()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::RequestRejection;
    use fanal_base::ManualClock;
    use fanal_model::{Resource, Scope, SpanBatch, SpanBatchBuilder, SpanFields, SpanId, TraceId};
    use fanal_storage::{MemoryStore, StoreError};

    fn batch() -> SpanBatch {
        let mut builder = SpanBatchBuilder::default();
        let resource = builder.intern_resource(&Resource::default());
        let scope = builder.intern_scope(&Scope::default());
        let (trace_id, span_id) = (TraceId([1; 16]), SpanId([2; 8]));
        let span = SpanFields { trace_id, span_id, resource, scope, ..SpanFields::default() };
        builder.finish_span(&span);
        builder.finish()
    }

    fn pipeline(store: &Arc<MemoryStore>) -> Pipeline {
        let config = PipelineConfig { in_flight_bytes_max: 100, ..PipelineConfig::default() };
        Pipeline::new(Arc::clone(store) as _, config, Arc::new(ManualClock::at(9)))
    }

    #[tokio::test]
    async fn stores_the_good_and_counts_the_bad() {
        let store = Arc::new(MemoryStore::default());
        let pipeline = pipeline(&store);
        let tenant = TenantId::default_tenant();
        let submission = Submission {
            batch: batch(),
            rejected_spans: vec![("bad_id", 2), ("utf8", 1)],
            rejection_message: "3 spans rejected".to_owned(),
            duplicate_keys: 4,
        };
        let accepted = pipeline.submit(&tenant, "door", submission).await.expect("stored");
        let message = "3 spans rejected".to_owned();
        let expect = Accepted { accepted_spans: 1, rejected_spans: 3, message };
        assert_eq!(accepted, expect);
        assert_eq!(store.stats(&tenant).await.expect("answers").spans, 1);
        let snapshot = pipeline.snapshot();
        assert_eq!((snapshot.accepted_spans(), snapshot.rejected_spans()), (1, 3));
        assert_eq!(snapshot.receivers[0].duplicate_keys, 4);
        assert_eq!(snapshot.receivers[0].rejected_spans, [("bad_id", 2), ("utf8", 1)]);
        let recent = &snapshot.recent_rejections[0];
        assert_eq!(
            (recent.time_unix_nanos, recent.receiver, &*recent.message),
            (9, "door", "3 spans rejected")
        );
    }

    #[tokio::test]
    async fn counts_nothing_that_was_not_stored() {
        let store = Arc::new(MemoryStore::default());
        let pipeline = pipeline(&store);
        let tenant = TenantId::default_tenant();
        store.shutdown().await.expect("stops");
        let rejected_spans = vec![("bad_id", 1)];
        let submission = Submission { batch: batch(), rejected_spans, ..Submission::default() };
        let error = pipeline.submit(&tenant, "door", submission).await.expect_err("stopped");
        assert!(matches!(error, PipelineError::Store(StoreError::Unavailable { .. })), "{error}");
        let snapshot = pipeline.snapshot();
        assert_eq!((snapshot.accepted_spans(), snapshot.rejected_spans()), (0, 0));
    }

    #[test]
    fn tells_full_from_never() {
        let pipeline = pipeline(&Arc::new(MemoryStore::default()));
        let mut permit = pipeline.admit(60).expect("fits");
        let full = pipeline.admit(60).expect_err("full");
        assert!(matches!(full, PipelineError::Overloaded { used: 60, .. }), "{full}");
        let never = pipeline.grow(&mut permit, 41).expect_err("never fits");
        assert!(matches!(never, PipelineError::TooLarge { requested: 101, .. }), "{never}");
        pipeline.grow(&mut permit, 40).expect("fits");
        drop(permit);
        assert_eq!(pipeline.snapshot().in_flight_bytes, 0);
    }

    #[test]
    fn the_last_room_is_for_small_requests() {
        let store = Arc::new(MemoryStore::default());
        let bytes_max = SMALL_SHARE * SMALL_REQUEST_BYTES;
        let config = PipelineConfig { in_flight_bytes_max: bytes_max, ..PipelineConfig::default() };
        let pipeline = Pipeline::new(store, config, Arc::new(ManualClock::at(9)));
        let mut alone = pipeline.admit(1).expect("fits");
        pipeline.grow(&mut alone, bytes_max - SMALL_REQUEST_BYTES).expect("alone, all is its own");
        let mut large = pipeline.admit(1).expect("fits");
        let error = pipeline.grow(&mut large, SMALL_REQUEST_BYTES).expect_err("is not small");
        assert!(matches!(error, PipelineError::Overloaded { .. }), "{error}");
        pipeline.grow(&mut large, SMALL_REQUEST_BYTES / 2).expect("is small");
        let error = pipeline.grow(&mut alone, 1).expect_err("is not small and not alone");
        assert!(matches!(error, PipelineError::Overloaded { .. }), "{error}");
        drop(large);
        pipeline.grow(&mut alone, SMALL_REQUEST_BYTES - 1).expect("alone again");
    }

    #[test]
    fn counts_refused_requests_by_kind() {
        let pipeline = pipeline(&Arc::new(MemoryStore::default()));
        pipeline.stats().request_rejected("door", RequestRejection::TooLarge, "too large");
        let snapshot = pipeline.snapshot();
        assert_eq!(snapshot.rejected_requests(), 1);
        assert!(snapshot.receivers[0].rejected_requests.contains(&("too_large", 1)));
        assert_eq!(snapshot.recent_rejections[0].message, "too large");
    }
}
