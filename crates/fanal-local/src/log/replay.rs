//! Reading the log at the start: every durable record that is in no block yet, in order.
//!
//! Feeds the head. A file ends at its first record that is torn, stale or missing; a file whose header does not check
//! out is refused, because acknowledged spans may be in it.

use super::files::{SealedLog, log_name, log_number};
use super::frame::{self, FileHeader, Frame, RECORD_HEADER_BYTES, RECORDS_OFFSET, SECTOR_BYTES};
use crate::disk::{Disk, DiskFile};
use crate::failure;
use fanal_base::cast;
use fanal_storage::StoreError;
use std::path::Path;
use std::sync::Arc;

/// A record read back.
#[derive(Debug)]
pub(crate) struct Record {
    /// Its sequence.
    pub sequence: u64,
    /// When its first request arrived, nanoseconds since the Unix epoch.
    pub arrived_unix_nanos: u64,
    /// The segment.
    pub body: Vec<u8>,
}

/// What a replay met.
#[derive(Debug, Default)]
pub(crate) struct Replayed {
    /// The files, in order.
    pub files: Vec<SealedLog>,
    /// The last sequence that was ever given out, as far as the files tell.
    pub last_sequence: u64,
    /// Records handed on.
    pub record_count: u64,
}

/// A log file with a header that checks out.
#[derive(Debug)]
pub(super) struct OpenLog {
    pub(super) header: FileHeader,
    pub(super) file: Arc<dyn DiskFile>,
}

impl OpenLog {
    /// Fills `buffer` from `offset` on.
    pub(super) fn read(&self, buffer: &mut [u8], offset: u64) -> Result<(), StoreError> {
        self.file.read_exact_at(buffer, offset).map_err(|source| StoreError::Io {
            operation: format!("reading log file {} at byte {offset}", self.header.file_number),
            source,
        })
    }
}

/// Hands every record behind `merged_through` to `take`, in order.
pub(crate) fn replay(
    disk: &dyn Disk,
    dir: &Path,
    merged_through: u64,
    mut take: impl FnMut(Record) -> Result<(), StoreError>,
) -> Result<Replayed, StoreError> {
    let logs = open_logs(disk, dir)?;
    let mut replayed = Replayed { last_sequence: merged_through, ..Replayed::default() };
    for (position, log) in logs.iter().enumerate() {
        let limit = logs.get(position + 1).map_or(u64::MAX, |next| next.header.first_sequence);
        let sealed = replay_file(log, limit, |record| {
            if record.sequence > merged_through {
                replayed.record_count += 1;
                take(record)?;
            }
            Ok(())
        })?;
        replayed.last_sequence = replayed.last_sequence.max(sealed.last_sequence);
        replayed.files.push(sealed);
    }
    Ok(replayed)
}

pub(super) fn open_logs(disk: &dyn Disk, dir: &Path) -> Result<Vec<OpenLog>, StoreError> {
    let names = disk.list(dir).map_err(failure::io("listing", dir))?;
    let mut logs = Vec::new();
    for number in names.iter().filter_map(|name| log_number(name)) {
        let path = dir.join(log_name(number));
        let file = disk.open(&path).map_err(failure::io("opening", &path))?;
        let mut sector = [0; SECTOR_BYTES];
        let read = file.read_exact_at(&mut sector, 0).map_err(|error| error.to_string());
        let header = read.and_then(|()| FileHeader::decode(&sector)).and_then(|header| {
            let is_own = header.file_number == number && header.first_sequence > 0;
            is_own.then_some(header).ok_or_else(|| "header and name differ".to_owned())
        });
        let header = header.map_err(|message| StoreError::Corrupt {
            object: path.display().to_string(),
            message: format!("{message}; move the file away to start without its spans"),
        })?;
        logs.push(OpenLog { header, file });
    }
    logs.sort_by_key(|log| log.header.file_number);
    Ok(logs)
}

pub(super) fn replay_file(
    log: &OpenLog,
    sequence_limit: u64,
    mut take: impl FnMut(Record) -> Result<(), StoreError>,
) -> Result<SealedLog, StoreError> {
    let capacity = log.file.byte_length();
    let number = log.header.file_number;
    let mut offset = RECORDS_OFFSET;
    let mut expected = log.header.first_sequence;
    while expected < sequence_limit {
        let Some(record) = read_record(log, offset, capacity, expected)? else { break };
        offset += cast::wide(frame::record_bytes(record.body.len()));
        expected += 1;
        take(record)?;
    }
    let used_bytes = offset - RECORDS_OFFSET;
    Ok(SealedLog { number, last_sequence: expected - 1, used_bytes, capacity })
}

fn read_record(
    log: &OpenLog,
    offset: u64,
    capacity: u64,
    expected: u64,
) -> Result<Option<Record>, StoreError> {
    let number = log.header.file_number;
    let mut header_bytes = [0; RECORD_HEADER_BYTES];
    let body_offset = offset + cast::wide(RECORD_HEADER_BYTES);
    if body_offset > capacity {
        return Ok(None);
    }
    log.read(&mut header_bytes, offset)?;
    let Frame::Record(header) = frame::decode_record_header(&header_bytes) else { return Ok(None) };
    if header.sequence != expected || body_offset + u64::from(header.body_bytes) > capacity {
        return Ok(None);
    }
    let mut body = vec![0; cast::index(header.body_bytes)];
    log.read(&mut body, body_offset)?;
    if !header.checks_out(number, &header_bytes, &body) {
        tracing::warn!(file = number, offset, sequence = expected, "log ends in a torn record");
        return Ok(None);
    }
    let arrived_unix_nanos = header.arrived_unix_nanos;
    Ok(Some(Record { sequence: expected, arrived_unix_nanos, body }))
}
