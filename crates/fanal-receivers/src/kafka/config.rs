//! Settings of the consumer: brokers, topics with their encodings, group.
//!
//! The binary fills it from its configuration; texts are checked here, so that every problem is told before anything runs.

use std::collections::BTreeSet;
use std::fmt::Write;

/// Longest name of a topic, in bytes, as in Kafka itself.
const TOPIC_BYTES_MAX: usize = 249;

/// Settings of the consumer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KafkaConfig {
    /// Addresses at which the cluster is found, HOST:PORT each. Default none, and then nothing is consumed.
    pub brokers: Vec<String>,
    /// What is consumed. Default [`KafkaConfig::TOPICS`].
    pub topics: Vec<KafkaTopic>,
    /// Name of the group whose members share the partitions. Default `fanal`.
    pub group: String,
}

/// A topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KafkaTopic {
    /// Its name.
    pub name: String,
    /// What its messages hold.
    pub encoding: KafkaEncoding,
}

/// What the messages of a topic hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KafkaEncoding {
    /// `ExportTraceServiceRequest` of OTLP in protobuf.
    OtlpProto,
    /// The same in JSON.
    OtlpJson,
    /// One span of `jaeger.api_v2` in protobuf, its process inside.
    JaegerProto,
    /// The same in JSON.
    JaegerJson,
    /// A list of Zipkin's spans in any of its forms, which the bytes tell.
    Zipkin,
}

/// Words for encodings. Zipkin's have one each in collectors, which are taken for the one that tells them by itself.
const WORDS: &[(&str, KafkaEncoding)] = &[
    ("otlp_proto", KafkaEncoding::OtlpProto),
    ("otlp_json", KafkaEncoding::OtlpJson),
    ("jaeger_proto", KafkaEncoding::JaegerProto),
    ("jaeger_json", KafkaEncoding::JaegerJson),
    ("zipkin", KafkaEncoding::Zipkin),
    ("zipkin_proto", KafkaEncoding::Zipkin),
    ("zipkin_json", KafkaEncoding::Zipkin),
    ("zipkin_thrift", KafkaEncoding::Zipkin),
];

impl KafkaConfig {
    /// Text of the default of [`KafkaConfig::topics`]: where the Collector's, Jaeger's and Zipkin's own exporters write.
    pub const TOPICS: &str = "otlp_spans=otlp_proto,jaeger-spans=jaeger_proto,zipkin=zipkin";
    /// Default of [`KafkaConfig::group`].
    pub const GROUP: &str = "fanal";

    /// Reads `HOST:PORT,HOST:PORT`; an empty text is none.
    pub fn parse_brokers(text: &str) -> Result<Vec<String>, String> {
        let brokers = text.split(',').map(str::trim).filter(|broker| !broker.is_empty());
        brokers
            .map(|broker| {
                let parts = broker.rsplit_once(':');
                let is_valid = parts.is_some_and(|(host, port)| {
                    let is_host = !host.is_empty() && !host.contains(['/', ' ']);
                    is_host && port.parse::<u16>().is_ok_and(|port| port > 0)
                });
                if is_valid {
                    Ok(broker.to_owned())
                } else {
                    Err(format!("`{broker}` is no broker; write HOST:PORT, such as kafka:9092"))
                }
            })
            .collect()
    }

    /// Reads `TOPIC=ENCODING,TOPIC=ENCODING`; at least one.
    pub fn parse_topics(text: &str) -> Result<Vec<KafkaTopic>, String> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        let topics = parts.map(parse_topic).collect::<Result<Vec<_>, _>>()?;
        let names: BTreeSet<&str> = topics.iter().map(|topic| &*topic.name).collect();
        match topics.len() {
            0 => Err("names no topic; write TOPIC=ENCODING".to_owned()),
            count if count > names.len() => Err("names a topic twice".to_owned()),
            _ => Ok(topics),
        }
    }
}

impl Default for KafkaConfig {
    fn default() -> Self {
        Self {
            brokers: Vec::new(),
            topics: Self::parse_topics(Self::TOPICS).unwrap_or_default(),
            group: Self::GROUP.to_owned(),
        }
    }
}

fn parse_topic(text: &str) -> Result<KafkaTopic, String> {
    let (name, word) = text.split_once('=').ok_or_else(|| {
        format!("`{text}` has no encoding; write TOPIC=ENCODING, such as otlp_spans=otlp_proto")
    })?;
    let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if name.is_empty() || name.len() > TOPIC_BYTES_MAX || !name.bytes().all(is_legal) {
        return Err(format!("`{name}` is no name of a topic"));
    }
    match WORDS.iter().find(|(known, _)| *known == word) {
        Some(&(_, encoding)) => Ok(KafkaTopic { name: name.to_owned(), encoding }),
        None => {
            let mut message = format!("`{word}` is no encoding; write one of");
            for (index, (known, _)) in WORDS.iter().enumerate() {
                let comma = if index == 0 { " " } else { ", " };
                // Writing to a String cannot fail.
                let _ = write!(message, "{comma}{known}");
            }
            Err(message)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brokers_are_hosts_with_ports() {
        let check = |text: &str, expect: Option<&[&str]>| {
            let found = KafkaConfig::parse_brokers(text).ok();
            let found = found.as_ref().map(|list| list.iter().map(String::as_str).collect());
            assert_eq!(found, expect.map(<[&str]>::to_vec), "{text}");
        };
        check("", Some(&[]));
        check("kafka:9092", Some(&["kafka:9092"]));
        check(" a:1 , [::1]:2,", Some(&["a:1", "[::1]:2"]));
        for broken in ["kafka", ":9092", "kafka:", "kafka:0", "kafka:70000", "http://kafka:9092"] {
            check(broken, None);
        }
    }

    #[test]
    fn topics_have_encodings() {
        let check = |text: &str, expect: Result<&[(&str, KafkaEncoding)], &str>| {
            let topics = KafkaConfig::parse_topics(text);
            let topics = topics.as_ref().map(|topics| {
                topics.iter().map(|topic| (&*topic.name, topic.encoding)).collect::<Vec<_>>()
            });
            match (topics, expect) {
                (Ok(found), Ok(expect)) => assert_eq!(found, expect, "{text}"),
                (Err(found), Err(expect)) => assert!(found.contains(expect), "{found}"),
                (found, expect) => panic!("{text}: {found:?}, not {expect:?}"),
            }
        };
        check("a=otlp_proto", Ok(&[("a", KafkaEncoding::OtlpProto)]));
        check(
            "A.b-c_1=jaeger_json, z=zipkin_thrift",
            Ok(&[("A.b-c_1", KafkaEncoding::JaegerJson), ("z", KafkaEncoding::Zipkin)]),
        );
        check("", Err("names no topic"));
        check("a", Err("`a` has no encoding"));
        check("a=avro", Err("`avro` is no encoding; write one of otlp_proto, otlp_json,"));
        check("a b=zipkin", Err("`a b` is no name"));
        check("=zipkin", Err("`` is no name"));
        check("a=zipkin,a=zipkin", Err("twice"));
        assert_eq!(KafkaConfig::default().topics.len(), 3);
    }
}
