//! Remote sampling, as Jaeger's collector answers it: clients ask how to choose the traces that they begin.
//!
//! Clients ask over HTTP on port 5778, or over gRPC on 5779 and beside Jaeger's spans on 14250. The strategies are the
//! pipeline's; these doors take no spans.

mod grpc;
mod http;

pub(crate) use grpc::{GRPC, routes};
pub(crate) use http::HTTP;

use fanal_formats::sampling::{OperationStrategies, SamplingResponse, StrategyKind};
use fanal_pipeline::Pipeline;
use fanal_pipeline::sampling::strategy;

/// What a service is told, in the form that `write` gives it.
fn answer<T>(
    pipeline: &Pipeline,
    service: &str,
    write: impl FnOnce(&SamplingResponse<'_>) -> T,
) -> T {
    let strategy = pipeline.sampling().strategy(service);
    write(&SamplingResponse {
        kind: match strategy.kind {
            strategy::StrategyKind::Probabilistic(probability) => {
                StrategyKind::Probabilistic(probability)
            }
            strategy::StrategyKind::RateLimiting(rate) => StrategyKind::RateLimiting(rate),
        },
        operations: strategy.operations.as_ref().map(|operations| OperationStrategies {
            default_probability: operations.default_probability,
            lower_bound_traces_per_second: operations.lower_bound_traces_per_second,
            list: &operations.list,
        }),
    })
}
