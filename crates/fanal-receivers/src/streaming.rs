//! Streaming gRPC on the server's side: many messages of one call, read one by one, and a status at its end.
//!
//! Feeds the doors whose clients keep a call open; `unary` has the frame and the words. Invariant: bytes are drawn from
//! the pipeline's budget as they arrive, those of a message until it is durable, those behind it until their turn.
//! Knows no service.

use crate::body::{self, too_large};
use crate::compression::Compression;
use crate::ingest::{self, Ingest, Payload};
use crate::refusal::{GrpcCode, Refusal};
use crate::unary;
use axum::body::Body;
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use fanal_pipeline::{BytePermit, Pipeline, RequestRejection, SMALL_REQUEST_BYTES};
use http::{HeaderMap, HeaderValue};
use http_body::Frame;
use http_body_util::BodyExt;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::task::JoinHandle;

/// What an open call costs beside its messages: task, streams and buffers, roughly. Bounds the number of calls at once.
const CALL_OVERHEAD_BYTES: usize = 4 << 10;

/// The messages of a call.
#[derive(Debug)]
pub(crate) struct Messages {
    ingest: Ingest,
    body: Body,
    announced: Compression,
    /// What arrived and was not read yet: at most the rest of a frame behind a message.
    arrived: BytesMut,
    /// Covers what arrived.
    permit: BytePermit,
    /// Covers the call itself and what its door remembers of it.
    call_permit: BytePermit,
    is_ended: bool,
}

impl Messages {
    /// Admits a call; nothing of its body is read yet.
    pub(crate) fn new(ingest: &Ingest, headers: &HeaderMap, body: Body) -> Result<Self, Refusal> {
        let announced = unary::announced_compression(headers)?;
        let admit = |bytes| {
            let admitted = ingest.pipeline.admit(bytes);
            admitted.map_err(|error| Refusal::from_pipeline(&error, &ingest.pipeline))
        };
        Ok(Self {
            ingest: ingest.clone(),
            body,
            announced,
            arrived: BytesMut::new(),
            permit: admit(0)?,
            call_permit: admit(CALL_OVERHEAD_BYTES)?,
            is_ended: false,
        })
    }

    /// Counts what a door remembers of the call from now on.
    pub(crate) fn remember(&mut self, bytes: usize) -> Result<(), Refusal> {
        let wanted = CALL_OVERHEAD_BYTES + bytes;
        let more = wanted.saturating_sub(self.call_permit.bytes());
        grow(&self.ingest.pipeline, &mut self.call_permit, more)
    }

    /// Whether bytes of a next message are here.
    pub(crate) fn has_begun(&self) -> bool {
        !self.arrived.is_empty()
    }

    /// Waits, however long, until a message has begun; false when the call has ended. May be given up and called again.
    pub(crate) async fn wait(&mut self) -> Result<bool, Refusal> {
        while self.arrived.is_empty() && !self.is_ended {
            self.read_chunk().await?;
        }
        Ok(self.has_begun())
    }

    /// Reads the message that has begun, within the time that a body may take.
    pub(crate) async fn read(&mut self) -> Result<Payload, Refusal> {
        let pipeline = std::sync::Arc::clone(&self.ingest.pipeline);
        body::within(self.ingest.limits.body_timeout, &pipeline, self.read_message()).await
    }

    async fn read_message(&mut self) -> Result<Payload, Refusal> {
        self.read_at_least(unary::PREFIX_BYTES).await?;
        let prefix = unary::Prefix::read(&self.arrived, self.announced)?;
        let bytes_max = self.ingest.limits.request_bytes_max;
        if prefix.length > bytes_max {
            return Err(too_large(bytes_max));
        }
        let framed = prefix.length + unary::PREFIX_BYTES;
        if framed > SMALL_REQUEST_BYTES {
            let room = self.ingest.pipeline.wait_for_room().await;
            room.map_err(|error| Refusal::from_pipeline(&error, &self.ingest.pipeline))?;
        }
        self.read_at_least(framed).await?;
        let bytes = self.split_off(framed);
        let permit = self.split_permit()?;
        Ok(Payload { bytes, compression: prefix.compression, permit })
    }

    /// A message without its prefix. What arrived behind it moves out of a buffer that is mostly the message's, so that
    /// a call which waits does not hold one that large.
    fn split_off(&mut self, framed: usize) -> Bytes {
        let message = self.arrived.split_to(framed).freeze();
        if framed >= self.arrived.len() {
            self.arrived = BytesMut::from(&*self.arrived);
        }
        message.slice(unary::PREFIX_BYTES..)
    }

