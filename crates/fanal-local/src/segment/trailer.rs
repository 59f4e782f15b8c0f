//! The end of a segment: finds the directory through the trailer, and checks both. Run once, at opening.

use super::chunk::{IS_FUZZED, read_bytes};
use super::directory::Directory;
use super::error::SegmentError;
use super::layout::{Extent, MAGIC, VERSION};
use super::source::ReadAt;
use fanal_base::cast;
use xxhash_rust::xxh3::Xxh3Default;

/// Bytes of the trailer: stored and decoded length of the directory, length of the segment, checksum, magic.
const TRAILER_BYTES: u64 = 4 + 4 + 8 + 8 + 8;

/// Bytes of the trailer that the checksum covers, beside the directory.
const TRAILER_CHECKED_BYTES: usize = 4 + 4 + 8;

/// Bytes read at first from the end; a directory that fits needs no second read.
pub(super) const TAIL_BYTES: u64 = 16 << 10;

/// Reads and checks trailer and directory.
pub(super) fn read_directory(
    source: &dyn ReadAt,
    byte_length: u64,
) -> Result<Directory, SegmentError> {
    let tail_length = byte_length.min(TAIL_BYTES);
    let tail_start = byte_length - tail_length;
    let extent = Extent { offset: tail_start, length: cast::narrow(cast::size(tail_length)) };
    let mut tail = read_bytes(source, extent)?;
    let (directory_bytes, raw_length) = check_trailer(&tail, byte_length)?;
    let needed = u64::from(directory_bytes) + TRAILER_BYTES;
    let corrupt = |found| SegmentError::Corrupt { part: "directory", offset: tail_start, found };
    let chunk_bytes = byte_length
        .checked_sub(needed)
        .ok_or_else(|| corrupt("directory longer than the segment"))?;
    if needed > tail_length {
        let missing =
            Extent { offset: chunk_bytes, length: cast::narrow(cast::size(needed - tail_length)) };
        let mut bytes = read_bytes(source, missing)?;
        bytes.append(&mut tail);
        tail = bytes;
    }
    let from = tail.len() - cast::size(needed);
    let stored = &tail[from..from + cast::index(directory_bytes)];
    let trailer = &tail[tail.len() - cast::size(TRAILER_BYTES)..];
    let mut checksum = Xxh3Default::new();
    checksum.update(stored);
    checksum.update(&trailer[..TRAILER_CHECKED_BYTES]);
    if !IS_FUZZED && checksum.digest().to_le_bytes() != trailer[TRAILER_CHECKED_BYTES..][..8] {
        return Err(corrupt("checksum differs"));
    }
    Directory::decode(stored, cast::index(raw_length), chunk_bytes).map_err(|flaw| corrupt(flaw.0))
}

/// Stored and decoded length of the directory.
fn check_trailer(tail: &[u8], byte_length: u64) -> Result<(u32, u32), SegmentError> {
    let unknown = |found| SegmentError::Unknown { found, expected: VERSION };
    let Some((front, magic)) = tail.split_last_chunk::<8>() else {
        return Err(unknown([0; 8]));
    };
    if *magic != MAGIC {
        return Err(unknown(*magic));
    }
    let corrupt = |found| SegmentError::Corrupt { part: "trailer", offset: byte_length, found };
    let (front, _) = front.split_last_chunk::<8>().ok_or_else(|| corrupt("too short"))?;
    let (front, length) = front.split_last_chunk::<8>().ok_or_else(|| corrupt("too short"))?;
    let (front, raw) = front.split_last_chunk::<4>().ok_or_else(|| corrupt("too short"))?;
    let (_, stored) = front.split_last_chunk::<4>().ok_or_else(|| corrupt("too short"))?;
    if u64::from_le_bytes(*length) != byte_length {
        return Err(corrupt("length of the segment differs"));
    }
    Ok((u32::from_le_bytes(*stored), u32::from_le_bytes(*raw)))
}
