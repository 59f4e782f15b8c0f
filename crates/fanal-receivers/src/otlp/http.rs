//! OTLP over HTTP: `POST /v1/traces` in protobuf or JSON.
//!
//! Senders feed it on port 4318, and browsers through the router that the user interface's port mounts. Answers
//! use the request's encoding; what has none is plain text.

use crate::body::{self, BodyReader};
use crate::compression::{self, Compression};
use crate::listen::{self, Drained, ListenLimits, Shutdown};
use crate::otlp::config::OtlpConfig;
use crate::otlp::cors;
use crate::otlp::encoding::{self, Encoding};
use crate::otlp::ingest::{Ingest, Payload};
use crate::refusal::{GrpcCode, Refusal};
use crate::unary;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use axum::routing::any;
use fanal_pipeline::{Accepted, Pipeline, RequestRejection};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Version, header};
use std::sync::Arc;
use tokio::net::TcpListener;

/// Name of the receiver.
pub const HTTP_NAME: &str = "otlp_http";

/// Paths of the service: OTLP's own, and the one of browsers that send through the port of the user interface.
const PATHS: [&str; 2] = ["/v1/traces", "/api/otlp/v1/traces"];

/// Serves a bound listener until the signal, then lets requests in flight finish.
pub async fn serve_http(
    listener: TcpListener,
    pipeline: Arc<Pipeline>,
    config: OtlpConfig,
    limits: ListenLimits,
    shutdown: Shutdown,
) -> Drained {
    let router = otlp_http_router(pipeline, config).fallback(other_path);
    listen::serve(listener, HTTP_NAME, router, limits, shutdown).await
}

/// `POST /v1/traces` and `POST /api/otlp/v1/traces`, to be merged into any other router.
pub fn otlp_http_router(pipeline: Arc<Pipeline>, config: OtlpConfig) -> Router {
    let ingest = Ingest::new(pipeline, config, HTTP_NAME);
    let mut router = Router::new();
    for path in PATHS {
        router = router.route(path, any(export));
    }
    router.with_state(ingest)
}

async fn export(State(ingest): State<Ingest>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let origins = &ingest.config.cors_allowed_origins;
    let origin = cors::allowed_origin(&parts.headers, origins);
    let mut response = if origin.is_some() && cors::is_preflight(&parts.method, &parts.headers) {
        cors::preflight(&parts.headers)
    } else if parts.method == Method::POST {
        post(&ingest, &parts, body).await
    } else {
        wrong_method(&parts)
    };
    if let Some(origin) = origin {
        cors::permit(&mut response, origin);
    }
    response
}

async fn post(ingest: &Ingest, parts: &Parts, body: Body) -> Response {
    ingest.began();
    let encoding = encoding::of_request(&parts.headers);
    let outcome = match &encoding {
        Ok(encoding) => receive(ingest, parts, *encoding, body).await,
        Err(message) => {
            discard_early(parts, body).await;
            Err(Refusal::lasting(RequestRejection::Unsupported, message.clone()))
        }
    };
    match (outcome, encoding) {
        (Ok(accepted), Ok(encoding)) => success(&accepted, encoding),
        (Err(refusal), encoding) => {
            ingest.refused(&refusal);
            failure(&refusal, encoding.ok())
        }
        (Ok(_), Err(message)) => text(StatusCode::UNSUPPORTED_MEDIA_TYPE, message),
    }
}

async fn receive(
    ingest: &Ingest,
    parts: &Parts,
    encoding: Encoding,
    body: Body,
) -> Result<Accepted, Refusal> {
    let bytes_max = ingest.config.request_bytes_max;
    let declared = http_body::Body::size_hint(&body).lower();
    let declared = fanal_base::cast::size(declared);
    let early = request_compression(&parts.headers).and_then(|compression| {
        if declared > bytes_max { Err(body::too_large(bytes_max)) } else { Ok(compression) }
    });
    let compression = match early {
        Ok(compression) => compression,
        Err(refusal) => {
            discard_early(parts, body).await;
            return Err(refusal);
        }
    };
    let mut reader = match BodyReader::new(&ingest.pipeline, body) {
        Ok(reader) => reader,
        Err((refusal, body)) => {
            discard_early(parts, body).await;
            return Err(refusal);
        }
    };
    let reading = reader.read_to_end(declared, bytes_max);
    if let Err(refusal) = body::within(ingest.config.body_timeout, &ingest.pipeline, reading).await
    {
        if parts.version < Version::HTTP_2 && refusal.kind != RequestRejection::Incomplete {
            reader.discard().await;
        }
        return Err(refusal);
    }
    let (bytes, permit) = reader.finish();
    ingest.ingest(Payload { bytes, compression, encoding, permit }).await
}