    /// The permit of a message that was split off; what arrived behind it has one of its own from now on.
    fn split_permit(&mut self) -> Result<BytePermit, Refusal> {
        let pipeline = &self.ingest.pipeline;
        let rest = pipeline.admit(self.arrived.len());
        let rest = rest.map_err(|error| Refusal::from_pipeline(&error, pipeline))?;
        Ok(std::mem::replace(&mut self.permit, rest))
    }

    async fn read_at_least(&mut self, bytes: usize) -> Result<(), Refusal> {
        while self.arrived.len() < bytes {
            if self.is_ended {
                let text = format!("message ends after {} of {bytes} bytes", self.arrived.len());
                return Err(Refusal::grpc_protocol(GrpcCode::Internal, text));
            }
            self.read_chunk().await?;
        }
        Ok(())
    }

    async fn read_chunk(&mut self) -> Result<(), Refusal> {
        let Some(frame) = self.body.frame().await else {
            self.is_ended = true;
            return Ok(());
        };
        let frame = frame.map_err(|error| {
            let message = format!("call broke off: {}", crate::refusal::chain(&error));
            let wait = self.ingest.pipeline.retry_after();
            Refusal::passing(RequestRejection::Incomplete, message, wait)
        })?;
        // Trailers of a request mean nothing here.
        let Ok(chunk) = frame.into_data() else { return Ok(()) };
        grow(&self.ingest.pipeline, &mut self.permit, chunk.len())?;
        self.arrived.extend_from_slice(&chunk);
        Ok(())
    }

    /// Reads to the end of the call and keeps nothing.
    pub(crate) async fn discard(mut self) -> Result<(), Refusal> {
        while !self.is_ended {
            self.read_chunk().await?;
            self.arrived = BytesMut::new();
            self.permit = self
                .ingest
                .pipeline
                .admit(0)
                .map_err(|error| Refusal::from_pipeline(&error, &self.ingest.pipeline))?;
        }
        Ok(())
    }
}

fn grow(pipeline: &Pipeline, permit: &mut BytePermit, bytes: usize) -> Result<(), Refusal> {
    pipeline.grow(permit, bytes).map_err(|error| Refusal::from_pipeline(&error, pipeline))
}

/// Answers a call at once, without a message, and ends it when `work` on its messages does.
///
/// The work outlives the answer: libraries send their last spans and close the connection at once. What came before is
/// still read then, and reading fails behind it, which ends the work.
pub(crate) fn respond<F>(work: F) -> Response
where
    F: Future<Output = Result<(), Refusal>> + Send + 'static,
{
    let mut response = Response::new(Body::new(Ending(Some(tokio::spawn(work)))));
    unary::set_headers(response.headers_mut());
    response
}

/// A body without data, whose trailers are the status.
struct Ending(Option<JoinHandle<Result<(), Refusal>>>);

impl http_body::Body for Ending {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some(work) = &mut self.0 else { return Poll::Ready(None) };
        let outcome = ready!(Pin::new(work).poll(context));
        self.0 = None;
        let outcome = outcome.unwrap_or_else(|_| Err(ingest::internal("the call was cut off")));
        let mut trailers = HeaderMap::new();
        match outcome {
            Ok(()) => drop(trailers.insert(unary::STATUS, HeaderValue::from_static("0"))),
            Err(refusal) => unary::set_failure(&mut trailers, code(&refusal), &refusal.message),
        }
        Poll::Ready(Some(Ok(Frame::trailers(trailers))))
    }
}

