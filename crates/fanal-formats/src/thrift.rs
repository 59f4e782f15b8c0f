//! Thrift's binary and compact protocols: reading without generated types, so that each format walks its own fields.
//!
//! Used by the walks of Jaeger and of Zipkin's first version. Follows
//! <https://github.com/apache/thrift/blob/master/doc/specs/thrift-binary-protocol.md> and
//! <https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md>.
//! Invariant: every count is bounded by the bytes left, every nesting by [`DEPTH_MAX`]; texts are not checked.

mod binary;
mod compact;
mod reader;

pub use reader::{Call, DEPTH_MAX, Field, Kind, Protocol, Reader, ThriftError, ThriftFault};
