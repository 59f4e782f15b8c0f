//! Cross-origin rules of Zipkin's port: any page may send and ask, as Zipkin itself allows.
//!
//! Follows <https://fetch.spec.whatwg.org/#http-cors-protocol>. Runs around every path of the port.

use axum::body::Body;
use axum::middleware::Next;
use axum::response::Response;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN,
};
use http::{HeaderValue, Method, Request, StatusCode};

const ANY: HeaderValue = HeaderValue::from_static("*");
const METHODS: HeaderValue = HeaderValue::from_static("GET, POST");
const HEADERS: HeaderValue = HeaderValue::from_static("content-type, x-grpc-web");

/// Answers browsers that ask what they may send, and lets pages read the other answers.
pub(super) async fn permit(request: Request<Body>, next: Next) -> Response {
    let is_foreign = request.headers().contains_key(ORIGIN);
    let is_question = request.method() == Method::OPTIONS
        && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    if !is_foreign {
        return next.run(request).await;
    }
    let mut response = if is_question { preflight() } else { next.run(request).await };
    response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, ANY);
    response
}

fn preflight() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    response.headers_mut().insert(ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
    response
}
