//! Bytes to model and back: one module per format, each synchronous and pure.
//!
//! Receivers feed request bodies and get a `SpanBatch` with rejects; the server feeds batches and gets bodies.
//! Invariant: no input panics, one bad span never fails its neighbours, and memory is bounded by the input.
//! Knows no sockets, no compression and no storage.

pub mod otlp;
pub mod wire;
