//! What AWS X-Ray's SDKs send to their daemon: segments over UDP, and questions about sampling over HTTP.
//!
//! Read by the `xray` and `xray_http` receivers. Facts:
//! <https://docs.aws.amazon.com/xray/latest/devguide/xray-api-segmentdocuments.html>.
//! Invariant: a segment or subsegment that breaks a rule is refused alone; the others of its document are kept.

mod aws;
mod cause;
mod decoder;
mod document;
mod members;
pub mod sampling;
mod span;

pub use decoder::{SUBSEGMENT_DEPTH_MAX, SegmentDecoder};
