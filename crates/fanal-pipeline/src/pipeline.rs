//! The pipeline itself: a budget of bytes at its mouth, the store at its end.
//!
//! A receiver admits the bytes of a request while they arrive, decodes, submits, and answers once `submit`
//! resolves. Refusals of whole requests are counted by the receiver, which knows them all; refusals of spans
//! here.

use crate::config::PipelineConfig;
use crate::error::PipelineError;
use crate::stats::{IngestSnapshot, IngestStats};
use crate::submission::{Accepted, Submission, cut_message};
use fanal_base::{ByteBudget, BytePermit, Clock, cast};
use fanal_storage::{SpanStore, TenantId};
use std::sync::Arc;
use std::time::Duration;

/// The way from receivers to the store; shared by all of them.
#[derive(Debug)]
pub struct Pipeline {
    store: Arc<dyn SpanStore>,
    budget: ByteBudget,
    stats: IngestStats,
    config: PipelineConfig,
}

impl Pipeline {
    /// A pipeline into `store`. The clock stamps refusals.
    pub fn new(store: Arc<dyn SpanStore>, config: PipelineConfig, clock: Arc<dyn Clock>) -> Self {
        let budget = ByteBudget::new(config.in_flight_bytes_max);
        Self { store, budget, stats: IngestStats::new(clock), config }
    }

    /// Lets `bytes` of a request into memory until the permit is dropped.
    ///
    /// Fails with `Overloaded` when they do not fit now and with `TooLarge` when they never will.
    pub fn admit(&self, bytes: usize) -> Result<BytePermit, PipelineError> {
        self.budget.try_draw(bytes).ok_or_else(|| self.refusal(0, bytes))
    }

    /// Lets `bytes` more of the same request in. Fails like [`Pipeline::admit`].
    pub fn grow(&self, permit: &mut BytePermit, bytes: usize) -> Result<(), PipelineError> {
        if permit.try_grow(bytes) { Ok(()) } else { Err(self.refusal(permit.bytes(), bytes)) }
    }

    fn refusal(&self, held: usize, bytes: usize) -> PipelineError {
        let allowed = self.budget.bytes_max();
        let total = held.saturating_add(bytes);
        if total > allowed {
            return PipelineError::TooLarge { requested: total, allowed };
        }
        PipelineError::Overloaded { requested: bytes, used: self.budget.used_bytes(), allowed }
    }

    /// Stores the spans of one request. Resolves once they are durable.
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
            batch.validate()?;
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

    /// The counters, for pages to read.
    pub fn snapshot(&self) -> IngestSnapshot {
        self.stats
            .snapshot(cast::wide(self.budget.used_bytes()), cast::wide(self.budget.bytes_max()))
    }

    /// How long a sender that is told to retry should wait.
    pub fn retry_after(&self) -> Duration {
        self.config.retry_after()
    }
}
