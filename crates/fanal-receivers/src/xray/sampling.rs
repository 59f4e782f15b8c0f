//! X-Ray's questions about sampling: `POST /GetSamplingRules` and `POST /SamplingTargets`.
//!
//! SDKs ask on port 2000 and fall back to few traces a second where nobody answers; they hear that every trace is wanted.
//! Takes no spans.

use crate::ingest::Ingest;
use crate::listen::{self, Drained};
use crate::post::{self, discard_early, text};
use crate::refusal::Refusal;
use crate::registry::{Door, Receiver, Serve};
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{any, post};
use fanal_formats::xray::sampling::{RULES, targets};
use fanal_pipeline::RequestRejection;
use http::{HeaderValue, Request, StatusCode, header};
use tokio::net::TcpListener;

/// The receiver.
pub(crate) const SAMPLING: Receiver = Receiver {
    name: NAME,
    description: "AWS X-Ray over TCP, what its SDKs ask about sampling",
    setting: "xray.http_address",
    default_address: "127.0.0.1:2000",
    is_essential: false,
    serve: Serve::Tcp(|listener, door| Box::pin(serve(listener, door))),
};

const NAME: &str = "xray_http";

/// Longest question about targets, in bytes; a hundred rules fill a fifth of it.
const QUESTION_BYTES_MAX: usize = 128 << 10;

async fn serve(listener: TcpListener, door: Door) -> Drained {
    let mut requests = door.config.requests;
    requests.request_bytes_max = requests.request_bytes_max.min(QUESTION_BYTES_MAX);
    let ingest = Ingest::new(door.pipeline, requests, NAME);
    let router = Router::new()
        .route("/GetSamplingRules", post(sampling_rules))
        .route("/SamplingTargets", post(sampling_targets))
        .fallback(any(other_path))
        .with_state(ingest);
    listen::serve(listener, NAME, router, door.config.listen, door.shutdown).await
}

async fn sampling_rules(State(ingest): State<Ingest>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    ingest.began();
    // It asks for the next part of the rules, of which there is one.
    discard_early(&parts, body).await;
    json(RULES.into())
}

async fn sampling_targets(State(ingest): State<Ingest>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    ingest.began();
    let answer = match post::read(&ingest, &parts, body).await {
        Ok(payload) => targets(&payload.bytes)
            .map_err(|error| Refusal::lasting(RequestRejection::Invalid, error.to_string())),
        Err(refusal) => Err(refusal),
    };
    match answer {
        Ok(answer) => json(answer.into()),
        Err(refusal) => {
            ingest.refused(&refusal);
            text(refusal.http_status(), refusal.message)
        }
    }
}

/// Words for senders that are set up wrong.
async fn other_path(request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    discard_early(&parts, body).await;
    let message = format!(
        "this is Fanal's endpoint for what X-Ray's SDKs ask about sampling, which got {} {}; send \
         segments over UDP to the same port",
        parts.method,
        parts.uri.path(),
    );
    text(StatusCode::NOT_FOUND, message)
}

fn json(body: Body) -> Response {
    let mut response = Response::new(body);
    let content_type = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}
