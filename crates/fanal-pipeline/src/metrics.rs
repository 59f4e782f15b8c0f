//! The ingest metrics: names, help and where each value comes from, in one table.
//!
//! The server's metrics page renders the table from a snapshot; the reference of metrics is made from it.

use crate::stats::{IngestSnapshot, ReceiverSnapshot};

/// How a metric moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// Only up.
    Counter,
    /// Up and down.
    Gauge,
}

impl MetricKind {
    /// Prometheus' word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
        }
    }
}

/// One value with its labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Label names and values.
    pub labels: Vec<(&'static str, &'static str)>,
    /// The value.
    pub value: u64,
}

/// A metric.
#[derive(Debug)]
pub struct Metric {
    /// Full name.
    pub name: &'static str,
    /// What it counts.
    pub help: &'static str,
    /// How it moves.
    pub kind: MetricKind,
    read: fn(&IngestSnapshot) -> Vec<Sample>,
}

impl Metric {
    /// The values in a snapshot.
    pub fn samples(&self, snapshot: &IngestSnapshot) -> Vec<Sample> {
        (self.read)(snapshot)
    }
}

/// Every ingest metric.
pub const METRICS: &[Metric] = &[
    Metric {
        name: "fanal_ingest_requests_total",
        help: "Requests that receivers began to read.",
        kind: MetricKind::Counter,
        read: |snapshot| by_receiver(snapshot, |receiver| receiver.requests),
    },
    Metric {
        name: "fanal_ingest_request_bytes_total",
        help: "Bytes of requests read whole, after decompression.",
        kind: MetricKind::Counter,
        read: |snapshot| by_receiver(snapshot, |receiver| receiver.request_bytes),
    },
    Metric {
        name: "fanal_ingest_accepted_spans_total",
        help: "Spans stored durably and acknowledged.",
        kind: MetricKind::Counter,
        read: |snapshot| by_receiver(snapshot, |receiver| receiver.accepted_spans),
    },
    Metric {
        name: "fanal_ingest_rejected_spans_total",
        help: "Spans refused for good, by reason.",
        kind: MetricKind::Counter,
        read: |snapshot| by_label(snapshot, "reason", |receiver| &receiver.rejected_spans),
    },
    Metric {
        name: "fanal_ingest_rejected_requests_total",
        help: "Requests refused whole, by kind; overloaded and unavailable ones are retried by senders.",
        kind: MetricKind::Counter,
        read: |snapshot| by_label(snapshot, "kind", |receiver| &receiver.rejected_requests),
    },
    Metric {
        name: "fanal_ingest_duplicate_keys_total",
        help: "Attribute keys that were sent twice on one owner; the last value was kept.",
        kind: MetricKind::Counter,
        read: |snapshot| by_receiver(snapshot, |receiver| receiver.duplicate_keys),
    },
    Metric {
        name: "fanal_ingest_missing_requests_total",
        help: "Requests that senders say they sent and that did not arrive, where a protocol numbers them: Jaeger's over UDP.",
        kind: MetricKind::Counter,
        read: |snapshot| by_receiver(snapshot, |receiver| receiver.missing_requests),
    },
    Metric {
        name: "fanal_ingest_sender_dropped_spans_total",
        help: "Spans that senders say they dropped before sending, by cause, where a protocol tells: Jaeger's over UDP.",
        kind: MetricKind::Counter,
        read: |snapshot| by_label(snapshot, "cause", |receiver| &receiver.sender_dropped_spans),
    },
    Metric {
        name: "fanal_ingest_lag_messages",
        help: "Messages in the partitions of a queue that this server consumes, behind the last one committed: Kafka's.",
        kind: MetricKind::Gauge,
        read: |snapshot| {
            let known = |receiver: &ReceiverSnapshot| {
                let labels = vec![("receiver", receiver.receiver)];
                receiver.lag_messages.map(|value| Sample { labels, value })
            };
            snapshot.receivers.iter().filter_map(known).collect()
        },
    },
    Metric {
        name: "fanal_ingest_in_flight_bytes",
        help: "Bytes of requests in memory now.",
        kind: MetricKind::Gauge,
        read: |snapshot| single(snapshot.in_flight_bytes),
    },
    Metric {
        name: "fanal_ingest_in_flight_bytes_max",
        help: "Most bytes of requests in memory; above it requests are told to retry.",
        kind: MetricKind::Gauge,
        read: |snapshot| single(snapshot.in_flight_bytes_max),
    },
];

