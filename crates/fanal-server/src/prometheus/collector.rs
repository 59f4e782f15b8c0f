//! Collects counters of spans and calls from the store, window by window, for `/metrics` and remote write.
//!
//! A window is asked for once it is over and its spans had time to arrive, and again as part of longer windows, in which
//! what came late is found. Ingest knows nothing of it.

use super::totals::{Counted, Totals};
use crate::refusal::Refusal;
use crate::state::App;
use fanal_query::rates::{CallKey, RatesQuestion, SpanKey};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

const SECOND: u64 = 1_000_000_000;

/// Time between two looks at whether a window is over.
const LOOK: Duration = Duration::from_secs(1);

/// Traces whose spans become examples, for each window.
const EXEMPLAR_TRACES_MAX: usize = 16;

/// Windows of a width, and how long after its end each is asked for.
#[derive(Debug)]
struct Level {
    width_nanos: u64,
    delay_nanos: u64,
}

/// Each width is a multiple of the one before.
const LEVELS: [Level; 3] = [
    Level { width_nanos: 15 * SECOND, delay_nanos: 10 * SECOND },
    Level { width_nanos: 120 * SECOND, delay_nanos: 60 * SECOND },
    Level { width_nanos: 960 * SECOND, delay_nanos: 900 * SECOND },
];

/// What is shared with those who tell the counters.
#[derive(Debug, Default)]
pub(crate) struct Collected {
    totals: Mutex<Totals>,
    failures: AtomicU64,
}

impl Collected {
    pub(crate) fn totals(&self) -> MutexGuard<'_, Totals> {
        self.totals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keys of spans and of calls that are told apart, and how many spans and calls are beyond them.
    pub(crate) fn sizes(&self) -> (usize, u64) {
        let totals = self.totals();
        let beyond = totals.spans.overflow.tally.count + totals.calls.overflow.tally.count;
        (totals.spans.keys.len() + totals.calls.keys.len(), beyond)
    }

    /// Questions that failed.
    pub(crate) fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }
}

type CountedWindow = (Counted<SpanKey>, Counted<CallKey>);

/// Where each level goes on.
#[derive(Debug)]
pub(super) struct Collector {
    began_unix_nanos: u64,
    /// By level: where its next window begins.
    next: [u64; LEVELS.len()],
    /// By level: what is counted of its windows, by their beginnings.
    counted: [BTreeMap<u64, CountedWindow>; LEVELS.len()],
}

impl Collector {
    /// Counts spans that start from now on.
    pub(super) fn new(now_unix_nanos: u64) -> Self {
        let next = std::array::from_fn(|level| begin(now_unix_nanos, level));
        Self { began_unix_nanos: now_unix_nanos, next, counted: Default::default() }
    }

    /// Asks for every window that is due. Stops at one that fails, which is asked for again.
    pub(super) async fn collect(&mut self, app: &App) -> Result<(), Refusal> {
        for (level, &Level { width_nanos, delay_nanos }) in LEVELS.iter().enumerate() {
            while self.next[level] + width_nanos + delay_nanos <= app.given.clock.now_unix_nanos() {
                self.take(app, level, self.next[level]).await?;
                self.next[level] += width_nanos;
            }
        }
        Ok(())
    }

    async fn take(&mut self, app: &App, level: usize, start: u64) -> Result<(), Refusal> {
        let keys_max = app.given.span_metrics.keys_max;
        let question = RatesQuestion {
            // Not what was there before: counters would leap.
            start_unix_nanos: start.max(self.began_unix_nanos),
            end_unix_nanos: start + LEVELS[level].width_nanos,
            step_nanos: None,
            conditions: Vec::new(),
            keys_max,
        };
        let (query, tenant) = (&app.given.query, &app.tenant);
        let spans = app.ask(query.span_rates(tenant, &question)).await?;
        let calls = app.ask(query.call_rates(tenant, &question)).await?;
        let exemplars = if level == 0 {
            let asking = query.rate_exemplars(tenant, &question, EXEMPLAR_TRACES_MAX);
            Some(app.ask(asking).await?)
        } else {
            None
        };
        for warning in spans.warnings.iter().chain(&calls.warnings) {
            tracing::debug!("metrics from spans may lack something: {warning}");
        }
        let (known_spans, known_calls) = self.counted[level].remove(&start).unwrap_or_default();
        let mut totals = app.collected.totals();
        let spans = totals.spans.take(&spans, known_spans, keys_max);
        let calls = totals.calls.take(&calls, known_calls, keys_max);
        exemplars.into_iter().for_each(|exemplars| totals.set_exemplars(exemplars));
        totals.counted_unix_nanos = totals.counted_unix_nanos.max(question.end_unix_nanos);
        drop(totals);
        if level + 1 < LEVELS.len() {
            let window = self.counted[level + 1].entry(begin(start, level + 1)).or_default();
            window.0.merge(spans);
            window.1.merge(calls);
        }
        Ok(())
    }
}

