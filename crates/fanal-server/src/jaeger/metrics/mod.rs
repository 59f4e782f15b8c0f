//! Rates, errors and latencies of services over time (`/api/metrics/…`), which Jaeger's Monitor tab draws.
//!
//! `question` reads and asks, `series` makes points of what the store counted, `http` writes them as Jaeger does. They are
//! computed from the stored spans: no metrics storage is needed.

mod http;
pub(crate) mod question;
mod series;

pub(crate) use question::{MetricsKind, MetricsQuestion, ask};
pub(crate) use series::{Family, Metric, Point};

use crate::state::App;
use axum::Router;
use axum::routing::get;
use std::sync::Arc;

/// The routes, below `/api/metrics`.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/latencies", get(http::latencies))
        .route("/calls", get(http::calls))
        .route("/errors", get(http::errors))
        .route("/minstep", get(http::minstep))
}
