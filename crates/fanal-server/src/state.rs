//! What the server is given, and what it keeps while it runs.

use crate::cache::TraceCache;
use crate::limits::{CACHED_SPAN_AGE_MAX_NANOS, CACHED_TRACE_AGE_MAX_NANOS, IMPORTS_MAX, Limits};
use crate::native::import;
use crate::native::types::{Consumer, Listener};
use crate::operations::http_counters::HttpCounters;
use crate::prometheus::{Collected, RecentRates, RemoteWriteCounters, SpanMetricsSettings};
use crate::refusal::Refusal;
use crate::tempo::TempoSettings;
use crate::zipkin::ZipkinSettings;
use fanal_base::{Clock, ErrorKind, cast};
use fanal_model::TraceId;
use fanal_pipeline::Pipeline;
use fanal_query::{QueryService, Trace};
use fanal_storage::TenantId;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Semaphore;

/// Whether the process takes requests; shared by clones.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// Tells that every door is open, or that the process is stopping.
    pub fn set(&self, is_ready: bool) {
        self.0.store(is_ready, Ordering::Release);
    }

    /// Whether every door is open.
    pub fn is_ready(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// What the server is given.
#[derive(Debug, Clone)]
pub struct ServerState {
    /// Answers questions.
    pub query: QueryService,
    /// Its counters are shown on the status and metrics pages.
    pub pipeline: Arc<Pipeline>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Read by `/readyz`.
    pub readiness: Readiness,
    /// Every address that the process listens on.
    pub listeners: Vec<Listener>,
    /// Where the process fetches spans.
    pub consumers: Vec<Consumer>,
    /// Version of the binary.
    pub version: String,
    /// Limits of questions and answers.
    pub limits: Limits,
    /// Zipkin's query API.
    pub zipkin: ZipkinSettings,
    /// Tempo's query API.
    pub tempo: TempoSettings,
    /// Metrics from spans.
    pub span_metrics: SpanMetricsSettings,
}

/// What handlers share.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) given: ServerState,
    /// Whose spans are asked for; this version has one tenant.
    pub(crate) tenant: TenantId,
    /// Copies of traces that are kept beyond retention.
    pub(crate) archive: TenantId,
    pub(crate) http_counters: HttpCounters,
    pub(crate) recent_rates: RecentRates,
    /// Counters of spans and calls.
    pub(crate) collected: Collected,
    pub(crate) remote_write: RemoteWriteCounters,
    /// Turns of files that are imported.
    pub(crate) imports: Arc<Semaphore>,
    started_unix_nanos: u64,
    questions: Semaphore,
    cache: TraceCache,
}

impl App {
    pub(crate) fn new(mut given: ServerState) -> Self {
        let spans_max = cast::wide(given.limits.answer_spans_max);
        given.query = given.query.with_page_spans_max(spans_max);
        given.pipeline.stats().register(import::RECEIVER);
        Self {
            tenant: TenantId::default_tenant(),
            archive: TenantId::archive(),
            http_counters: HttpCounters::default(),
            recent_rates: RecentRates::default(),
            collected: Collected::default(),
            remote_write: RemoteWriteCounters::default(),
            imports: Arc::new(Semaphore::new(IMPORTS_MAX)),
            started_unix_nanos: given.clock.now_unix_nanos(),
            questions: Semaphore::new(given.limits.questions_max),
            cache: TraceCache::default(),
            given,
        }
    }

    pub(crate) fn uptime_seconds(&self) -> u64 {
        self.given.clock.now_unix_nanos().saturating_sub(self.started_unix_nanos) / 1_000_000_000
    }

    /// Asks one question within the limits of time and of questions at once.
    pub(crate) async fn ask<T, E: Into<Refusal>>(
        &self,
        question: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Refusal> {
        let limits = &self.given.limits;
        let Ok(_permit) = self.questions.try_acquire() else {
            let message = format!(
                "questions at once are at their limit of {}; retry later",
                limits.questions_max
            );
            return Err(Refusal::new(ErrorKind::Overloaded, message));
        };
        match tokio::time::timeout(limits.question_timeout, question).await {
            Ok(answer) => answer.map_err(Into::into),
            Err(_) => {
                let seconds = limits.question_timeout.as_secs();
                let message = format!(
                    "question took longer than the limit of {seconds} s; narrow the time range or add conditions"
                );
                tracing::warn!("{message}");
                Err(Refusal { is_late: true, ..Refusal::new(ErrorKind::Unavailable, message) })
            }
        }
    }

    /// Computes off the event loop.
    pub(crate) async fn compute<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
            tracing::error!("making an answer failed: {error}");
            Err(Refusal::new(ErrorKind::Internal, "making the answer failed; the log says why"))
        })
    }

    /// A whole trace, from the cache while it is young; a refusal when no span of it is stored, nor in the archive.
    pub(crate) async fn trace(&self, trace_id: TraceId) -> Result<Arc<Trace>, Refusal> {
        let now = self.given.clock.now_unix_nanos();
        if let Some(trace) = self.cache.get(trace_id, now, CACHED_TRACE_AGE_MAX_NANOS) {
            return Ok(trace);
        }
        let mut found = self.ask(self.given.query.trace(&self.tenant, trace_id)).await?;
        if found.is_none() {
            found = self.ask(self.given.query.trace(&self.archive, trace_id)).await?;
        }
        let trace = found
            .map(Arc::new)
            .ok_or_else(|| Refusal::not_found(format!("no span of trace {trace_id} is stored")))?;
        self.cache.put(&trace, self.given.clock.now_unix_nanos());
        Ok(trace)
    }

    /// The trace as a client has it open, if it is still in the cache.
    pub(crate) fn open_trace(&self, trace_id: TraceId) -> Option<Arc<Trace>> {
        self.cache.get(trace_id, self.given.clock.now_unix_nanos(), CACHED_SPAN_AGE_MAX_NANOS)
    }
}