/// Whatever may succeed later is "unavailable", which every client retries: a stream has no place for the details that
/// make another status mean the same.
fn code(refusal: &Refusal) -> GrpcCode {
    match refusal.retry_after {
        Some(_) => GrpcCode::Unavailable,
        None => refusal.grpc_code,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::RequestLimits;
    use crate::testing;
    use fanal_pipeline::PipelineConfig;
    use std::sync::Arc;

    fn messages(pipeline: &Arc<Pipeline>, chunks: &[&[u8]], is_ending: bool) -> Messages {
        let limits = RequestLimits { request_bytes_max: 8, ..RequestLimits::default() };
        let ingest = Ingest::new(Arc::clone(pipeline), limits, "test");
        Messages::new(&ingest, &HeaderMap::new(), testing::body(chunks, is_ending)).expect("let in")
    }

    /// Reads every message of a call that ends.
    async fn check(chunks: &[&[u8]], expect: &[&[u8]], error: Option<GrpcCode>) {
        let pipeline = Arc::new(testing::pipeline(PipelineConfig::default()));
        let mut call = messages(&pipeline, chunks, true);
        let mut read: Vec<Vec<u8>> = Vec::new();
        let outcome = loop {
            match call.wait().await {
                Ok(true) => {}
                Ok(false) => break None,
                Err(refusal) => break Some(refusal.grpc_code),
            }
            match call.read().await {
                Ok(payload) => read.push(payload.bytes.to_vec()),
                Err(refusal) => break Some(refusal.grpc_code),
            }
        };
        assert_eq!((read, outcome), (expect.iter().map(|m| m.to_vec()).collect(), error));
        drop(call);
        assert_eq!(pipeline.snapshot().in_flight_bytes, 0);
    }

    #[tokio::test]
    async fn messages_are_read_one_by_one_however_they_are_cut() {
        check(&[], &[], None).await;
        check(&[b"\0\0\0\0\x02hi"], &[b"hi"], None).await;
        check(&[b"\0\0\0\0\x02hi\0\0\0\0\x00\0\0\0\0\x03you"], &[b"hi", b"", b"you"], None).await;
        let cut: [&[u8]; 5] = [b"\0\0", b"\0\0\x02h", b"i\0", b"\0\0\0\x03y", b"ou"];
        check(&cut, &[b"hi", b"you"], None).await;
    }

    #[tokio::test]
    async fn broken_calls_end_after_what_was_whole() {
        use GrpcCode::{Internal, ResourceExhausted};
        check(&[b"\0\0\0\0\x02hi\0\0"], &[b"hi"], Some(Internal)).await;
        check(&[b"\0\0\0\0\x02hi\0\0\0\0\x02h"], &[b"hi"], Some(Internal)).await;
        check(&[b"\0\0\0\0\x02hi\x07\0\0\0\0"], &[b"hi"], Some(Internal)).await;
        check(&[b"\x01\0\0\0\x02hi"], &[], Some(Internal)).await;
        check(&[b"\0\0\0\0\x09123456789"], &[], Some(ResourceExhausted)).await;
    }

    #[tokio::test]
    async fn every_byte_is_drawn_from_the_budget() {
        let pipeline = Arc::new(testing::pipeline(PipelineConfig::default()));
        let in_flight = || pipeline.snapshot().in_flight_bytes;
        let mut call = messages(&pipeline, &[b"\0\0\0\0\x02hi\0\0\0"], false);
        let overhead = fanal_base::cast::wide(CALL_OVERHEAD_BYTES);
        assert_eq!(in_flight(), overhead);
        assert!(call.wait().await.expect("begun"));
        assert_eq!(in_flight(), overhead + 10);
        let first = call.read().await.expect("whole");
        assert_eq!(in_flight(), overhead + 13, "the rest is drawn before the message is given");
        drop(first);
        assert_eq!(in_flight(), overhead + 3);
        call.remember(100).expect("fits");
        call.remember(50).expect("fits");
        assert_eq!(in_flight(), overhead + 103);
        drop(call);
        assert_eq!(in_flight(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_that_does_not_come_whole_is_given_up() {
        let pipeline = Arc::new(testing::pipeline(PipelineConfig::default()));
        let mut call = messages(&pipeline, &[b"\0\0\0\0\x02h"], false);
        assert!(call.wait().await.expect("begun"));
        let refusal = call.read().await.expect_err("given up");
        assert_eq!(refusal.kind, RequestRejection::Incomplete);
    }

    #[tokio::test]
    async fn beyond_the_budget_a_call_is_told_to_come_back() {
        let config = PipelineConfig {
            in_flight_bytes_max: CALL_OVERHEAD_BYTES + 6,
            ..PipelineConfig::default()
        };
        let pipeline = Arc::new(testing::pipeline(config));
        let mut call = messages(&pipeline, &[b"\0\0\0\0\x02hi"], true);
        let refusal = call.wait().await.expect_err("does not fit");
        assert_eq!(
            (refusal.kind, code(&refusal)),
            (RequestRejection::Overloaded, GrpcCode::Unavailable)
        );
        drop(call);
        assert_eq!(pipeline.snapshot().in_flight_bytes, 0);
    }
}
