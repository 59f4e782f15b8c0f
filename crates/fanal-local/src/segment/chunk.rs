//! Reading chunks: bytes from the source or from a larger read, checksum, decoding to the last byte.

use super::error::{Flaw, SegmentError};
use super::layout::{CHECKSUM_BYTES, Extent, chunk_checksum};
use super::source::ReadAt;
use fanal_base::cast;
use fanal_model::nested::Reader;
use std::borrow::Cow;

/// Whether a fuzzer runs this: it could not get past checksums, so they are not looked at.
pub(super) const IS_FUZZED: bool = cfg!(feature = "fuzzing");

/// Bytes of the source that were read ahead.
#[derive(Debug)]
pub(super) struct Ahead {
    offset: u64,
    bytes: Vec<u8>,
}

impl Ahead {
    /// Reads an extent in one piece.
    pub(super) fn read(source: &dyn ReadAt, extent: Extent) -> Result<Self, SegmentError> {
        Ok(Self { offset: extent.offset, bytes: read_bytes(source, extent)? })
    }

    /// The first byte of an extent.
    pub(super) fn byte(&self, offset: u64) -> Option<u8> {
        self.get(Extent { offset, length: 1 }).map(|bytes| bytes[0])
    }

    pub(super) fn get(&self, extent: Extent) -> Option<&[u8]> {
        let start = cast::size(extent.offset.checked_sub(self.offset)?);
        self.bytes.get(start..start.checked_add(cast::index(extent.length))?)
    }
}

/// Reads an extent. Its length is bounded by the directory, whose extents lie within the source.
pub(super) fn read_bytes(source: &dyn ReadAt, extent: Extent) -> Result<Vec<u8>, SegmentError> {
    let mut bytes = vec![0; cast::index(extent.length)];
    let (offset, length) = (extent.offset, bytes.len());
    source.read_exact_at(&mut bytes, offset).map_err(|source| SegmentError::Io {
        offset,
        length,
        source,
    })?;
    Ok(bytes)
}

/// Decodes a chunk with `decode`, which must read all of it.
pub(super) fn decode_chunk<T>(
    source: &dyn ReadAt,
    ahead: Option<&Ahead>,
    extent: Extent,
    part: &'static str,
    decode: impl FnOnce(&mut Reader<'_>) -> Result<T, Flaw>,
) -> Result<T, SegmentError> {
    let bytes = match ahead.and_then(|ahead| ahead.get(extent)) {
        Some(bytes) => Cow::Borrowed(bytes),
        None => Cow::Owned(read_bytes(source, extent)?),
    };
    decode_payload(&bytes, extent.offset, decode).map_err(|flaw| SegmentError::Corrupt {
        part,
        offset: extent.offset,
        found: flaw.0,
    })
}

fn decode_payload<T>(
    bytes: &[u8],
    offset: u64,
    decode: impl FnOnce(&mut Reader<'_>) -> Result<T, Flaw>,
) -> Result<T, Flaw> {
    let (payload, checksum) =
        bytes.split_last_chunk::<CHECKSUM_BYTES>().ok_or(Flaw("chunk without a checksum"))?;
    if !IS_FUZZED && chunk_checksum(payload, offset) != *checksum {
        return Err(Flaw("checksum differs"));
    }
    let mut reader = Reader::new(payload);
    let value = decode(&mut reader)?;
    if reader.is_at_end() { Ok(value) } else { Err(Flaw("bytes left over")) }
}