/// Reads what an HTTP/1 sender is writing, so that it hears the answer. One that waits for a "continue" hears it
/// anyway.
async fn discard_early(parts: &Parts, body: Body) {
    if parts.version < Version::HTTP_2 && !parts.headers.contains_key(header::EXPECT) {
        body::discard(body).await;
    }
}

/// The one coding of the body. Several at once are legal in HTTP and sent by nobody.
fn request_compression(headers: &HeaderMap) -> Result<Compression, Refusal> {
    let mut compression = Compression::Identity;
    for value in headers.get_all(header::CONTENT_ENCODING) {
        for name in value.to_str().unwrap_or("?").split(',') {
            let parsed = Compression::parse(name).filter(|_| compression == Compression::Identity);
            compression = parsed.ok_or_else(|| {
                let message = format!(
                    "content-encoding `{}` is not supported; use one of {}, or none",
                    value.to_str().unwrap_or("(not text)"),
                    compression::ACCEPTED,
                );
                Refusal::lasting(RequestRejection::Unsupported, message)
            })?;
        }
    }
    Ok(compression)
}

fn success(accepted: &Accepted, encoding: Encoding) -> Response {
    encoded(StatusCode::OK, encoding, encoding::export_response(encoding, accepted))
}

fn failure(refusal: &Refusal, encoding: Option<Encoding>) -> Response {
    let status = refusal.http_status();
    let mut response = match encoding {
        Some(encoding) => encoded(status, encoding, encoding::status(encoding, refusal)),
        None => text(status, refusal.message.clone()),
    };
    let headers = response.headers_mut();
    if let Some(seconds) = refusal.retry_after_seconds() {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if refusal.kind == RequestRejection::Unsupported {
        let accepted = HeaderValue::from_static(compression::ACCEPTED);
        headers.insert(header::ACCEPT_ENCODING, accepted);
        let types = HeaderValue::from_static(encoding::ACCEPTED_TYPES);
        headers.insert(HeaderName::from_static("accept-post"), types);
    }
    response
}

fn wrong_method(parts: &Parts) -> Response {
    let message = format!(
        "{} is not answered here; send spans with POST {} as {}",
        parts.method,
        parts.uri.path(),
        encoding::ACCEPTED_TYPES,
    );
    let mut response = text(StatusCode::METHOD_NOT_ALLOWED, message);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
    response
}

/// Words for senders that are set up wrong.
async fn other_path(request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    if unary::is_call(&parts.headers) {
        let message =
            "this is Fanal's OTLP/HTTP endpoint; send gRPC to the OTLP/gRPC port, 4317 by default";
        return unary::failure(GrpcCode::Unimplemented, message, &[]);
    }
    discard_early(&parts, body).await;
    let message = match parts.uri.path() {
        "/v1/metrics" | "/v1/logs" => {
            "Fanal stores traces; set OTEL_METRICS_EXPORTER and OTEL_LOGS_EXPORTER to none, \
             or send metrics and logs elsewhere"
        }
        _ => "this is Fanal's OTLP/HTTP endpoint; send spans with POST /v1/traces",
    };
    text(StatusCode::NOT_FOUND, message.to_owned())
}

fn encoded(status: StatusCode, encoding: Encoding, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let content_type = HeaderValue::from_static(encoding::content_type(encoding));
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}

fn text(status: StatusCode, mut message: String) -> Response {
    message.push('\n');
    let mut response = Response::new(Body::from(message));
    *response.status_mut() = status;
    let content_type = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}
