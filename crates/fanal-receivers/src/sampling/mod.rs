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

/// How an answer is written.
#[derive(Debug, Clone, Copy)]
enum Encoding {
    Json,
    Protobuf,
}

/// What a service is told.
fn answer(pipeline: &Pipeline, service: &str, encoding: Encoding) -> Vec<u8> {
    let strategy = pipeline.sampling().strategy(service);
    let response = SamplingResponse {
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
    };
    match encoding {
        Encoding::Json => response.to_json().into_bytes(),
        Encoding::Protobuf => response.to_protobuf(),
    }
}
