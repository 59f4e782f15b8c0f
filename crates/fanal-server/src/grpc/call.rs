//! The frame of a call: one message in, one or a stream of messages out, a refusal as a status.
//!
//! Invariant: a stream's work stops when its client has gone, and is never more than a few messages ahead of it.

use crate::refusal::Refusal;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use fanal_base::ErrorKind;
use prost::Message;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::mpsc;
use tokio_stream::Stream;
use tonic::codec::CompressionEncoding;
use tonic::metadata::MetadataMap;
use tonic::server::{Grpc, ServerStreamingService, UnaryService};
use tonic::{Code, Status};
use tonic_prost::ProstCodec;

/// Messages that wait for a client.
const MESSAGES_WAITING_MAX: usize = 2;

/// Longest request, in bytes: questions are short, but may name many traces.
const REQUEST_BYTES_MAX: usize = 4 << 20;

/// Where a stream's messages go.
pub(crate) struct Sender<A>(mpsc::Sender<A>);

/// The client of a stream has gone, its stream has failed, or there is something to say at its end.
#[derive(Debug)]
pub(crate) enum Ended {
    Gone,
    Refused(Refusal),
    Noted(MetadataMap),
}

impl<E: Into<Refusal>> From<E> for Ended {
    fn from(error: E) -> Self {
        Self::Refused(error.into())
    }
}

impl<A> Sender<A> {
    /// Sends a message, once there is room for it.
    pub(crate) async fn send(&self, message: A) -> Result<(), Ended> {
        self.0.send(message).await.map_err(|_| Ended::Gone)
    }
}

/// Answers a call with one message.
pub(crate) async fn unary<Q, A, F, T>(request: Request, answer: T) -> Response
where
    Q: Message + Default + Send + 'static,
    A: Message + Default + Send + 'static,
    F: Future<Output = Result<A, Refusal>> + Send + 'static,
    T: FnOnce(Q) -> F,
{
    response(grpc().unary(One(Some(answer)), request).await)
}

/// Answers a call with as many messages as the work sends.
pub(crate) async fn stream<Q, A, F, T>(request: Request, work: T) -> Response
where
    Q: Message + Default + Send + 'static,
    A: Message + Default + Send + 'static,
    F: Future<Output = Result<(), Ended>> + Send + 'static,
    T: FnOnce(Q, Sender<A>) -> F,
{
    response(grpc().server_streaming(Many(Some(work), PhantomData), request).await)
}

/// A response with the body that routers pass on.
pub(crate) fn response(response: http::Response<tonic::body::Body>) -> Response {
    response.map(Body::new)
}

fn grpc<Q, A>() -> Grpc<ProstCodec<A, Q>>
where
    Q: Message + Default + Send + 'static,
    A: Message + Default + Send + 'static,
{
    Grpc::new(ProstCodec::default())
        .accept_compressed(CompressionEncoding::Gzip)
        .send_compressed(CompressionEncoding::Gzip)
        .max_decoding_message_size(REQUEST_BYTES_MAX)
}

/// A refusal in gRPC's words.
pub(crate) fn status(refusal: Refusal) -> Status {
    let code = match refusal.kind {
        _ if refusal.is_late => Code::DeadlineExceeded,
        ErrorKind::Invalid => Code::InvalidArgument,
        ErrorKind::NotFound => Code::NotFound,
        ErrorKind::Overloaded => Code::ResourceExhausted,
        ErrorKind::Unavailable => Code::Unavailable,
        ErrorKind::Corrupt => Code::DataLoss,
        ErrorKind::Internal => Code::Internal,
    };
    Status::new(code, refusal.message)
}

type Answered<T> = Pin<Box<dyn Future<Output = Result<tonic::Response<T>, Status>> + Send>>;

/// The handler of a call, which is made once.
struct One<T>(Option<T>);

