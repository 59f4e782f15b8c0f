//! What supervisors and Grafana's test of a data source ask: whether Tempo is there, whether it is ready, and which it is.

use super::answers::{Answer, text};
use crate::answer::{self, JSON};
use crate::state::App;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde_json::json;
use std::error::Error as _;
use std::sync::Arc;

/// The version of Tempo whose API this is. Grafana decides by it what it may ask.
const VERSION: &str = "3.1.0";

/// `GET /api/echo`
pub(super) async fn echo() -> Response {
    text(StatusCode::OK, "echo")
}

/// `GET /ready`
pub(super) async fn ready(State(app): State<Arc<App>>) -> Response {
    if !app.given.readiness.is_ready() {
        return text(StatusCode::SERVICE_UNAVAILABLE, "the server is starting or stopping\n");
    }
    match app.given.pipeline.check() {
        Ok(()) => text(StatusCode::OK, "ready\n"),
        Err(error) => {
            let why = error.source().map_or_else(|| error.to_string(), ToString::to_string);
            text(StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n"))
        }
    }
}

/// `GET /api/status/buildinfo`
pub(super) async fn build_info(State(app): State<Arc<App>>) -> Answer {
    let info = json!({
        "version": VERSION,
        "revision": format!("fanal-{}", app.given.version),
        "branch": "",
        "buildUser": "",
        "buildDate": "",
        "goVersion": "",
    });
    let bytes = answer::json_bytes(&info, &app.given.limits)?;
    Ok(answer::body(StatusCode::OK, JSON, bytes))
}
