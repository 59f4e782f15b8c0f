//! The consumer's loop: gather a batch, store it, commit it, in this order and no other.
//!
//! Invariants: what is committed is durable or can never be stored; what cannot be stored now stops the source and is
//! tried until it can, and nothing behind it in its partition is committed before; memory is bounded by a batch, what
//! comes while the source stops, and the queue of the client.

use super::NAME;
use super::batch::{BATCH_BYTES, Batch, Piece};
use super::config::KafkaTopic;
use super::decode::{self, Skipped};
use super::skipped::Reporter;
use super::source::{Event, Message, Source};
use crate::config::ReceiversConfig;
use crate::ingest::Ingest;
use crate::listen::{Shutdown, stop_requested};
use crate::otlp::decoders::DecoderPool;
use crate::refusal::Refusal;
use fanal_base::cast;
use fanal_pipeline::{Pipeline, RequestRejection};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// Share of the pipeline's bytes that a batch may take, so that one always fits.
const BUDGET_SHARE: usize = 4;

/// Most messages that are kept for later while the source is stopped: those of partitions that were assigned meanwhile.
/// With more the source is not asked, and may count as dead.
const CARRIED_MAX: usize = 64;

/// A source on its way into the store.
#[derive(Debug)]
pub(super) struct Consumption<S> {
    pub(super) source: S,
    topics: Vec<KafkaTopic>,
    ingest: Ingest,
    decoders: Arc<DecoderPool>,
    batch_bytes: usize,
    /// Came while the source was stopped; first in the next batch.
    carried: VecDeque<Message>,
    skips: Reporter,
    troubles: Reporter,
}

/// What is left of a batch after a try.
#[derive(Debug, Default)]
struct Tried {
    skipped: Vec<Skipped>,
    /// Pieces to try again.
    left: Vec<Arc<Piece>>,
    /// Why.
    refusal: Option<Refusal>,
}

impl<S: Source> Consumption<S> {
    pub(super) fn new(source: S, pipeline: Arc<Pipeline>, config: &ReceiversConfig) -> Self {
        let budget = pipeline.snapshot().in_flight_bytes_max;
        let budget = usize::try_from(budget).unwrap_or(usize::MAX);
        Self {
            source,
            topics: config.kafka.topics.clone(),
            decoders: Arc::new(DecoderPool::new(config.requests.decoders_max)),
            ingest: Ingest::new(pipeline, config.requests, NAME),
            batch_bytes: BATCH_BYTES.min(budget / BUDGET_SHARE),
            carried: VecDeque::new(),
            skips: Reporter::default(),
            troubles: Reporter::default(),
        }
    }

    /// Consumes until the signal. What is being stored then has `drain_timeout` to become durable; gives 1 if it was cut.
    pub(super) async fn run(&mut self, shutdown: &mut Shutdown, drain_timeout: Duration) -> usize {
        let mut stopping = shutdown.clone();
        let cut = async {
            stop_requested(&mut stopping).await;
            tokio::time::sleep(drain_timeout).await;
        };
        tokio::select! {
            () = self.consume(shutdown) => 0,
            () = cut => 1,
        }
    }

    async fn consume(&mut self, shutdown: &mut Shutdown) {
        loop {
            let batch = tokio::select! {
                biased;
                () = stop_requested(shutdown) => return,
                batch = self.gather() => batch,
            };
            let (pieces, last) = batch.into_parts();
            if !self.store(pieces, shutdown).await {
                return;
            }
            self.source.commit(&last);
        }
    }

