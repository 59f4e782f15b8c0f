//! The real source: a member of a consumer group, on `librdkafka`.
//!
//! It fetches ahead on threads of its own, up to [`QUEUE_KIB`]. What `consume` commits is only noted here; it goes to the
//! brokers every second, before partitions go to another member, and at the end. Invariant: nothing else is ever
//! noted, so brokers know of no message that `consume` has not named.

use super::NAME;
use super::config::{KafkaConfig, KafkaTopic};
use super::skipped::Reporter;
use super::source::{Event, Message, Place, Source};
use bytes::Bytes;
use fanal_pipeline::Pipeline;
use futures_util::FutureExt;
use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{Consumer, ConsumerContext, StreamConsumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::{BorrowedMessage, Message as _};
use rdkafka::{Offset, TopicPartitionList};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;

/// Room for messages that were fetched ahead, in KiB.
const QUEUE_KIB: u32 = 8 << 10;

/// What `librdkafka` is told beside brokers and group; its
/// [reference](https://github.com/confluentinc/librdkafka/blob/v2.12.1/CONFIGURATION.md) explains each.
const SETTINGS: &[(&str, &str)] = &[
    ("client.id", "fanal"),
    // A group without offsets begins with what brokers still have: loses nothing.
    ("auto.offset.reset", "earliest"),
    // Only offsets that were noted go out.
    ("enable.auto.commit", "true"),
    ("auto.commit.interval.ms", "1000"),
    ("enable.auto.offset.store", "false"),
    ("fetch.max.bytes", "8388608"),
    // How soon fetching goes on when the queue has room again.
    ("fetch.queue.backoff.ms", "20"),
    ("check.crcs", "true"),
    // How soon a topic is found that is made later.
    ("topic.metadata.refresh.interval.ms", "30000"),
    // How long the partitions of a server that crashed wait for another, or for itself.
    ("session.timeout.ms", "10000"),
    ("socket.keepalive.enable", "true"),
    ("log.connection.close", "false"),
    // The lag.
    ("statistics.interval.ms", "5000"),
];

/// A member of the group.
pub(super) struct Client {
    consumer: StreamConsumer<Observer>,
    topics: Vec<KafkaTopic>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Client").field("topics", &self.topics).finish_non_exhaustive()
    }
}

impl Client {
    /// Begins to look for the brokers, and goes on looking while there are none.
    pub(super) fn connect(config: &KafkaConfig, pipeline: Arc<Pipeline>) -> Result<Self, String> {
        let mut settings = ClientConfig::new();
        for (key, value) in SETTINGS {
            settings.set(*key, *value);
        }
        settings.set("bootstrap.servers", config.brokers.join(","));
        settings.set("group.id", &config.group);
        settings.set("queued.max.messages.kbytes", QUEUE_KIB.to_string());
        let observer = Observer { pipeline, troubles: Mutex::default() };
        let consumer: StreamConsumer<Observer> =
            settings.create_with_context(observer).map_err(|error| error.to_string())?;
        let topics: Vec<&str> = config.topics.iter().map(|topic| &*topic.name).collect();
        consumer.subscribe(&topics).map_err(|error| error.to_string())?;
        Ok(Self { consumer, topics: config.topics.clone() })
    }

    /// Commits what was noted and leaves the group, or gives that up after `timeout`.
    pub(super) async fn close(self, timeout: Duration) {
        let (done, closed) = oneshot::channel();
        // A thread of its own, for it waits for brokers and nothing may wait for it.
        let closing = std::thread::Builder::new().name("kafka-close".to_owned());
        let closing = closing.spawn(move || {
            drop(self.consumer);
            // Nobody waits any more where this fails.
            let _ = done.send(());
        });
        if closing.is_ok() && tokio::time::timeout(timeout, closed).await.is_err() {
            tracing::warn!(receiver = NAME, "brokers did not take the last offsets in time");
        }
    }

    fn event(&self, received: KafkaResult<BorrowedMessage<'_>>) -> Event {
        match received {
            Ok(message) => {
                let topic = self.topics.iter().position(|topic| topic.name == message.topic());
                Event::Message(Message {
                    place: Place {
                        topic: topic.unwrap_or(usize::MAX),
                        partition: message.partition(),
                        offset: message.offset(),
                    },
                    value: Bytes::copy_from_slice(message.payload().unwrap_or_default()),
                })
            }
            Err(error) => Event::Trouble(error.to_string()),
        }
    }

    /// Applies a change to all partitions that are assigned now.
    fn to_assignment(
        &self,
        change: impl FnOnce(&TopicPartitionList) -> KafkaResult<()>,
    ) -> KafkaResult<()> {
        let assigned = self.consumer.assignment()?;
        if assigned.count() == 0 { Ok(()) } else { change(&assigned) }
    }
}

