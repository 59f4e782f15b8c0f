//! Looking at a data folder from outside: checking it, telling what its bytes are spent on, copying it as a whole.
//!
//! The operator's commands call it, with or without a server beside it. Invariant: it never writes into the folder that
//! it looks at. Reads through the engine's own types, so that it sees what the engine would see.

mod check;
mod check_block;
mod check_log;
mod check_segment;
mod copy;
mod error;
mod folder;
mod read_only;
mod stats;

pub use check::{CheckReport, TenantCheck, check};
pub use copy::{CopyReport, Transfer, backup, restore};
pub use error::InspectError;
pub use stats::{KeyBytes, PartBytes, ServiceSpans, StatsReport, TenantStats, stats};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing; nothing is lost.
    Note,
    /// May be damage, or what a crash leaves of requests that were never acknowledged.
    Warning,
    /// Stored bytes are not what was written.
    Damage,
}

impl Severity {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Damage => "damage",
        }
    }
}

/// Something that a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// File, and place in it where known.
    pub object: String,
    /// What was observed.
    pub found: String,
    /// What to do.
    pub advice: &'static str,
}

/// How far a long operation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress<'a> {
    /// What is being worked on.
    pub object: &'a str,
    /// Bytes done.
    pub done_bytes: u64,
    /// Bytes in all.
    pub total_bytes: u64,
}

/// Is told how far a long operation is.
pub type Watch<'a> = &'a mut dyn FnMut(&Progress<'_>);
