//! What came of a load: counts, rates and acknowledgement percentiles.

use super::bodies::Body;
use super::process::ProcessUse;
use crate::ask::show_duration;
use fanal_base::cast;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

/// Distinct texts of refusals that are kept.
const REASONS_MAX: usize = 10;

/// What one sender saw.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    spans: u64,
    bytes: u64,
    traces: u64,
    rejected_spans: u64,
    refused_spans: u64,
    given_up_spans: u64,
    retries: u64,
    acknowledgement_nanos: Vec<u64>,
    reasons: BTreeMap<String, u64>,
}

impl Outcome {
    pub(super) fn acknowledged(&mut self, body: &Body, rejected_spans: u64, took: Duration) {
        self.spans += body.span_count - rejected_spans.min(body.span_count);
        self.rejected_spans += rejected_spans;
        self.bytes += cast::wide(body.bytes.len());
        self.traces += cast::wide(body.trace_count);
        self.acknowledgement_nanos.push(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }

    pub(super) fn refused(&mut self, body: &Body, why: &str) {
        self.refused_spans += body.span_count;
        self.note(why);
    }

    pub(super) fn retried(&mut self, why: &str) {
        self.retries += 1;
        self.note(why);
    }

    pub(super) fn given_up(&mut self, body: &Body) {
        self.given_up_spans += body.span_count;
    }

    /// Counts a reason; those that differ only in their numbers are one.
    fn note(&mut self, why: &str) {
        let mut shape = String::new();
        for character in why.chars() {
            let shown = if character.is_ascii_digit() { '#' } else { character };
            if shown != '#' || !shape.ends_with('#') {
                shape.push(shown);
            }
        }
        self.note_times(shape, 1);
    }

    fn note_times(&mut self, shape: String, times: u64) {
        if self.reasons.len() < REASONS_MAX || self.reasons.contains_key(&shape) {
            *self.reasons.entry(shape).or_default() += times;
        }
    }
}

/// What all senders saw.
#[derive(Debug, Default)]
pub(super) struct Report {
    total: Outcome,
    /// From the first request to the last answer.
    pub(super) elapsed: Duration,
    /// What the server used meanwhile.
    pub(super) server: Option<ProcessUse>,
}

impl Report {
    pub(super) fn add(&mut self, outcome: Outcome) {
        let total = &mut self.total;
        total.spans += outcome.spans;
        total.bytes += outcome.bytes;
        total.traces += outcome.traces;
        total.rejected_spans += outcome.rejected_spans;
        total.refused_spans += outcome.refused_spans;
        total.given_up_spans += outcome.given_up_spans;
        total.retries += outcome.retries;
        total.acknowledgement_nanos.extend(outcome.acknowledgement_nanos);
        for (why, count) in outcome.reasons {
            total.note_times(why, count);
        }
    }

    fn spans_per_second(&self) -> f64 {
        cast::figure(self.total.spans) / self.elapsed.as_secs_f64().max(1e-9)
    }

    fn percentiles(&self) -> [(&'static str, u64); 4] {
        let mut sorted = self.total.acknowledgement_nanos.clone();
        sorted.sort_unstable();
        let at = |per_mille: usize| {
            let index = (sorted.len() * per_mille).div_ceil(1000).saturating_sub(1);
            sorted.get(index).copied().unwrap_or(0)
        };
        [("p50", at(500)), ("p95", at(950)), ("p99", at(990)), ("max", at(1000))]
    }

    fn cpu_micros_per_span(&self) -> Option<f64> {
        let server = self.server.as_ref()?;
        Some(server.cpu.as_secs_f64() * 1e6 / cast::figure(self.total.spans.max(1)))
    }

    pub(super) fn to_text(&self) -> String {
        let total = &self.total;
        let seconds = self.elapsed.as_secs_f64();
        let mut text = String::new();
        let _ = writeln!(
            text,
            "sent      {} spans in {} traces, {} requests, {} MB, {seconds:.1} s",
            total.spans,
            total.traces,
            total.acknowledgement_nanos.len(),
            total.bytes / 1_000_000,
        );
        let _ = writeln!(text, "rate      {:.0} spans/s", self.spans_per_second());
        let percentiles: Vec<String> = self
            .percentiles()
            .iter()
            .map(|(name, nanos)| format!("{name} {}", show_duration(*nanos)))
            .collect();
        let _ = writeln!(text, "acked in  {}", percentiles.join(", "));
        if let (Some(server), Some(cpu)) = (&self.server, self.cpu_micros_per_span()) {
            let _ = writeln!(
                text,
                "server    {cpu:.2} µs CPU a span, {} MiB resident, {} MiB at most",
                server.resident_bytes >> 20,
                server.resident_bytes_peak >> 20,
            );
        }
        let _ = writeln!(
            text,
            "trouble   {} retries, {} spans rejected, {} refused, {} given up",
            total.retries, total.rejected_spans, total.refused_spans, total.given_up_spans,
        );
        for (why, count) in &total.reasons {
            let _ = writeln!(text, "          {count} × {why}");
        }
        text
    }

    pub(super) fn to_json(&self) -> String {
        let total = &self.total;
        let mut object = serde_json::json!({
            "spans": total.spans,
            "traces": total.traces,
            "requests": total.acknowledgement_nanos.len(),
            "body_bytes": total.bytes,
            "elapsed_seconds": self.elapsed.as_secs_f64(),
            "spans_per_second": self.spans_per_second(),
            "retries": total.retries,
            "rejected_spans": total.rejected_spans,
            "refused_spans": total.refused_spans,
            "given_up_spans": total.given_up_spans,
            "reasons": total.reasons,
        });
        for (name, nanos) in self.percentiles() {
            object[format!("acknowledged_{name}_nanos")] = nanos.into();
        }
        if let (Some(server), Some(cpu)) = (&self.server, self.cpu_micros_per_span()) {
            object["server_cpu_micros_per_span"] = cpu.into();
            object["server_resident_bytes"] = server.resident_bytes.into();
            object["server_resident_bytes_peak"] = server.resident_bytes_peak.into();
        }
        format!("{object}\n")
    }
}
