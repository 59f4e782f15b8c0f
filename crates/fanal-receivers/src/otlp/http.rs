//! OTLP over HTTP: `POST /v1/traces` in protobuf or JSON.
//!
//! Senders feed it on port 4318, and browsers through the router that the user interface's port mounts. Answers
//! use the request's encoding; what has none is plain text.

use crate::compression;
use crate::config::ReceiversConfig;
use crate::ingest::Ingest;
use crate::listen::{self, Drained};
use crate::otlp::cors;
use crate::otlp::decoders::DecoderPool;
use crate::otlp::encoding::{self, Encoding};
use crate::post::{self, discard_early, text};
use crate::refusal::{GrpcCode, Refusal};
use crate::registry::{Door, Receiver, Serve};
use crate::unary;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use axum::routing::any;
use fanal_pipeline::{Accepted, Pipeline, RequestRejection};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Request, StatusCode, header};
use std::sync::Arc;
use tokio::net::TcpListener;

/// The receiver.
pub(crate) const HTTP: Receiver = Receiver {
    name: NAME,
    description: "OTLP over HTTP, protobuf or JSON; gzip, zstd, deflate or plain",
    setting: "otlp.http_address",
    default_address: "127.0.0.1:4318",
    is_essential: true,
    serve: Serve::Tcp(|listener, door| Box::pin(serve(listener, door))),
};

const NAME: &str = "otlp_http";

/// Paths of the service: OTLP's own, and the one of browsers that send through the port of the user interface.
const PATHS: [&str; 2] = ["/v1/traces", "/api/otlp/v1/traces"];

/// What requests share.
#[derive(Debug, Clone)]
struct Exports {
    ingest: Ingest,
    decoders: Arc<DecoderPool>,
    cors_allowed_origins: Arc<[String]>,
}

async fn serve(listener: TcpListener, door: Door) -> Drained {
    let router = otlp_http_router(door.pipeline, &door.config).fallback(other_path);
    listen::serve(listener, NAME, router, door.config.listen, door.shutdown).await
}

/// `POST /v1/traces` and `POST /api/otlp/v1/traces`, to be merged into any other router.
pub fn otlp_http_router(pipeline: Arc<Pipeline>, config: &ReceiversConfig) -> Router {
    let exports = Exports {
        ingest: Ingest::new(pipeline, config.requests, NAME),
        decoders: Arc::new(DecoderPool::new(config.requests.decoders_max)),
        cors_allowed_origins: config.otlp.cors_allowed_origins.clone().into(),
    };
    let mut router = Router::new();
    for path in PATHS {
        router = router.route(path, any(export));
    }
    router.with_state(exports)
}

async fn export(State(exports): State<Exports>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let origins = &exports.cors_allowed_origins;
    let origin = cors::allowed_origin(&parts.headers, origins);
    let mut response = if origin.is_some() && cors::is_preflight(&parts.method, &parts.headers) {
        cors::preflight(&parts.headers)
    } else if parts.method == Method::POST {
        post(&exports, &parts, body).await
    } else {
        wrong_method(&parts)
    };
    if let Some(origin) = origin {
        cors::permit(&mut response, origin);
    }
    response
}

async fn post(exports: &Exports, parts: &Parts, body: Body) -> Response {
    let ingest = &exports.ingest;
    ingest.began();
    let encoding = encoding::of_request(&parts.headers);
    let outcome = match &encoding {
        Ok(encoding) => receive(exports, parts, *encoding, body).await,
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
    exports: &Exports,
    parts: &Parts,
    encoding: Encoding,
    body: Body,
) -> Result<Accepted, Refusal> {
    let payload = post::read(&exports.ingest, parts, body).await?;
    let decoder = encoding::decoder(encoding, &exports.decoders);
    exports.ingest.ingest(payload, decoder).await
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
