//! OTLP over gRPC: `opentelemetry.proto.collector.trace.v1.TraceService/Export`.
//!
//! Senders feed it on port 4317. The message is decoded by a walk over the bytes as they arrived, without
//! generated types.

use crate::body;
use crate::config::ReceiversConfig;
use crate::ingest::Ingest;
use crate::listen::{self, Drained};
use crate::otlp::decoders::DecoderPool;
use crate::otlp::encoding::{self, Encoding};
use crate::refusal::{GrpcCode, Refusal};
use crate::registry::{Door, Receiver, Serve};
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

/// The receiver.
pub(crate) const GRPC: Receiver = Receiver {
    name: NAME,
    description: "OTLP over gRPC; gzip, zstd, deflate or plain",
    setting: "otlp.grpc_address",
    default_address: "127.0.0.1:4317",
    is_essential: true,
    serve: Serve::Tcp(|listener, door| Box::pin(serve(listener, door))),
};

const NAME: &str = "otlp_grpc";

const EXPORT_PATH: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/// What calls share.
#[derive(Debug, Clone)]
struct Exports {
    ingest: Ingest,
    decoders: Arc<DecoderPool>,
}

async fn serve(listener: TcpListener, door: Door) -> Drained {
    let exports = Exports::new(door.pipeline, &door.config, NAME);
    let router =
        Router::new().route(EXPORT_PATH, any(export)).fallback(other_request).with_state(exports);
    listen::serve(listener, NAME, router, door.config.listen, door.shutdown).await
}

/// The call alone, for a port that answers others beside it; `name` is what spans are counted under.
pub fn otlp_grpc_router(
    pipeline: Arc<Pipeline>,
    config: &ReceiversConfig,
    name: &'static str,
) -> Router {
    let exports = Exports::new(pipeline, config, name);
    Router::new().route(EXPORT_PATH, any(export)).with_state(exports)
}

impl Exports {
    fn new(pipeline: Arc<Pipeline>, config: &ReceiversConfig, name: &'static str) -> Self {
        let requests = config.requests;
        Self {
            ingest: Ingest::new(pipeline, requests, name),
            decoders: Arc::new(DecoderPool::new(requests.decoders_max)),
        }
    }
}

async fn export(State(exports): State<Exports>, request: Request<Body>) -> Response {
    if request.version() < Version::HTTP_2 || !unary::is_call(request.headers()) {
        return other_request(State(exports), request).await;
    }
    exports.ingest.began();
    let (parts, body) = request.into_parts();
    match receive(&exports, &parts.headers, body).await {
        Ok(accepted) => unary::success(&encoding::export_response(Encoding::Protobuf, &accepted)),
        Err(refusal) => {
            exports.ingest.refused(&refusal);
            unary::refused(&refusal)
        }
    }
}

async fn receive(exports: &Exports, headers: &HeaderMap, body: Body) -> Result<Accepted, Refusal> {
    let payload = unary::read_call(&exports.ingest, headers, body).await?;
    let decoder = encoding::decoder(Encoding::Protobuf, &exports.decoders);
    exports.ingest.ingest(payload, decoder).await
}

/// Words for senders that are set up wrong, on the status page too: many SDKs do not show the answer.
async fn other_request(
    State(Exports { ingest, .. }): State<Exports>,
    request: Request<Body>,
) -> Response {
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
