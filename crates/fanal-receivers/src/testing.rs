//! What the unit tests of this crate share: a pipeline into memory, and bodies that arrive as told.

use axum::body::Body;
use bytes::Bytes;
use fanal_base::ManualClock;
use fanal_pipeline::{Pipeline, PipelineConfig};
use fanal_storage::MemoryStore;
use http_body::Frame;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// A pipeline into memory.
pub(crate) fn pipeline(config: PipelineConfig) -> Pipeline {
    Pipeline::new(Arc::new(MemoryStore::default()), config, Arc::new(ManualClock::at(0)))
}

/// A body of chunks, which ends after them or never.
pub(crate) fn body(chunks: &[&[u8]], is_ending: bool) -> Body {
    let chunks = chunks.iter().map(|chunk| Bytes::copy_from_slice(chunk)).collect();
    Body::new(Chunks { chunks, is_ending })
}

struct Chunks {
    chunks: VecDeque<Bytes>,
    is_ending: bool,
}

impl http_body::Body for Chunks {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.chunks.pop_front() {
            Some(chunk) => Poll::Ready(Some(Ok(Frame::data(chunk)))),
            None if self.is_ending => Poll::Ready(None),
            None => Poll::Pending,
        }
    }
}
