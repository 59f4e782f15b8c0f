//! Jaeger's HTTP query API (`/api/...`), so that its clients, Grafana and scripts work against Fanal unchanged.
//!
//! A request is read by `search` and `ids`, asked of the query crate, and written by `trace`, `tags` and
//! `references` in the types of `types`. As Jaeger does, unknown parameters are ignored; unlike it, what a limit cut
//! is told in `errors`. <https://www.jaegertracing.io/docs/latest/architecture/apis/>

pub(crate) mod error;
mod handlers;
mod ids;
mod references;
mod search;
mod tags;
mod trace;
mod types;

#[cfg(test)]
mod tests;

use crate::state::App;
use axum::Router;
use axum::routing::get;
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
}
