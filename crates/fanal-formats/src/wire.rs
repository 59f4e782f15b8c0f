//! The protobuf wire format: a reader over borrowed bytes and a writer, with no message types.
//!
//! Every protobuf format of this crate walks its messages with these. Invariant: a reader never leaves its slice and
//! every failure tells the byte where it lies. Does not know which fields a message has.
//! Follows <https://protobuf.dev/programming-guides/encoding/>.

mod reader;
mod writer;

pub use reader::{GROUP_DEPTH_MAX, Reader, WireError, WireFault};
pub use writer::Writer;

/// A field of wire type 0.
pub const fn varint_tag(field: u32) -> u32 {
    field << 3
}

/// A field of wire type 1.
pub const fn fixed64_tag(field: u32) -> u32 {
    field << 3 | 1
}

/// A field of wire type 2: text, bytes or a message.
pub const fn bytes_tag(field: u32) -> u32 {
    field << 3 | 2
}

/// A field of wire type 5.
pub const fn fixed32_tag(field: u32) -> u32 {
    field << 3 | 5
}
