//! The bytes of a file after decompression, with the place where reading stands.
//!
//! Read by the walks over items. Knows no format.

use super::error::FileError;
use std::io::BufRead;

/// A stream of bytes that is looked at before it is taken.
pub(super) struct Source<'r> {
    input: Box<dyn BufRead + 'r>,
    offset: u64,
}

impl<'r> Source<'r> {
    pub(super) fn new(input: Box<dyn BufRead + 'r>) -> Self {
        Self { input, offset: 0 }
    }

    /// Bytes taken so far.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Bytes that are at hand, at least one but at the end.
    pub(super) fn chunk(&mut self) -> Result<&[u8], FileError> {
        let offset = self.offset;
        loop {
            // Asked twice, because a chunk that is given back cannot be looked at in a loop before.
            match self.input.fill_buf() {
                Ok(_) => break,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(source) => return Err(FileError::Read { offset, source }),
            }
        }
        self.input.fill_buf().map_err(|source| FileError::Read { offset, source })
    }

    /// Takes bytes of the chunk.
    pub(super) fn take(&mut self, bytes: usize) {
        self.input.consume(bytes);
        self.offset += fanal_base::cast::wide(bytes);
    }

    /// The next byte, without taking it.
    pub(super) fn peek(&mut self) -> Result<Option<u8>, FileError> {
        Ok(self.chunk()?.first().copied())
    }

    /// Appends the next `count` bytes; false where the file ends before.
    pub(super) fn take_into(&mut self, out: &mut Vec<u8>, count: usize) -> Result<bool, FileError> {
        let mut left = count;
        while left > 0 {
            let chunk = self.chunk()?;
            let part = chunk.get(..left.min(chunk.len())).unwrap_or_default();
            if part.is_empty() {
                return Ok(false);
            }
            out.extend_from_slice(part);
            let taken = part.len();
            self.take(taken);
            left -= taken;
        }
        Ok(true)
    }

    /// Takes white space, and gives the byte behind it without taking it.
    pub(super) fn after_space(&mut self) -> Result<Option<u8>, FileError> {
        loop {
            let chunk = self.chunk()?;
            let spaces = chunk.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            let next = chunk.get(spaces).copied();
            let is_at_end = chunk.is_empty();
            self.take(spaces);
            if next.is_some() || is_at_end {
                return Ok(next);
            }
        }
    }

    /// The error of what stands here.
    pub(super) fn broken(&self, problem: impl Into<String>) -> FileError {
        FileError::Broken { offset: self.offset, problem: problem.into() }
    }
}