impl Source for Client {
    async fn next(&mut self) -> Event {
        let received = self.consumer.recv().await;
        self.event(received)
    }

    fn try_next(&mut self) -> Option<Event> {
        let received = self.consumer.recv().now_or_never()?;
        Some(self.event(received))
    }

    fn pause(&mut self) {
        if let Err(error) = self.to_assignment(|partitions| self.consumer.pause(partitions)) {
            tracing::warn!(receiver = NAME, %error, "partitions were not paused");
        }
    }

    fn resume(&mut self) {
        if let Err(error) = self.to_assignment(|partitions| self.consumer.resume(partitions)) {
            tracing::warn!(receiver = NAME, %error, "partitions were not resumed");
        }
    }

    fn commit(&mut self, last: &[Place]) {
        let mut offsets = TopicPartitionList::with_capacity(last.len());
        for place in last {
            let Some(topic) = self.topics.get(place.topic) else { continue };
            let next = Offset::Offset(place.offset + 1);
            if let Err(error) = offsets.add_partition_offset(&topic.name, place.partition, next) {
                tracing::warn!(receiver = NAME, %error, "offset was not noted");
            }
        }
        // Fails for partitions that went to another member, which gets their messages again.
        if let Err(error) = self.consumer.store_offsets(&offsets) {
            tracing::debug!(receiver = NAME, %error, "offsets were not noted");
        }
    }
}

/// Hears what the client says beside messages.
struct Observer {
    pipeline: Arc<Pipeline>,
    troubles: Mutex<Reporter>,
}

impl Observer {
    fn trouble(&self, problem: &str) {
        let mut troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        troubles.trouble(self.pipeline.now_unix_nanos(), problem);
    }
}

impl ClientContext for Observer {
    /// Errors come as such too.
    fn log(&self, _: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(receiver = NAME, facility, "{message}");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.trouble(&format!("{error}: {reason}"));
    }

    fn stats_raw(&self, statistics: &[u8]) {
        if let Ok(statistics) = serde_json::from_slice::<Statistics<'_>>(statistics) {
            self.pipeline.stats().lag_is(NAME, statistics.lag_messages());
        }
    }
}

impl ConsumerContext for Observer {
    fn commit_callback(&self, result: KafkaResult<()>, _: &TopicPartitionList) {
        if let Err(error) = result {
            self.trouble(&format!("offsets were not committed and are sent again: {error}"));
        }
    }
}

/// The parts of `librdkafka`'s statistics that are read.
#[derive(Debug, Deserialize)]
struct Statistics<'a> {
    #[serde(borrow, default)]
    topics: BTreeMap<&'a str, TopicStatistics<'a>>,
}

#[derive(Debug, Deserialize)]
struct TopicStatistics<'a> {
    #[serde(borrow, default)]
    partitions: BTreeMap<&'a str, PartitionStatistics>,
}

#[derive(Debug, Deserialize)]
struct PartitionStatistics {
    /// Messages behind the committed offset; negative where it is not known, as for partitions of other members.
    #[serde(default)]
    consumer_lag: i64,
}

impl Statistics<'_> {
    fn lag_messages(&self) -> u64 {
        let partitions = self.topics.values().flat_map(|topic| topic.partitions.values());
        partitions.map(|partition| partition.consumer_lag.max(0).unsigned_abs()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use fanal_pipeline::PipelineConfig;

    #[tokio::test]
    async fn every_setting_is_one_that_the_client_knows() {
        let pipeline = Arc::new(testing::pipeline(PipelineConfig::default()));
        let brokers = vec!["127.0.0.1:1".to_owned()];
        let config = KafkaConfig { brokers, ..KafkaConfig::default() };
        let mut client = Client::connect(&config, pipeline).expect("starts without brokers");
        assert!(client.try_next().is_none());
        client.pause();
        client.resume();
        client.commit(&[Place { topic: 0, partition: 0, offset: 1 }]);
        client.close(Duration::from_secs(60)).await;
    }

    #[test]
    fn the_lag_is_that_of_known_partitions() {
        let check = |json: &str, expect: u64| {
            let statistics: Statistics<'_> = serde_json::from_str(json).expect("reads");
            assert_eq!(statistics.lag_messages(), expect, "{json}");
        };
        check("{}", 0);
        check(r#"{"name":"x","topics":{"a":{"topic":"a","partitions":{}}}}"#, 0);
        let partitions =
            r#"{"0":{"consumer_lag":5,"x":1},"1":{"consumer_lag":7},"-1":{"consumer_lag":-1}}"#;
        check(
            &format!(
                r#"{{"topics":{{"a":{{"partitions":{partitions}}},"b":{{"partitions":{{"0":{{}}}}}}}}}}"#
            ),
            12,
        );
    }
}
