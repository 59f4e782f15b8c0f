//! Exemplars: a few traces of each slice of the range, looked at whole once the numbers are known.
//!
//! Asked by [`super::metrics`]. Which spans of a trace count, and in which series, is decided by the evaluator.

use super::finder;
use crate::duplicates;
use crate::error::QueryError;
use crate::service::{QueryService, corruption, in_reach};
use fanal_base::cast;
use fanal_model::TraceId;
use fanal_storage::{FindTraces, Projection, TenantId};
use fanal_traceql::ast::MetricsPipeline;
use fanal_traceql::check::Checked;
use fanal_traceql::eval::{self, Buckets, Series};

/// Most slices of the range in which traces are looked for.
const SLICES_MAX: usize = 20;

/// Most spans of traces that are looked at for exemplars.
const SPANS_MAX: usize = 200_000;

/// Adds up to `count` exemplars to the series of a pipeline.
pub(super) async fn add(
    service: &QueryService,
    tenant: &TenantId,
    (query, pipeline): (&Checked, &MetricsPipeline),
    (buckets, count): (&Buckets, usize),
    series: &mut [Series],
) -> Result<(), QueryError> {
    let Some(conditions) = finder::of_pipeline(&pipeline.pipeline).into_conditions() else {
        return Ok(());
    };
    if count == 0 || series.is_empty() {
        return Ok(());
    }
    let slices = SLICES_MAX.min(count);
    let first = buckets.end(0).saturating_sub(buckets.step()).saturating_add(1);
    let last = buckets.end(buckets.count().saturating_sub(1));
    let width = (last.saturating_sub(first) / cast::wide(slices)).max(1);
    let mut ids: Vec<TraceId> = Vec::new();
    for slice in 0..cast::wide(slices) {
        let start = first.saturating_add(slice * width);
        let request = FindTraces {
            conditions: conditions.clone(),
            start_min_unix_nanos: start,
            start_max_unix_nanos: start.saturating_add(width - 1).min(last),
            limit: count.div_ceil(slices),
            after: None,
        };
        let found = service.store().find_traces(tenant, request).await?;
        ids.extend(found.traces.iter().map(|position| position.trace_id));
    }
    ids.sort_unstable();
    ids.dedup();
    let mut traces = Vec::new();
    let mut spans = 0;
    for id in ids {
        let fetched = service.store().traces(tenant, &[id], Projection::Full).await;
        // What cannot be read is no example.
        for trace in in_reach(fetched, &mut Vec::new())? {
            let batch = duplicates::remove(trace.spans).map_err(corruption(id))?;
            spans += batch.len();
            traces.extend(eval::Trace::of_batch(&batch));
        }
        if spans > SPANS_MAX {
            break;
        }
    }
    eval::exemplars(query, pipeline, &traces, buckets, count, series);
    Ok(())
}