    /// Waits for a message, and takes what is there behind it.
    async fn gather(&mut self) -> Batch {
        let mut batch = Batch::default();
        loop {
            let message = match self.carried.pop_front() {
                Some(message) => message,
                None => {
                    let event = if batch.is_empty() {
                        Some(self.source.next().await)
                    } else {
                        self.source.try_next()
                    };
                    match event {
                        Some(Event::Message(message)) => message,
                        Some(Event::Trouble(problem)) => {
                            self.trouble(&problem);
                            continue;
                        }
                        None => return batch,
                    }
                }
            };
            if !batch.has_room(&message, self.batch_bytes) {
                self.carried.push_front(message);
                return batch;
            }
            match self.topics.get(message.place.topic) {
                Some(topic) => batch.push(message, topic.encoding),
                None => self.trouble("message of a topic that was not asked for"),
            }
        }
    }

    /// Stores, and tries what is refused for now until it is stored. False where the signal came before that.
    async fn store(&mut self, mut pieces: Vec<Arc<Piece>>, shutdown: &mut Shutdown) -> bool {
        let mut is_paused = false;
        loop {
            let tried = self.attempt(pieces).await;
            let now = self.ingest.pipeline.now_unix_nanos();
            for skipped in &tried.skipped {
                self.skips.skipped(now, skipped, &self.topics);
            }
            if tried.left.is_empty() {
                if is_paused {
                    self.source.resume();
                }
                return true;
            }
            if let Some(refusal) = &tried.refusal {
                self.trouble(&refusal.message);
                if !std::mem::replace(&mut is_paused, true) {
                    self.source.pause();
                }
                // Also where the store says that it will not: a message is never left for that.
                let wait = self.ingest.pipeline.retry_after();
                tokio::select! {
                    biased;
                    () = stop_requested(shutdown) => return false,
                    () = tokio::time::sleep(wait) => {}
                    () = self.carry() => {}
                }
            }
            pieces = tried.left;
        }
    }

    /// Tries each piece once, all at one time.
    async fn attempt(&self, pieces: Vec<Arc<Piece>>) -> Tried {
        let mut tried = Tried::default();
        let mut attempts = JoinSet::new();
        for (index, piece) in pieces.iter().enumerate() {
            let (piece, ingest) = (Arc::clone(piece), self.ingest.clone());
            let storing = decode::store(piece, ingest, Arc::clone(&self.decoders));
            attempts.spawn(async move { (index, storing.await) });
        }
        let mut is_done = vec![false; pieces.len()];
        while let Some(joined) = attempts.join_next().await {
            match joined {
                Ok((index, Ok(skipped))) => {
                    is_done[index] = true;
                    tried.skipped.extend(skipped);
                }
                // One message among many may be to blame.
                Ok((index, Err(refusal))) if decode::is_of_message(&refusal) => {
                    is_done[index] = true;
                    tried.left.extend(pieces[index].split());
                }
                Ok((_, Err(refusal))) => tried.refusal = Some(refusal),
                Err(error) => {
                    let message = format!("work on a message broke off: {error}");
                    tried.refusal = Some(Refusal::lasting(RequestRejection::Internal, message));
                }
            }
        }
        let left: Vec<_> =
            pieces.into_iter().zip(is_done).filter(|(_, is_done)| !is_done).collect();
        if let Some(refusal) = &tried.refusal {
            let messages = left.iter().map(|(piece, _)| piece.messages.len()).sum();
            self.ingest.refused_together(refusal, cast::wide(messages));
        }
        tried.left.extend(left.into_iter().map(|(piece, _)| piece));
        tried
    }

    /// Keeps asking a source that is stopped, so that brokers see it alive, and keeps what partitions give that were
    /// assigned meanwhile. Never resolves.
    async fn carry(&mut self) {
        while self.carried.len() < CARRIED_MAX {
            match self.source.next().await {
                Event::Message(message) => {
                    self.carried.push_back(message);
                    self.source.pause();
                }
                Event::Trouble(problem) => self.trouble(&problem),
            }
        }
        std::future::pending::<()>().await;
    }

    fn trouble(&mut self, problem: &str) {
        self.troubles.trouble(self.ingest.pipeline.now_unix_nanos(), problem);
    }
}

#[cfg(test)]
mod tests;
