//! Where Zipkin's UI is expected: its files, from a folder that the operator names, or a page that says where Fanal's is.
//!
//! The UI's own addresses are all answered by its page. Reads nothing outside the folder.

use super::answers::ZipkinRefusal;
use crate::refusal::Refusal;
use crate::state::App;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use std::path::{Component, Path as FilePath, PathBuf};
use std::sync::Arc;

/// Largest file that is served, in bytes.
const FILE_BYTES_MAX: u64 = 16 << 20;

const PAGE_CACHE: &str = "max-age=60";
const FILE_CACHE: &str = "max-age=31536000";

/// `GET /`, `GET /zipkin`
pub(super) async fn home() -> Response {
    found("/zipkin/")
}

/// `GET /favicon.ico`
pub(super) async fn icon() -> Response {
    found("/zipkin/favicon.ico")
}

/// Zipkin answers 302.
fn found(to: &str) -> Response {
    let mut response = Redirect::temporary(to).into_response();
    *response.status_mut() = StatusCode::FOUND;
    response
}

/// `GET /zipkin/`
pub(super) async fn page(State(app): State<Arc<App>>) -> Response {
    match &app.given.zipkin.lens_dir {
        Some(folder) => serve(folder.join("index.html"), PAGE_CACHE).await,
        None => without_lens(&app),
    }
}

/// `GET /zipkin/…`: a file, or an address of the UI.
pub(super) async fn file(State(app): State<Arc<App>>, Path(path): Path<String>) -> Response {
    let is_page = matches!(&*path, "index.html" | "dependency" | "traceViewer")
        || path.starts_with("traces/");
    if is_page {
        return page(State(app)).await;
    }
    let is_plain = FilePath::new(&path).components().all(|it| matches!(it, Component::Normal(_)));
    match &app.given.zipkin.lens_dir {
        Some(folder) if is_plain && !path.contains('\\') => {
            serve(folder.join(&path), FILE_CACHE).await
        }
        _ => ZipkinRefusal(Refusal::not_found("no such file of the UI")).into_response(),
    }
}

async fn serve(file: PathBuf, cache: &'static str) -> Response {
    let media_type = media_type(&file);
    let read = tokio::task::spawn_blocking(move || {
        let length = std::fs::metadata(&file)?.len();
        if length > FILE_BYTES_MAX {
            let message = format!("{length} bytes, at most {FILE_BYTES_MAX} are served");
            return Err(std::io::Error::other(message));
        }
        std::fs::read(&file)
    });
    match read.await {
        Ok(Ok(bytes)) => {
            (StatusCode::OK, [(CONTENT_TYPE, media_type), (CACHE_CONTROL, cache)], bytes)
                .into_response()
        }
        Ok(Err(error)) if error.kind() != std::io::ErrorKind::NotFound => {
            tracing::warn!("a file of Zipkin's UI was not read: {error}");
            ZipkinRefusal(Refusal::not_found("no such file of the UI")).into_response()
        }
        _ => ZipkinRefusal(Refusal::not_found("no such file of the UI")).into_response(),
    }
}

fn media_type(file: &FilePath) -> &'static str {
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json" | "map") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("woff") => "font/woff",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    }
}

/// Where the UI of Fanal is.
fn without_lens(app: &App) -> Response {
    let ui = app.given.listeners.iter().find(|listener| listener.name == "ui");
    let address = ui.map_or("", |listener| &listener.address);
    let page = format!(
        "<!doctype html><title>Fanal</title><p>This is Fanal's Zipkin endpoint: spans are sent here, and Zipkin's API \
         is answered here. Fanal's own UI is at <a href=\"http://{address}/\">{address}</a>. To see Zipkin's UI \
         here, set <code>zipkin.lens_dir</code> to the folder of its files.</p>\n"
    );
    (StatusCode::OK, [(CONTENT_TYPE, "text/html; charset=utf-8")], page).into_response()
}
