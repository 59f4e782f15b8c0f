//! The way of one request from gathered bytes to durable spans, the same for every door.
//!
//! Invariant: large requests are decompressed and decoded off the threads that serve sockets, and only so many
//! at once; the bytes are freed before the store is waited for. Knows no format: the door brings its decoder.

use crate::compression::{Compression, decompress};
use crate::config::RequestLimits;
use crate::refusal::{self, Refusal};
use bytes::Bytes;
use fanal_formats::{DecodeError, Decoded};
use fanal_pipeline::{Accepted, BytePermit, Pipeline, RequestRejection, Submission, TenantId};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Bodies from this size on are decoded on their own thread, in bytes: about 0.3 ms of work, a hundred times the
/// cost of the handover.
const LARGE_BYTES: usize = 512 << 10;

/// The same for compressed bodies, which cost more a byte and grow.
const LARGE_COMPRESSED_BYTES: usize = 32 << 10;

/// What the requests of a door share.
#[derive(Debug, Clone)]
pub(crate) struct Ingest {
    pub(crate) pipeline: Arc<Pipeline>,
    pub(crate) limits: RequestLimits,
    receiver: &'static str,
    tenant: TenantId,
    /// Turns of large requests.
    turns: Arc<Semaphore>,
}

/// A body that arrived.
#[derive(Debug)]
pub(crate) struct Payload {
    pub(crate) bytes: Bytes,
    pub(crate) compression: Compression,
    pub(crate) permit: BytePermit,
}

impl Ingest {
    pub(crate) fn new(
        pipeline: Arc<Pipeline>,
        limits: RequestLimits,
        receiver: &'static str,
    ) -> Self {
        pipeline.stats().register(receiver);
        let turns = Arc::new(Semaphore::new(limits.decoders_max.max(1)));
        Self { pipeline, limits, receiver, tenant: TenantId::default_tenant(), turns }
    }

    /// Counts a request whose reading begins.
    pub(crate) fn began(&self) {
        self.pipeline.stats().request_began(self.receiver);
    }

    /// Counts the bytes of a request that was read whole.
    pub(crate) fn read(&self, bytes: usize) {
        self.pipeline.stats().request_read(self.receiver, bytes);
    }

    /// Counts a request that is refused.
    pub(crate) fn refused(&self, refusal: &Refusal) {
        self.refused_together(refusal, 1);
    }

    /// Counts requests that are refused as one.
    pub(crate) fn refused_together(&self, refusal: &Refusal, requests: u64) {
        let stats = self.pipeline.stats();
        stats.requests_rejected(self.receiver, refusal.kind, requests, &refusal.message);
    }

    /// Lets bytes of a request into memory until the permit is dropped.
    pub(crate) fn admit(&self, bytes: usize) -> Result<BytePermit, Refusal> {
        let admitted = self.pipeline.admit(bytes);
        admitted.map_err(|error| Refusal::from_pipeline(&error, &self.pipeline))
    }

    /// Decodes and stores; resolves once every accepted span is durable.
    pub(crate) async fn ingest(
        &self,
        payload: Payload,
        decode: impl FnOnce(&[u8]) -> Result<Decoded, DecodeError> + Send + 'static,
    ) -> Result<Accepted, Refusal> {
        let (decoded, _permit) = self.decode(payload, decode).await?;
        self.store(decoded).await
    }

    /// Stores; resolves once every accepted span is durable.
    pub(crate) async fn store(&self, decoded: Decoded) -> Result<Accepted, Refusal> {
        let submission = submission(decoded);
        let submitted = self.pipeline.submit(&self.tenant, self.receiver, submission).await;
        submitted.map_err(|error| Refusal::from_pipeline(&error, &self.pipeline))
    }

    /// Columns are mostly smaller than their bytes, which a permit covers; draws what is larger.
    pub(crate) fn cover(&self, permit: &mut BytePermit, decoded: &Decoded) -> Result<(), Refusal> {
        let excess_bytes = decoded.batch.memory_bytes().saturating_sub(permit.bytes());
        self.pipeline
            .grow(permit, excess_bytes)
            .map_err(|error| Refusal::from_pipeline(&error, &self.pipeline))
    }

    async fn decode(
        &self,
        payload: Payload,
        decode: impl FnOnce(&[u8]) -> Result<Decoded, DecodeError> + Send + 'static,
    ) -> Result<(Decoded, BytePermit), Refusal> {
        let is_plain = payload.compression == Compression::Identity;
        let large_bytes = if is_plain { LARGE_BYTES } else { LARGE_COMPRESSED_BYTES };
        if payload.bytes.len() < large_bytes {
            return self.decode_here(payload, decode);
        }
        let Ok(turn) = Arc::clone(&self.turns).acquire_owned().await else {
            return Err(internal("decoders are closed"));
        };
        let ingest = self.clone();
        let work = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            ingest.decode_here(payload, decode)
        });
        work.await.unwrap_or_else(|_| Err(internal("decoding was cut off")))
    }

    fn decode_here(
        &self,
        payload: Payload,
        decode: impl FnOnce(&[u8]) -> Result<Decoded, DecodeError>,
    ) -> Result<(Decoded, BytePermit), Refusal> {
        let Payload { bytes, compression, mut permit } = payload;
        let bytes_max = self.limits.request_bytes_max;
        let bytes = decompress(&self.pipeline, &mut permit, compression, bytes, bytes_max)?;
        self.read(bytes.len());
        let decoded = decode(&bytes).map_err(|error| undecodable(&error))?;
        drop(bytes);
        self.cover(&mut permit, &decoded)?;
        Ok((decoded, permit))
    }
}

fn submission(decoded: Decoded) -> Submission {
    let rejected = decoded.rejects_by_reason.iter();
    Submission {
        rejected_spans: rejected.map(|(reason, count)| (reason.as_str(), *count)).collect(),
        rejection_message: decoded.message().unwrap_or_default(),
        batch: decoded.batch,
        duplicate_keys: decoded.duplicate_keys,
    }
}

/// What to tell a sender whose bytes do not decode.
pub(crate) fn undecodable(error: &DecodeError) -> Refusal {
    let kind = match error {
        DecodeError::TooLarge { .. } | DecodeError::TooMany { .. } => RequestRejection::TooLarge,
        _ => RequestRejection::Invalid,
    };
    Refusal::lasting(kind, refusal::chain(error))
}

/// A mistake of Fanal.
pub(crate) fn internal(message: &str) -> Refusal {
    Refusal::lasting(RequestRejection::Internal, message)
}
