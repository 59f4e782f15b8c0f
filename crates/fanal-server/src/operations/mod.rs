//! For those who run the server: is it up, is it ready, how is it doing.
//!
//! Asked by supervisors and by Prometheus.

pub mod metrics;

pub(crate) mod http_counters;
mod process;

pub use process::resident_bytes;

use crate::state::App;
use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
use std::error::Error as _;
use std::sync::Arc;

/// Prometheus' text format.
const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// OpenMetrics, for clients that ask for it: it has examples.
const OPEN_METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The routes.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/healthz", get(health))
        .route("/readyz", get(readiness))
        .route("/metrics", get(metrics))
}

/// The process answers, so it is up.
async fn health() -> &'static str {
    "ok\n"
}

async fn readiness(State(app): State<Arc<App>>) -> Response {
    if !app.given.readiness.is_ready() {
        let words = "not ready: starting or stopping\n";
        return (StatusCode::SERVICE_UNAVAILABLE, words).into_response();
    }
    // Questions are answered all the same, so that the server stays in service.
    match app.given.pipeline.check() {
        Ok(()) => (StatusCode::OK, "ready\n".to_owned()).into_response(),
        Err(error) => {
            let reason = error.source().map_or_else(|| error.to_string(), ToString::to_string);
            (StatusCode::OK, format!("ready, but spans are refused: {reason}\n")).into_response()
        }
    }
}

/// The store's metrics are left out while it does not answer; the others still count.
async fn metrics(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let is_open_metrics =
        accepted.into_iter().any(|value| value.contains("application/openmetrics-text"));
    let stats = match app.ask(app.given.query.stats(&app.tenant)).await {
        Ok(stats) => Some(stats),
        Err(refusal) => {
            tracing::warn!("metrics without the store's: {}", refusal.message);
            None
        }
    };
    let page = metrics::page(&app, stats.as_ref(), is_open_metrics);
    let media_type = if is_open_metrics { OPEN_METRICS_TYPE } else { METRICS_TYPE };
    (StatusCode::OK, [(CONTENT_TYPE, media_type)], page).into_response()
}
