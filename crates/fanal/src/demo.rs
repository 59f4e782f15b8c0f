//! `fanal demo`: the shop of the testkit sends traces at a human rate, over OTLP like any other sender.

use crate::load::{Answer, HttpSender};
use fanal_base::{Clock, SystemClock};
use fanal_testkit::demo::Shop;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Time that the shop has been open when the demo begins, so that there is something to see at once.
const PAST: Duration = Duration::from_secs(15 * 60);
/// Traces of a request while the past is sent.
const PAST_TRACES_PER_REQUEST: usize = 50;
/// Wait before a request that was not acknowledged is sent again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Starts the shop; it closes at the signal.
pub(crate) fn start(
    tasks: &mut JoinSet<()>,
    otlp_http: SocketAddr,
    mut stopping: watch::Receiver<bool>,
) {
    tasks.spawn(async move {
        tokio::select! {
            () = run_shop(otlp_http) => {}
            _ = stopping.wait_for(|is_stopping| *is_stopping) => {}
        }
    });
}

async fn run_shop(otlp_http: SocketAddr) {
    let now = SystemClock.now_unix_nanos();
    let past = u64::try_from(PAST.as_nanos()).unwrap_or(0);
    let mut shop = Shop::new(now, now.saturating_sub(past));
    let mut sender = HttpSender::otlp(&otlp_http.to_string());
    tracing::info!("the demo shop is open; it sends traces to {otlp_http}");
    loop {
        let mut traces = vec![shop.next_trace()];
        while traces.len() < PAST_TRACES_PER_REQUEST
            && shop.next_start_unix_nanos() < SystemClock.now_unix_nanos()
        {
            traces.push(shop.next_trace());
        }
        let ends = traces.iter().map(|it| it.truth.start_unix_nanos + it.truth.duration_nanos);
        let last_end = ends.max().unwrap_or(0);
        let wait = last_end.saturating_sub(SystemClock.now_unix_nanos());
        tokio::time::sleep(Duration::from_nanos(wait)).await;
        let body = fanal_testkit::encode_request(traces.iter().flat_map(|trace| &trace.spans));
        let body = bytes::Bytes::from(body);
        while let Answer::Retry { why, .. } = sender.send(body.clone()).await {
            tracing::warn!("the demo shop sends again: {why}");
            tokio::time::sleep(RETRY_AFTER).await;
        }
    }
}
