//! Writes fields into one growing buffer; a message inside a message is written in place.
//!
//! Used by every protobuf encoder. Invariant: fields of a default value are written only where the caller asks.

use fanal_base::cast;

/// Writes one message and those within it.
#[derive(Debug, Default)]
pub struct Writer {
    out: Vec<u8>,
}

impl Writer {
    /// What was written.
    pub fn finish(self) -> Vec<u8> {
        self.out
    }

    fn push_varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.out.push(number.to_le_bytes()[0] | 0x80);
            number >>= 7;
        }
        self.out.push(number.to_le_bytes()[0]);
    }

    /// An integer, under a tag of [`super::varint_tag`].
    pub fn varint(&mut self, tag: u32, number: u64) {
        self.push_varint(u64::from(tag));
        self.push_varint(number);
    }

    /// An integer that is left out when it is 0.
    pub fn varint_unless_zero(&mut self, tag: u32, number: u64) {
        if number != 0 {
            self.varint(tag, number);
        }
    }

    /// Four bytes, under a tag of [`super::fixed32_tag`].
    pub fn fixed32(&mut self, tag: u32, number: u32) {
        self.push_varint(u64::from(tag));
        self.out.extend_from_slice(&number.to_le_bytes());
    }

    /// Eight bytes, under a tag of [`super::fixed64_tag`].
    pub fn fixed64(&mut self, tag: u32, number: u64) {
        self.push_varint(u64::from(tag));
        self.out.extend_from_slice(&number.to_le_bytes());
    }

    /// Text or bytes, under a tag of [`super::bytes_tag`].
    pub fn bytes(&mut self, tag: u32, bytes: &[u8]) {
        self.push_varint(u64::from(tag));
        self.push_varint(cast::wide(bytes.len()));
        self.out.extend_from_slice(bytes);
    }

    /// Text or bytes that are left out when they are empty.
    pub fn bytes_unless_empty(&mut self, tag: u32, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.bytes(tag, bytes);
        }
    }

    /// A message that `write` writes.
    pub fn message(&mut self, tag: u32, write: impl FnOnce(&mut Self)) {
        self.push_varint(u64::from(tag));
        // Most messages have less than 128 bytes, whose length takes one byte; longer ones move up.
        let length_at = self.out.len();
        self.out.push(0);
        write(self);
        let end = self.out.len();
        let length = end - length_at - 1;
        if length < 0x80 {
            self.out[length_at] = cast::wide(length).to_le_bytes()[0];
            return;
        }
        self.push_varint(cast::wide(length));
        let length_bytes = self.out.len() - end;
        let mut encoded = [0; 10];
        encoded[..length_bytes].copy_from_slice(&self.out[end..]);
        self.out.truncate(end + length_bytes - 1);
        self.out.copy_within(length_at + 1..end, length_at + length_bytes);
        self.out[length_at..length_at + length_bytes].copy_from_slice(&encoded[..length_bytes]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Reader, bytes_tag, varint_tag};

    #[test]
    fn messages_of_every_length_read_back() {
        let check = |length: usize| {
            let body: Vec<u8> = (0..length).map(|index| index.to_le_bytes()[0]).collect();
            let mut writer = Writer::default();
            writer.varint(varint_tag(1), 300);
            writer.message(bytes_tag(2), |writer| writer.bytes(bytes_tag(3), &body));
            writer.varint_unless_zero(varint_tag(4), 0);
            writer.bytes_unless_empty(bytes_tag(5), b"end");
            let written = writer.finish();
            let mut reader = Reader::new(&written);
            assert_eq!((reader.tag(), reader.varint()), (Ok(8), Ok(300)));
            assert_eq!(reader.tag(), Ok(0x12));
            let mut inner = reader.message().expect("fits");
            assert_eq!((inner.tag(), inner.bytes()), (Ok(0x1a), Ok(&*body)), "{length}");
            assert!(inner.is_at_end());
            assert_eq!((reader.tag(), reader.bytes()), (Ok(0x2a), Ok(&b"end"[..])));
            assert!(reader.is_at_end());
        };
        [0, 1, 124, 125, 126, 127, 128, 16_379, 16_380, 16_384, 2_100_000]
            .into_iter()
            .for_each(check);
    }
}
