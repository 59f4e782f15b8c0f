//! Counts of answered requests by route and status.
//!
//! The router's outermost layer writes them, the metrics page reads them. Bounded: routes are the router's own
//! patterns, never addresses.

use crate::state::App;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Requests of every route.
#[derive(Debug, Default)]
pub(crate) struct HttpCounters(Mutex<BTreeMap<(String, u16), HttpCount>>);

/// Requests of one route with one status.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct HttpCount {
    pub(crate) requests: u64,
    pub(crate) nanos: u64,
}

impl HttpCounters {
    fn add(&self, route: String, status: u16, nanos: u64) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry((route, status)).or_default();
        count.requests += 1;
        count.nanos = count.nanos.saturating_add(nanos);
    }

    /// All counts, by route and status.
    pub(crate) fn snapshot(&self) -> BTreeMap<(String, u16), HttpCount> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Counts a request once its answer begins.
pub(crate) async fn count(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let route = match request.extensions().get::<MatchedPath>() {
        Some(path) => path.as_str().to_owned(),
        None => "other".to_owned(),
    };
    let began = app.given.clock.now_unix_nanos();
    let response = next.run(request).await;
    let nanos = app.given.clock.now_unix_nanos().saturating_sub(began);
    app.http_counters.add(route, response.status().as_u16(), nanos);
    response
}
