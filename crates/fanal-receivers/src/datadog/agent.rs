//! `PUT` or `POST` of traces in versions 0.3, 0.4, 0.5 and 0.7, `GET /info`, and calm answers to what else tracers ask
//! their agent.
//!
//! Tracers feed it on port 8126. Every trace that arrives is stored, also one that its tracer expects an agent to drop:
//! so `GET /info` asks tracers to drop none, and the answers to traces ask for all.

use super::answer;
use super::request::{Version, body_kind, tracer};
use crate::ingest::Ingest;
use crate::listen::{self, Drained};
use crate::post::{self, discard_early, text};
use crate::refusal::Refusal;
use crate::registry::{Door, Receiver, Serve};
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use axum::routing::any;
use fanal_formats::datadog::decode_request;
use fanal_pipeline::{Accepted, RequestRejection};
use http::request::Parts;
use http::{Method, Request, StatusCode};
use tokio::net::TcpListener;

/// The receiver.
pub(crate) const AGENT: Receiver = Receiver {
    name: NAME,
    description: "Datadog tracers, versions 0.3, 0.4, 0.5 and 0.7 of their agent's API",
    setting: "datadog.address",
    default_address: "127.0.0.1:8126",
    is_essential: false,
    serve: Serve::Tcp(|listener, door| Box::pin(serve(listener, door))),
};

const NAME: &str = "datadog";

/// What tracers send that is no trace. They live without, and complain to their user when told so.
const OTHER_INTAKES: [&str; 5] =
    ["/v0.6/stats", "/v0.1/pipeline_stats", "/v0.7/config", "/telemetry/proxy/", "/evp_proxy/"];

/// Names of services, which old tracers send.
const SERVICES: [&str; 2] = ["/v0.3/services", "/v0.4/services"];

async fn serve(listener: TcpListener, door: Door) -> Drained {
    let ingest = Ingest::new(door.pipeline, door.config.requests, NAME);
    let mut router = Router::new().route("/info", any(answer::info));
    for version in Version::ALL {
        let traces = move |ingest, request| traces(version, ingest, request);
        router = router.route(version.path(), any(traces));
    }
    let router = router.fallback(other_path).with_state(ingest);
    listen::serve(listener, NAME, router, door.config.listen, door.shutdown).await
}

async fn traces(
    version: Version,
    State(ingest): State<Ingest>,
    request: Request<Body>,
) -> Response {
    let (parts, body) = request.into_parts();
    if !matches!(parts.method, Method::PUT | Method::POST) {
        discard_early(&parts, body).await;
        return answer::wrong_method(&parts);
    }
    ingest.began();
    match receive(version, &ingest, &parts, body).await {
        // What was refused of it is on the status page: the protocol has no words for it.
        Ok(_) => answer::success(version, &parts.headers),
        Err(refusal) => {
            ingest.refused(&refusal);
            answer::failure(&refusal)
        }
    }
}

async fn receive(
    version: Version,
    ingest: &Ingest,
    parts: &Parts,
    body: Body,
) -> Result<Accepted, Refusal> {
    let kind = match body_kind(version, &parts.headers) {
        Ok(kind) => kind,
        Err(message) => {
            discard_early(parts, body).await;
            return Err(Refusal::lasting(RequestRejection::Unsupported, message));
        }
    };
    let tracer = tracer(&parts.headers);
    let payload = post::read(ingest, parts, body).await?;
    let decoder = move |bytes: &[u8]| decode_request(version.layout(kind, bytes), bytes, &tracer);
    ingest.ingest(payload, decoder).await
}

async fn other_path(request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    discard_early(&parts, body).await;
    let path = parts.uri.path();
    if SERVICES.contains(&path) {
        return text(StatusCode::OK, "OK".to_owned());
    }
    if OTHER_INTAKES.iter().any(|intake| path.starts_with(intake)) {
        return answer::nothing();
    }
    let message = format!(
        "this is Fanal's endpoint for Datadog tracers, which got {} {path}; send traces with PUT \
         /v0.4/traces, and metrics, logs and profiles elsewhere",
        parts.method,
    );
    text(StatusCode::NOT_FOUND, message)
}
