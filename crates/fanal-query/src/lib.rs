//! Plans and executes questions over a `SpanStore`, and assembles whole traces.
//!
//! Asked by the server; asks the store. Knows no protocol: façades translate into [`SearchRequest`] first.

pub mod service;
pub mod trace;

pub use service::{Cursor, QueryError, QueryService, SearchPage, SearchRequest};
pub use trace::{ServiceCount, Trace, TraceRow, TraceSummary};
