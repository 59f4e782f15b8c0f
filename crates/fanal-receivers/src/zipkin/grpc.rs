//! Zipkin over gRPC: `zipkin.proto3.SpanService/Report`.
//!
//! The message is a list of spans as over HTTP; the answer is an empty message. Follows
//! <https://github.com/openzipkin/zipkin-api/blob/master/zipkin.proto>.

use super::http::Reports;
use crate::refusal::{GrpcCode, Refusal};
use crate::unary;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use fanal_formats::zipkin::Format;
use fanal_pipeline::{Accepted, RequestRejection};
use http::{HeaderMap, Request};

/// Path of the call.
pub(super) const REPORT_PATH: &str = "/zipkin.proto3.SpanService/Report";

pub(super) async fn report(State(reports): State<Reports>, request: Request<Body>) -> Response {
    if !unary::is_call(request.headers()) {
        return super::http::other_path(State(reports), request).await;
    }
    reports.ingest.began();
    let (parts, body) = request.into_parts();
    match receive(&reports, &parts.headers, body).await {
        Ok(accepted) if accepted.accepted_spans == 0 && accepted.rejected_spans > 0 => {
            unary::failure(GrpcCode::InvalidArgument, &accepted.message, &[])
        }
        Ok(_) => unary::success(&[]),
        Err(refusal) => {
            reports.ingest.refused(&refusal);
            unary::failure(code(&refusal), &refusal.message, &[])
        }
    }
}

async fn receive(reports: &Reports, headers: &HeaderMap, body: Body) -> Result<Accepted, Refusal> {
    let payload = unary::read_call(&reports.ingest, headers, body).await?;
    reports.ingest.ingest(payload, reports.decoder(Format::V2Protobuf)).await
}

/// Zipkin's clients know no details of a status; of its codes only one says "try again" by itself.
fn code(refusal: &Refusal) -> GrpcCode {
    if refusal.retry_after.is_some() { GrpcCode::Unavailable } else { refusal.grpc_code }
}

/// Words for another call.
pub(super) fn other_call(reports: &Reports, path: &str) -> Response {
    let message = format!(
        "{path} is not served here; Zipkin's spans go to {REPORT_PATH}, OTLP to its own port"
    );
    let refusal = Refusal::lasting(RequestRejection::Unsupported, message);
    reports.ingest.refused(&refusal);
    unary::failure(GrpcCode::Unimplemented, &refusal.message, &[])
}
