//! Which services call which: the same question in three of the APIs.

use super::moments::required;
use crate::jaeger::questions;
use crate::refusal::Refusal;
use crate::state::App;
use fanal_query::ServiceEdges;
use fanal_wire::Timestamp;

/// Asks for the calls between two moments, both of which must be there.
pub(super) async fn ask(
    app: &App,
    start: Option<&Timestamp>,
    end: Option<&Timestamp>,
) -> Result<ServiceEdges, Refusal> {
    let start = required("start_time", start)?;
    let end = required("end_time", end)?;
    if start >= end {
        let message = "start_time must be before end_time";
        return Err(Refusal::parameter("start_time", message));
    }
    questions::dependencies(app, start, end).await
}

/// What the links say of where they come from; so also what may be missing from them.
pub(super) fn source(edges: &ServiceEdges) -> String {
    if edges.warnings.is_empty() {
        return "fanal".to_owned();
    }
    format!("fanal, incomplete: {}", edges.warnings.join("; "))
}
