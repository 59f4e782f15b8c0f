//! Connections: accepted up to a limit, served over HTTP/1 and HTTP/2, and drained when the server stops.

use crate::limits::{CONNECTIONS_MAX, DRAIN_TIMEOUT, HEAD_BYTES_MAX, HEAD_TIMEOUT, STREAMS_MAX};
use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

/// Pause after a failure to accept, most often for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `stopping` says true or its sender is gone, then lets open requests end within a limit of time.
///
/// A connection that panics ends alone, and is logged.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    mut stopping: watch::Receiver<bool>,
) -> io::Result<()> {
    let builder = Arc::new(connection_builder());
    let graceful = GracefulShutdown::new();
    let connections = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut tasks = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &connections) => accepted,
            Some(ended) = tasks.join_next() => {
                log_panic(&ended);
                continue;
            }
            _ = stopping.wait_for(|is_stopping| *is_stopping) => break,
        };
        let Some((stream, permit)) = accepted else { continue };
        let service = TowerToHyperService::new(router.clone());
        let builder = Arc::clone(&builder);
        let watcher = graceful.watcher();
        tasks.spawn(async move {
            let connection = builder.serve_connection(TokioIo::new(stream), service);
            if let Err(error) = watcher.watch(connection.into_owned()).await {
                // Clients come and go as they please.
                tracing::debug!("connection ended: {error}");
            }
            drop(permit);
        });
    }
    drop(listener);
    if tokio::time::timeout(DRAIN_TIMEOUT, graceful.shutdown()).await.is_err() {
        let seconds = DRAIN_TIMEOUT.as_secs();
        tracing::warn!("requests still open after {seconds} s are cut");
    }
    tasks.shutdown().await;
    Ok(())
}

type Permit = tokio::sync::OwnedSemaphorePermit;

/// The next connection, once there is room for it; `None` after a failure.
async fn accept(listener: &TcpListener, room: &Arc<Semaphore>) -> Option<(TcpStream, Permit)> {
    let permit = Arc::clone(room).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => {
            let _ = stream.set_nodelay(true);
            Some((stream, permit))
        }
        Err(error) => {
            tracing::warn!("accepting a connection failed: {error}");
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

fn connection_builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_BYTES_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(fanal_base::cast::narrow(HEAD_BYTES_MAX));
    builder
}

fn log_panic(ended: &Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!("a connection ended in a panic, which is a bug: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::sync::Notify;

    async fn open() -> TcpListener {
        TcpListener::bind("127.0.0.1:0").await.expect("a port")
    }

    async fn fail() -> &'static str {
        panic!("as told")
    }

    async fn ask(address: std::net::SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("text");
        answer
    }

    #[tokio::test]
    async fn a_panic_ends_one_connection_and_not_the_server() {
        let listener = open().await;
        let address = listener.local_addr().expect("an address");
        let router = Router::new().route("/", get(|| async { "here" })).route("/panic", get(fail));
        let (stop, stopping) = watch::channel(false);
        let server = tokio::spawn(serve(listener, router, stopping));
        assert_eq!(ask(address, "/panic").await, "");
        assert!(ask(address, "/").await.ends_with("here"));
        stop.send_replace(true);
        server.await.expect("no panic").expect("no failure");
        assert!(TcpStream::connect(address).await.is_err(), "the door is closed");
    }

    #[tokio::test]
    async fn open_requests_are_answered_before_the_end() {
        let listener = open().await;
        let address = listener.local_addr().expect("an address");
        let (entered, leave) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (signal, gate) = (Arc::clone(&entered), Arc::clone(&leave));
        let slow = move || async move {
            signal.notify_one();
            gate.notified().await;
            "done"
        };
        let (stop, stopping) = watch::channel(false);
        let server = tokio::spawn(serve(listener, Router::new().route("/", get(slow)), stopping));
        let answer = tokio::spawn(ask(address, "/"));
        entered.notified().await;
        drop(stop);
        leave.notify_one();
        assert!(answer.await.expect("no panic").ends_with("done"));
        server.await.expect("no panic").expect("no failure");
    }
}
