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
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::codec::CompressionEncoding;
use tonic::server::{Grpc, ServerStreamingService, UnaryService};
use tonic::{Code, Status};
use tonic_prost::ProstCodec;

/// Messages that wait for a client.
const MESSAGES_WAITING_MAX: usize = 2;

/// Longest request, in bytes: questions are short, but may name many traces.
const REQUEST_BYTES_MAX: usize = 4 << 20;

/// Where a stream's messages go.
pub(super) struct Sender<A>(mpsc::Sender<Result<A, Status>>);

/// The client of a stream has gone, or its stream has failed.
#[derive(Debug)]
pub(super) enum Ended {
    Gone,
    Refused(Refusal),
}

impl<E: Into<Refusal>> From<E> for Ended {
    fn from(error: E) -> Self {
        Self::Refused(error.into())
    }
}

impl<A> Sender<A> {
    /// Sends a message, once there is room for it.
    pub(super) async fn send(&self, message: A) -> Result<(), Ended> {
        self.0.send(Ok(message)).await.map_err(|_| Ended::Gone)
    }
}

/// Answers a call with one message.
pub(super) async fn unary<Q, A, F, T>(request: Request, answer: T) -> Response
where
    Q: Message + Default + Send + 'static,
    A: Message + Default + Send + 'static,
    F: Future<Output = Result<A, Refusal>> + Send + 'static,
    T: FnOnce(Q) -> F,
{
    response(grpc().unary(One(Some(answer)), request).await)
}

/// Answers a call with as many messages as the work sends.
pub(super) async fn stream<Q, A, F, T>(request: Request, work: T) -> Response
where
    Q: Message + Default + Send + 'static,
    A: Message + Default + Send + 'static,
    F: Future<Output = Result<(), Ended>> + Send + 'static,
    T: FnOnce(Q, Sender<A>) -> F,
{
    response(grpc().server_streaming(Many(Some(work), PhantomData), request).await)
}

/// A response with the body that routers pass on.
pub(super) fn response(response: http::Response<tonic::body::Body>) -> Response {
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
pub(super) fn status(refusal: Refusal) -> Status {
    let code = match refusal.kind {
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
    type ResponseStream = ReceiverStream<Result<A, Status>>;
    type Future = Answered<Self::ResponseStream>;

    fn call(&mut self, request: tonic::Request<Q>) -> Self::Future {
        let (sender, receiver) = mpsc::channel(MESSAGES_WAITING_MAX);
        if let Some(work) = self.0.take() {
            let work = work(request.into_inner(), Sender(sender.clone()));
            tokio::spawn(async move {
                // Whatever is asked of the store at the time is dropped with the work.
                let ended = tokio::select! {
                    ended = work => ended,
                    () = sender.closed() => Err(Ended::Gone),
                };
                if let Err(Ended::Refused(refusal)) = ended {
                    let _ = sender.send(Err(status(refusal))).await;
                }
            });
        }
        Box::pin(async { Ok(tonic::Response::new(ReceiverStream::new(receiver))) })
    }
}
