//! Tempo's query API, as Grafana asks it: traces by id, search, metrics, tags and their values; over HTTP and over gRPC on one port.
//!
//! A request is read by `form`, asked of the query crate, and written by `answers` from the messages of `fanal_wire::tempo`,
//! as protobuf's own JSON or as protobuf: clients refuse keys that they do not know, so that what an answer cannot say stands
//! in headers. Errors are plain text. <https://grafana.com/docs/tempo/latest/api_docs/>

mod answers;
mod drawable;
mod filter;
mod form;
mod legacy;
mod metrics;
mod search;
mod status;
mod streaming;
mod tags;
mod traces;
mod values;

#[cfg(test)]
mod tests;

pub(crate) use answers::PROTOBUF;
pub(crate) use streaming::SERVICE;

use crate::state::App;
use axum::Router;
use axum::routing::get;
use std::sync::Arc;

/// The routes.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api/echo", get(status::echo))
        .route("/ready", get(status::ready))
        .route("/api/status/buildinfo", get(status::build_info))
        .route("/api/traces/{id}", get(traces::v1))
        .route("/api/v2/traces/{id}", get(traces::v2))
        .route("/api/search", get(search::search))
        .route("/api/metrics/query_range", get(metrics::range))
        .route("/api/metrics/query", get(metrics::instant))
        .route("/api/search/tags", get(tags::v1))
        .route("/api/v2/search/tags", get(tags::v2))
        .route("/api/search/tag/{*rest}", get(values::v1))
        .route("/api/v2/search/tag/{*rest}", get(values::v2))
        .merge(streaming::routes())
}
