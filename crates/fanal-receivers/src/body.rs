//! Bodies of requests: gathered under a cap, a budget and a clock.
//!
//! Feeds the decoders of every HTTP-based receiver. Invariant: bytes are drawn from the pipeline's budget as
//! they arrive, never on a sender's word. Knows no format.

use crate::refusal::Refusal;
use axum::body::Body;
use bytes::{Bytes, BytesMut};
use fanal_pipeline::{BytePermit, Pipeline, RequestRejection, SMALL_REQUEST_BYTES};
use http_body_util::BodyExt;
use std::time::Duration;

/// What a request costs beside its body: headers, task and buffers, roughly. Bounds the number of requests at once.
const REQUEST_OVERHEAD_BYTES: usize = 4 << 10;

/// Most bytes of a refused body that are read and thrown away, so that an HTTP/1 sender still writing hears the
/// answer instead of a reset connection.
const DISCARD_BYTES_MAX: usize = 8 << 20;

/// Longest time for that.
const DISCARD_TIMEOUT: Duration = Duration::from_secs(5);

/// Most bytes reserved at once on the word of a length that a sender declared.
const RESERVE_BYTES_MAX: usize = 1 << 20;

/// A body that arrives.
pub(crate) struct BodyReader<'a> {
    pipeline: &'a Pipeline,
    body: Body,
    permit: BytePermit,
    /// The only chunk, until there are two: most small bodies are one, and it need not be copied.
    first: Bytes,
    joined: BytesMut,
    is_ended: bool,
    /// Whether there was room for more than a small request.
    has_room: bool,
}

impl<'a> BodyReader<'a> {
    /// Admits a request; nothing of the body is read yet.
    pub(crate) fn new(pipeline: &'a Pipeline, body: Body) -> Result<Self, (Refusal, Body)> {
        match pipeline.admit(REQUEST_OVERHEAD_BYTES) {
            Ok(permit) => Ok(Self {
                pipeline,
                body,
                permit,
                first: Bytes::new(),
                joined: BytesMut::new(),
                is_ended: false,
                has_room: false,
            }),
            Err(error) => Err((Refusal::from_pipeline(&error, pipeline), body)),
        }
    }

    /// What has arrived.
    pub(crate) fn arrived(&self) -> &[u8] {
        if self.joined.is_empty() { &self.first } else { &self.joined }
    }

    /// Reads until `bytes` have arrived or the body ends.
    pub(crate) async fn read_at_least(&mut self, bytes: usize) -> Result<(), Refusal> {
        while !self.is_ended && self.arrived().len() < bytes {
            self.read_chunk(bytes).await?;
        }
        Ok(())
    }

    /// Reads to the end; a body of more than `bytes_max` is refused. Room for `expected_bytes` is made up front,
    /// within reason.
    pub(crate) async fn read_to_end(
        &mut self,
        expected_bytes: usize,
        bytes_max: usize,
    ) -> Result<(), Refusal> {
        while !self.is_ended {
            self.read_chunk(expected_bytes).await?;
            if self.arrived().len() > bytes_max {
                return Err(too_large(bytes_max));
            }
        }
        Ok(())
    }

    /// The bytes and the permit that covers them.
    pub(crate) fn finish(self) -> (Bytes, BytePermit) {
        let bytes = if self.joined.is_empty() { self.first } else { self.joined.freeze() };
        (bytes, self.permit)
    }

    /// Gives everything back and throws the rest of the body away, within limits.
    pub(crate) async fn discard(self) {
        let Self { body, permit, first, joined, .. } = self;
        drop((permit, first, joined));
        discard(body).await;
    }

    async fn read_chunk(&mut self, expected_bytes: usize) -> Result<(), Refusal> {
        let Some(frame) = self.body.frame().await else {
            self.is_ended = true;
            return Ok(());
        };
        let frame = frame.map_err(|error| {
            let message = format!("body did not arrive whole: {}", crate::refusal::chain(&error));
            let wait = self.pipeline.retry_after();
            Refusal::passing(RequestRejection::Incomplete, message, wait)
        })?;
        // Trailers of a request mean nothing here.
        let Ok(chunk) = frame.into_data() else { return Ok(()) };
        self.pipeline
            .grow(&mut self.permit, chunk.len())
            .map_err(|error| Refusal::from_pipeline(&error, self.pipeline))?;
        if !self.has_room && self.permit.bytes() > SMALL_REQUEST_BYTES {
            let room = self.pipeline.wait_for_room().await;
            room.map_err(|error| Refusal::from_pipeline(&error, self.pipeline))?;
            self.has_room = true;
        }
        if self.arrived().is_empty() {
            self.first = chunk;
            return Ok(());
        }
        if self.joined.is_empty() {
            let first = std::mem::take(&mut self.first);
            let expected = expected_bytes.min(RESERVE_BYTES_MAX);
            self.joined.reserve(expected.max(first.len() + chunk.len()));
            self.joined.extend_from_slice(&first);
        }
        self.joined.extend_from_slice(&chunk);
        Ok(())
    }
}

