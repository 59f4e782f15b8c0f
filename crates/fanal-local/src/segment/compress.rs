//! Compressed byte blocks: method, lengths, payload. The one place that knows lz4 and zstd.
//!
//! Invariant: the decoded length is read and bounded before anything is allocated.

use super::Profile;
use super::error::{Flaw, SegmentError};
use fanal_base::cast;
use fanal_model::nested::{self, Reader};
use lz4_flex::block::CompressTable;
use std::borrow::Cow;
use std::cell::RefCell;

/// Most bytes of one decoded block.
pub(super) const BLOCK_BYTES_MAX: usize = 1 << 30;

/// Blocks below this many bytes are stored as they are: the frame would cost more than it saves.
const COMPRESS_BYTES_MIN: usize = 24;

/// The same in the fast profile, where clearing the table of lz4 costs more than compressing so little.
const FAST_BYTES_MIN: usize = 256;

/// Up to this many bytes the small table of lz4 serves.
const SMALL_TABLE_BYTES_MAX: usize = u16::MAX as usize - 1;

const STORED: u8 = 0;
const LZ4: u8 = 1;
const ZSTD: u8 = 2;

/// zstd level of the small profile. Level 3 measured 1–2 % smaller at twice the time.
const ZSTD_LEVEL: i32 = 1;

/// Compressors with their working memory, for one encoding.
pub(super) struct Packer {
    profile: Profile,
    zstd: Option<zstd::bulk::Compressor<'static>>,
    lz4_small: CompressTable,
    lz4_large: CompressTable,
    /// Never shrinks: what was cleared once need not be cleared again.
    buffer: Vec<u8>,
}

impl Packer {
    pub(super) fn new(profile: Profile) -> Result<Self, SegmentError> {
        let zstd = match profile {
            Profile::Fast => None,
            Profile::Small => Some(
                zstd::bulk::Compressor::new(ZSTD_LEVEL)
                    .map_err(|_| SegmentError::Compress { part: "zstd context" })?,
            ),
        };
        let (lz4_small, lz4_large) = (CompressTable::small(), CompressTable::large());
        Ok(Self { profile, zstd, lz4_small, lz4_large, buffer: Vec::new() })
    }

    pub(super) fn profile(&self) -> Profile {
        self.profile
    }

    /// Appends `raw` as a block, compressed where that makes it smaller.
    pub(super) fn block(&mut self, raw: &[u8], out: &mut Vec<u8>) -> Result<(), SegmentError> {
        if raw.len() > BLOCK_BYTES_MAX {
            return Err(SegmentError::TooLarge {
                part: "bytes of one column of a granule",
                observed: cast::wide(raw.len()),
                limit: cast::wide(BLOCK_BYTES_MAX),
            });
        }
        let (method, length) = self.compress(raw);
        let payload = self.buffer.get(..length).unwrap_or_default();
        let is_smaller = method != STORED && payload.len() < raw.len();
        let (method, payload) = if is_smaller { (method, payload) } else { (STORED, raw) };
        out.push(method);
        nested::write_length(raw.len(), out);
        if method != STORED {
            nested::write_length(payload.len(), out);
        }
        out.extend_from_slice(payload);
        Ok(())
    }

    /// Method and length of what is now in the buffer. A compressor that fails leaves the bytes as they are.
    fn compress(&mut self, raw: &[u8]) -> (u8, usize) {
        match &mut self.zstd {
            Some(zstd) if raw.len() >= COMPRESS_BYTES_MIN => {
                grow(&mut self.buffer, zstd::zstd_safe::compress_bound(raw.len()));
                let length = zstd.compress_to_buffer(raw, self.buffer.as_mut_slice());
                length.map_or((STORED, 0), |length| (ZSTD, length))
            }
            None if raw.len() >= FAST_BYTES_MIN => {
                let is_small = raw.len() <= SMALL_TABLE_BYTES_MAX;
                let table = if is_small { &mut self.lz4_small } else { &mut self.lz4_large };
                grow(&mut self.buffer, lz4_flex::block::get_maximum_output_size(raw.len()));
                let length =
                    lz4_flex::block::compress_into_with_table(raw, &mut self.buffer, table);
                length.map_or((STORED, 0), |length| (LZ4, length))
            }
            _ => (STORED, 0),
        }
    }
}

fn grow(buffer: &mut Vec<u8>, length: usize) {
    if buffer.len() < length {
        buffer.resize(length, 0);
    }
}

/// Reads a block of at most `limit` decoded bytes.
pub(super) fn read_block<'a>(reader: &mut Reader<'a>, limit: usize) -> Result<Cow<'a, [u8]>, Flaw> {
    let method = reader.take(1)?[0];
    let raw_length = cast::size(reader.varint()?);
    if raw_length > limit.min(BLOCK_BYTES_MAX) {
        return Err(Flaw("decoded length beyond the limit"));
    }
    if method == STORED {
        return Ok(Cow::Borrowed(reader.take(raw_length)?));
    }
    let payload = reader.bytes()?;
    let mut raw = vec![0; raw_length];
    let length = match method {
        LZ4 => lz4_flex::block::decompress_into(payload, &mut raw).map_err(|_| Flaw("lz4 data"))?,
        ZSTD => decompress_zstd(payload, &mut raw).ok_or(Flaw("zstd data"))?,
        _ => return Err(Flaw("unknown compression")),
    };
    if length == raw_length { Ok(Cow::Owned(raw)) } else { Err(Flaw("decoded length differs")) }
}

thread_local! {
    /// Making a decompressor costs more than most blocks: a fifth of the time of searches.
    static DECOMPRESSOR: RefCell<Option<zstd::bulk::Decompressor<'static>>> =
        const { RefCell::new(None) };
}

fn decompress_zstd(payload: &[u8], raw: &mut [u8]) -> Option<usize> {
    DECOMPRESSOR.with_borrow_mut(|kept| {
        if kept.is_none() {
            *kept = zstd::bulk::Decompressor::new().ok();
        }
        kept.as_mut()?.decompress_to_buffer(payload, raw).ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_round_trip_and_keep_to_the_limit() {
        let check = |raw: &[u8], method: [u8; 2]| {
            for (profile, method) in [Profile::Fast, Profile::Small].into_iter().zip(method) {
                let mut packer = Packer::new(profile).expect("packer");
                let mut bytes = Vec::new();
                packer.block(raw, &mut bytes).expect("block");
                assert_eq!(bytes[0], method, "{profile:?}");
                let mut reader = Reader::new(&bytes);
                assert_eq!(&*read_block(&mut reader, raw.len()).expect("reads"), raw);
                assert!(reader.is_at_end());
                if !raw.is_empty() {
                    assert!(read_block(&mut Reader::new(&bytes), raw.len() - 1).is_err());
                }
                for end in 0..bytes.len() {
                    assert!(read_block(&mut Reader::new(&bytes[..end]), raw.len()).is_err());
                }
            }
        };
        check(b"", [STORED, STORED]);
        check(b"short", [STORED, STORED]);
        check(&[7; 1000], [LZ4, ZSTD]);
        let random: Vec<u8> = (1..200_u64)
            .flat_map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes())
            .collect();
        check(&random, [STORED, STORED]);
    }
}
