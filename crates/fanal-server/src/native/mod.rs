//! The native API under `/fanal/v1`: what the UI and scripts ask.
//!
//! A request is read (`search`, `ids`, `moments`), asked of the query crate, and written in the types of `types`.
//! Unknown parameters and addresses are refused with words; nothing is cut without a warning in the answer.

pub mod aggregate;
pub mod openapi;
pub mod traceql;
pub mod types;

mod download;
pub(crate) mod error;
pub(crate) mod export;
mod handlers;
mod ids;
pub(crate) mod import;
pub(crate) mod moments;
mod search;
mod skeleton;
pub(crate) mod span;
mod status;
mod values;

#[cfg(test)]
mod tests;

use crate::state::App;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use std::sync::Arc;

/// Root of the API.
pub(crate) const ROOT: &str = "/fanal/v1";

/// The routes, below [`ROOT`].
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/services", get(handlers::services))
        .route("/services/{service}/operations", get(handlers::operations))
        .route("/aggregate", get(handlers::aggregate))
        .route("/search", get(handlers::search))
        .route("/trace/{id}", get(handlers::trace))
        .route("/trace/{id}/span/{span}", get(handlers::span))
        .route("/trace/{id}/otlp", get(handlers::otlp))
        .route("/trace/{id}/download", get(download::download))
        .route("/import", post(import::import).layer(DefaultBodyLimit::disable()))
        .route("/export", get(export::export))
        .route("/traceql/search", post(traceql::search))
        .route("/traceql/metrics", post(traceql::metrics))
        .route("/status", get(handlers::status))
        .route("/openapi.json", get(handlers::openapi))
}
