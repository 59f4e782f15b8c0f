//! What is asked of a store, and what it answers.

use crate::predicate::SpanCondition;
use fanal_model::{SpanBatch, SpanKind, TraceId};
use std::sync::Arc;

/// Name of a tenant: 1 to 64 of `a-z`, `0-9`, `-` and `_`, so that it can be a folder.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TenantId(Arc<str>);

impl TenantId {
    /// Longest name, in bytes.
    pub const LENGTH_MAX: usize = 64;

    /// The tenant of an installation that has only one.
    pub fn default_tenant() -> Self {
        Self("default".into())
    }

    /// The tenant whose spans are copies of traces that a person chose to keep.
    pub fn archive() -> Self {
        Self("archive".into())
    }

    /// A tenant from its name.
    pub fn parse(name: &str) -> Option<Self> {
        let is_allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(&b);
        let fits = (1..=Self::LENGTH_MAX).contains(&name.len());
        (fits && name.bytes().all(is_allowed)).then(|| Self(name.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A search for traces: every condition must hold on one span of the trace, and that span must start in the range.
///
/// Answers are ordered by trace start (earliest span start of the whole trace, wherever its spans lie), newest
/// first, then by trace id ascending.
#[derive(Debug, Clone, PartialEq)]
pub struct FindTraces {
    /// Conditions, combined by AND on one span.
    pub conditions: Vec<SpanCondition>,
    /// Earliest span start, inclusive, nanoseconds since the Unix epoch.
    pub start_min_unix_nanos: u64,
    /// Latest span start, inclusive.
    pub start_max_unix_nanos: u64,
    /// Most traces to answer, at least 1.
    pub limit: usize,
    /// Answer only traces behind this one in the order.
    pub after: Option<TracePosition>,
}

/// Place of a trace in the order of answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TracePosition {
    /// Earliest span start of the whole trace.
    pub start_unix_nanos: u64,
    /// The trace.
    pub trace_id: TraceId,
}

impl Ord for TracePosition {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        other
            .start_unix_nanos
            .cmp(&self.start_unix_nanos)
            .then_with(|| self.trace_id.cmp(&other.trace_id))
    }
}

impl PartialOrd for TracePosition {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// Answer to [`FindTraces`].
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FoundTraces {
    /// The traces in order, at most `limit`.
    pub traces: Vec<TracePosition>,
    /// Whether traces follow behind the last one.
    pub has_more: bool,
    /// Why the answer may lack traces; empty when it is complete.
    pub warnings: Vec<String>,
    /// What was looked at.
    pub scanned: ScanCounts,
}

/// What a search looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ScanCounts {
    /// Spans whose columns were read.
    pub spans: u64,
    /// Granules whose columns were read.
    pub granules_read: u64,
    /// Granules that exist.
    pub granules_total: u64,
}

/// Which columns a caller needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Projection {
    /// Everything.
    Full,
    /// No attributes, events or links of spans; resources and scopes are there.
    Summary,
}

/// All spans of a trace that are stored, in no order; exact duplicates may be among them.
#[derive(Debug, Clone, PartialEq)]
pub struct TraceSpans {
    /// The trace.
    pub trace_id: TraceId,
    /// Its spans, at least one.
    pub spans: SpanBatch,
    /// Why spans may be missing; empty when none is.
    pub warnings: Vec<String>,
}

/// A span name of a service with its kind.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Operation {
    /// Span name.
    pub name: String,
    /// Span kind.
    pub kind: SpanKind,
}

/// What a tenant's store holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StoreStats {
    /// Spans stored, duplicates included.
    pub spans: u64,
    /// Spans not yet merged into blocks.
    pub head_spans: u64,
    /// Memory held by them, in bytes.
    pub head_bytes: u64,
    /// Blocks on disk.
    pub blocks: u64,
    /// Bytes of blocks on disk.
    pub block_bytes: u64,
    /// Bytes of the log on disk, preallocated space excluded.
    pub log_bytes: u64,
    /// What is kept in an object store.
    pub remote: RemoteStats,
    /// Trace of the span that starts last.
    pub newest_trace: Option<TracePosition>,
    /// Spans that were merged into blocks since the tenant exists.
    pub merged_spans: u64,
    /// Bytes of those blocks.
    pub merged_bytes: u64,
    /// Spans that compaction wrote again since the tenant exists.
    pub compacted_spans: u64,
    /// Bytes that it wrote.
    pub compacted_bytes: u64,
    /// Exact duplicates that were left out since the tenant exists.
    pub duplicate_spans: u64,
    /// Spans that retention dropped since the tenant exists.
    pub expired_spans: u64,
    /// Bytes that the disk has free; the greatest number where that is not known.
    pub disk_free_bytes: u64,
    /// Whether spans are refused because the disk is full.
    pub is_disk_full: bool,
}

impl StoreStats {
    /// Write amplification: bytes that merges and compaction wrote for each byte of spans first written to a block.
    pub fn write_amplification(&self) -> f64 {
        let written = self.merged_bytes.saturating_add(self.compacted_bytes);
        fanal_base::cast::figure(written) / fanal_base::cast::figure(self.merged_bytes.max(1))
    }
}

/// What a tenant's store keeps in an object store, and what the process did there since it started, for all tenants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RemoteStats {
    /// Blocks that moved there.
    pub blocks: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Bytes of blocks that were sent there.
    pub uploaded_bytes: u64,
    /// Bytes that were read from there.
    pub downloaded_bytes: u64,
    /// Requests that were sent, retries excluded.
    pub requests: u64,
    /// Calls that failed, after their retries.
    pub failures: u64,
    /// Pages that were found in the local cache.
    pub cache_hits: u64,
    /// Pages that were not.
    pub cache_misses: u64,
    /// Bytes of the local cache that are in use.
    pub cache_bytes: u64,
}
