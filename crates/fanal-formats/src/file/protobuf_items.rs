//! Finds the items of a file of OTLP protobuf: the fields of one request, or requests with their lengths before them.
//!
//! A request is a list of fields, and the fields of several make one request. Invariant: holds one item, whose length is
//! limited.

use super::error::FileError;
use super::item::ItemKind;
use super::source::Source;
use crate::otlp::file::{LENGTH_BYTES, request_length};

/// Most bytes of a varint.
const VARINT_BYTES_MAX: usize = 10;

const TOO_LONG: &str = "write it in smaller requests, each with its length before it";

/// How requests follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// Fields of one request to the end.
    Fields,
    /// Each request with its length before it.
    Lengths,
}

/// The items of a file.
pub(super) struct ProtobufItems<'r> {
    source: Source<'r>,
    framing: Framing,
    item_bytes_max: usize,
}

impl<'r> ProtobufItems<'r> {
    pub(super) fn new(source: Source<'r>, framing: Framing, item_bytes_max: usize) -> Self {
        Self { source, framing, item_bytes_max }
    }

    /// Puts the next item into `item`, which is empty, and gives its kind and place; `None` at the end.
    pub(super) fn next(
        &mut self,
        item: &mut Vec<u8>,
    ) -> Result<Option<(ItemKind, u64)>, FileError> {
        let offset = self.source.offset();
        if self.source.peek()?.is_none() {
            return Ok(None);
        }
        match self.framing {
            Framing::Fields => self.field(item)?,
            Framing::Lengths => self.request(item)?,
        }
        Ok(Some((ItemKind::OtlpFields, offset)))
    }

    fn request(&mut self, item: &mut Vec<u8>) -> Result<(), FileError> {
        if !self.source.take_into(item, LENGTH_BYTES)? {
            return Err(self.source.broken("the file ends inside the length of a request"));
        }
        let length = item.first_chunk().map_or(0, |length| request_length(*length));
        item.clear();
        self.bytes(item, length, "request")
    }

    fn field(&mut self, item: &mut Vec<u8>) -> Result<(), FileError> {
        let tag = self.varint(item)?;
        match tag & 7 {
            0 => self.varint(item).map(drop),
            1 => self.bytes(item, 8, "field"),
            5 => self.bytes(item, 4, "field"),
            2 => {
                let length = self.varint(item)?;
                let length = usize::try_from(length).unwrap_or(usize::MAX);
                self.bytes(item, length, "resource with its spans")
            }
            _ => Err(self.source.broken("the field is none of protobuf")),
        }
    }

    fn bytes(
        &mut self,
        item: &mut Vec<u8>,
        count: usize,
        what: &'static str,
    ) -> Result<(), FileError> {
        let limit = self.item_bytes_max;
        if count > limit {
            let offset = self.source.offset();
            return Err(FileError::ItemTooLong { what, offset, limit, advice: TOO_LONG });
        }
        if self.source.take_into(item, count)? {
            Ok(())
        } else {
            Err(self.source.broken(format!("the file ends inside a {what}")))
        }
    }

    fn varint(&mut self, item: &mut Vec<u8>) -> Result<u64, FileError> {
        let mut number = 0;
        for index in 0..VARINT_BYTES_MAX {
            let Some(byte) = self.source.peek()? else {
                return Err(self.source.broken("the file ends inside a field"));
            };
            self.source.take(1);
            item.push(byte);
            number |= u64::from(byte & 0x7f)
                .checked_shl(7 * fanal_base::cast::narrow(index))
                .unwrap_or(0);
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(self.source.broken("a number of protobuf is longer than 10 bytes"))
    }
}
