//! Jaeger over gRPC: `jaeger.api_v2.CollectorService/PostSpans`.
//!
//! Agents, clients and exporters to a Jaeger collector feed it on port 14250, and ask there about sampling.

use crate::body;
use crate::ingest::Ingest;
use crate::listen::{self, Drained};
use crate::post;
use crate::refusal::{GrpcCode, Refusal};
use crate::registry::{Door, Receiver, Serve};
use crate::sampling;
use crate::unary;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use axum::routing::any;
use fanal_formats::jaeger;
use fanal_pipeline::{Accepted, RequestRejection};
use http::{HeaderMap, Request, StatusCode, Version};
use tokio::net::TcpListener;

/// The receiver.
pub(crate) const GRPC: Receiver = Receiver {
    name: NAME,
    description: "Jaeger over gRPC, as to a collector, with its remote sampling; gzip, zstd, deflate or plain",
    setting: "jaeger.grpc_address",
    default_address: "127.0.0.1:14250",
    is_essential: false,
    serve: Serve::Tcp(|listener, door| Box::pin(serve(listener, door))),
};

const NAME: &str = "jaeger_grpc";

const POST_SPANS_PATH: &str = "/jaeger.api_v2.CollectorService/PostSpans";

async fn serve(listener: TcpListener, door: Door) -> Drained {
    let ingest = Ingest::new(door.pipeline, door.config.requests, NAME);
    let spans = Router::new().route(POST_SPANS_PATH, any(post_spans)).fallback(other_request);
    let router = sampling::routes(&ingest).merge(spans.with_state(ingest));
    listen::serve(listener, NAME, router, door.config.listen, door.shutdown).await
}

async fn post_spans(State(ingest): State<Ingest>, request: Request<Body>) -> Response {
    if request.version() < Version::HTTP_2 || !unary::is_call(request.headers()) {
        return other_request(State(ingest), request).await;
    }
    ingest.began();
    let (parts, body) = request.into_parts();
    match receive(&ingest, &parts.headers, body).await {
        // The answer has no fields: what was refused of a request is on the status page alone.
        Ok(_) => unary::success(&[]),
        Err(refusal) => {
            ingest.refused(&refusal);
            unary::refused(&refusal)
        }
    }
}

async fn receive(ingest: &Ingest, headers: &HeaderMap, body: Body) -> Result<Accepted, Refusal> {
    let payload = unary::read_call(ingest, headers, body).await?;
    ingest.ingest(payload, jaeger::decode_post_spans).await
}

/// Words for senders that are set up wrong, on the status page too: many clients do not show the answer.
async fn other_request(State(ingest): State<Ingest>, request: Request<Body>) -> Response {
    ingest.began();
    if unary::is_call(request.headers()) {
        let message = format!(
            "{} is not served; send spans of Jaeger to {POST_SPANS_PATH}, or OTLP to the OTLP/gRPC port, 4317 by default",
            request.uri().path(),
        );
        let refusal = Refusal::lasting(RequestRejection::Unsupported, message);
        ingest.refused(&refusal);
        return unary::failure(GrpcCode::Unimplemented, &refusal.message, &[]);
    }
    let message = format!(
        "this is Fanal's Jaeger/gRPC endpoint, which got {} {}; send Jaeger over HTTP to the Jaeger/HTTP port, 14268 \
         by default",
        request.method(),
        request.uri().path(),
    );
    let refusal = Refusal::lasting(RequestRejection::Unsupported, message);
    ingest.refused(&refusal);
    if request.version() < Version::HTTP_2 {
        body::discard(request.into_body()).await;
    }
    post::text(StatusCode::UNSUPPORTED_MEDIA_TYPE, refusal.message)
}
