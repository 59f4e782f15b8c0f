//! The embedded columnar engine: log, head, blocks, catalog.

pub mod segment;
