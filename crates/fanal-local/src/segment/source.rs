//! Where the bytes of a segment come from. The engine implements it for files; tests use memory.

use fanal_base::cast;
use std::fmt::Debug;
use std::io;
use std::ops::Range;
use std::sync::Arc;

/// Bytes that can be read at any place, by many threads at once. Offsets count from the start of the segment.
pub trait ReadAt: Send + Sync + Debug {
    /// Fills `buffer` from `offset` on; fails where the bytes end before it is full.
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;

    /// Length of the segment in bytes.
    fn byte_length(&self) -> u64;

    /// Told before a number of reads which bytes they are about to read, so that a source that is far away can fetch them at once.
    fn will_read(&self, _ranges: &[Range<u64>]) {}
}

impl ReadAt for [u8] {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let start = usize::try_from(offset).map_err(|_| io::ErrorKind::UnexpectedEof)?;
        let end = start.checked_add(buffer.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        let bytes = self.get(start..end).ok_or(io::ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(bytes);
        Ok(())
    }

    fn byte_length(&self) -> u64 {
        cast::wide(self.len())
    }
}

impl ReadAt for Vec<u8> {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.as_slice().read_exact_at(buffer, offset)
    }

    fn byte_length(&self) -> u64 {
        self.as_slice().byte_length()
    }
}

impl ReadAt for Arc<[u8]> {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        (**self).read_exact_at(buffer, offset)
    }

    fn byte_length(&self) -> u64 {
        (**self).byte_length()
    }
}
