//! Which address is answered by whom, and what every answer carries.

use crate::native::error::NativeRefusal;
use crate::operations::http_counters;
use crate::refusal::Refusal;
use crate::state::App;
use crate::{answer, jaeger, native, operations, ui, zipkin};
use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_SECURITY_POLICY, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, StatusCode};
use std::sync::Arc;

/// What a page of ours may load: our own files, and nothing of anyone else.
const CONTENT_POLICY: &str = "default-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
                              connect-src 'self'; frame-ancestors 'self'; base-uri 'self'";

/// Everything that Zipkin's port answers beside its receiver.
pub(crate) fn zipkin_router(app: Arc<App>) -> Router {
    zipkin::routes()
        .layer(from_fn(answer::compress))
        .layer(from_fn_with_state(Arc::clone(&app), http_counters::count))
        .with_state(app)
}

/// Everything that the UI's port answers.
pub(crate) fn router(app: Arc<App>) -> Router {
    Router::new()
        .nest(native::ROOT, native::routes())
        .nest(jaeger::ROOT, jaeger::routes())
        .merge(operations::routes())
        .fallback(fallback)
        .layer(from_fn(answer::compress))
        .layer(from_fn_with_state(Arc::clone(&app), http_counters::count))
        .layer(from_fn(guard))
        .with_state(app)
}

/// An address below the root of an API that the API does not have is told so; any other is the UI's.
async fn fallback(request: Request) -> Response {
    let path = request.uri().path();
    let is_below = |root: &str| {
        path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    if is_below(jaeger::ROOT) {
        return (StatusCode::NOT_FOUND, "404 page not found\n").into_response();
    }
    if is_below("/fanal") {
        let message = format!("no such address; {}/openapi.json lists them", native::ROOT);
        return NativeRefusal(Refusal::not_found(message)).into_response();
    }
    ui::answer(request.method(), request.uri(), request.headers())
}

/// Sets the headers of every answer.
async fn guard(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

#[cfg(test)]
mod tests;
