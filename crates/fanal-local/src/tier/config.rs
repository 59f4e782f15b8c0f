//! Configuration of the object-store tier. The binary fills it from its own file and environment.

use std::fmt;

/// Which blocks move, and how much of what moved is kept near.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TierConfig {
    /// Age in seconds, by its latest span, at which a block moves. Default 86 400.
    pub after_seconds: u64,
    /// Most bytes of the local file that caches what was read from the object store. Default 1 GiB.
    pub cache_bytes_max: u64,
}

impl Default for TierConfig {
    fn default() -> Self {
        Self { after_seconds: 86_400, cache_bytes_max: 1 << 30 }
    }
}

/// Where the object store is.
#[derive(Clone, PartialEq, Eq)]
pub struct BucketConfig {
    /// `s3://bucket/folder`, `gs://bucket/folder`, `az://container/folder` or `file:///folder`; empty for none.
    pub url: String,
    /// Longest time in seconds that a read from it may take, retries included; an upload of one part gets six times
    /// as long. Default 10.
    pub timeout_seconds: u64,
    /// Settings of the provider by the names that its own tools use in the environment, such as `AWS_REGION` or
    /// `AWS_SECRET_ACCESS_KEY`. Those of other providers are left alone.
    pub provider_settings: Vec<(String, String)>,
}

impl Default for BucketConfig {
    fn default() -> Self {
        Self { url: String::new(), timeout_seconds: 10, provider_settings: Vec::new() }
    }
}

impl fmt::Debug for BucketConfig {
    /// Without the values of the provider's settings, which are secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.provider_settings.iter().map(|(name, _)| &**name).collect();
        f.debug_struct("BucketConfig")
            .field("url", &self.url)
            .field("timeout_seconds", &self.timeout_seconds)
            .field("provider_settings", &names)
            .finish()
    }
}
