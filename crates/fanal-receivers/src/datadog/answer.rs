//! Answers in the words of Datadog's agent.
//!
//! Used by the door. Invariant: what `GET /info` lists is what is decoded, for tracers choose by it.

use super::request::Version;
use crate::compression;
use crate::post::text;
use crate::refusal::Refusal;
use axum::body::Body;
use axum::response::Response;
use fanal_pipeline::RequestRejection;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

/// What tracers ask before they send. `client_drop_p0s` would make them drop what they did not sample; a path for
/// statistics would make them count instead of send.
const INFO: &str = r#"{"version":"7.x","endpoints":["/v0.3/traces","/v0.4/traces","/v0.5/traces","/v0.7/traces"],"client_drop_p0s":false,"span_meta_structs":true,"span_events":true,"long_running_spans":false,"config":{}}"#;

/// Every service, in every environment: all traces are wanted.
const RATES: &str = r#"{"rate_by_service":{"service:,env:":1.0}}"#;

/// Nothing to say.
const NOTHING: &str = "{}";

/// Names the state of the rates, which never change; a tracer that knows it needs no rates.
const RATES_VERSION: HeaderName = HeaderName::from_static("datadog-rates-payload-version");
const RATES_VERSION_VALUE: HeaderValue = HeaderValue::from_static("all");

/// Which paths take traces, and how.
pub(super) async fn info() -> Response {
    json(INFO)
}

/// Of a question that has no answer here.
pub(super) fn nothing() -> Response {
    json(NOTHING)
}

/// Traces are stored.
pub(super) fn success(version: Version, request: &HeaderMap) -> Response {
    if version == Version::V03 {
        return text(StatusCode::OK, "OK".to_owned());
    }
    let Some(known) = request.get(RATES_VERSION) else { return json(RATES) };
    let mut response = json(if known == RATES_VERSION_VALUE { NOTHING } else { RATES });
    response.headers_mut().insert(RATES_VERSION, RATES_VERSION_VALUE);
    response
}

/// A request that failed as a whole.
pub(super) fn failure(refusal: &Refusal) -> Response {
    let mut response = text(refusal.http_status(), refusal.message.clone());
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

/// Traces are put or posted.
pub(super) fn wrong_method(parts: &Parts) -> Response {
    let message = format!(
        "{} is not answered here; send traces with PUT {}",
        parts.method,
        parts.uri.path(),
    );
    let mut response = text(StatusCode::METHOD_NOT_ALLOWED, message);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("PUT, POST"));
    response
}

fn json(body: &'static str) -> Response {
    let mut response = Response::new(Body::from(body));
    let content_type = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}
