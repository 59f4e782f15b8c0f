//! The ready file: written once every door is open, so that whoever started the server knows where to go.

use anyhow::Context;
use std::net::SocketAddr;
use std::path::Path;

/// Writes the addresses as one JSON object, whole or not at all.
pub(crate) fn write(path: &Path, doors: &[(&str, SocketAddr)]) -> anyhow::Result<()> {
    let object: serde_json::Map<String, serde_json::Value> = doors
        .iter()
        .map(|(name, address)| ((*name).to_owned(), address.to_string().into()))
        .collect();
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let text = format!("{}\n", serde_json::Value::Object(object));
    std::fs::write(&partial, text)
        .and_then(|()| std::fs::rename(&partial, path))
        .with_context(|| format!("cannot write the ready file {}", path.display()))
}
