//! From a URL to a client of the provider that it names.
//!
//! Providers read their credentials from the settings that the binary took from the environment, and from what the
//! machine itself offers (roles of instances and containers). Nothing is asked of the network here.

use super::BucketConfig;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig};
use std::sync::Arc;
use std::time::Duration;

/// Most times that a request is sent again.
const RETRIES_MAX: usize = 3;
/// Wait before the first and before the last retry.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));
/// Longest time to set up a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Part of an upload that is given this many times the time of a read.
pub(super) const UPLOAD_TIMES: u32 = 6;

/// The forms that a URL may have, for errors.
const FORMS: &str = "write s3://BUCKET/FOLDER, gs://BUCKET/FOLDER, az://CONTAINER/FOLDER or \
                     file:///FOLDER";

/// A client, and the folder in its bucket that the URL names.
pub(super) fn connect(config: &BucketConfig) -> Result<(Arc<dyn ObjectStore>, Path), String> {
    let url = config.url.as_str();
    let (scheme, rest) = url.split_once("://").ok_or_else(|| unknown(url))?;
    if scheme == "file" {
        return connect_folder(rest).map_err(|message| format!("`{url}`: {message}"));
    }
    let (bucket, folder) = rest.split_once('/').unwrap_or((rest, ""));
    if bucket.is_empty() || bucket.contains('@') || rest.contains(['?', '#']) {
        return Err(unknown(url));
    }
    choose_cryptography();
    let connected = match scheme {
        "s3" => connect_s3(config, bucket),
        "gs" => connect_gs(config, bucket),
        "az" => connect_az(config, bucket),
        _ => return Err(unknown(url)),
    };
    let folder = Path::parse(folder.trim_end_matches('/')).map_err(|error| error.to_string());
    connected
        .map_err(|error| error.to_string())
        .and_then(|client| Ok((client, folder?)))
        .map_err(|message| format!("`{url}` cannot be used as an object store: {message}"))
}

fn unknown(url: &str) -> String {
    format!("`{url}` is no URL of an object store; {FORMS}")
}

/// The process has one choice; whoever was first has made it.
fn choose_cryptography() {
    drop(rustls::crypto::ring::default_provider().install_default());
}

fn connect_folder(folder: &str) -> Result<(Arc<dyn ObjectStore>, Path), String> {
    if !folder.starts_with('/') {
        return Err(format!("not an absolute folder; {FORMS}"));
    }
    std::fs::create_dir_all(folder).map_err(|error| format!("cannot make the folder: {error}"))?;
    let client = LocalFileSystem::new_with_prefix(folder).map_err(|error| error.to_string())?;
    Ok((Arc::new(client.with_fsync(true)), Path::default()))
}

type Connected = object_store::Result<Arc<dyn ObjectStore>>;

fn connect_s3(config: &BucketConfig, bucket: &str) -> Connected {
    // One request for each object: not every server that speaks S3 knows requests for many.
    let first = AmazonS3Builder::new()
        .with_bucket_name(bucket)
        .with_config(AmazonS3ConfigKey::DisableBulkDelete, "true")
        .with_client_options(client_options(config))
        .with_retry(retry(config));
    let builder =
        settings(config, "AWS_").fold(first, |builder, (name, value)| match name.parse() {
            Ok(key) => builder.with_config(key, value),
            Err(_) => builder,
        });
    Ok(Arc::new(builder.build()?))
}

fn connect_gs(config: &BucketConfig, bucket: &str) -> Connected {
    let first = GoogleCloudStorageBuilder::new()
        .with_bucket_name(bucket)
        .with_client_options(client_options(config))
        .with_retry(retry(config));
    let builder =
        settings(config, "GOOGLE_").fold(first, |builder, (name, value)| match name.parse() {
            Ok(key) => builder.with_config(key, value),
            Err(_) => builder,
        });
    Ok(Arc::new(builder.build()?))
}

fn connect_az(config: &BucketConfig, container: &str) -> Connected {
    let first = MicrosoftAzureBuilder::new()
        .with_container_name(container)
        .with_client_options(client_options(config))
        .with_retry(retry(config));
    let builder =
        settings(config, "AZURE_").fold(first, |builder, (name, value)| match name.parse() {
            Ok(key) => builder.with_config(key, value),
            Err(_) => builder,
        });
    Ok(Arc::new(builder.build()?))
}

/// The provider's settings, names in lower case as its client knows them.
fn settings<'a>(
    config: &'a BucketConfig,
    start: &'a str,
) -> impl Iterator<Item = (String, &'a str)> {
    let of_provider =
        config.provider_settings.iter().filter(move |(name, _)| name.starts_with(start));
    of_provider.map(|(name, value)| (name.to_ascii_lowercase(), value.as_str()))
}

fn client_options(config: &BucketConfig) -> ClientOptions {
    let timeout = Duration::from_secs(config.timeout_seconds);
    // Who names an address without TLS, as of a server in the same machine, means it.
    let is_plain = |(name, value): &(String, String)| {
        name.contains("ENDPOINT") && value.starts_with("http://")
    };
    ClientOptions::new()
        .with_timeout(timeout * UPLOAD_TIMES)
        .with_connect_timeout(CONNECT_TIMEOUT.min(timeout))
        .with_allow_http(config.provider_settings.iter().any(is_plain))
}

fn retry(config: &BucketConfig) -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig { init_backoff: BACKOFF.0, max_backoff: BACKOFF.1, base: 3.0 },
        max_retries: RETRIES_MAX,
        retry_timeout: Duration::from_secs(config.timeout_seconds),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, expect: Result<&str, &str>) {
        let settings = [
            ("AWS_REGION", "eu-1"),
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
            ("AWS_NONSENSE", "kept out"),
            ("AZURE_STORAGE_ACCOUNT_NAME", "account"),
            ("AZURE_STORAGE_ACCOUNT_KEY", "a2V5"),
        ];
        let config = BucketConfig {
            url: url.to_owned(),
            provider_settings: settings.map(|(n, v)| (n.to_owned(), v.to_owned())).to_vec(),
            ..BucketConfig::default()
        };
        match (connect(&config), expect) {
            (Ok((_, folder)), Ok(expected)) => assert_eq!(folder.as_ref(), expected, "{url}"),
            (Err(message), Err(part)) => assert!(message.contains(part), "{url}: {message}"),
            (found, _) => panic!("{url}: {found:?}, not {expect:?}"),
        }
    }

    #[test]
    fn urls_name_a_provider_and_a_folder() {
        let folder = tempfile::tempdir().expect("temp folder");
        let path = folder.path().join("made").display().to_string();
        check(&format!("file://{path}"), Ok(""));
        check("s3://traces", Ok(""));
        check("s3://traces/a/b/", Ok("a/b"));
        check("gs://traces/a", Ok("a"));
        check("az://traces/a", Ok("a"));
        check("file://relative/folder", Err("not an absolute folder"));
        check("s3:///folder", Err("is no URL"));
        check("s3://key:secret@bucket", Err("is no URL"));
        check("s3://bucket/a?x=1", Err("is no URL"));
        check("ftp://bucket/a", Err("is no URL"));
        check("traces", Err("write s3://BUCKET/FOLDER"));
        check("s3://traces/a//b", Err("cannot be used"));
    }
}
