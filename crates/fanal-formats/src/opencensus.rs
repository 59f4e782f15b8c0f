//! OpenCensus' agent protocol: the messages of an export stream into spans.
//!
//! The receiver keeps one [`StreamDecoder`] for each stream. Invariant: node and resource hold for the rest of a stream
//! until another is sent, and take at most [`OWNER_BYTES_MAX`] bytes each.
//! Follows <https://github.com/census-instrumentation/opencensus-proto>.

mod owner;
mod span;
mod stream;
#[cfg(test)]
mod tests;
mod time_events;
mod value;

pub use stream::{OWNER_BYTES_MAX, StreamDecoder};
