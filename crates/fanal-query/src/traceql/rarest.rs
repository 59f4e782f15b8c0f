//! The traces that have a rare span which a query needs, where there are few of them.
//!
//! Asked before everything in the range is walked over: what must be there is looked for by itself, and if one of it is
//! seldom, no other trace can be an answer.

use super::columns::Asked;
use crate::error::QueryError;
use crate::service::{QueryService, tell};
use fanal_storage::{FindTraces, ScanCounts, TenantId, TracePosition};

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Rare {
    /// The traces, newest first; `None` where every condition is met by more than were asked for.
    pub(super) traces: Option<Vec<TracePosition>>,
    pub(super) warnings: Vec<String>,
    pub(super) scanned: ScanCounts,
}

/// Looks for spans that meet each of the needed conditions, in up to `limit` traces behind a place in the order of answers.
pub(super) async fn find(
    (service, tenant): (&QueryService, &TenantId),
    (asked, needed): (&Asked, u64),
    (start, end): (u64, u64),
    limit: usize,
    after: Option<TracePosition>,
) -> Result<Rare, QueryError> {
    // Tests have few traces: of three there both ways are taken.
    let limit = if cfg!(test) { limit.min(2) } else { limit };
    let mut rare = Rare::default();
    for (bit, condition) in asked.conditions.iter().enumerate() {
        if needed & (1 << bit) == 0 {
            continue;
        }
        let request = FindTraces {
            conditions: vec![condition.clone()],
            start_min_unix_nanos: start,
            start_max_unix_nanos: end,
            limit,
            after,
        };
        let found = service.store().find_traces(tenant, request).await?;
        rare.scanned.spans += found.scanned.spans;
        rare.scanned.granules_read += found.scanned.granules_read;
        rare.scanned.granules_total = found.scanned.granules_total;
        found.warnings.into_iter().for_each(|warning| tell(warning, &mut rare.warnings));
        let is_rarer = rare.traces.as_ref().is_none_or(|known| found.traces.len() < known.len());
        if !found.has_more && is_rarer {
            let is_none = found.traces.is_empty();
            rare.traces = Some(found.traces);
            if is_none {
                break;
            }
        }
    }
    Ok(rare)
}
