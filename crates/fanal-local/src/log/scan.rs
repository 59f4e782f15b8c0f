//! Reading the log to judge it: like the replay, but telling how each file ends and what lies behind its end.
//!
//! Feeds the check. A record that is not whole at the end of a file may be what a crash left of a write that was never
//! acknowledged; with proof of later writes behind it, it is damage.

use super::files::log_name;
use super::frame::{
    self, FileHeader, Frame, RECORD_HEADER_BYTES, RECORD_MAGIC, RECORDS_OFFSET, SECTOR_BYTES,
    VERSION,
};
use super::replay::{OpenLog, Record, open_logs, replay_file};
use crate::disk::Disk;
use fanal_base::cast;
use fanal_storage::StoreError;
use std::collections::BTreeSet;
use std::path::Path;

/// What a log file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LogScan {
    /// Number of the file.
    pub number: u64,
    /// Sequence that its first record has.
    pub first_sequence: u64,
    /// Sequence of its last whole record; one less than the first where it has none.
    pub last_sequence: u64,
    /// Bytes of its whole records.
    pub used_bytes: u64,
    /// How it ends.
    pub end: LogEnd,
}

/// What stands behind the last whole record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogEnd {
    /// Nothing of this life of the file.
    Clean,
    /// A record that is not whole, and nothing that was written later.
    Torn,
    /// A record that was whole once: later ones follow, or its header alone is wrong.
    Broken,
}

/// Hands every whole record behind `merged_through` to `take`, and answers what each file holds, in order.
pub(crate) fn scan(
    disk: &dyn Disk,
    dir: &Path,
    merged_through: u64,
    mut take: impl FnMut(Record) -> Result<(), StoreError>,
) -> Result<Vec<LogScan>, StoreError> {
    let logs = open_logs(disk, dir)?;
    let mut scans = Vec::with_capacity(logs.len());
    for (position, log) in logs.iter().enumerate() {
        let limit = logs.get(position + 1).map_or(u64::MAX, |next| next.header.first_sequence);
        let sealed = replay_file(log, limit, |record| {
            if record.sequence > merged_through { take(record) } else { Ok(()) }
        })?;
        let expected = sealed.last_sequence + 1;
        let end = if expected < limit {
            end_of(log, RECORDS_OFFSET + sealed.used_bytes, expected, merged_through)?
        } else {
            LogEnd::Clean
        };
        scans.push(LogScan {
            number: sealed.number,
            first_sequence: log.header.first_sequence,
            last_sequence: sealed.last_sequence,
            used_bytes: sealed.used_bytes,
            end,
        });
    }
    Ok(scans)
}

/// Judges what stands at `offset`, where the record `expected` belongs and no whole one is.
fn end_of(
    log: &OpenLog,
    offset: u64,
    expected: u64,
    merged_through: u64,
) -> Result<LogEnd, StoreError> {
    let Some(header) = read_header(log, offset)? else { return Ok(LogEnd::Clean) };
    let mut repaired = header;
    repaired[..4].copy_from_slice(&RECORD_MAGIC);
    repaired[4..8].copy_from_slice(&VERSION.to_le_bytes());
    repaired[8..16].copy_from_slice(&expected.to_le_bytes());
    let is_needed = expected > merged_through;
    if is_needed && arrival(log, offset, &repaired)?.is_some() {
        return Ok(LogEnd::Broken);
    }
    // Two of three agree: it is this record, whatever is wrong with it.
    let ranges = [0..4, 4..8, 8..16];
    let agreeing =
        ranges.into_iter().filter(|range| header[range.clone()] == repaired[range.clone()]);
    let arrived = header[24..32].try_into().map_or(0, u64::from_le_bytes);
    let own = (is_needed && agreeing.count() >= 2).then_some(arrived);
    // One write may hold several records, all of one arrival, and a crash may keep any of its sectors.
    let mut arrivals: BTreeSet<u64> = own.into_iter().collect();
    let mut place = offset + cast::wide(SECTOR_BYTES);
    while arrivals.len() < 2
        && let Some(header) = read_header(log, place)?
    {
        if let Frame::Record(later) = frame::decode_record_header(&header)
            && later.sequence > expected.max(merged_through)
            && let Some(arrived) = arrival(log, place, &header)?
        {
            if !is_needed {
                // It was whole when it was merged, and hides this one.
                return Ok(LogEnd::Broken);
            }
            arrivals.insert(arrived);
        }
        place += cast::wide(SECTOR_BYTES);
    }
    Ok(match arrivals.len() {
        0 => LogEnd::Clean,
        1 => LogEnd::Torn,
        _ => LogEnd::Broken,
    })
}

/// When the record at `offset` arrived, where it is whole under this header.
fn arrival(
    log: &OpenLog,
    offset: u64,
    header_bytes: &[u8; RECORD_HEADER_BYTES],
) -> Result<Option<u64>, StoreError> {
    let Frame::Record(header) = frame::decode_record_header(header_bytes) else { return Ok(None) };
    let body_offset = offset + cast::wide(RECORD_HEADER_BYTES);
    if body_offset + u64::from(header.body_bytes) > log.file.byte_length() {
        return Ok(None);
    }
    let mut body = vec![0; cast::index(header.body_bytes)];
    log.read(&mut body, body_offset)?;
    let is_whole = header.checks_out(log.header.file_number, header_bytes, &body);
    Ok(is_whole.then_some(header.arrived_unix_nanos))
}

fn read_header(
    log: &OpenLog,
    offset: u64,
) -> Result<Option<[u8; RECORD_HEADER_BYTES]>, StoreError> {
    let mut header = [0; RECORD_HEADER_BYTES];
    if offset + cast::wide(RECORD_HEADER_BYTES) > log.file.byte_length() {
        return Ok(None);
    }
    log.read(&mut header, offset)?;
    Ok(Some(header))
}

/// Whether a log file has the header that its name promises.
pub(crate) fn is_named(disk: &dyn Disk, dir: &Path, number: u64) -> bool {
    let mut sector = [0; SECTOR_BYTES];
    let file = disk.open(&dir.join(log_name(number)));
    let header = file.and_then(|file| file.read_exact_at(&mut sector, 0)).ok();
    header
        .and_then(|()| FileHeader::decode(&sector).ok())
        .is_some_and(|header| header.file_number == number)
}
