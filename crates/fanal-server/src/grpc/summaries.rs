//! Traces in numbers, over gRPC: pages of a search, each a message.

use super::call::{Ended, Sender};
use super::chunks::incomplete;
use crate::state::App;
use fanal_query::{SearchRequest, TraceSummary};

/// Traces of a message.
const PAGE_TRACES_MAX: usize = 100;

/// Sends whatever a search finds; `write` makes a message of a page.
pub(super) async fn send<A>(
    app: &App,
    request: Option<SearchRequest>,
    write: fn(Vec<TraceSummary>) -> A,
    sender: &Sender<A>,
) -> Result<(), Ended> {
    let Some(mut request) = request else { return Ok(()) };
    let mut wanted = request.limit;
    let mut missing = Vec::new();
    while wanted > 0 {
        request.limit = wanted.min(PAGE_TRACES_MAX);
        let page = app.ask(app.given.query.search(&app.tenant, request.clone())).await?;
        missing.extend(page.warnings);
        wanted = wanted.saturating_sub(page.traces.len());
        if !page.traces.is_empty() {
            sender.send(write(page.traces)).await?;
        }
        let Some(next) = page.next else { break };
        request.cursor = Some(next);
    }
    incomplete(missing)
}

/// A count, as the messages have it.
pub(super) fn count(number: u64) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
