//! An object of the bucket as a source of bytes, without stub and cache: for reading all of a block once.
//!
//! Used where a stub is lost, and by checks and copies of whole blocks. Reads windows, so that a reader who goes from
//! place to place in order costs few requests.

use super::{Bucket, object_name};
use crate::guard::lock;
use crate::segment::ReadAt;
use bytes::Bytes;
use fanal_base::cast;
use fanal_storage::TenantId;
use std::io;
use std::sync::{Arc, Mutex};

/// Bytes of a window.
const WINDOW_BYTES: u64 = 4 << 20;

/// A block in the bucket.
#[derive(Debug)]
pub(crate) struct RemoteObject {
    bucket: Arc<dyn Bucket>,
    name: String,
    length: u64,
    /// The bytes read last, and where they begin.
    window: Mutex<(u64, Bytes)>,
}

impl RemoteObject {
    /// The object of a block of `length` bytes that moved at `stamp`.
    pub(crate) fn new(
        bucket: Arc<dyn Bucket>,
        tenant: &TenantId,
        number: u64,
        stamp: u64,
        length: u64,
    ) -> Self {
        let name = object_name(tenant, number, stamp);
        Self { bucket, name, length, window: Mutex::default() }
    }

    /// The bytes from `offset` on of a window that has them all.
    fn window(&self, offset: u64, length: u64) -> io::Result<Bytes> {
        let mut window = lock(&self.window);
        let end = offset + length;
        if offset < window.0 || end > window.0 + cast::wide(window.1.len()) {
            // What is read from the end of a block lies close together.
            let start = offset.min(self.length.saturating_sub(WINDOW_BYTES));
            let range = start..end.max(self.length.min(start + WINDOW_BYTES));
            let parts = self.bucket.read(&self.name, &[range])?;
            *window = (start, parts.into_iter().next().unwrap_or_default());
        }
        let start = cast::size(offset - window.0);
        let end = start + cast::size(length);
        if end > window.1.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(window.1.slice(start..end))
    }
}

impl ReadAt for RemoteObject {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let length = cast::wide(buffer.len());
        if offset.checked_add(length).is_none_or(|end| end > self.length) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if length > 0 {
            buffer.copy_from_slice(&self.window(offset, length)?);
        }
        Ok(())
    }

    fn byte_length(&self) -> u64 {
        self.length
    }
}
