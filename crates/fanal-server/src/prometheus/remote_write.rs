//! Remote write 1.0: the counters are sent to a receiver of Prometheus' protocol at equal times.
//!
//! What waits is bounded in bytes, the oldest going first: counters lose nothing by that but points in between.
//! <https://prometheus.io/docs/specs/prw/remote_write_spec/>

use super::exposition::{Line, TRACE_ID, lines};
use super::names::{BOUND, FAMILIES, NAME};
use super::settings::RemoteWriteSettings;
use super::totals::Totals;
use crate::state::App;
use bytes::Bytes;
use fanal_base::cast;
use fanal_wire::remote_write::{Exemplar, Label, MetricMetadata, Sample, TimeSeries, WriteRequest};
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, USER_AGENT};
use http::{HeaderName, HeaderValue};
use prost::Message as _;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// Most series of a request.
const SERIES_MAX: usize = 2000;

/// Most bytes of requests that wait.
const QUEUE_BYTES_MAX: usize = 16 << 20;

/// Longest time for a request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Wait after the first failure; it doubles up to the longest.
const BACKOFF_MIN: Duration = Duration::from_secs(1);
const BACKOFF_MAX: Duration = Duration::from_secs(30);

const VERSION: HeaderName = HeaderName::from_static("x-prometheus-remote-write-version");

/// What became of samples.
#[derive(Debug, Default)]
pub(crate) struct RemoteWriteCounters {
    pub(crate) sent_samples: AtomicU64,
    pub(crate) dropped_samples: AtomicU64,
    pub(crate) failed_requests: AtomicU64,
    pub(crate) queue_bytes: AtomicU64,
}

/// A request that waits.
#[derive(Debug, Clone)]
struct Waiting {
    body: Bytes,
    samples: u64,
}

/// What a receiver made of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    Taken,
    /// Worth another try.
    Later(String),
    /// Not taken however often it is sent.
    Refused(String),
}

/// Sends without an end; nothing where no receiver is set.
pub(super) async fn run(app: &App) {
    let settings = &app.given.span_metrics.remote_write;
    let Some(url) = settings.url.clone() else { return };
    // The process has one choice of cryptography; whoever was first has made it.
    drop(rustls::crypto::ring::default_provider().install_default());
    let client = match reqwest::Client::builder().timeout(REQUEST_TIMEOUT).build() {
        Ok(client) => client,
        Err(error) => {
            tracing::error!("remote write cannot start: {}", crate::refusal::chain(&error));
            return;
        }
    };
    let (waiting, next_try) = (VecDeque::new(), Instant::now());
    let mut sender = Sender { url, client, waiting, backoff: Duration::ZERO, next_try };
    let mut ticks = tokio::time::interval(settings.interval);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        // Not a pause from now on, which each tick would begin anew.
        let next_try = sender.next_try;
        tokio::select! {
            _ = ticks.tick() => {
                let now = app.given.clock.now_unix_nanos();
                let requests = requests(&app.collected.totals(), now);
                sender.add(requests, &app.remote_write);
            }
            () = tokio::time::sleep_until(next_try), if !sender.waiting.is_empty() => {
                sender.send(settings, &app.remote_write).await;
            }
        }
    }
}

/// Requests with all counters at a time.
fn requests(totals: &Totals, now_unix_nanos: u64) -> Vec<Waiting> {
    let timestamp = i64::try_from(now_unix_nanos / 1_000_000).unwrap_or(i64::MAX);
    let mut series = Vec::new();
    for family in &FAMILIES {
        lines(totals, family, |line| series.push(time_series(&line, timestamp)));
    }
    let metadata = |family: &super::names::Family| MetricMetadata {
        r#type: if family.is_histogram() { 3 } else { 1 },
        metric_family_name: family.name.to_owned(),
        help: family.help.to_owned(),
    };
    let request = |(place, series): (usize, &[TimeSeries])| {
        let told = if place == 0 { FAMILIES.iter().map(metadata).collect() } else { Vec::new() };
        let request = WriteRequest { timeseries: series.to_vec(), metadata: told };
        let body = snap::raw::Encoder::new().compress_vec(&request.encode_to_vec());
        body.ok().map(|body| Waiting { body: body.into(), samples: cast::wide(series.len()) })
    };
    series.chunks(SERIES_MAX).enumerate().filter_map(request).collect()
}

fn time_series(line: &Line<'_>, timestamp: i64) -> TimeSeries {
    let label = |name: &str, value: &str| Label { name: name.to_owned(), value: value.to_owned() };
    let mut labels: Vec<Label> =
        line.labels.iter().map(|(name, value)| label(name, value)).collect();
    labels.extend(line.bound.map(|bound| label(BOUND, bound)));
    labels.push(label(NAME, line.name));
    labels.sort_by(|left, right| left.name.cmp(&right.name));
    let exemplar = |it: fanal_query::rates::RateExemplar| Exemplar {
        labels: vec![label(TRACE_ID, &it.trace_id.to_string())],
        value: cast::figure(it.nanos) / 1e9,
        timestamp: i64::try_from(it.unix_nanos / 1_000_000).unwrap_or(i64::MAX),
    };
    TimeSeries {
        labels,
        samples: vec![Sample { value: line.value, timestamp }],
        exemplars: line.exemplar.map(exemplar).into_iter().collect(),
    }
}

/// What is to be sent, and where.
#[derive(Debug)]
struct Sender {
    url: String,
    client: reqwest::Client,
    waiting: VecDeque<Waiting>,
    backoff: Duration,
    next_try: Instant,
}

