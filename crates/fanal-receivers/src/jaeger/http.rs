//! Jaeger over HTTP: `POST /api/traces` with a bare thrift batch in the binary protocol.
//!
//! Clients that know a collector and no agent feed it on port 14268. Answers are plain text; clients look at the status
//! alone, and take every one in the 400s for final.

use crate::compression;
use crate::ingest::Ingest;
use crate::listen::{self, Drained};
use crate::post::{self, discard_early, text};
use crate::refusal::{GrpcCode, Refusal};
use crate::registry::{Door, Receiver, Serve};
use crate::unary;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use axum::routing::any;
use fanal_formats::jaeger;
use fanal_pipeline::{Accepted, RequestRejection};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header};
use tokio::net::TcpListener;

/// The receiver.
pub(crate) const HTTP: Receiver = Receiver {
    name: NAME,
    description: "Jaeger over HTTP, thrift as to a collector; gzip, zstd, deflate or plain",
    setting: "jaeger.http_address",
    default_address: "127.0.0.1:14268",
    is_essential: false,
    serve: Serve::Tcp(|listener, door| Box::pin(serve(listener, door))),
};

const NAME: &str = "jaeger_http";

/// Old clients add `?format=jaeger.thrift`, which says nothing new.
const PATH: &str = "/api/traces";

/// What a body may be, as a header value.
const ACCEPTED_TYPES: &str = "application/x-thrift, application/vnd.apache.thrift.binary";

async fn serve(listener: TcpListener, door: Door) -> Drained {
    let ingest = Ingest::new(door.pipeline, door.config.requests, NAME);
    let router = Router::new().route(PATH, any(traces)).fallback(other_path).with_state(ingest);
    listen::serve(listener, NAME, router, door.config.listen, door.shutdown).await
}

async fn traces(State(ingest): State<Ingest>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    if parts.method != Method::POST {
        let message = format!(
            "{} is not answered here; send spans with POST {PATH} as {ACCEPTED_TYPES}",
            parts.method
        );
        let mut response = text(StatusCode::METHOD_NOT_ALLOWED, message);
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
        return response;
    }
    ingest.began();
    match receive(&ingest, &parts, body).await {
        Ok(accepted) => success(accepted),
        Err(refusal) => {
            ingest.refused(&refusal);
            failure(&refusal)
        }
    }
}

async fn receive(ingest: &Ingest, parts: &Parts, body: Body) -> Result<Accepted, Refusal> {
    if let Err(message) = check_type(&parts.headers) {
        discard_early(parts, body).await;
        return Err(Refusal::lasting(RequestRejection::Unsupported, message));
    }
    let payload = post::read(ingest, parts, body).await?;
    ingest.ingest(payload, jaeger::decode_batch).await
}

/// Whether the content type is one of [`ACCEPTED_TYPES`], with any parameters.
fn check_type(headers: &HeaderMap) -> Result<(), String> {
    let value = headers.get(header::CONTENT_TYPE).map_or(Ok(""), HeaderValue::to_str);
    let value = value.unwrap_or("(not text)");
    let media_type = value.split(';').next().unwrap_or_default().trim();
    if ACCEPTED_TYPES.split(", ").any(|known| media_type.eq_ignore_ascii_case(known)) {
        Ok(())
    } else if media_type.is_empty() {
        Err(format!("request has no content-type; send one of {ACCEPTED_TYPES}"))
    } else {
        Err(format!("content-type `{media_type}` is not supported; send one of {ACCEPTED_TYPES}"))
    }
}

/// Empty, but for spans that were refused: clients do not read it, people do.
fn success(accepted: Accepted) -> Response {
    match accepted.rejected_spans {
        0 => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::ACCEPTED;
            response
        }
        _ => text(StatusCode::ACCEPTED, accepted.message),
    }
}

fn failure(refusal: &Refusal) -> Response {
    let status = match refusal.kind {
        RequestRejection::Unsupported => StatusCode::BAD_REQUEST,
        RequestRejection::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
        _ => refusal.http_status(),
    };
    let mut response = text(status, refusal.message.clone());
    let headers = response.headers_mut();
    if let Some(seconds) = refusal.retry_after_seconds() {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if refusal.kind == RequestRejection::Unsupported {
        let accepted = HeaderValue::from_static(compression::ACCEPTED);
        headers.insert(header::ACCEPT_ENCODING, accepted);
        let types = HeaderValue::from_static(ACCEPTED_TYPES);
        headers.insert(HeaderName::from_static("accept-post"), types);
    }
    response
}

/// Words for senders that are set up wrong.
async fn other_path(request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    if unary::is_call(&parts.headers) {
        let message = "this is Fanal's Jaeger/HTTP endpoint; send gRPC to the Jaeger/gRPC port, 14250 by default";
        return unary::failure(GrpcCode::Unimplemented, message, &[]);
    }
    discard_early(&parts, body).await;
    let message = match parts.uri.path() {
        "/v1/traces" => {
            "this is Fanal's Jaeger/HTTP endpoint; send OTLP to the OTLP/HTTP port, 4318 by default"
        }
        "/api/v1/spans" | "/api/v2/spans" => {
            "this is Fanal's Jaeger/HTTP endpoint; send spans of Zipkin to its own port, 9411 by default"
        }
        _ => "this is Fanal's Jaeger/HTTP endpoint; send spans with POST /api/traces",
    };
    text(StatusCode::NOT_FOUND, message.to_owned())
}
