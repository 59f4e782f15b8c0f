//! `POST /1/batch/{dataset}`, `POST /1/events/{dataset}` and `GET /1/auth`.
//!
//! Senders feed it on port 8088: Honeycomb's own is 443, which needs a certificate, and that of its proxy Refinery is
//! 8080, which too many other programs have.

use super::answer::{self, Encodings};
use crate::ingest::Ingest;
use crate::listen::{self, Drained};
use crate::post::{self, discard_early};
use crate::refusal::{GrpcCode, Refusal};
use crate::registry::{Door, Receiver, Serve};
use crate::unary;
use axum::Router;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::{any, get};
use fanal_formats::honeycomb::{Context, DecodedEvents, SingleEvent, decode_batch, decode_event};
use fanal_pipeline::RequestRejection;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// The receiver.
pub(crate) const EVENTS: Receiver = Receiver {
    name: NAME,
    description: "Honeycomb's events API, for libhoney, beelines and Refinery; gzip, zstd or plain",
    setting: "honeycomb.address",
    default_address: "127.0.0.1:8088",
    is_essential: false,
    serve: Serve::Tcp(|listener, door| Box::pin(serve(listener, door))),
};

const NAME: &str = "honeycomb";

/// What a path says: one dataset, percent-decoded.
type Dataset = Result<Path<String>, PathRejection>;

async fn serve(listener: TcpListener, door: Door) -> Drained {
    let ingest = Ingest::new(door.pipeline, door.config.requests, NAME);
    let router = Router::new()
        .route("/1/batch/{dataset}", any(batch))
        .route("/1/events/{dataset}", any(event))
        .route("/1/auth", get(auth))
        .fallback(other_path)
        .with_state(ingest);
    listen::serve(listener, NAME, router, door.config.listen, door.shutdown).await
}

async fn batch(State(ingest): State<Ingest>, dataset: Dataset, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    if parts.method != Method::POST {
        return wrong_method(&parts);
    }
    ingest.began();
    match receive_batch(&ingest, dataset, &parts, body).await {
        Ok((encodings, outcomes)) => answer::batch(encodings.answer, &outcomes),
        Err(refusal) => refuse(&ingest, &refusal),
    }
}

async fn receive_batch(
    ingest: &Ingest,
    dataset: Dataset,
    parts: &Parts,
    body: Body,
) -> Result<(Encodings, Vec<Option<String>>), Refusal> {
    let (dataset, encodings, body) = check(dataset, parts, body).await?;
    let arrival_unix_nanos = ingest.pipeline.now_unix_nanos();
    let payload = post::read(ingest, parts, body).await?;
    let (tell, told) = oneshot::channel();
    let decoder = move |bytes: &[u8]| {
        let context = Context { dataset: &dataset, arrival_unix_nanos };
        let DecodedEvents { decoded, outcomes } = decode_batch(encodings.request, bytes, &context)?;
        // Whoever waits for it is below; one that went away needs no answer.
        let _ = tell.send(outcomes);
        Ok(decoded)
    };
    ingest.ingest(payload, decoder).await?;
    let outcomes = told.await;
    outcomes.map(|outcomes| (encodings, outcomes)).map_err(|_| {
        Refusal::lasting(RequestRejection::Internal, "outcomes of the events were lost")
    })
}

async fn event(State(ingest): State<Ingest>, dataset: Dataset, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    if parts.method != Method::POST {
        return wrong_method(&parts);
    }
    ingest.began();
    match receive_event(&ingest, dataset, &parts, body).await {
        Ok(None) => answer::event(),
        Ok(Some(message)) => answer::error(StatusCode::BAD_REQUEST, &message),
        Err(refusal) => refuse(&ingest, &refusal),
    }
}

/// Receives a single event; the text is why it was refused.
async fn receive_event(
    ingest: &Ingest,
    dataset: Dataset,
    parts: &Parts,
    body: Body,
) -> Result<Option<String>, Refusal> {
    let (dataset, encodings, body) = check(dataset, parts, body).await?;
    let arrival_unix_nanos = ingest.pipeline.now_unix_nanos();
    let time = header_text(&parts.headers, "x-honeycomb-event-time");
    let sample_rate = header_text(&parts.headers, "x-honeycomb-samplerate");
    let payload = post::read(ingest, parts, body).await?;
    let decoder = move |bytes: &[u8]| {
        let context = Context { dataset: &dataset, arrival_unix_nanos };
        let headers = SingleEvent { time: &time, sample_rate: &sample_rate };
        decode_event(encodings.request, bytes, &context, headers)
    };
    let accepted = ingest.ingest(payload, decoder).await?;
    Ok((accepted.rejected_spans > 0).then_some(accepted.message))
}

fn header_text(headers: &HeaderMap, name: &str) -> String {
    let value = headers.get(name).map_or(&[][..], HeaderValue::as_bytes);
    String::from_utf8_lossy(value).trim().to_owned()
}

/// What the head of a request says of its body, or why nobody reads it.
async fn check(
    dataset: Dataset,
    parts: &Parts,
    body: Body,
) -> Result<(String, Encodings, Body), Refusal> {
    let dataset = dataset.map_err(|error| {
        Refusal::lasting(RequestRejection::Invalid, format!("dataset is no text: {error}"))
    });
    let encodings = answer::encodings(&parts.headers)
        .map_err(|message| Refusal::lasting(RequestRejection::Unsupported, message));
    match (dataset, encodings) {
        (Ok(Path(dataset)), Ok(encodings)) => Ok((dataset, encodings, body)),
        (Err(refusal), _) | (_, Err(refusal)) => {
            discard_early(parts, body).await;
            Err(refusal)
        }
    }
}

fn refuse(ingest: &Ingest, refusal: &Refusal) -> Response {
    ingest.refused(refusal);
    answer::failure(refusal)
}

async fn auth() -> Response {
    answer::auth()
}

fn wrong_method(parts: &Parts) -> Response {
    let message = format!(
        "{} is not answered here; send events with POST {}",
        parts.method,
        parts.uri.path()
    );
    let mut response = answer::error(StatusCode::METHOD_NOT_ALLOWED, &message);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
    response
}

/// Words for senders that are set up wrong.
async fn other_path(request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    if unary::is_call(&parts.headers) {
        let message = "this is Fanal's endpoint for Honeycomb events; send OTLP over gRPC to the \
                       OTLP/gRPC port, 4317 by default";
        return unary::failure(GrpcCode::Unimplemented, message, &[]);
    }
    discard_early(&parts, body).await;
    let message = match parts.uri.path() {
        "/v1/traces" => {
            "this is Fanal's endpoint for Honeycomb events; send OTLP over HTTP to the OTLP/HTTP \
             port, 4318 by default"
        }
        "/v1/metrics" | "/v1/logs" => "Fanal stores traces; send metrics and logs elsewhere",
        _ => {
            "this is Fanal's endpoint for Honeycomb events; send them with POST /1/batch/DATASET \
             or POST /1/events/DATASET"
        }
    };
    answer::error(StatusCode::NOT_FOUND, message)
}