impl Sender {
    fn bytes(&self) -> usize {
        self.waiting.iter().map(|request| request.body.len()).sum()
    }

    fn add(&mut self, requests: Vec<Waiting>, counters: &RemoteWriteCounters) {
        self.waiting.extend(requests);
        while self.bytes() > QUEUE_BYTES_MAX
            && let Some(oldest) = self.waiting.pop_front()
        {
            counters.dropped_samples.fetch_add(oldest.samples, Ordering::Relaxed);
        }
        counters.queue_bytes.store(cast::wide(self.bytes()), Ordering::Relaxed);
    }

    /// Sends the oldest.
    async fn send(&mut self, settings: &RemoteWriteSettings, counters: &RemoteWriteCounters) {
        let Some(oldest) = self.waiting.front().cloned() else { return };
        match self.post(settings, oldest.body).await {
            Outcome::Taken => {
                counters.sent_samples.fetch_add(oldest.samples, Ordering::Relaxed);
                self.waiting.pop_front();
                self.backoff = Duration::ZERO;
            }
            Outcome::Later(why) => {
                counters.failed_requests.fetch_add(1, Ordering::Relaxed);
                self.backoff = (self.backoff * 2).clamp(BACKOFF_MIN, BACKOFF_MAX);
                self.next_try = Instant::now() + self.backoff;
                let seconds = self.backoff.as_secs();
                tracing::warn!("remote write failed, next try in {seconds} s: {why}");
            }
            Outcome::Refused(why) => {
                counters.failed_requests.fetch_add(1, Ordering::Relaxed);
                counters.dropped_samples.fetch_add(oldest.samples, Ordering::Relaxed);
                self.waiting.pop_front();
                self.backoff = Duration::ZERO;
                tracing::warn!(
                    "remote write was refused, {} samples are lost: {why}",
                    oldest.samples
                );
            }
        }
        counters.queue_bytes.store(cast::wide(self.bytes()), Ordering::Relaxed);
    }

    async fn post(&self, settings: &RemoteWriteSettings, body: Bytes) -> Outcome {
        let sent = self
            .client
            .post(&self.url)
            .header(USER_AGENT, HeaderValue::from_static("fanal"))
            .header(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"))
            .header(CONTENT_ENCODING, HeaderValue::from_static("snappy"))
            .header(VERSION, HeaderValue::from_static("0.1.0"))
            .headers(settings.headers.clone())
            .body(body)
            .send()
            .await;
        match sent {
            Ok(answer) => outcome(answer.status()),
            // The address may hold a password.
            Err(error) => Outcome::Later(crate::refusal::chain(&error.without_url())),
        }
    }
}

fn outcome(status: http::StatusCode) -> Outcome {
    let why = format!("the receiver answered {status}");
    if status.is_success() {
        Outcome::Taken
    } else if status.is_server_error() || status == http::StatusCode::TOO_MANY_REQUESTS {
        Outcome::Later(why)
    } else {
        Outcome::Refused(why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fanal_query::rates::{CallKey, Connection, RateTally};

    #[test]
    fn requests_have_sorted_labels_and_every_number() {
        let mut totals = Totals::default();
        let key =
            CallKey { client: "a".into(), server: "b".into(), connection: Connection::Direct };
        let tally = RateTally { count: 3, failed: 1, ..RateTally::default() };
        totals.calls.keys.insert(key, super::super::totals::Counter { tally, exemplar: None });
        let requests = requests(&totals, 5_000_000_000);
        assert_eq!((requests.len(), requests[0].samples), (1, 2 + 2 * 11));
        let plain = snap::raw::Decoder::new().decompress_vec(&requests[0].body).expect("snappy");
        let request = WriteRequest::decode(&*plain).expect("a message");
        let first = &request.timeseries[0];
        let labels: Vec<(&str, &str)> =
            first.labels.iter().map(|label| (&*label.name, &*label.value)).collect();
        let name = "traces_service_graph_request_total";
        assert_eq!(labels, [("__name__", name), ("client", "a"), ("server", "b")]);
        assert_eq!(first.samples, [Sample { value: 3.0, timestamp: 5000 }]);
        assert_eq!(request.metadata.len(), FAMILIES.len());
        assert!(super::requests(&Totals::default(), 0).is_empty());
    }

    #[test]
    fn statuses_decide_about_another_try() {
        let check = |status: u16, expect: &str| {
            let found = match outcome(http::StatusCode::from_u16(status).expect("a status")) {
                Outcome::Taken => "taken",
                Outcome::Later(_) => "later",
                Outcome::Refused(_) => "refused",
            };
            assert_eq!(found, expect, "{status}");
        };
        check(200, "taken");
        check(204, "taken");
        check(500, "later");
        check(503, "later");
        check(429, "later");
        check(400, "refused");
        check(404, "refused");
        check(301, "refused");
    }

    #[test]
    fn what_waits_is_bounded_and_the_oldest_goes() {
        let counters = RemoteWriteCounters::default();
        let (url, client) = (String::new(), client());
        let (waiting, backoff, next_try) = (VecDeque::new(), Duration::ZERO, Instant::now());
        let mut sender = Sender { url, client, waiting, backoff, next_try };
        let large = || vec![Waiting { body: vec![0; QUEUE_BYTES_MAX / 2].into(), samples: 7 }];
        (0..3).for_each(|_| sender.add(large(), &counters));
        assert_eq!(sender.waiting.len(), 2);
        assert_eq!(counters.dropped_samples.load(Ordering::Relaxed), 7);
    }

    fn client() -> reqwest::Client {
        drop(rustls::crypto::ring::default_provider().install_default());
        reqwest::Client::new()
    }
}
