//! How the server is doing, in Zipkin's words, and what its UI asks at its start.

use super::answers::{self, Answer};
use crate::answer::{self as plain, JSON};
use crate::state::App;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use fanal_pipeline::ReceiverSnapshot;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use serde_json::{Map, Value, json};
use std::error::Error as _;
use std::fmt::Write as _;
use std::sync::Arc;

/// Zipkin's clients keep its configuration for ten minutes.
const CONFIG_CACHE: HeaderValue = HeaderValue::from_static("max-age=600");

/// The receiver of this port, and how Zipkin calls the way of its spans.
const RECEIVER: &str = "zipkin";
const TRANSPORT: &str = "http";

/// `GET /zipkin/config.json`
pub(super) async fn config(State(app): State<Arc<App>>) -> Answer {
    let config = json!({
        "environment": "",
        "queryLimit": 10,
        "defaultLookback": 900_000,
        "searchEnabled": true,
        "logsUrl": null,
        "supportUrl": null,
        "archivePostUrl": null,
        "archiveUrl": null,
        "dependency": {"enabled": true, "lowErrorRate": 0.5, "highErrorRate": 0.75},
    });
    let mut response = answers::json(&config, &[], &app.given.limits)?;
    response.headers_mut().insert(CACHE_CONTROL, CONFIG_CACHE);
    Ok(response)
}

/// `GET /health`
pub(super) async fn health(State(app): State<Arc<App>>) -> Response {
    let problem = if app.given.readiness.is_ready() {
        let refused = app.given.pipeline.check().err();
        refused.map(|error| error.source().map_or_else(|| error.to_string(), ToString::to_string))
    } else {
        Some("the server is starting or stopping".to_owned())
    };
    let (status, word) = match problem {
        None => (StatusCode::OK, "UP"),
        Some(_) => (StatusCode::SERVICE_UNAVAILABLE, "DOWN"),
    };
    let mut store = json!({"status": word});
    if let Some(problem) = problem {
        store["details"] = json!({"error": problem});
    }
    let zipkin = json!({"status": word, "details": {"Fanal": store}});
    let body = json!({"status": word, "zipkin": zipkin});
    plain::body(status, JSON, body.to_string())
}

/// `GET /info`
pub(super) async fn info(State(app): State<Arc<App>>) -> Answer {
    let info = json!({"zipkin": {"version": app.given.version, "commit": "fanal"}});
    answers::json(&info, &[], &app.given.limits)
}

/// What Zipkin counts of the spans that came by this port.
fn counters(app: &App) -> [(&'static str, u64); 5] {
    let snapshot = app.given.pipeline.snapshot();
    let own = snapshot.receivers.iter().find(|receiver| receiver.receiver == RECEIVER);
    let read = |count: fn(&ReceiverSnapshot) -> u64| own.map_or(0, count);
    let sum = |counts: &[(&'static str, u64)]| counts.iter().map(|(_, count)| count).sum::<u64>();
    let dropped = own.map_or(0, |it| sum(&it.rejected_spans));
    [
        ("messages", read(|it| it.requests)),
        ("messages_dropped", own.map_or(0, |it| it.rejected_requests.iter().map(|it| it.1).sum())),
        ("bytes", read(|it| it.request_bytes)),
        ("spans", read(|it| it.accepted_spans) + dropped),
        ("spans_dropped", dropped),
    ]
}

/// `GET /metrics`
pub(super) async fn metrics(State(app): State<Arc<App>>) -> Answer {
    let name = |word: &str| format!("counter.zipkin_collector.{word}.{TRANSPORT}");
    let page: Map<String, Value> =
        counters(&app).into_iter().map(|(word, count)| (name(word), count.into())).collect();
    answers::json(&page, &[], &app.given.limits)
}

/// `GET /prometheus`
pub(super) async fn prometheus(State(app): State<Arc<App>>) -> Response {
    let mut page = String::new();
    for (word, count) in counters(&app) {
        let name = format!("zipkin_collector_{word}_total");
        let _ =
            writeln!(page, "# TYPE {name} counter\n{name}{{transport=\"{TRANSPORT}\"}} {count}");
    }
    let media_type = "text/plain; version=0.0.4; charset=utf-8";
    (StatusCode::OK, [(CONTENT_TYPE, media_type)], page).into_response()
}
