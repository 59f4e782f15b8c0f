//! What path and headers tell of a body.

use fanal_formats::datadog::{Layout, Tracer};
use http::{HeaderMap, HeaderValue, header};

/// Version of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    V03,
    V04,
    V05,
    V07,
}

/// What a content type says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyKind {
    Msgpack,
    Json,
    /// There is none, or nobody can read it: old tracers leave it to the body.
    Unsaid,
}

impl Version {
    /// Every version.
    pub(super) const ALL: [Self; 4] = [Self::V03, Self::V04, Self::V05, Self::V07];

    pub(super) fn path(self) -> &'static str {
        match self {
            Self::V03 => "/v0.3/traces",
            Self::V04 => "/v0.4/traces",
            Self::V05 => "/v0.5/traces",
            Self::V07 => "/v0.7/traces",
        }
    }

    /// The layout of a body.
    pub(super) fn layout(self, kind: BodyKind, body: &[u8]) -> Layout {
        match self {
            Self::V05 => Layout::Table,
            Self::V07 => Layout::Payload,
            Self::V03 | Self::V04 => {
                // No text begins with the head of a list in MessagePack.
                let is_json = match kind {
                    BodyKind::Msgpack => false,
                    BodyKind::Json => true,
                    BodyKind::Unsaid => body.first().is_some_and(u8::is_ascii),
                };
                if is_json { Layout::TracesJson } else { Layout::Traces }
            }
        }
    }

    fn speaks_json(self) -> bool {
        matches!(self, Self::V03 | Self::V04)
    }
}

/// What the content type says, whatever its case and parameters; otherwise what to tell the sender.
pub(super) fn body_kind(version: Version, headers: &HeaderMap) -> Result<BodyKind, String> {
    let value = headers.get(header::CONTENT_TYPE).map_or(Ok(""), HeaderValue::to_str);
    let media_type = value.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    let is = |names: &[&str]| names.iter().any(|name| media_type.eq_ignore_ascii_case(name));
    if is(&["application/msgpack", "application/x-msgpack", "application/vnd.msgpack"]) {
        Ok(BodyKind::Msgpack)
    } else if version.speaks_json() && is(&["application/json", "text/json"]) {
        Ok(BodyKind::Json)
    } else if !media_type.contains('/') {
        Ok(BodyKind::Unsaid)
    } else {
        let json = if version.speaks_json() { " or application/json" } else { "" };
        Err(format!(
            "content-type `{media_type}` is not supported at {}; send application/msgpack{json}",
            version.path(),
        ))
    }
}

/// What the headers tell of the tracer.
pub(super) fn tracer(headers: &HeaderMap) -> Tracer {
    let text = |name: &str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    Tracer {
        language: text("datadog-meta-lang"),
        language_version: text("datadog-meta-lang-version"),
        interpreter: text("datadog-meta-lang-interpreter"),
        version: text("datadog-meta-tracer-version"),
        container_id: text("datadog-container-id"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_follow_from_path_type_and_body() {
        let check = |version: Version, content_type: &str, body: &[u8], expect: Option<Layout>| {
            let mut headers = HeaderMap::new();
            if !content_type.is_empty() {
                headers.insert(header::CONTENT_TYPE, content_type.parse().expect("header"));
            }
            let kind = body_kind(version, &headers).ok();
            let layout = kind.map(|kind| version.layout(kind, body));
            assert_eq!(layout, expect, "{version:?} {content_type}");
        };
        for version in [Version::V03, Version::V04] {
            check(version, "application/msgpack", b"[]", Some(Layout::Traces));
            check(version, "Application/MsgPack; charset=x", b"", Some(Layout::Traces));
            check(version, "application/json", b"\x90", Some(Layout::TracesJson));
            check(version, "text/json", b"", Some(Layout::TracesJson));
            check(version, "", b"[]", Some(Layout::TracesJson));
            check(version, "", b"\x90", Some(Layout::Traces));
            check(version, "nonsense", b" [[]]", Some(Layout::TracesJson));
            check(version, "text/plain", b"[]", None);
        }
        check(Version::V05, "application/msgpack", b"", Some(Layout::Table));
        check(Version::V05, "", b"[]", Some(Layout::Table));
        check(Version::V05, "application/json", b"[]", None);
        check(Version::V07, "application/msgpack", b"", Some(Layout::Payload));
        check(Version::V07, "application/json", b"{}", None);
    }
}