/// Throws a body away, within limits.
pub(crate) async fn discard(mut body: Body) {
    let drain = async {
        let mut discarded_bytes = 0;
        while discarded_bytes < DISCARD_BYTES_MAX {
            match body.frame().await {
                Some(Ok(frame)) => discarded_bytes += frame.data_ref().map_or(0, Bytes::len),
                Some(Err(_)) | None => return,
            }
        }
    };
    // However it ends, the refusal is answered next.
    let _ = tokio::time::timeout(DISCARD_TIMEOUT, drain).await;
}

/// The refusal of a body above `request_bytes_max`.
pub(crate) fn too_large(bytes_max: usize) -> Refusal {
    let message =
        format!("body is larger than request_bytes_max of {bytes_max} bytes; send smaller batches");
    Refusal::lasting(RequestRejection::TooLarge, message)
}

/// Runs the reading of a body under a time limit.
pub(crate) async fn within<T>(
    limit: Duration,
    pipeline: &Pipeline,
    reading: impl Future<Output = Result<T, Refusal>>,
) -> Result<T, Refusal> {
    tokio::time::timeout(limit, reading).await.unwrap_or_else(|_| {
        let message = format!(
            "body did not arrive within body_timeout of {} s; send smaller batches or retry",
            limit.as_secs()
        );
        Err(Refusal::passing(RequestRejection::Incomplete, message, pipeline.retry_after()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use fanal_pipeline::PipelineConfig;

    async fn check(chunks: &[&[u8]], expect: Result<&[u8], RequestRejection>) {
        let pipeline = testing::pipeline(PipelineConfig::default());
        let body = testing::body(chunks, true);
        let mut reader = BodyReader::new(&pipeline, body).expect("admitted");
        let read = reader.read_to_end(0, 6).await.map_err(|refusal| refusal.kind);
        let bytes = read.map(|()| reader.finish().0);
        assert_eq!(bytes.as_deref(), expect.as_deref(), "{chunks:?}");
        drop(bytes);
        assert_eq!(pipeline.snapshot().in_flight_bytes, 0, "{chunks:?}");
    }

    #[tokio::test]
    async fn chunks_are_joined_up_to_the_cap() {
        check(&[], Ok(b"")).await;
        check(&[b"one"], Ok(b"one")).await;
        check(&[b"", b"one", b"", b"two"], Ok(b"onetwo")).await;
        check(&[b"one", b"two", b"!"], Err(RequestRejection::TooLarge)).await;
    }

    #[tokio::test]
    async fn bytes_are_drawn_as_they_arrive() {
        let config = PipelineConfig {
            in_flight_bytes_max: REQUEST_OVERHEAD_BYTES + 5,
            ..PipelineConfig::default()
        };
        let pipeline = testing::pipeline(config);
        let body = testing::body(&[b"one", b"two"], true);
        let mut reader = BodyReader::new(&pipeline, body).expect("admitted");
        reader.read_at_least(1).await.expect("fits");
        let drawn = fanal_base::cast::wide(REQUEST_OVERHEAD_BYTES + 3);
        assert_eq!(pipeline.snapshot().in_flight_bytes, drawn);
        let refusal = reader.read_to_end(0, 100).await.expect_err("does not fit");
        assert_eq!(refusal.kind, RequestRejection::TooLarge);
        reader.discard().await;
        assert_eq!(pipeline.snapshot().in_flight_bytes, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_never_ends_is_given_up() {
        let pipeline = testing::pipeline(PipelineConfig::default());
        let body = testing::body(&[b"one"], false);
        let mut reader = BodyReader::new(&pipeline, body).expect("admitted");
        let limit = Duration::from_secs(60);
        let refusal = within(limit, &pipeline, reader.read_to_end(0, 100)).await;
        let refusal = refusal.expect_err("given up");
        assert_eq!(refusal.kind, RequestRejection::Incomplete);
        assert!(refusal.retry_after.is_some() && refusal.message.contains("60 s"), "{refusal:?}");
        // Nor does throwing it away wait for ever.
        reader.discard().await;
    }
}
