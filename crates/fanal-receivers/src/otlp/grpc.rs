//! OTLP over gRPC: `opentelemetry.proto.collector.trace.v1.TraceService/Export`.
//!
//! Senders feed it on port 4317. The message is decoded by a walk over the bytes as they arrived, without
//! generated types.

use crate::body::{self, BodyReader};
use crate::listen::{self, Drained, ListenLimits, Shutdown};
use crate::otlp::config::OtlpConfig;
use crate::otlp::encoding::{self, Encoding};
use crate::otlp::ingest::{Ingest, Payload};
use crate::refusal::{GrpcCode, Refusal};
use crate::unary;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use fanal_pipeline::{Accepted, Pipeline, RequestRejection};
use http::{HeaderMap, Request, StatusCode, Version};
use std::sync::Arc;
use tokio::net::TcpListener;

/// Name of the receiver.
pub const GRPC_NAME: &str = "otlp_grpc";

const EXPORT_PATH: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/// Serves a bound listener until the signal, then lets requests in flight finish.
pub async fn serve_grpc(
    listener: TcpListener,
    pipeline: Arc<Pipeline>,
    config: OtlpConfig,
    limits: ListenLimits,
    shutdown: Shutdown,
) -> Drained {
    let ingest = Ingest::new(pipeline, config, GRPC_NAME);
    let router =
        Router::new().route(EXPORT_PATH, any(export)).fallback(other_request).with_state(ingest);
    listen::serve(listener, GRPC_NAME, router, limits, shutdown).await
}

async fn export(State(ingest): State<Ingest>, request: Request<Body>) -> Response {
    if request.version() < Version::HTTP_2 || !unary::is_call(request.headers()) {
        return other_request(State(ingest), request).await;
    }
    ingest.began();
    let (parts, body) = request.into_parts();
    match receive(&ingest, &parts.headers, body).await {
        Ok(accepted) => unary::success(&encoding::export_response(Encoding::Protobuf, &accepted)),
        Err(refusal) => {
            ingest.refused(&refusal);
            let details = match refusal.retry_after {
                Some(_) => encoding::status(Encoding::Protobuf, &refusal),
                None => Vec::new(),
            };
            unary::failure(refusal.grpc_code, &refusal.message, &details)
        }
    }
}

async fn receive(ingest: &Ingest, headers: &HeaderMap, body: Body) -> Result<Accepted, Refusal> {
    let announced = unary::announced_compression(headers)?;
    let reader = BodyReader::new(&ingest.pipeline, body).map_err(|(refusal, _)| refusal)?;
    let reading = unary::read_message(reader, announced, ingest.config.request_bytes_max);
    let message = body::within(ingest.config.body_timeout, &ingest.pipeline, reading).await?;
    let unary::Message { bytes, compression, permit } = message;
    let encoding = Encoding::Protobuf;
    ingest.ingest(Payload { bytes, compression, encoding, permit }).await
}

/// Words for senders that are set up wrong, on the status page too: many SDKs do not show the answer.
async fn other_request(State(ingest): State<Ingest>, request: Request<Body>) -> Response {
    ingest.began();
    if unary::is_call(request.headers()) {
        let message = format!(
            "{} is not served; Fanal stores traces: send them to {EXPORT_PATH}",
            request.uri().path(),
        );
        let refusal = Refusal::lasting(RequestRejection::Unsupported, message);
        ingest.refused(&refusal);
        return unary::failure(GrpcCode::Unimplemented, &refusal.message, &[]);
    }
    let message = format!(
        "this is Fanal's OTLP/gRPC endpoint, which got {} {}; send OTLP over HTTP to the \
         OTLP/HTTP port, 4318 by default",
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