impl<Q, A, F, T> UnaryService<Q> for One<T>
where
    A: 'static,
    F: Future<Output = Result<A, Refusal>> + Send + 'static,
    T: FnOnce(Q) -> F,
{
    type Response = A;
    type Future = Answered<A>;

    fn call(&mut self, request: tonic::Request<Q>) -> Self::Future {
        let answer = self.0.take().map(|answer| answer(request.into_inner()));
        Box::pin(async {
            match answer {
                Some(answer) => answer.await.map(tonic::Response::new).map_err(status),
                None => Err(Status::internal("the call was made twice")),
            }
        })
    }
}

/// The same of a stream.
struct Many<T, A>(Option<T>, PhantomData<fn() -> A>);

impl<Q, A, F, T> ServerStreamingService<Q> for Many<T, A>
where
    A: Send + 'static,
    F: Future<Output = Result<(), Ended>> + Send + 'static,
    T: FnOnce(Q, Sender<A>) -> F,
{
    type Response = A;
    type ResponseStream = Messages<A>;
    type Future = Answered<Self::ResponseStream>;

    fn call(&mut self, request: tonic::Request<Q>) -> Self::Future {
        let (sender, receiver) = mpsc::channel(MESSAGES_WAITING_MAX);
        let work = self.0.take().map(|work| work(request.into_inner(), Sender(sender)));
        Box::pin(async {
            match work {
                Some(work) => {
                    let messages = Messages { work: Some(Box::pin(work)), receiver, end: None };
                    Ok(tonic::Response::new(messages))
                }
                None => Err(Status::internal("the call was made twice")),
            }
        })
    }
}

type Work = Pin<Box<dyn Future<Output = Result<(), Ended>> + Send>>;

/// The messages of a stream. The work runs only while they are asked for, and is dropped with them.
struct Messages<A> {
    work: Option<Work>,
    receiver: mpsc::Receiver<A>,
    end: Option<Status>,
}

impl<A> Stream for Messages<A> {
    type Item = Result<A, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(work) = &mut self.work
            && let Poll::Ready(ended) = work.as_mut().poll(context)
        {
            // The sender goes with the work, so that what was sent is followed by the end.
            self.work = None;
            self.end = match ended {
                Ok(()) | Err(Ended::Gone) => None,
                Err(Ended::Refused(refusal)) => Some(status(refusal)),
                // A status that is well is written with its metadata as any other.
                Err(Ended::Noted(notes)) => Some(Status::with_metadata(Code::Ok, "", notes)),
            };
        }
        match self.receiver.poll_recv(context) {
            Poll::Ready(Some(message)) => Poll::Ready(Some(Ok(message))),
            Poll::Ready(None) => Poll::Ready(self.end.take().map(Err)),
            Poll::Pending => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use tokio_stream::StreamExt as _;

    fn messages<F>(work: impl FnOnce(Sender<u8>) -> F) -> Messages<u8>
    where
        F: Future<Output = Result<(), Ended>> + Send + 'static,
    {
        let (sender, receiver) = mpsc::channel(MESSAGES_WAITING_MAX);
        Messages { work: Some(Box::pin(work(Sender(sender)))), receiver, end: None }
    }

    #[tokio::test]
    async fn what_was_sent_comes_before_the_refusal_of_the_rest() {
        let mut found = messages(async |sender| {
            for number in 0..5 {
                sender.send(number).await?;
            }
            Err(Refusal::not_found("gone").into())
        });
        let mut seen = Vec::new();
        while let Some(message) = found.next().await {
            seen.push(message.map_err(|status| status.code()));
        }
        assert_eq!(seen, [Ok(0), Ok(1), Ok(2), Ok(3), Ok(4), Err(Code::NotFound)]);
    }

    #[tokio::test]
    async fn the_work_is_dropped_with_the_stream_and_stays_close_to_its_client() {
        let sent = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let count = Arc::clone(&sent);
        let mut found = messages(async move |sender| {
            loop {
                sender.send(1).await?;
                count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            }
        });
        assert!(found.next().await.is_some());
        let ahead = sent.load(std::sync::atomic::Ordering::Relaxed);
        assert!(ahead <= MESSAGES_WAITING_MAX + 1, "{ahead}");
        drop(found);
        assert_eq!(Arc::strong_count(&sent), 1);
    }
}
