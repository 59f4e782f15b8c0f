//! `jaeger.api_v2.SamplingManager/GetSamplingStrategy`.
//!
//! Asked on a port of its own and on that of Jaeger's spans, where OpenTelemetry's SDKs ask.

use super::{Encoding, answer};
use crate::body;
use crate::compression::decompress;
use crate::ingest::{Ingest, undecodable};
use crate::listen::{self, Drained};
use crate::post;
use crate::refusal::{GrpcCode, Refusal};
use crate::registry::{Door, Receiver, Serve};
use crate::unary;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use axum::routing::any;
use fanal_formats::sampling::read_question;
use fanal_pipeline::RequestRejection;
use http::{HeaderMap, Request, StatusCode, Version};
use tokio::net::TcpListener;

/// The receiver.
pub(crate) const GRPC: Receiver = Receiver {
    name: NAME,
    description: "Remote sampling over gRPC, as of a Jaeger collector",
    setting: "sampling.grpc_address",
    default_address: "127.0.0.1:5779",
    is_essential: false,
    serve: Serve::Tcp(|listener, door| Box::pin(serve(listener, door))),
};

const NAME: &str = "sampling_grpc";

const PATH: &str = "/jaeger.api_v2.SamplingManager/GetSamplingStrategy";

/// Longest question, in bytes: it has the name of a service.
const QUESTION_BYTES_MAX: usize = 64 << 10;

async fn serve(listener: TcpListener, door: Door) -> Drained {
    let ingest = Ingest::new(door.pipeline, door.config.requests, NAME);
    let router = routes(&ingest).merge(Router::new().fallback(other_request).with_state(ingest));
    listen::serve(listener, NAME, router, door.config.listen, door.shutdown).await
}

/// The call, for any port of gRPC; counted as that port's.
pub(crate) fn routes(ingest: &Ingest) -> Router {
    let mut ingest = ingest.clone();
    ingest.limits.request_bytes_max = ingest.limits.request_bytes_max.min(QUESTION_BYTES_MAX);
    Router::new().route(PATH, any(get_sampling_strategy)).with_state(ingest)
}

async fn get_sampling_strategy(State(ingest): State<Ingest>, request: Request<Body>) -> Response {
    if request.version() < Version::HTTP_2 || !unary::is_call(request.headers()) {
        return other_request(State(ingest), request).await;
    }
    ingest.began();
    let (parts, body) = request.into_parts();
    match asked_service(&ingest, &parts.headers, body).await {
        Ok(service) => unary::success(&answer(&ingest.pipeline, &service, Encoding::Protobuf)),
        Err(refusal) => {
            ingest.refused(&refusal);
            unary::refused(&refusal)
        }
    }
}

async fn asked_service(
    ingest: &Ingest,
    headers: &HeaderMap,
    body: Body,
) -> Result<String, Refusal> {
    let mut payload = unary::read_call(ingest, headers, body).await?;
    let bytes_max = ingest.limits.request_bytes_max;
    let question = decompress(
        &ingest.pipeline,
        &mut payload.permit,
        payload.compression,
        payload.bytes,
        bytes_max,
    )?;
    read_question(&question).map_err(|error| undecodable(&error))
}

/// Words for clients that are set up wrong.
async fn other_request(State(ingest): State<Ingest>, request: Request<Body>) -> Response {
    ingest.began();
    let (method, path) = (request.method(), request.uri().path());
    let message = format!(
        "this is Fanal's port of remote sampling over gRPC, which got {method} {path}; call {PATH}, or ask over HTTP \
         on 5778 by default"
    );
    let refusal = Refusal::lasting(RequestRejection::Unsupported, message);
    ingest.refused(&refusal);
    if unary::is_call(request.headers()) {
        return unary::failure(GrpcCode::Unimplemented, &refusal.message, &[]);
    }
    if request.version() < Version::HTTP_2 {
        body::discard(request.into_body()).await;
    }
    post::text(StatusCode::UNSUPPORTED_MEDIA_TYPE, refusal.message)
}
