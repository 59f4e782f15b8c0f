//! Serving a listener: connections in, requests to a router, a stop that loses nothing.
//!
//! Every HTTP-based receiver runs on this one loop. Speaks HTTP/1 and HTTP/2 by their first bytes, so that a
//! sender with the wrong protocol for a port hears so. Invariant: connections, streams, headers and idle time
//! are bounded by the named limits below. Knows no path.

use axum::Router;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Longest wait for the first byte of a connection and for the headers of an HTTP/1 request; so also the longest
/// idle time of an HTTP/1 connection.
pub const HEADER_READ_TIMEOUT: Duration = Duration::from_secs(75);

/// Most bytes of headers of a request.
pub const HEADER_BYTES_MAX: u32 = 32 << 10;

/// Most streams at once on an HTTP/2 connection; senders wait for a free one.
pub const STREAMS_MAX: u32 = 256;

/// HTTP/2 window of a stream and of a connection, in bytes: what a sender may have on the way before it is read, which
/// no budget counts. A usual batch fits.
pub const WINDOW_BYTES: u32 = 1 << 20;

/// Largest HTTP/2 frame that senders may use, in bytes: a usual batch arrives in one, and need not be joined. Frames of
/// 64 KiB cost 5 to 10 % more CPU a span.
pub const FRAME_BYTES_MAX: u32 = 1 << 20;

/// Time between HTTP/2 pings, and the longest wait for an answer before the connection counts as dead.
pub const PING_INTERVAL: Duration = Duration::from_secs(30);
/// See [`PING_INTERVAL`].
pub const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// Pause after the system refused to accept, which it does when out of file handles.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A signal to stop: true, or its sender gone.
pub type Shutdown = watch::Receiver<bool>;

/// Limits of one listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListenLimits {
    /// Most connections at once; further ones wait in the system's queue. Default 4096.
    pub connections_max: usize,
    /// Longest wait at stop for requests in flight, after which they are cut. Default 15 s.
    pub drain_timeout: Duration,
}

impl Default for ListenLimits {
    fn default() -> Self {
        Self { connections_max: 4096, drain_timeout: Duration::from_secs(15) }
    }
}

/// How serving ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drained {
    /// Connections that were cut with requests in flight, 0 when everything was answered.
    pub connections_cut: usize,
}

/// Serves a listener until the signal, then lets requests in flight finish.
///
/// `name` appears in the events logged at start and stop.
pub(crate) async fn serve(
    listener: TcpListener,
    name: &'static str,
    router: Router,
    limits: ListenLimits,
    mut shutdown: Shutdown,
) -> Drained {
    let address = listener.local_addr().map_or_else(|_| String::new(), |at| at.to_string());
    tracing::info!(receiver = name, address, "listening");
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    loop {
        let has_room = connections.len() < limits.connections_max;
        tokio::select! {
            () = stop_requested(&mut shutdown) => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            accepted = listener.accept(), if has_room => match accepted {
                Ok((stream, _)) => {
                    let watcher = graceful.watcher();
                    let connection =
                        serve_connection(stream, router.clone(), watcher, shutdown.clone());
                    connections.spawn(connection);
                }
                Err(error) => {
                    tracing::warn!(receiver = name, %error, "accept failed");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    let drain = tokio::time::timeout(limits.drain_timeout, graceful.shutdown());
    let is_drained = drain.await.is_ok();
    let connections_cut = if is_drained {
        0
    } else {
        while connections.try_join_next().is_some() {}
        connections.len()
    };
    connections.shutdown().await;
    tracing::info!(receiver = name, connections_cut, "stopped");
    Drained { connections_cut }
}

/// Resolves when the signal says stop.
pub(crate) async fn stop_requested(shutdown: &mut Shutdown) {
    // An error means that nobody is left to say stop, which is a stop as well.
    let _ = shutdown.wait_for(|is_stopping| *is_stopping).await;
}

/// Errors of a connection concern its sender alone, who sees them; requests are counted where they are read.
async fn serve_connection(
    stream: TcpStream,
    router: Router,
    watcher: Watcher,
    mut shutdown: Shutdown,
) {
    // Without it an answer may wait for the acknowledgement of earlier bytes; with an error it is only slower.
    let _ = stream.set_nodelay(true);
    let begins = tokio::time::timeout(HEADER_READ_TIMEOUT, begins_http2(&stream));
    let is_http2 = tokio::select! {
        begins = begins => begins,
        () = stop_requested(&mut shutdown) => return,
    };
    let Ok(Ok(is_http2)) = is_http2 else { return };
    let io = TokioIo::new(stream);
    let service = TowerToHyperService::new(router);
    let _ = if is_http2 {
        watcher.watch(http2_builder().serve_connection(io, service)).await
    } else {
        watcher.watch(http1_builder().serve_connection(io, service)).await
    };
}

/// Whether the first bytes are those of HTTP/2 (<https://httpwg.org/specs/rfc9113.html#preface>).
async fn begins_http2(stream: &TcpStream) -> std::io::Result<bool> {
    let mut head = [0; 3];
    let read = stream.peek(&mut head).await?;
    Ok(head[..read] == *b"PRI")
}

fn http1_builder() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_READ_TIMEOUT)
        .max_header_size(fanal_base::cast::index(HEADER_BYTES_MAX));
    builder
}

fn http2_builder() -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES)
        .max_frame_size(FRAME_BYTES_MAX)
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(HEADER_BYTES_MAX)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT);
    builder
}
