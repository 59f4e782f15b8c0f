//! Metrics from spans under the names that Grafana expects, asked as Prometheus is asked.
//!
//! A request is read by `form`, its PromQL by `promql`; `data` brings the series that it selects from the rates of the query
//! crate, so that the spans in the store are all there is. `answers` writes Prometheus' envelope. `collector` keeps counters
//! of the same for `/metrics` (`exposition`) and `remote_write`.
//! <https://prometheus.io/docs/prometheus/latest/querying/api/>

mod answers;
mod collector;
mod data;
mod exemplars;
mod exposition;
mod form;
mod lists;
mod names;
mod promql;
mod queries;
mod recent;
mod remote_write;
mod settings;
mod totals;
mod windows;

#[cfg(test)]
mod tests;

pub(crate) use collector::Collected;
pub(crate) use exposition::write;
pub(crate) use recent::RecentRates;
pub(crate) use remote_write::RemoteWriteCounters;
pub use settings::{RemoteWriteSettings, SpanMetricsSettings};

use crate::state::App;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::get;
use std::sync::Arc;
use tokio::sync::watch;

/// Largest form in the body of a request, in bytes.
const FORM_BYTES_MAX: usize = 48 << 10;

/// The routes.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api/v1/query", get(queries::instant).post(queries::instant))
        .route("/api/v1/query_range", get(queries::range).post(queries::range))
        .route("/api/v1/query_exemplars", get(exemplars::exemplars).post(exemplars::exemplars))
        .route("/api/v1/series", get(lists::series).post(lists::series))
        .route("/api/v1/labels", get(lists::labels).post(lists::labels))
        .route("/api/v1/label/{name}/values", get(lists::values))
        .route("/api/v1/metadata", get(lists::metadata))
        .route("/api/v1/rules", get(lists::rules))
        .route("/api/v1/status/buildinfo", get(lists::build_info))
        .layer(DefaultBodyLimit::max(FORM_BYTES_MAX))
}

/// Collects counters and sends them, as far as that is set, until the process stops.
pub(crate) async fn collect(app: Arc<App>, mut stopping: watch::Receiver<bool>) {
    if !app.given.span_metrics.is_on {
        return;
    }
    let working = async { tokio::join!(collector::run(&app), remote_write::run(&app)) };
    let stopped = async { drop(stopping.wait_for(|is_stopping| *is_stopping).await) };
    tokio::select! {
        _ = working => {}
        () = stopped => {}
    }
}
