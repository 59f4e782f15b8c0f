//! Thrift's compact protocol, written.

use fanal_base::cast;
use fanal_model::nested::write_varint;

/// Types of fields and elements.
pub(super) const INT32: u8 = 5;
pub(super) const INT64: u8 = 6;
pub(super) const DOUBLE: u8 = 7;
pub(super) const BINARY: u8 = 8;
pub(super) const LIST: u8 = 9;
pub(super) const STRUCT: u8 = 12;

/// A message being written.
#[derive(Debug, Default)]
pub(super) struct Compact {
    pub(super) bytes: Vec<u8>,
}

/// The fields of one struct, in the order of their ids.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    out: &'a mut Compact,
    last: u8,
}

impl Compact {
    /// A one-way call.
    pub(super) fn call(method: &str) -> Self {
        let mut call = Self { bytes: vec![0x82, 0x81, 0] };
        call.binary(method.as_bytes());
        call
    }

    fn binary(&mut self, bytes: &[u8]) {
        write_varint(cast::wide(bytes.len()), &mut self.bytes);
        self.bytes.extend_from_slice(bytes);
    }

    fn integer(&mut self, value: i64) {
        write_varint((value << 1 ^ value >> 63).cast_unsigned(), &mut self.bytes);
    }

    /// A struct of the fields that `write` writes.
    pub(super) fn structure(&mut self, write: impl FnOnce(&mut Fields<'_>)) {
        write(&mut Fields { out: self, last: 0 });
        self.bytes.push(0);
    }
}

impl Fields<'_> {
    fn header(&mut self, id: u8, kind: u8) {
        self.out.bytes.push((id - self.last) << 4 | kind);
        self.last = id;
    }

    pub(super) fn int32(&mut self, id: u8, value: i32) {
        self.header(id, INT32);
        self.out.integer(value.into());
    }

    pub(super) fn int64(&mut self, id: u8, value: i64) {
        self.header(id, INT64);
        self.out.integer(value);
    }

    pub(super) fn double(&mut self, id: u8, value: f64) {
        self.header(id, DOUBLE);
        self.out.bytes.extend_from_slice(&value.to_le_bytes());
    }

    pub(super) fn boolean(&mut self, id: u8, value: bool) {
        self.header(id, if value { 1 } else { 2 });
    }

    pub(super) fn binary(&mut self, id: u8, bytes: &[u8]) {
        self.header(id, BINARY);
        self.out.binary(bytes);
    }

    pub(super) fn structure(&mut self, id: u8, write: impl FnOnce(&mut Fields<'_>)) {
        self.header(id, STRUCT);
        self.out.structure(write);
    }

    /// A list of structs.
    pub(super) fn list<T>(
        &mut self,
        id: u8,
        items: impl ExactSizeIterator<Item = T>,
        mut write: impl FnMut(&mut Fields<'_>, T),
    ) {
        self.header(id, LIST);
        match u8::try_from(items.len()) {
            Ok(count) if count < 15 => self.out.bytes.push(count << 4 | STRUCT),
            _ => {
                self.out.bytes.push(0xf0 | STRUCT);
                write_varint(cast::wide(items.len()), &mut self.out.bytes);
            }
        }
        for item in items {
            self.out.structure(|fields| write(fields, item));
        }
    }
}
