//! Protobuf types of foreign query protocols, without logic.
//!
//! The gRPC doors of the server read and write them. The `.proto` files in `proto/` say the same for clients that ask by
//! reflection; [`DESCRIPTORS`] is compiled from them by `e2e/jaegerquery/descriptors.py`, and the suite there holds that
//! it is. Spans on their way in do not come by here: `fanal-formats` walks over their bytes.

pub mod api_v2;
pub mod api_v3;
pub mod expression;
pub mod metrics;
mod raw;
pub mod remote_write;
pub mod storage_v2;
pub mod tempo;

pub use prost_types::{Duration, Timestamp};
pub use raw::EncodedTraces;

/// The `FileDescriptorSet` of every service here, as reflection answers it.
pub const DESCRIPTORS: &[u8] = include_bytes!("../descriptors.binpb");
