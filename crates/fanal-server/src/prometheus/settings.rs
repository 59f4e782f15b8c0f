//! What may be set of metrics from spans.

use http::{HeaderMap, HeaderName, HeaderValue};
use std::time::Duration;

/// Settings of metrics from spans.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpanMetricsSettings {
    /// Whether they are collected for `/metrics` and remote write; the query API answers without.
    pub is_on: bool,
    /// Most keys of spans, and most of calls, that are told apart where they are collected; others share one series.
    pub keys_max: usize,
    /// Where they are sent.
    pub remote_write: RemoteWriteSettings,
}

/// Settings of remote write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteWriteSettings {
    /// The address of the receiver; `None`: nothing is sent.
    pub url: Option<String>,
    /// Headers of each request.
    pub headers: HeaderMap,
    /// Time between two samples.
    pub interval: Duration,
}

impl Default for SpanMetricsSettings {
    fn default() -> Self {
        Self { is_on: true, keys_max: 2000, remote_write: RemoteWriteSettings::default() }
    }
}

impl Default for RemoteWriteSettings {
    fn default() -> Self {
        Self { url: None, headers: HeaderMap::new(), interval: Duration::from_secs(15) }
    }
}

impl RemoteWriteSettings {
    /// Reads an address of HTTP.
    pub fn read_url(text: &str) -> Result<Option<String>, String> {
        if text.is_empty() {
            return Ok(None);
        }
        let is_http = text.starts_with("http://") || text.starts_with("https://");
        match reqwest::Url::parse(text) {
            Ok(url) if is_http && url.has_host() => Ok(Some(url.into())),
            _ => Err(format!(
                "`{text}` is no URL of HTTP; write one such as http://prometheus:9090/api/v1/write"
            )),
        }
    }

    /// Reads headers, which semicolons part.
    pub fn read_headers(text: &str) -> Result<HeaderMap, String> {
        let mut headers = HeaderMap::new();
        for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
            let header = part.split_once(':').and_then(|(name, value)| {
                let name = HeaderName::try_from(name.trim()).ok()?;
                let mut value = HeaderValue::try_from(value.trim()).ok()?;
                value.set_sensitive(true);
                Some((name, value))
            });
            // The text may hold a secret, so that it is not repeated.
            let (name, value) =
                header.ok_or("a header is not `NAME: VALUE`; part headers with `;`")?;
            headers.append(name, value);
        }
        Ok(headers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_and_headers_are_read() {
        let url = |text: &str| RemoteWriteSettings::read_url(text).map_err(|_| ());
        assert_eq!(url(""), Ok(None));
        assert_eq!(url("http://a:9/w"), Ok(Some("http://a:9/w".to_owned())));
        assert_eq!(url("https://a/w"), Ok(Some("https://a/w".to_owned())));
        assert_eq!(url("a:9/w"), Err(()));
        assert_eq!(url("ftp://a/w"), Err(()));
        let headers = |text: &str| RemoteWriteSettings::read_headers(text).map_err(|_| ());
        let two = headers("Authorization: Bearer a:b; X-Scope-OrgID:1").expect("two");
        assert_eq!(two["authorization"], "Bearer a:b");
        assert_eq!(two["x-scope-orgid"], "1");
        assert_eq!(headers(""), Ok(HeaderMap::new()));
        assert_eq!(headers("a b: c"), Err(()));
        assert_eq!(headers("Authorization"), Err(()));
    }
}
