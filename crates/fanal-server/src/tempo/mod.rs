//! Tempo's query API, as Grafana asks it: traces by id, search, metrics, tags and their values; over HTTP and over gRPC on one port.
//!
//! A request is read by `form`, asked of the query crate, and written by `answers` from the messages of `fanal_wire::tempo`,
//! as protobuf's own JSON or as protobuf: clients refuse keys that they do not know, so that what an answer cannot say stands
//! in headers. Errors are plain text. <https://grafana.com/docs/tempo/latest/api_docs/>

mod answers;
mod drawable;
mod excerpt;
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

/// What an operator may set.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TempoSettings {
    /// What stands before `/api` in every path of the API, as in `/tempo`; empty for nothing.
    pub path_prefix: String,
}

impl TempoSettings {
    /// Reads a prefix: nothing, or parts of letters, digits, `-`, `_` and `.`, each behind a slash. What ends in a slash is
    /// read without it.
    pub fn parse_prefix(text: &str) -> Result<String, String> {
        let text = text.strip_suffix('/').unwrap_or(text);
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let is_part = |part: &str| !part.is_empty() && part.chars().all(is_plain);
        let is_path = text.strip_prefix('/').is_some_and(|rest| rest.split('/').all(is_part));
        if text.is_empty() || is_path {
            return Ok(text.to_owned());
        }
        Err(format!("`{text}` is no path; write one such as /tempo"))
    }
}

/// The routes. Calls of gRPC and what supervisors ask have no prefix.
pub(crate) fn routes(settings: &TempoSettings) -> Router<Arc<App>> {
    let at = |path: &str| format!("{}/api{path}", settings.path_prefix);
    Router::new()
        .route("/ready", get(status::ready))
        .route(&at("/echo"), get(status::echo))
        .route(&at("/status/buildinfo"), get(status::build_info))
        .route(&at("/traces/{id}"), get(traces::v1))
        .route(&at("/v2/traces/{id}"), get(traces::v2))
        .route(&at("/search"), get(search::search))
        .route(&at("/metrics/query_range"), get(metrics::range))
        .route(&at("/metrics/query"), get(metrics::instant))
        .route(&at("/search/tags"), get(tags::v1))
        .route(&at("/v2/search/tags"), get(tags::v2))
        .route(&at("/search/tag/{*rest}"), get(values::v1))
        .route(&at("/v2/search/tag/{*rest}"), get(values::v2))
        .merge(streaming::routes())
}
