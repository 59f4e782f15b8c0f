//! Datagrams: sent is all that is known of them.

use super::{Answer, RETRY_AFTER};
use anyhow::Context;
use std::sync::Arc;
use tokio::net::UdpSocket;

/// Sends from one socket; clones share it.
#[derive(Debug, Clone)]
pub(super) struct UdpSender(Arc<UdpSocket>);

impl UdpSender {
    pub(super) async fn connect(target: &str) -> anyhow::Result<Self> {
        let socket = UdpSocket::bind("0.0.0.0:0").await?;
        let why = || format!("--target {target}: write HOST:PORT");
        socket.connect(target).await.with_context(why)?;
        Ok(Self(Arc::new(socket)))
    }

    pub(super) async fn send(&self, body: &[u8]) -> Answer {
        match self.0.send(body).await {
            Ok(_) => Answer::Accepted { rejected_spans: 0 },
            Err(error) => Answer::Retry { after: RETRY_AFTER, why: format!("not sent: {error}") },
        }
    }
}
