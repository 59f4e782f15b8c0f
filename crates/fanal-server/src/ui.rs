//! The UI's files, embedded by `build.rs`.
//!
//! The router's fallback: every address that no API has is a page of the UI, which routes in the browser. Files
//! below `assets/` carry a hash of their content in their names and never change.

use crate::answer::accepts_gzip;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{
    ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH,
    VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};

/// A file of the UI.
struct UiFile {
    /// Path below the root, without a slash before it.
    path: &'static str,
    /// Entity tag, with its quotes.
    tag: &'static str,
    plain: &'static [u8],
    /// Its gzip form, where that is shorter.
    gzip: Option<&'static [u8]>,
}

static FILES: &[UiFile] = include!(concat!(env!("OUT_DIR"), "/ui_files.rs"));

/// The page.
const INDEX: &str = "index.html";

/// Folder of files whose names carry a hash.
const HASHED: &str = "assets/";

const FOREVER: &str = "public, max-age=31536000, immutable";
const ASK_ALWAYS: &str = "no-cache";

/// Answers a file, or the page.
pub(crate) fn answer(method: &Method, uri: &Uri, headers: &HeaderMap) -> Response {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return (StatusCode::METHOD_NOT_ALLOWED, [(ALLOW, "GET, HEAD")]).into_response();
    }
    let path = uri.path().trim_start_matches('/');
    let find = |path: &str| FILES.iter().find(|file| file.path == path);
    let is_hashed = path.starts_with(HASHED);
    let page = || if is_hashed { None } else { find(INDEX) };
    match find(path).or_else(page) {
        Some(file) => file.answer(headers),
        None => (StatusCode::NOT_FOUND, "no such file; reload the page\n").into_response(),
    }
}

impl UiFile {
    fn answer(&self, headers: &HeaderMap) -> Response {
        let caching = if self.path.starts_with(HASHED) { FOREVER } else { ASK_ALWAYS };
        let mut fields =
            vec![(CACHE_CONTROL, caching), (ETAG, self.tag), (VARY, ACCEPT_ENCODING.as_str())];
        let known = headers.get(IF_NONE_MATCH).and_then(|value| value.to_str().ok());
        let is_known = known.is_some_and(|known| {
            known.split(',').any(|tag| tag.trim().trim_start_matches("W/") == self.tag)
        });
        if is_known {
            return with_fields(StatusCode::NOT_MODIFIED, fields, &[]);
        }
        fields.push((CONTENT_TYPE, media_type(self.path)));
        let body = match self.gzip.filter(|_| accepts_gzip(headers)) {
            Some(gzip) => {
                fields.push((CONTENT_ENCODING, "gzip"));
                gzip
            }
            None => self.plain,
        };
        with_fields(StatusCode::OK, fields, body)
    }
}

fn with_fields(
    status: StatusCode,
    fields: Vec<(HeaderName, &'static str)>,
    body: &'static [u8],
) -> Response {
    let mut response = (status, Body::from(Bytes::from_static(body))).into_response();
    for (name, value) in fields {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(path: &str, headers: &[(HeaderName, &str)]) -> Response {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.clone(), value.parse().expect("a header value")))
            .collect();
        answer(&Method::GET, &path.parse().expect("an address"), &headers)
    }

    #[test]
    fn pages_are_the_index_and_assets_are_files() {
        let check = |path: &str, status: u16, media_type: &str| {
            let response = get(path, &[]);
            let found =
                response.headers().get(CONTENT_TYPE).expect("a type").to_str().expect("text");
            assert_eq!((response.status().as_u16(), found), (status, media_type), "{path}");
        };
        for page in ["/", "/index.html", "/explore", "/start", "/trace/0af7?span=1"] {
            check(page, 200, "text/html; charset=utf-8");
        }
        check("/assets/none-12345678.js", 404, "text/plain; charset=utf-8");
    }

    #[test]
    fn the_page_is_revalidated() {
        let response = get("/", &[]);
        assert_eq!(response.headers()[CACHE_CONTROL], "no-cache");
        let tag = response.headers()[ETAG].to_str().expect("text").to_owned();
        assert!(tag.len() > 2 && tag.starts_with('"') && tag.ends_with('"'), "{tag}");
        assert_eq!(get("/", &[(IF_NONE_MATCH, &tag)]).status(), StatusCode::NOT_MODIFIED);
        assert_eq!(get("/", &[(IF_NONE_MATCH, "\"other\"")]).status(), StatusCode::OK);
    }

    #[test]
    fn files_are_sent_as_they_are_kept() {
        let file =
            UiFile { path: "assets/a-1.js", tag: "\"t\"", plain: b"long", gzip: Some(b"gz") };
        let mut headers = HeaderMap::new();
        let plain = file.answer(&headers);
        assert_eq!(plain.headers()[CACHE_CONTROL], FOREVER);
        assert!(plain.headers().get(CONTENT_ENCODING).is_none());
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        let gzip = file.answer(&headers);
        assert_eq!(gzip.headers()[CONTENT_ENCODING], "gzip");
        assert_eq!(gzip.headers()[CONTENT_TYPE], "text/javascript; charset=utf-8");
    }

    #[test]
    fn other_methods_are_refused() {
        let response = answer(&Method::POST, &Uri::from_static("/explore"), &HeaderMap::new());
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    }
}
