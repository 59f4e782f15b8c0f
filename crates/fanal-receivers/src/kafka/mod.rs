//! Kafka: spans that exporters and collectors put into topics.
//!
//! Brokers are its senders and committed offsets its answers: `client` fetches, `batch` gathers, `decode` knows what topics
//! hold, and `consume` commits only what is durable. A message that cannot be stored now is kept and tried again, one that
//! never can be is counted and left. After a crash or a rebalance messages come again, so spans may come twice; equal ones
//! become one when blocks are compacted.

mod batch;
mod client;
mod config;
mod consume;
mod decode;
mod skipped;
mod source;

pub use config::{KafkaConfig, KafkaEncoding, KafkaTopic};

use crate::listen::Drained;
use crate::registry::{Consumer, Door};
use client::Client;
use consume::Consumption;

/// The consumer.
pub(crate) const KAFKA: Consumer = Consumer {
    name: NAME,
    description: "Topics of Kafka with OTLP, Jaeger's or Zipkin's spans",
    origin: |config| {
        let kafka = &config.kafka;
        (!kafka.brokers.is_empty()).then(|| kafka.brokers.join(","))
    },
    serve: |door| Box::pin(serve(door)),
};

const NAME: &str = "kafka";

async fn serve(door: Door) -> Drained {
    let Door { pipeline, config, mut shutdown, .. } = door;
    let drain_timeout = config.listen.drain_timeout;
    match Client::connect(&config.kafka, pipeline.clone()) {
        Ok(client) => {
            let kafka = &config.kafka;
            let (brokers, group) = (kafka.brokers.join(","), &*kafka.group);
            tracing::info!(receiver = NAME, brokers, group, "consuming");
            let mut consumption = Consumption::new(client, pipeline, &config);
            let connections_cut = consumption.run(&mut shutdown, drain_timeout).await;
            consumption.source.close(drain_timeout).await;
            tracing::info!(receiver = NAME, connections_cut, "stopped");
            Drained { connections_cut }
        }
        Err(error) => {
            tracing::error!(receiver = NAME, error, "client did not start; nothing is consumed");
            Drained { connections_cut: 0 }
        }
    }
}
