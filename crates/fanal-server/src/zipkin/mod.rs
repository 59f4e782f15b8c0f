//! Zipkin's query API, on the port of its receiver: services, search, traces, dependencies, tags to complete, health, and
//! where its UI (Lens) is served.
//!
//! A request is read by `form` and `search`, asked of the query crate, and written by the Zipkin format. What a limit cut is
//! told in the header `x-fanal-warning`, because Zipkin's JSON has no place for it. Errors are plain text.
//! <https://zipkin.io/zipkin-api/>

mod answers;
mod form;
mod handlers;
mod lens;
mod names;
mod search;
mod status;

#[cfg(test)]
mod tests;

use crate::state::App;
use axum::Router;
use axum::routing::get;
use std::path::PathBuf;
use std::sync::Arc;

/// What an operator may set.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ZipkinSettings {
    /// Keys of tags whose values a search form offers.
    pub autocomplete_keys: Vec<String>,
    /// Folder with the files of Zipkin's UI, its `index.html` at the top; none: a page that says where Fanal's is.
    pub lens_dir: Option<PathBuf>,
}

/// Roots of the API.
const ROOTS: [&str; 2] = ["/api/v2", "/zipkin/api/v2"];

/// The routes.
pub(crate) fn routes() -> Router<Arc<App>> {
    let router = Router::new()
        .route("/zipkin/config.json", get(status::config))
        .route("/health", get(status::health))
        .route("/actuator/health", get(status::health))
        .route("/info", get(status::info))
        .route("/actuator/info", get(status::info))
        .route("/metrics", get(status::metrics))
        .route("/prometheus", get(status::prometheus))
        .route("/actuator/prometheus", get(status::prometheus))
        .route("/", get(lens::home))
        .route("/favicon.ico", get(lens::icon))
        .route("/zipkin", get(lens::home))
        .route("/zipkin/", get(lens::page))
        .route("/zipkin/{*path}", get(lens::file));
    ROOTS.iter().fold(router, |router, root| {
        let at = |path: &str| format!("{root}{path}");
        router
            .route(&at("/services"), get(handlers::services))
            .route(&at("/spans"), get(handlers::span_names))
            .route(&at("/remoteServices"), get(handlers::remote_services))
            .route(&at("/traces"), get(handlers::traces))
            .route(&at("/trace/{id}"), get(handlers::trace))
            .route(&at("/traceMany"), get(handlers::trace_many))
            .route(&at("/dependencies"), get(handlers::dependencies))
            .route(&at("/autocompleteKeys"), get(handlers::autocomplete_keys))
            .route(&at("/autocompleteValues"), get(handlers::autocomplete_values))
    })
}
