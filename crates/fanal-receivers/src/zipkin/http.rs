//! Zipkin over HTTP: `POST /api/v2/spans` in JSON or protobuf, `POST /api/v1/spans` in JSON or thrift.
//!
//! Reporters feed it on port 9411. The answer to stored spans is 202 without a body, as Zipkin's is, but comes when they
//! are durable. What is wrong is told as plain text.

use super::{cors, grpc};
use crate::compression;
use crate::config::ReceiversConfig;
use crate::ingest::Ingest;
use crate::listen::{self, Drained};
use crate::post::{self, discard_early, text};
use crate::refusal::Refusal;
use crate::registry::{Door, Receiver, Serve};
use crate::unary;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{any, post};
use axum::{Router, middleware};
use fanal_formats::zipkin::{self, Format};
use fanal_formats::{DecodeError, Decoded};
use fanal_pipeline::{Accepted, Pipeline, RequestRejection};
use http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use std::sync::Arc;
use tokio::net::TcpListener;

/// The receiver.
pub(crate) const ZIPKIN: Receiver = Receiver {
    name: NAME,
    description: "Zipkin spans, v2 and v1, over HTTP and gRPC: JSON, protobuf or thrift",
    setting: "zipkin.address",
    default_address: "127.0.0.1:9411",
    is_essential: false,
    serve: Serve::Tcp(|listener, door| Box::pin(serve(listener, door))),
};

const NAME: &str = "zipkin";

const V2_PATH: &str = "/api/v2/spans";
const V1_PATH: &str = "/api/v1/spans";

/// Where spans go, for senders that are set up wrong.
const ADVICE: &str = "send spans with POST /api/v2/spans as JSON or application/x-protobuf, or with \
                      POST /api/v1/spans as JSON or application/x-thrift";

/// What requests share.
#[derive(Debug, Clone)]
pub(super) struct Reports {
    pub(super) ingest: Ingest,
}

async fn serve(listener: TcpListener, door: Door) -> Drained {
    let router = zipkin_router(door.pipeline, &door.config, door.beside);
    listen::serve(listener, NAME, router, door.config.listen, door.shutdown).await
}

/// The paths of spans over HTTP and gRPC, what is answered beside them, and words for any other path.
pub fn zipkin_router(pipeline: Arc<Pipeline>, config: &ReceiversConfig, beside: Router) -> Router {
    let reports = Reports { ingest: Ingest::new(pipeline, config.requests, NAME) };
    Router::new()
        .route(V2_PATH, post(post_v2).fallback(wrong_method))
        .route(V1_PATH, post(post_v1).fallback(wrong_method))
        .route(grpc::REPORT_PATH, any(grpc::report))
        .fallback(other_path)
        .with_state(reports)
        .merge(beside)
        .layer(middleware::from_fn(cors::permit))
}

impl Reports {
    /// A decoder of a list of spans.
    pub(super) fn decoder(
        &self,
        format: Format,
    ) -> impl FnOnce(&[u8]) -> Result<Decoded, DecodeError> + Send + 'static {
        let arrived_unix_nanos = self.ingest.pipeline.now_unix_nanos();
        move |bytes| zipkin::decode(format, bytes, arrived_unix_nanos)
    }

    async fn receive(&self, request: Request<Body>, format: Format) -> Response {
        self.ingest.began();
        let (mut parts, body) = request.into_parts();
        simplify_coding(&mut parts.headers);
        let payload = match post::read(&self.ingest, &parts, body).await {
            Ok(payload) => payload,
            Err(refusal) => return self.refused(&refusal),
        };
        match self.ingest.ingest(payload, self.decoder(format)).await {
            Ok(accepted) => accepted_answer(accepted),
            Err(refusal) => self.refused(&refusal),
        }
    }

    fn refused(&self, refusal: &Refusal) -> Response {
        self.ingest.refused(refusal);
        let mut response = text(status(refusal), refusal.message.clone());
        let headers = response.headers_mut();
        if let Some(seconds) = refusal.retry_after_seconds() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if refusal.kind == RequestRejection::Unsupported {
            let accepted = HeaderValue::from_static(compression::ACCEPTED);
            headers.insert(header::ACCEPT_ENCODING, accepted);
        }
        response
    }
}

async fn post_v2(State(reports): State<Reports>, request: Request<Body>) -> Response {
    let protobuf = ["application/x-protobuf", "application/protobuf"];
    let is_protobuf = has_type(request.headers(), &protobuf);
    let format = if is_protobuf { Format::V2Protobuf } else { Format::V2Json };
    reports.receive(request, format).await
}

async fn post_v1(State(reports): State<Reports>, request: Request<Body>) -> Response {
    let thrift = ["application/x-thrift", "application/vnd.apache.thrift.binary"];
    let is_thrift = has_type(request.headers(), &thrift);
    let format = if is_thrift { Format::V1Thrift } else { Format::V1Json };
    reports.receive(request, format).await
}

/// Whether the content type is one of these, whatever its case and parameters. Any other means JSON, as in Zipkin: pages
/// send text/plain to spare a question, scripts send nothing.
fn has_type(headers: &HeaderMap, names: &[&str]) -> bool {
    let value = headers.get(header::CONTENT_TYPE).map_or(Ok(""), HeaderValue::to_str);
    let media_type = value.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    names.iter().any(|name| media_type.eq_ignore_ascii_case(name))
}

/// Zipkin takes whatever has `gzip` in its coding for gzip.
fn simplify_coding(headers: &mut HeaderMap) {
    const GZIP: &[u8] = b"gzip";
    let mut codings = headers.get_all(header::CONTENT_ENCODING).iter();
    let is_gzip =
        codings.any(|value| value.as_bytes().windows(GZIP.len()).any(|word| word == GZIP));
    if is_gzip {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
}

/// Spans that were refused are told in the answer, and fail it where there were no others.
fn accepted_answer(accepted: Accepted) -> Response {
    let Accepted { accepted_spans, rejected_spans, message } = accepted;
    if rejected_spans > 0 {
        let is_all = accepted_spans == 0;
        return text(if is_all { StatusCode::BAD_REQUEST } else { StatusCode::ACCEPTED }, message);
    }
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::ACCEPTED;
    response
}

/// Senders of Zipkin know 5xx for what may be sent again.
fn status(refusal: &Refusal) -> StatusCode {
    match refusal.http_status() {
        StatusCode::TOO_MANY_REQUESTS => StatusCode::SERVICE_UNAVAILABLE,
        other => other,
    }
}

async fn wrong_method(request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    discard_early(&parts, body).await;
    let message = format!("{} {} is not answered here; {ADVICE}", parts.method, parts.uri.path());
    let mut response = text(StatusCode::METHOD_NOT_ALLOWED, message);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
    response
}

/// Words for senders that are set up wrong.
pub(super) async fn other_path(State(reports): State<Reports>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    if unary::is_call(&parts.headers) {
        return grpc::other_call(&reports, parts.uri.path());
    }
    discard_early(&parts, body).await;
    let advice = match parts.uri.path() {
        "/v1/traces" => "send OTLP to its own port, 4318 by default",
        _ => ADVICE,
    };
    let message = format!(
        "this is Fanal's Zipkin endpoint, which got {} {}; {advice}",
        parts.method,
        parts.uri.path()
    );
    text(StatusCode::NOT_FOUND, message)
}
