//! Where the bytes of an export come from: a server's stream, or a data folder opened here.

use crate::client::Client;
use anyhow::{Context, bail};
use bytes::Bytes;
use fanal_base::SystemClock;
use fanal_formats::otlp::file::{FileFormat, encode};
use fanal_local::{LocalConfig, LocalStore, RealDisk};
use fanal_storage::{SpanPieces, SpanStore, TenantId};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use std::path::Path;
use std::sync::Arc;

/// Bytes of an export, piece by piece.
#[derive(Debug)]
pub(super) struct Pieces {
    source: Source,
    /// Why spans are missing.
    pub(super) missing: Vec<String>,
}

#[derive(Debug)]
enum Source {
    Server(Incoming),
    Folder {
        pieces: Box<dyn SpanPieces>,
        format: FileFormat,
        /// Keeps the folder locked.
        _store: LocalStore,
    },
}

impl Pieces {
    /// Of a running server.
    pub(super) async fn of_server(server: &str, query: &str) -> anyhow::Result<Self> {
        let path = format!("/fanal/v1/export{query}");
        let (headers, body) = Client::new(server)?.stream(&path).await?;
        let missing = headers.get("fanal-incomplete").and_then(|text| text.to_str().ok());
        let missing = missing.map(str::to_owned).into_iter().collect();
        Ok(Self { source: Source::Server(body), missing })
    }

    /// Of a data folder that no server uses.
    pub(super) async fn of_folder(
        folder: &Path,
        query: &str,
        format: FileFormat,
    ) -> anyhow::Result<Self> {
        if !folder.join("tenants").is_dir() {
            bail!(
                "{} is no data folder; name the folder that the server has as its data_dir",
                folder.display()
            );
        }
        let request = fanal_server::export_request(query).map_err(anyhow::Error::msg)?;
        let (clock, disk) = (Arc::new(SystemClock), Arc::new(RealDisk));
        // Without threads of its own: nothing is merged while it is read.
        let store =
            LocalStore::open_stepped(LocalConfig::new(folder), clock, disk).with_context(|| {
                format!(
                    "cannot open {}; to export from a running server leave --data-dir out",
                    folder.display()
                )
            })?;
        let pieces = store.export(&TenantId::default_tenant(), request).await?;
        let missing = pieces.warnings().to_vec();
        Ok(Self { source: Source::Folder { pieces, format, _store: store }, missing })
    }

    /// The next bytes; `None` at the end.
    pub(super) async fn next(&mut self) -> anyhow::Result<Option<Bytes>> {
        match &mut self.source {
            Source::Server(body) => loop {
                match body.frame().await {
                    None => return Ok(None),
                    Some(frame) => {
                        let frame = frame
                            .context("the server's log tells why, or `fanal storage check`")?;
                        if let Ok(data) = frame.into_data() {
                            return Ok(Some(data));
                        }
                    }
                }
            },
            Source::Folder { pieces, format, .. } => loop {
                match pieces.next_piece() {
                    Ok(piece) => return Ok(piece.map(|spans| encode(&spans, *format).into())),
                    // Here nobody can ask again elsewhere: the rest is worth having.
                    Err(error) => self.missing.push(error.to_string()),
                }
            },
        }
    }
}