/// Where the window of a level begins that has this moment.
fn begin(unix_nanos: u64, level: usize) -> u64 {
    unix_nanos - unix_nanos % LEVELS[level].width_nanos
}

/// Collects without an end.
pub(super) async fn run(app: &App) {
    let mut collector = Collector::new(app.given.clock.now_unix_nanos());
    loop {
        if let Err(refusal) = collector.collect(app).await {
            app.collected.failures.fetch_add(1, Ordering::Relaxed);
            tracing::warn!("collecting metrics from spans failed: {}", refusal.message);
        }
        tokio::time::sleep(LOOK).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{MILLI, Server, checkout, ping};

    /// Counts of spans and of calls.
    fn counts(app: &App) -> (u64, u64) {
        let totals = app.collected.totals();
        let spans = totals.spans.keys.values().map(|counter| counter.tally.count).sum();
        (spans, totals.calls.keys.values().map(|counter| counter.tally.count).sum())
    }

    #[tokio::test]
    async fn windows_are_counted_once_and_late_spans_in_longer_ones() {
        let server = Server::new();
        let app = server.app();
        let now = || app.given.clock.now_unix_nanos();
        server.send(ping(0)).await;
        // A second after the ping, which is not counted.
        let mut collector = Collector::new(now());
        server.send(ping(2)).await;
        collector.collect(&app).await.expect("collects");
        assert_eq!(counts(&app), (0, 0), "the window is not over");
        server.clock.advance(30 * SECOND);
        collector.collect(&app).await.expect("collects");
        collector.collect(&app).await.expect("collects");
        assert_eq!(counts(&app), (1, 0));
        // Late for its first window, and for its second.
        server.send(ping(3)).await;
        server.clock.advance(30 * SECOND);
        collector.collect(&app).await.expect("collects");
        assert_eq!(counts(&app), (1, 0));
        server.clock.advance(180 * SECOND);
        collector.collect(&app).await.expect("collects");
        assert_eq!(counts(&app), (2, 0));
        server.send(ping(4)).await;
        server.clock.advance(2000 * SECOND);
        collector.collect(&app).await.expect("collects");
        assert_eq!(counts(&app), (3, 0));
    }

    #[tokio::test]
    async fn counters_are_told_as_text_with_examples_for_those_who_ask() {
        let server = Server::new();
        let app = server.app();
        let mut collector = Collector::new(app.given.clock.now_unix_nanos() - 1000 * MILLI);
        server.send(checkout()).await;
        server.clock.advance(60 * SECOND);
        collector.collect(&app).await.expect("collects");
        let plain = server.ask("GET", "/metrics", &[]).await;
        assert_eq!(plain.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
        let check = |page: &str, line: &str, expect: bool| {
            assert_eq!(page.lines().any(|it| it == line), expect, "{line} in\n{page}");
        };
        let call = "traces_service_graph_request_total{client=\"user\",connection_type=\"virtual_node\",server=\"shop\"} 1";
        check(plain.text(), call, true);
        check(plain.text(), "# TYPE traces_service_graph_request_total counter", true);
        check(plain.text(), "# TYPE traces_spanmetrics_latency histogram", true);
        let labels = "service=\"pay\",span_kind=\"SPAN_KIND_CLIENT\",span_name=\"charge\",status_code=\"STATUS_CODE_ERROR\"";
        let bucket =
            |bound: &str| format!("traces_spanmetrics_latency_bucket{{{labels},le=\"{bound}\"}}");
        check(plain.text(), &format!("{} 0", bucket("0.002")), true);
        check(plain.text(), &format!("{} 1", bucket("0.004")), true);
        check(plain.text(), &format!("{} 1", bucket("+Inf")), true);
        check(plain.text(), &format!("traces_spanmetrics_latency_sum{{{labels}}} 0.003"), true);
        assert!(!plain.text().contains("# EOF"));
        let headers = [("accept", "application/openmetrics-text; version=1.0.0,text/plain;q=0.5")];
        let open = server.ask("GET", "/metrics", &headers).await;
        assert!(open.header("content-type").starts_with("application/openmetrics-text"));
        assert!(open.text().ends_with("# EOF\n"));
        check(open.text(), "# TYPE traces_service_graph_request counter", true);
        check(open.text(), "# TYPE fanal_http_requests counter", true);
        let trace = "# {traceID=\"0af7651916cd43dd8448eb211c80319c\"} 0.003 1700000000.001";
        check(open.text(), &format!("{} 1 {trace}", bucket("0.004")), true);
        check(open.text(), &format!("{} 1", bucket("0.008")), true);
    }
}
