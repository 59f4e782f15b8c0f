//! Configuration of the embedded engine: plain fields, each with its unit and default. The binary fills it from its
//! own file; the engine only reads it.

use crate::tier::TierConfig;
use fanal_storage::TenantId;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Longest commit window that is honoured, in microseconds; longer ones are clamped.
pub const COMMIT_WINDOW_MICROS_MAX: u64 = 5_000;

/// How long and how much of a tenant's spans is kept. Whole blocks are dropped, the oldest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Spans go when their arrival is longer ago than so many seconds, up to an eighth later (at most a day); 0 keeps them
    /// whatever their age. Default 14 days.
    pub age_seconds: u64,
    /// The oldest blocks go while log and blocks take more than so many bytes; 0 is no limit. Default 0.
    pub bytes_max: u64,
}

impl Default for Retention {
    fn default() -> Self {
        Self { age_seconds: 14 * 86_400, bytes_max: 0 }
    }
}

/// What a tenant has of its own; the rest is as for all tenants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TenantConfig {
    /// In place of [`Retention::age_seconds`].
    pub retention_age_seconds: Option<u64>,
    /// In place of [`Retention::bytes_max`].
    pub retention_bytes_max: Option<u64>,
}

/// How the embedded engine behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalConfig {
    /// Folder that belongs to the engine alone. No default.
    pub data_dir: PathBuf,
    /// Longest time in microseconds that an append waits for others to share its sync; it waits only while other
    /// requests are known to be in flight. Default 2000, at most [`COMMIT_WINDOW_MICROS_MAX`].
    pub commit_window_micros: u64,
    /// Rows at which a group of appends is full, which share one write and one sync; a larger batch is a group of its own.
    /// Default 16 384.
    pub record_rows: usize,
    /// Most bytes of batches that wait for the log; beyond, appends are told to retry. Default 64 MiB.
    pub pending_bytes_max: usize,
    /// Most bytes of spans in memory that are in no block, over all tenants, those that wait for the log among them; beyond,
    /// appends are told to retry until the merge has caught up. A merge takes at most half of it. Default 96 MiB.
    pub head_bytes_max: usize,
    /// Bytes that a log file is preallocated with. Default 32 MiB.
    pub log_file_bytes: u64,
    /// Most released log files that a tenant keeps for use again. Default 4.
    pub log_spare_files_max: usize,
    /// Rows of a block, about: the merge begins when the head holds so many. Default 524 288.
    pub block_rows: usize,
    /// Rows of a granule of a block. Default 8 192.
    pub granule_rows: usize,
    /// Age in seconds at which spans are merged though they do not fill a block. Default 600.
    pub merge_after_seconds: u64,
    /// Most bytes of memory of the spans of a block that compaction writes; larger traces exceed it; a
    /// quarter of it while spans come fast. Default 160 MiB.
    pub compaction_bytes_max: usize,
    /// Bytes of the disk that spans may not take, so that merges and upkeep go on when it is full. Default 128 MiB.
    pub disk_reserve_bytes: u64,
    /// How long and how much is kept.
    pub retention: Retention,
    /// Tenants with settings of their own.
    pub tenants: BTreeMap<TenantId, TenantConfig>,
    /// Most tenants; a further one is told to retry. Default 64.
    pub tenants_max: usize,
    /// Most candidate traces that one search looks at before it answers in part, with a warning. Default 500 000.
    pub search_candidates_max: usize,
    /// Most spans of one trace that are answered; beyond, the answer is partial, with a warning. Default 1 000 000.
    pub trace_spans_max: usize,
    /// Most threads that one question is worked on with. Default 2.
    pub scan_threads_max: usize,
    /// Most bytes that one question may hold for its answer. A search or a fetch that needs more answers in part, with a
    /// warning; an aggregate fails. Default 256 MiB.
    pub question_bytes_max: usize,
    /// Most questions that are worked on at the same time; others wait. Default 16.
    pub questions_at_once_max: usize,
    /// Most bytes of dictionaries that open blocks keep between questions. Default 64 MiB.
    pub dictionary_cache_bytes_max: usize,
    /// Which blocks move to the object store, where there is one.
    pub tier: TierConfig,
}

impl LocalConfig {
    /// The defaults, for a data folder.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            commit_window_micros: 2_000,
            record_rows: 16_384,
            pending_bytes_max: 64 << 20,
            head_bytes_max: 96 << 20,
            log_file_bytes: 32 << 20,
            log_spare_files_max: 4,
            block_rows: 524_288,
            granule_rows: 8_192,
            merge_after_seconds: 600,
            compaction_bytes_max: 160 << 20,
            disk_reserve_bytes: 128 << 20,
            retention: Retention::default(),
            tenants: BTreeMap::new(),
            tenants_max: 64,
            search_candidates_max: 500_000,
            trace_spans_max: 1_000_000,
            scan_threads_max: 2,
            question_bytes_max: 256 << 20,
            questions_at_once_max: 16,
            dictionary_cache_bytes_max: 64 << 20,
            tier: TierConfig::default(),
        }
    }

    /// How long and how much of a tenant's spans is kept.
    pub fn retention_of(&self, tenant: &TenantId) -> Retention {
        let own = self.tenants.get(tenant).copied().unwrap_or_default();
        Retention {
            age_seconds: own.retention_age_seconds.unwrap_or(self.retention.age_seconds),
            bytes_max: own.retention_bytes_max.unwrap_or(self.retention.bytes_max),
        }
    }
}