fn single(value: u64) -> Vec<Sample> {
    vec![Sample { labels: Vec::new(), value }]
}

fn by_receiver(snapshot: &IngestSnapshot, read: fn(&ReceiverSnapshot) -> u64) -> Vec<Sample> {
    let sample = |receiver: &ReceiverSnapshot| Sample {
        labels: vec![("receiver", receiver.receiver)],
        value: read(receiver),
    };
    snapshot.receivers.iter().map(sample).collect()
}

fn by_label(
    snapshot: &IngestSnapshot,
    label: &'static str,
    read: fn(&ReceiverSnapshot) -> &[(&'static str, u64)],
) -> Vec<Sample> {
    let mut samples = Vec::new();
    for receiver in &snapshot.receivers {
        for &(word, value) in read(receiver) {
            let labels = vec![("receiver", receiver.receiver), (label, word)];
            samples.push(Sample { labels, value });
        }
    }
    samples
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, expect: &[(&str, u64)]) {
        let receiver = |receiver, requests| ReceiverSnapshot {
            receiver,
            requests,
            request_bytes: 7,
            accepted_spans: 8,
            duplicate_keys: 9,
            rejected_requests: vec![("invalid", 1), ("too_large", 2)],
            rejected_spans: vec![("bad_id", 3)],
            missing_requests: 12,
            sender_dropped_spans: vec![("queue_full", 13)],
            lag_messages: (receiver == "b").then_some(14),
        };
        let snapshot = IngestSnapshot {
            receivers: vec![receiver("a", 5), receiver("b", 6)],
            recent_rejections: Vec::new(),
            in_flight_bytes: 10,
            in_flight_bytes_max: 11,
        };
        let metric = METRICS.iter().find(|metric| metric.name == name).expect("declared");
        let read: Vec<(String, u64)> = metric
            .samples(&snapshot)
            .into_iter()
            .map(|sample| {
                let labels: Vec<String> =
                    sample.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
                (labels.join(","), sample.value)
            })
            .collect();
        let expect: Vec<(String, u64)> =
            expect.iter().map(|&(labels, value)| (labels.to_owned(), value)).collect();
        assert_eq!(read, expect, "{name}");
    }

    #[test]
    fn metrics_read_their_counters() {
        check("fanal_ingest_requests_total", &[("receiver=a", 5), ("receiver=b", 6)]);
        check("fanal_ingest_request_bytes_total", &[("receiver=a", 7), ("receiver=b", 7)]);
        check("fanal_ingest_accepted_spans_total", &[("receiver=a", 8), ("receiver=b", 8)]);
        check("fanal_ingest_duplicate_keys_total", &[("receiver=a", 9), ("receiver=b", 9)]);
        check(
            "fanal_ingest_rejected_spans_total",
            &[("receiver=a,reason=bad_id", 3), ("receiver=b,reason=bad_id", 3)],
        );
        check(
            "fanal_ingest_rejected_requests_total",
            &[
                ("receiver=a,kind=invalid", 1),
                ("receiver=a,kind=too_large", 2),
                ("receiver=b,kind=invalid", 1),
                ("receiver=b,kind=too_large", 2),
            ],
        );
        check("fanal_ingest_missing_requests_total", &[("receiver=a", 12), ("receiver=b", 12)]);
        check(
            "fanal_ingest_sender_dropped_spans_total",
            &[("receiver=a,cause=queue_full", 13), ("receiver=b,cause=queue_full", 13)],
        );
        check("fanal_ingest_lag_messages", &[("receiver=b", 14)]);
        check("fanal_ingest_in_flight_bytes", &[("", 10)]);
        check("fanal_ingest_in_flight_bytes_max", &[("", 11)]);
    }

    #[test]
    fn names_follow_the_rule() {
        for metric in METRICS {
            assert!(metric.name.starts_with("fanal_ingest_"), "{}", metric.name);
            let is_total = metric.name.ends_with("_total");
            assert_eq!(is_total, metric.kind == MetricKind::Counter, "{}", metric.name);
        }
    }
}
