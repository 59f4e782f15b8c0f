//! Settings that OTLP has of its own, with their defaults.

/// Settings of the OTLP receivers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OtlpConfig {
    /// Origins of web pages that may send from a browser to the HTTP receiver, such as `https://shop.example`; `*`
    /// for any. Default none, like the OpenTelemetry Collector: pages served by Fanal itself need none.
    pub cors_allowed_origins: Vec<String>,
}
