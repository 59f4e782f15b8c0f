//! The status page: what the process listens on, what came in, what is told about sampling, and what is stored.

use super::types::{IngestStatus, Rejection, SamplingStatus, StatusResponse, StorageStatus};
use crate::state::App;
use fanal_pipeline::{IngestSnapshot, SamplingSnapshot};
use fanal_storage::StoreStats;

/// The answer.
pub(crate) fn status(app: &App, stats: &StoreStats) -> StatusResponse {
    StatusResponse {
        version: app.given.version.clone(),
        uptime_seconds: app.uptime_seconds(),
        listeners: app.given.listeners.clone(),
        consumers: app.given.consumers.clone(),
        ingest: ingest(app.given.pipeline.snapshot()),
        sampling: sampling(app.given.pipeline.sampling().snapshot()),
        storage: StorageStatus {
            spans: stats.spans,
            head_spans: stats.head_spans,
            blocks: stats.blocks,
            block_bytes: stats.block_bytes,
            disk_bytes: stats.block_bytes.saturating_add(stats.log_bytes),
            newest_trace_id: stats.newest_trace.map(|newest| newest.trace_id.to_string()),
        },
    }
}

fn ingest(snapshot: IngestSnapshot) -> IngestStatus {
    IngestStatus {
        requests: snapshot.requests(),
        accepted_spans: snapshot.accepted_spans(),
        rejected_spans: snapshot.rejected_spans(),
        rejected_requests: snapshot.rejected_requests(),
        recent_rejections: snapshot
            .recent_rejections
            .into_iter()
            .map(|rejection| Rejection {
                time_unix_nano: rejection.time_unix_nanos.to_string(),
                receiver: rejection.receiver.to_owned(),
                message: rejection.message,
            })
            .collect(),
    }
}

fn sampling(snapshot: SamplingSnapshot) -> SamplingStatus {
    SamplingStatus {
        file_problem: snapshot.file_problem,
        file_services: snapshot.file_services,
        adaptive_services: snapshot.adaptive_services,
        adaptive_operations: snapshot.adaptive_operations,
    }
}
