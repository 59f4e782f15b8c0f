//! Every limit of this crate, with its unit.

use fanal_formats::file::FileLimits;
use std::time::Duration;

/// Longest path and query of a request, in bytes.
pub const ADDRESS_BYTES_MAX: usize = 16 << 10;

/// Largest head of an HTTP/1 request and largest header list of an HTTP/2 one, in bytes.
pub const HEAD_BYTES_MAX: usize = 64 << 10;

/// Time in which the head of an HTTP/1 request must arrive.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// Connections served at the same time; further ones wait to be accepted.
pub const CONNECTIONS_MAX: usize = 1024;

/// Requests at the same time on one HTTP/2 connection.
pub const STREAMS_MAX: u32 = 100;

/// Time that open connections get for their answers when the server stops.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// Answers at least this long, in bytes, are compressed for clients that accept it.
pub const COMPRESS_BYTES_MIN: usize = 1 << 10;

/// Answers at least this long, in bytes, are compressed off the event loop.
pub const COMPRESS_INLINE_BYTES_MAX: usize = 64 << 10;

/// Traces kept assembled.
pub const CACHED_TRACES_MAX: usize = 8;

/// Spans of all assembled traces that are kept; a larger trace is assembled for each request.
pub const CACHED_SPANS_MAX: usize = 500_000;

/// Age above which an assembled trace is fetched again, in nanoseconds: how stale a trace can be when it is opened.
pub const CACHED_TRACE_AGE_MAX_NANOS: u64 = 2_000_000_000;

/// The same for a single span of a trace that is open, in nanoseconds: the rows that a client sees stay the rows
/// that it asks for.
pub const CACHED_SPAN_AGE_MAX_NANOS: u64 = 60_000_000_000;

/// Files that are imported at once; each may make the server hold an item and a decoder's window.
pub const IMPORTS_MAX: usize = 2;

/// What a file may make the server hold: items of 64 MiB, windows of 32 MiB.
pub const IMPORT_LIMITS: FileLimits =
    FileLimits { item_bytes_max: 64 << 20, zstd_window_log_max: 25 };

/// Longest time without a byte of a file.
pub const IMPORT_SILENCE_MAX: Duration = Duration::from_secs(60);

/// Bytes of a file that are still taken from its sender once it is clear that it cannot be read.
pub const IMPORT_DRAIN_BYTES_MAX: usize = 1 << 30;

/// How often a piece of a file is tried again while there is no room for it.
pub const IMPORT_TRIES_MAX: usize = 30;

/// Wait between two tries.
pub const IMPORT_PAUSE: Duration = Duration::from_secs(1);

/// Limits that an operator or a test may set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Time for one question, after which the answer is 503.
    pub question_timeout: Duration,
    /// Questions at the same time, above which the answer is 429.
    pub questions_max: usize,
    /// Largest answer, in bytes before compression.
    pub answer_bytes_max: usize,
    /// Spans of all traces in one answer of a search that answers whole traces.
    pub answer_spans_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            question_timeout: Duration::from_secs(60),
            questions_max: 64,
            answer_bytes_max: 512 << 20,
            answer_spans_max: 500_000,
        }
    }
}
