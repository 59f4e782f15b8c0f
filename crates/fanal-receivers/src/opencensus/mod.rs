//! OpenCensus' agent protocol: `opencensus.proto.agent.trace.v1.TraceService` over gRPC.
//!
//! Senders feed it on port 55678 with calls that they keep open, the pipeline takes from it. A call ends when its sender
//! ends it, when something in it is refused, and at stop.
//! Follows <https://github.com/census-instrumentation/opencensus-proto>.

use crate::body;
use crate::ingest::Ingest;
use crate::listen::{self, Drained, Shutdown};
use crate::refusal::{GrpcCode, Refusal};
use crate::registry::{Door, Receiver, Serve};
use crate::streaming::{self, Messages};
use crate::unary;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use fanal_formats::opencensus::StreamDecoder;
use fanal_pipeline::RequestRejection;
use http::{Request, StatusCode, Version};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpListener;

/// The receiver.
pub(crate) const AGENT: Receiver = Receiver {
    name: NAME,
    description: "OpenCensus' agent protocol over gRPC; gzip, zstd, deflate or plain",
    setting: "opencensus.address",
    default_address: "127.0.0.1:55678",
    is_essential: false,
    serve: Serve::Tcp(|listener, door| Box::pin(serve(listener, door))),
};

const NAME: &str = "opencensus";

const EXPORT_PATH: &str = "/opencensus.proto.agent.trace.v1.TraceService/Export";
const CONFIG_PATH: &str = "/opencensus.proto.agent.trace.v1.TraceService/Config";

/// What calls share.
#[derive(Debug, Clone)]
struct Agent {
    ingest: Ingest,
    shutdown: Shutdown,
}

async fn serve(listener: TcpListener, door: Door) -> Drained {
    let ingest = Ingest::new(door.pipeline, door.config.requests, NAME);
    let agent = Agent { ingest, shutdown: door.shutdown.clone() };
    let router = Router::new()
        .route(EXPORT_PATH, any(export))
        .route(CONFIG_PATH, any(config))
        .fallback(other_request)
        .with_state(agent);
    listen::serve(listener, NAME, router, door.config.listen, door.shutdown).await
}

async fn export(State(agent): State<Agent>, request: Request<Body>) -> Response {
    if !is_call(&request) {
        return other_request(State(agent), request).await;
    }
    let (parts, body) = request.into_parts();
    streaming::respond(async move {
        let messages = Messages::new(&agent.ingest, &parts.headers, body);
        let messages = messages.inspect_err(|refusal| {
            agent.ingest.began();
            agent.ingest.refused(refusal);
        })?;
        receive(&agent.ingest, messages, agent.shutdown.clone()).await
    })
}

fn is_call(request: &Request<Body>) -> bool {
    request.version() >= Version::HTTP_2 && unary::is_call(request.headers())
}

/// Receives the messages of a call until it ends. Each counts as a request.
async fn receive(
    ingest: &Ingest,
    mut messages: Messages,
    mut shutdown: Shutdown,
) -> Result<(), Refusal> {
    let decoder = Arc::new(Mutex::new(StreamDecoder::default()));
    loop {
        let has_begun = tokio::select! {
            // First, or a sender that never pauses would hold up a stop.
            biased;
            () = listen::stop_requested(&mut shutdown) => None,
            has_begun = messages.wait() => Some(has_begun),
        };
        // At stop, what has come is still taken.
        let has_begun = match has_begun {
            None if !messages.has_begun() => return Err(stopping(ingest)),
            None => Ok(true),
            Some(has_begun) => has_begun,
        };
        match has_begun {
            Ok(false) => return Ok(()),
            Ok(true) => ingest.began(),
            Err(refusal) => {
                ingest.began();
                ingest.refused(&refusal);
                return Err(refusal);
            }
        }
        receive_one(ingest, &mut messages, &decoder).await?;
    }
}

async fn receive_one(
    ingest: &Ingest,
    messages: &mut Messages,
    decoder: &Arc<Mutex<StreamDecoder>>,
) -> Result<(), Refusal> {
    let count = |refusal: &Refusal| ingest.refused(refusal);
    let payload = messages.read().await.inspect_err(count)?;
    let shared = Arc::clone(decoder);
    let decode =
        move |bytes: &[u8]| shared.lock().unwrap_or_else(PoisonError::into_inner).decode(bytes);
    // Spans that were refused are counted; the protocol has no way to tell of them.
    ingest.ingest(payload, decode).await.inspect_err(count)?;
    let kept_bytes = decoder.lock().unwrap_or_else(PoisonError::into_inner).kept_bytes();
    messages.remember(kept_bytes).inspect_err(count)
}

fn stopping(ingest: &Ingest) -> Refusal {
    let wait = ingest.pipeline.retry_after();
    let message = "Fanal stops; connect again".to_owned();
    Refusal::passing(RequestRejection::Unavailable, message, wait)
}

/// Senders tell their configuration and listen for another; Fanal has none for them.
async fn config(State(agent): State<Agent>, request: Request<Body>) -> Response {
    if !is_call(&request) {
        return other_request(State(agent), request).await;
    }
    let (parts, body) = request.into_parts();
    streaming::respond(async move {
        let Agent { ingest, mut shutdown } = agent;
        let messages = Messages::new(&ingest, &parts.headers, body)?;
        tokio::select! {
            ended = messages.discard() => ended,
            () = listen::stop_requested(&mut shutdown) => Err(stopping(&ingest)),
        }
    })
}

/// Words for senders that are set up wrong, on the status page too: many clients do not show the answer.
async fn other_request(State(agent): State<Agent>, request: Request<Body>) -> Response {
    let ingest = agent.ingest;
    ingest.began();
    if is_call(&request) {
        let message = format!(
            "{} is not served; Fanal stores traces: send them to {EXPORT_PATH}",
            request.uri().path(),
        );
        let refusal = Refusal::lasting(RequestRejection::Unsupported, message);
        ingest.refused(&refusal);
        return unary::failure(GrpcCode::Unimplemented, &refusal.message, &[]);
    }
    let message = format!(
        "this is Fanal's OpenCensus endpoint, which got {} {}; send OpenCensus over gRPC here, \
         OTLP to port 4317 or 4318",
        request.method(),
        request.uri().path(),
    );
    let refusal = Refusal::lasting(RequestRejection::Unsupported, message);
    ingest.refused(&refusal);
    if request.version() < Version::HTTP_2 {
        body::discard(request.into_body()).await;
    }
    (StatusCode::UNSUPPORTED_MEDIA_TYPE, format!("{}\n", refusal.message)).into_response()
}
