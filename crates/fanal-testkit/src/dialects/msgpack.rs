//! `MessagePack`, written with fixed widths: <https://github.com/msgpack/msgpack/blob/master/spec.md>.

use fanal_base::cast;

/// Bytes being written.
#[derive(Debug, Default)]
pub(super) struct Packer {
    pub(super) bytes: Vec<u8>,
}

impl Packer {
    fn push(&mut self, marker: u8, rest: &[u8]) {
        self.bytes.push(marker);
        self.bytes.extend_from_slice(rest);
    }

    fn counted(&mut self, marker: u8, count: usize) {
        // What is generated is far smaller than 4 GiB.
        self.push(marker, &u32::try_from(count).unwrap_or(u32::MAX).to_be_bytes());
    }

    pub(super) fn array(&mut self, count: usize) {
        self.counted(0xdd, count);
    }

    pub(super) fn map(&mut self, count: usize) {
        self.counted(0xdf, count);
    }

    pub(super) fn text(&mut self, text: &str) {
        self.counted(0xdb, text.len());
        self.bytes.extend_from_slice(text.as_bytes());
    }

    pub(super) fn index(&mut self, index: usize) {
        self.counted(0xce, index);
    }

    pub(super) fn unsigned(&mut self, number: u64) {
        self.push(0xcf, &number.to_be_bytes());
    }

    pub(super) fn signed(&mut self, number: i64) {
        self.push(0xd3, &number.to_be_bytes());
    }

    pub(super) fn float(&mut self, number: f64) {
        self.push(0xcb, &number.to_be_bytes());
    }

    /// A whole number as a float, as Datadog's metrics are.
    pub(super) fn figure(&mut self, number: i64) {
        let size = cast::figure(number.unsigned_abs());
        self.float(if number < 0 { -size } else { size });
    }
}
