//! The settings of the Kafka consumer; the words that they take are checked where it lives.

use super::{Apply, Setting, not_empty};
use fanal_receivers::KafkaConfig;

/// What is fetched, and from where.
pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        path: "kafka.brokers",
        value_name: "HOST:PORT,...",
        default: "",
        help: "Brokers of a Kafka cluster to consume spans from, HOST:PORT separated by commas; none is off",
        apply: Apply::Text(|config, text| {
            KafkaConfig::parse_brokers(text).map(|value| config.receivers.kafka.brokers = value)
        }),
    },
    Setting {
        path: "kafka.topics",
        value_name: "TOPIC=ENCODING,...",
        default: KafkaConfig::TOPICS,
        help: "Topics to consume and what their messages hold: otlp_proto, otlp_json, jaeger_proto, jaeger_json or zipkin",
        apply: Apply::Text(|config, text| {
            KafkaConfig::parse_topics(text).map(|value| config.receivers.kafka.topics = value)
        }),
    },
    Setting {
        path: "kafka.group",
        value_name: "NAME",
        default: KafkaConfig::GROUP,
        help: "Consumer group whose members share the partitions of the topics",
        apply: Apply::Text(|config, text| {
            not_empty(text)?.clone_into(&mut config.receivers.kafka.group);
            Ok(())
        }),
    },
];
