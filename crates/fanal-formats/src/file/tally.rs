//! What came of a file: how many spans of how many traces were taken, and why others were not.
//!
//! Kept by the binary and by the server while pieces are stored. Invariant: counts are exact; traces are counted up to a
//! limit, and beyond it the tally says that there are more.

use crate::decoded::{Decoded, RejectReason};
use fanal_model::TraceId;
use foldhash::fast::RandomState;
use hashbrown::HashSet;

/// Most traces that are told apart.
const TRACES_MAX: usize = 1_000_000;

/// What one piece adds once it is stored.
#[derive(Debug, Default)]
pub struct Part {
    accepted_spans: u64,
    traces: HashSet<TraceId, RandomState>,
    first_trace: Option<TraceId>,
    starts: Option<(u64, u64)>,
    rejects: Vec<TallyReject>,
}

impl Part {
    /// Of a piece that begins at byte `offset` of its file.
    pub fn new(decoded: &Decoded, offset: u64) -> Self {
        let starts = &decoded.batch.start_unix_nanos;
        Self {
            accepted_spans: fanal_base::cast::wide(decoded.batch.len()),
            traces: decoded.batch.trace_ids.iter().copied().collect(),
            first_trace: decoded.batch.trace_ids.first().copied(),
            starts: starts.iter().min().copied().zip(starts.iter().max().copied()),
            rejects: decoded
                .rejects_by_reason
                .iter()
                .map(|&count| reject(decoded, count, offset))
                .collect(),
        }
    }
}

/// The decoder counts bytes of the piece, which begins at `offset`.
fn reject(decoded: &Decoded, (reason, spans): (RejectReason, u64), offset: u64) -> TallyReject {
    let first = decoded.rejects.iter().find(|reject| reject.reason == reason);
    let detail = first.map_or("", |reject| &*reject.detail);
    let what = detail.rsplit_once(", in the ").map_or(detail, |(what, _)| what);
    TallyReject { reason, spans, detail: format!("{what}, behind byte {offset} of the file") }
}

/// Spans that were refused for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TallyReject {
    /// Why.
    pub reason: RejectReason,
    /// How many.
    pub spans: u64,
    /// What was observed on the first of them, and where.
    pub detail: String,
}

/// What came of a file so far.
#[derive(Debug, Default)]
pub struct Tally {
    /// Spans that are stored.
    pub accepted_spans: u64,
    /// Whether there are more traces than are counted.
    pub has_more_traces: bool,
    /// The trace of the first span.
    pub first_trace: Option<TraceId>,
    /// The earliest and the latest start of a span, in nanoseconds since the epoch.
    pub starts: Option<(u64, u64)>,
    /// Why spans were refused.
    pub rejects: Vec<TallyReject>,
    traces: HashSet<TraceId, RandomState>,
}

impl Tally {
    /// Adds what is stored.
    pub fn add(&mut self, part: Part) {
        self.accepted_spans += part.accepted_spans;
        self.first_trace = self.first_trace.or(part.first_trace);
        self.starts = match (self.starts, part.starts) {
            (Some((min, max)), Some((first, last))) => Some((min.min(first), max.max(last))),
            (known, new) => known.or(new),
        };
        for trace in part.traces {
            if self.traces.len() < TRACES_MAX {
                self.traces.insert(trace);
            } else {
                self.has_more_traces |= !self.traces.contains(&trace);
            }
        }
        for reject in part.rejects {
            match self.rejects.iter_mut().find(|known| known.reason == reject.reason) {
                Some(known) => known.spans += reject.spans,
                None => self.rejects.push(reject),
            }
        }
    }

    /// Takes back spans of the last part that a receiver refused after all.
    pub fn take_back(&mut self, spans: u64) {
        self.accepted_spans = self.accepted_spans.saturating_sub(spans);
    }

    /// Traces with a stored span.
    pub fn trace_count(&self) -> u64 {
        fanal_base::cast::wide(self.traces.len())
    }

    /// Spans that were refused.
    pub fn rejected_spans(&self) -> u64 {
        self.rejects.iter().map(|reject| reject.spans).sum()
    }
}
