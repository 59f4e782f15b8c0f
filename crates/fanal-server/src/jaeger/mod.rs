//! Jaeger's query APIs, so that its clients, its UI, Grafana and scripts work against Fanal unchanged.
//!
//! A request is read by `parameters` (older HTTP API, `/api`), `v3` (`/api/v3`) or the gRPC doors, asked of the query
//! crate by `questions` and `metrics`, and written from what `adjust` shows: by `trace` in Jaeger's form, or as OTLP. As
//! Jaeger does, unknown parameters are ignored; unlike it, what a limit cut is told.
//! <https://www.jaegertracing.io/docs/latest/architecture/apis/>

pub(crate) mod adjust;
pub(crate) mod error;
pub(crate) mod filter;
mod handlers;
pub(crate) mod ids;
pub(crate) mod metrics;
mod parameters;
pub(crate) mod questions;
mod references;
pub(crate) mod search;
mod tags;
pub(crate) mod trace;
mod transform;
pub(crate) mod types;
mod v3;

#[cfg(test)]
mod tests;

use crate::state::App;
use axum::Router;
use axum::routing::{get, post};
use std::sync::Arc;

/// Root of the API.
pub(crate) const ROOT: &str = "/api";

/// The routes, below [`ROOT`].
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/services", get(handlers::services))
        .route("/services/{service}/operations", get(handlers::service_operations))
        .route("/operations", get(handlers::operations))
        .route("/traces", get(handlers::traces))
        .route("/traces/{id}", get(handlers::trace))
        .route("/archive/{id}", post(handlers::archive))
        .route("/transform", post(handlers::transform))
        .route("/dependencies", get(handlers::dependencies))
        .nest("/metrics", metrics::routes())
        .nest("/v3", v3::routes())
}
