//! The log: the durable form of spans that are in no block yet. One record is one segment: a large request, or small ones coalesced.
//!
//! The commit thread appends, the start replays, the merge releases. Invariant: what [`LogAppender::append`] answered
//! is read back by [`replay()`] until a catalog says that it is in a block. Knows sequences and bytes, not spans.

mod append;
mod files;
pub(crate) mod frame;
mod replay;
mod scan;

pub(crate) use append::LogAppender;
pub(crate) use files::{LogFiles, log_name, log_number};
pub(crate) use frame::RECORDS_OFFSET;
pub(crate) use replay::{Record, replay};
pub(crate) use scan::{LogEnd, LogScan, is_named, scan};
