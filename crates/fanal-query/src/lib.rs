//! Plans and executes questions over a `SpanStore`, and assembles whole traces.
//!
//! Asked by the server; asks the store. Knows no protocol: façades translate into [`SearchRequest`] first, with the
//! parsers of [`condition`], [`duration`] and [`group_key`] for what their syntaxes share.

pub mod condition;
pub mod cursor;
mod duplicates;
pub mod duration;
pub mod error;
pub mod group_key;
pub mod links;
pub mod rates;
pub mod service;
pub mod summary;
pub mod trace;
pub mod traceql;
mod tree;

pub use condition::parse_condition;
pub use cursor::Cursor;
pub use duration::parse_duration;
pub use error::QueryError;
pub use group_key::parse_group_key;
pub use links::{ServiceEdge, ServiceEdges};
pub use service::{QueryService, SearchPage, SearchRequest, TracesPage};
pub use summary::{ServiceCount, TraceSummary};
pub use trace::{Trace, TraceRow};
