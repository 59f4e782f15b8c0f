//! What answers questions: the routers of every door, over one state, so that their limits are shared.

use crate::grpc::{self, QuestionDoor};
use crate::prometheus;
use crate::router::{router, zipkin_router};
use crate::state::{App, ServerState};
use axum::Router;
use std::sync::Arc;
use tokio::sync::watch;

/// Answers questions at every door.
#[derive(Debug, Clone)]
pub struct Questions(Arc<App>);

impl Questions {
    /// Over what the server is given.
    pub fn new(state: ServerState) -> Self {
        Self(Arc::new(App::new(state)))
    }

    /// Everything that the UI's port answers. Receivers may be merged into it.
    pub fn router(&self) -> Router {
        router(Arc::clone(&self.0))
    }

    /// What Zipkin's port answers beside its receiver.
    pub fn zipkin_router(&self) -> Router {
        zipkin_router(Arc::clone(&self.0))
    }

    /// What another door answers. Receivers may be merged into it.
    pub async fn door(&self, door: &QuestionDoor) -> Router {
        grpc::router(Arc::clone(&self.0), door).await
    }

    /// Collects metrics from spans and sends them, as far as that is set, until the process stops.
    pub async fn collect_span_metrics(self, stopping: watch::Receiver<bool>) {
        prometheus::collect(self.0, stopping).await;
    }

    #[cfg(test)]
    pub(crate) fn app(&self) -> Arc<App> {
        Arc::clone(&self.0)
    }
}
