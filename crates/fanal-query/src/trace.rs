//! A whole trace as a tree in display order, and its summary in numbers.

use fanal_model::{IndexedBatch, SpanId, TraceId};

/// A whole trace: rows are pre-order (a parent before its children, siblings by start and then span id).
#[derive(Debug)]
pub struct Trace {
    /// The trace.
    pub trace_id: TraceId,
    /// Its spans, exact duplicates removed.
    pub spans: IndexedBatch,
    /// The rows in display order, synthetic ones for missing parents included.
    pub rows: Vec<TraceRow>,
    /// The trace in numbers.
    pub summary: TraceSummary,
    /// What a person should know: missing parents, several roots, cycles, ends before starts, missing parts.
    pub warnings: Vec<String>,
}

/// One row of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceRow {
    /// Row in `spans`; `None` for a parent that never arrived.
    pub span: Option<u32>,
    /// Id of the span, or of the missing parent.
    pub span_id: SpanId,
    /// Ordinal of the parent row.
    pub parent: Option<u32>,
    /// Level, 0 for a root.
    pub depth: u32,
    /// One past the last row of the subtree.
    pub subtree_end: u32,
    /// Whether the parent reference was dropped because it closed a cycle.
    pub is_cycle_broken: bool,
}

/// A trace in numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceSummary {
    /// The trace.
    pub trace_id: TraceId,
    /// Earliest start, nanoseconds since the Unix epoch.
    pub start_unix_nanos: u64,
    /// Latest end minus earliest start, nanoseconds.
    pub duration_nanos: u64,
    /// Service and name of the root (parentless span with the earliest start, then the smallest id).
    pub root: Option<(String, String)>,
    /// Spans.
    pub span_count: u64,
    /// Spans with status ERROR.
    pub error_count: u64,
    /// By service, most spans first, then by name.
    pub services: Vec<ServiceCount>,
}

/// What a service has in a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceCount {
    /// The service.
    pub name: String,
    /// Its spans.
    pub span_count: u64,
    /// Its spans with status ERROR.
    pub error_count: u64,
}
