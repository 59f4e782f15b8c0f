//! Jaeger's newer HTTP API (`/api/v3`): OTLP JSON, and what its UI lists traces with.
//!
//! `query` reads a search from parameters or from a body, `handlers` ask and answer.

mod error;
mod handlers;
mod query;
mod types;

#[cfg(test)]
mod tests;

use crate::state::App;
use axum::Router;
use axum::routing::get;
use std::sync::Arc;

/// The routes, below `/api/v3`.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/services", get(handlers::services))
        .route("/operations", get(handlers::operations))
        .route("/traces", get(handlers::find_traces).post(handlers::find_traces_by_body))
        .route("/traces/{id}", get(handlers::trace))
        .route("/dependencies", get(handlers::dependencies))
        .route("/trace-summaries", get(handlers::summaries).post(handlers::summaries_by_body))
}
