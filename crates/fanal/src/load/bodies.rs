//! Request bodies for the load: templates made once from the generator, patched for each request.

use super::foreign::ForeignBodies;
use crate::cli::LoadArgs;
use anyhow::{Context, ensure};
use bytes::Bytes;
use fanal_base::{Clock, SystemClock, cast};
use fanal_model::TraceId;
use fanal_query::parse_duration;
use fanal_testkit::{BodyTemplate, GeneratorConfig, TraceSizes};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Templates that take turns, so that requests differ.
const TEMPLATES: u64 = 32;
/// Traces of a request begin so long before it is sent, in nanoseconds, so that none lies in the future.
const AGE_NANOS: u64 = 1_000_000_000;

/// One request.
#[derive(Debug)]
pub(super) struct Body {
    /// As sent.
    pub(super) bytes: Bytes,
    /// Spans in it, second copies included.
    pub(super) span_count: u64,
    /// Traces in it.
    pub(super) trace_count: usize,
    /// Its traces with their distinct spans, where they are to be noted.
    pub(super) traces: Vec<(TraceId, u64)>,
}

/// An endless supply of bodies, shared by all senders.
#[derive(Debug)]
pub(super) struct Bodies {
    templates: Vec<BodyTemplate>,
    /// In place of the templates, where the protocol is not OTLP.
    foreign: Option<Mutex<ForeignBodies>>,
    sequence: AtomicU64,
    spans: AtomicU64,
    spread_nanos: u64,
    notes_traces: bool,
}

impl Bodies {
    /// As the command line asks.
    pub(super) fn new(args: &LoadArgs) -> anyhow::Result<Self> {
        ensure!(args.spans_per_request > 0, "--spans-per-request must be at least 1");
        ensure!((1..=500).contains(&args.services), "--services must lie between 1 and 500");
        let mut config = GeneratorConfig { services: args.services, ..GeneratorConfig::default() };
        if let Some(text) = &args.trace_sizes {
            config.trace_sizes = trace_sizes(text).with_context(|| {
                format!("--trace-sizes {text}: write pairs such as 1:30,8:50,1000:1")
            })?;
        }
        let foreign =
            ForeignBodies::new(args.protocol, config.clone(), args.seed, args.spans_per_request);
        ensure!(
            foreign.is_none() || args.acknowledged.is_none(),
            "--acknowledged is for OTLP: messages of other protocols hold parts of traces"
        );
        let spread_nanos =
            parse_duration(&args.spread).map_err(|error| anyhow::anyhow!("--spread: {error}"))?;
        let templates = (0..TEMPLATES)
            .map(|number| {
                let seed = args.seed.wrapping_mul(TEMPLATES).wrapping_add(number);
                BodyTemplate::generate(config.clone(), seed, args.spans_per_request)
            })
            .collect();
        Ok(Self {
            templates,
            foreign: foreign.map(Mutex::new),
            sequence: AtomicU64::new(0),
            spans: AtomicU64::new(0),
            spread_nanos,
            notes_traces: args.acknowledged.is_some(),
        })
    }

    /// The next body, or `None` once `spans_max` spans were given out.
    pub(super) fn next(&self, spans_max: u64) -> Option<Body> {
        if let Some(foreign) = &self.foreign {
            return self.next_foreign(foreign, spans_max);
        }
        let sequence = self.sequence.fetch_add(1, Ordering::Relaxed);
        let template = &self.templates[cast::size(sequence % TEMPLATES)];
        let before = self.spans.fetch_add(template.span_count(), Ordering::Relaxed);
        if before >= spans_max {
            return None;
        }
        let age = self.age_nanos(before, spans_max);
        let mut bytes = Vec::with_capacity(template.byte_count());
        let base = SystemClock.now_unix_nanos().saturating_sub(age);
        template.instantiate(&mut bytes, sequence, base);
        let traces = if self.notes_traces {
            let counts = template.truths().iter().map(|truth| truth.span_count);
            template.trace_ids(sequence).zip(counts).collect()
        } else {
            Vec::new()
        };
        Some(Body {
            bytes: bytes.into(),
            span_count: template.span_count(),
            trace_count: template.truths().len(),
            traces,
        })
    }

    fn next_foreign(&self, foreign: &Mutex<ForeignBodies>, spans_max: u64) -> Option<Body> {
        let before = self.spans.load(Ordering::Relaxed);
        if before >= spans_max {
            return None;
        }
        let age = self.age_nanos(before, spans_max);
        let body = foreign.lock().unwrap_or_else(PoisonError::into_inner).next(age)?;
        self.spans.fetch_add(body.span_count, Ordering::Relaxed);
        Some(body)
    }

    /// With a known total, time passes from the beginning of the spread to now as spans are sent.
    fn age_nanos(&self, sent: u64, spans_max: u64) -> u64 {
        let left = u128::from(spans_max - sent) * u128::from(self.spread_nanos);
        u64::try_from(left / u128::from(spans_max)).unwrap_or(0) + AGE_NANOS
    }
}

fn trace_sizes(text: &str) -> anyhow::Result<Vec<TraceSizes>> {
    text.split(',')
        .map(|pair| {
            let (size, weight) = pair.split_once(':').context("a pair has no colon")?;
            let median_spans: f64 = size.trim().parse().context("a size is no number")?;
            ensure!((1.0..=10_000.0).contains(&median_spans), "a size is outside 1 to 10000");
            let weight = weight.trim().parse().context("a weight is no whole number")?;
            Ok(TraceSizes { weight, median_spans, sigma: 0.0 })
        })
        .collect()
}
