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

/// The status of a request whose client went away before its answer began.
const GONE: u16 = 499;

/// Counts a request once its answer begins, or its client has gone.
pub(crate) async fn count(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let route = match request.extensions().get::<MatchedPath>() {
        Some(path) => path.as_str().to_owned(),
        None => "other".to_owned(),
    };
    let began = app.given.clock.now_unix_nanos();
    let mut counting = Counting { app: &app, route, began, status: GONE };
    let response = next.run(request).await;
    counting.status = response.status().as_u16();
    response
}

/// A request that is being answered, and that is dropped with its connection.
struct Counting<'a> {
    app: &'a App,
    route: String,
    began: u64,
    status: u16,
}

impl Drop for Counting<'_> {
    fn drop(&mut self) {
        let nanos = self.app.given.clock.now_unix_nanos().saturating_sub(self.began);
        self.app.http_counters.add(std::mem::take(&mut self.route), self.status, nanos);
    }
}

#[cfg(test)]
mod tests {
    use super::GONE;
    use crate::limits::Limits;
    use crate::testing::{MuteStore, Server};
    use std::sync::Arc;
    use std::task::{Context, Waker};

    #[tokio::test]
    async fn a_request_whose_client_has_gone_is_counted() {
        let server = Server::over(Arc::new(MuteStore::Silent), Limits::default());
        let mut request = Box::pin(server.get("/fanal/v1/services"));
        let is_waiting =
            request.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending();
        assert!(is_waiting, "the store is silent");
        assert!(server.app().http_counters.snapshot().is_empty());
        // As a connection drops it.
        drop(request);
        let counts = server.app().http_counters.snapshot();
        let counts: Vec<(u16, u64)> =
            counts.iter().map(|((_, status), count)| (*status, count.requests)).collect();
        assert_eq!(counts, [(GONE, 1)]);
    }
}
