//! The metrics page, and every metric's name, help and type in one table.
//!
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>. The pipeline declares the metrics of ingest,
//! `TABLE` all others; page and reference are made from both.

use super::process;
use crate::prometheus::{self, RemoteWriteCounters};
use crate::state::App;
use fanal_base::cast;
use fanal_pipeline::{METRICS as INGEST, SamplingSnapshot};
use fanal_storage::StoreStats;
use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

/// A metric of this crate.
struct Metric {
    name: &'static str,
    help: &'static str,
    kind: &'static str,
    labels: &'static str,
    read: fn(&Source<'_>) -> Vec<Sample>,
}

/// What values are read from.
struct Source<'a> {
    app: &'a App,
    stats: Option<&'a StoreStats>,
}

/// A value with its labels.
struct Sample {
    labels: Vec<(&'static str, Cow<'static, str>)>,
    value: f64,
}

const TABLE: &[Metric] = &[
    Metric {
        name: "fanal_storage_spans",
        help: "Spans stored, duplicates included.",
        kind: "gauge",
        labels: "",
        read: |source| stored(source, |stats| stats.spans),
    },
    Metric {
        name: "fanal_storage_head_spans",
        help: "Spans in memory that are not yet merged into blocks.",
        kind: "gauge",
        labels: "",
        read: |source| stored(source, |stats| stats.head_spans),
    },
    Metric {
        name: "fanal_storage_head_bytes",
        help: "Memory held by spans that are not yet merged into blocks.",
        kind: "gauge",
        labels: "",
        read: |source| stored(source, |stats| stats.head_bytes),
    },
    Metric {
        name: "fanal_storage_blocks",
        help: "Blocks on disk.",
        kind: "gauge",
        labels: "",
        read: |source| stored(source, |stats| stats.blocks),
    },
    Metric {
        name: "fanal_storage_block_bytes",
        help: "Bytes of blocks on disk.",
        kind: "gauge",
        labels: "",
        read: |source| stored(source, |stats| stats.block_bytes),
    },
    Metric {
        name: "fanal_storage_log_bytes",
        help: "Bytes of the log on disk, preallocated space excluded.",
        kind: "gauge",
        labels: "",
        read: |source| stored(source, |stats| stats.log_bytes),
    },
    Metric {
        name: "fanal_storage_merged_spans_total",
        help: "Spans merged into blocks, since the data folder exists.",
        kind: "counter",
        labels: "",
        read: |source| stored(source, |stats| stats.merged_spans),
    },
    Metric {
        name: "fanal_storage_merged_bytes_total",
        help: "Bytes of blocks that merges wrote, since the data folder exists.",
        kind: "counter",
        labels: "",
        read: |source| stored(source, |stats| stats.merged_bytes),
    },
    Metric {
        name: "fanal_storage_compacted_spans_total",
        help: "Spans that compaction wrote again, since the data folder exists.",
        kind: "counter",
        labels: "",
        read: |source| stored(source, |stats| stats.compacted_spans),
    },
    Metric {
        name: "fanal_storage_compacted_bytes_total",
        help: "Bytes of blocks that compaction wrote, since the data folder exists.",
        kind: "counter",
        labels: "",
        read: |source| stored(source, |stats| stats.compacted_bytes),
    },
    Metric {
        name: "fanal_storage_write_amplification_ratio",
        help: "Bytes that merges and compaction wrote for each byte of spans first written to a block.",
        kind: "gauge",
        labels: "",
        read: |source| single(source.stats.map(StoreStats::write_amplification)),
    },
    Metric {
        name: "fanal_storage_duplicate_spans_total",
        help: "Exact duplicates left out by merges and compaction, since the data folder exists.",
        kind: "counter",
        labels: "",
        read: |source| stored(source, |stats| stats.duplicate_spans),
    },
    Metric {
        name: "fanal_storage_expired_spans_total",
        help: "Spans dropped by retention, since the data folder exists.",
        kind: "counter",
        labels: "",
        read: |source| stored(source, |stats| stats.expired_spans),
    },
    Metric {
        name: "fanal_storage_disk_free_bytes",
        help: "Bytes that the disk of the data folder has free.",
        kind: "gauge",
        labels: "",
        read: |source| stored(source, |stats| stats.disk_free_bytes),
    },
    Metric {
        name: "fanal_storage_disk_full",
        help: "1 while spans are refused because the disk is full.",
        kind: "gauge",
        labels: "",
        read: |source| stored(source, |stats| u64::from(stats.is_disk_full)),
    },
    Metric {
        name: "fanal_object_store_blocks",
        help: "Blocks that moved to the object store.",
        kind: "gauge",
        labels: "",
        read: |source| stored(source, |stats| stats.remote.blocks),
    },
    Metric {
        name: "fanal_object_store_block_bytes",
        help: "Bytes of blocks that moved to the object store.",
        kind: "gauge",
        labels: "",
        read: |source| stored(source, |stats| stats.remote.bytes),
    },
    Metric {
        name: "fanal_object_store_uploaded_bytes_total",
        help: "Bytes of blocks that were sent to the object store.",
        kind: "counter",
        labels: "",
        read: |source| stored(source, |stats| stats.remote.uploaded_bytes),
    },
    Metric {
        name: "fanal_object_store_downloaded_bytes_total",
        help: "Bytes that were read from the object store.",
        kind: "counter",
        labels: "",
        read: |source| stored(source, |stats| stats.remote.downloaded_bytes),
    },
    Metric {
        name: "fanal_object_store_requests_total",
        help: "Requests that were sent to the object store, retries excluded.",
        kind: "counter",
        labels: "",
        read: |source| stored(source, |stats| stats.remote.requests),
    },
    Metric {
        name: "fanal_object_store_failures_total",
        help: "Calls of the object store that failed after their retries.",
        kind: "counter",
        labels: "",
        read: |source| stored(source, |stats| stats.remote.failures),
    },
    Metric {
        name: "fanal_object_store_cache_hits_total",
        help: "Pages that a read found in the local cache of the object store.",
        kind: "counter",
        labels: "",
        read: |source| stored(source, |stats| stats.remote.cache_hits),
    },
    Metric {
        name: "fanal_object_store_cache_misses_total",
        help: "Pages that a read did not find in the local cache of the object store.",
        kind: "counter",
        labels: "",
        read: |source| stored(source, |stats| stats.remote.cache_misses),
    },
    Metric {
        name: "fanal_object_store_cache_bytes",
        help: "Bytes of the local cache of the object store that are in use.",
        kind: "gauge",
        labels: "",
        read: |source| stored(source, |stats| stats.remote.cache_bytes),
    },
    Metric {
        name: "fanal_sampling_file_failures_total",
        help: "Strategies files of sampling that were not taken; the strategies before them stayed.",
        kind: "counter",
        labels: "",
        read: |source| sampled(source, |sampling| sampling.file_failures),
    },
    Metric {
        name: "fanal_sampling_file_services",
        help: "Services that the strategies file names.",
        kind: "gauge",
        labels: "",
        read: |source| sampled(source, |sampling| sampling.file_services),
    },
    Metric {
        name: "fanal_sampling_adaptive_services",
        help: "Services with adaptive probabilities.",
        kind: "gauge",
        labels: "",
        read: |source| sampled(source, |sampling| sampling.adaptive_services),
    },
    Metric {
        name: "fanal_sampling_adaptive_operations",
        help: "Operations with an adaptive probability of their own.",
        kind: "gauge",
        labels: "",
        read: |source| sampled(source, |sampling| sampling.adaptive_operations),
    },
    Metric {
        name: "fanal_sampling_adaptive_untracked_traces_total",
        help: "Traces of services above the limit of adaptive sampling, which keep the initial probability.",
        kind: "counter",
        labels: "",
        read: |source| sampled(source, |sampling| sampling.adaptive_untracked_traces),
    },
    Metric {
        name: "fanal_span_metrics_keys",
        help: "Keys of spans and of calls that are told apart in metrics from spans.",
        kind: "gauge",
        labels: "",
        read: |source| single(Some(cast::figure(cast::wide(source.app.collected.sizes().0)))),
    },
    Metric {
        name: "fanal_span_metrics_overflow_total",
        help: "Spans and calls beyond metrics.span_keys_max, counted in series with the label metric_overflow.",
        kind: "counter",
        labels: "",
        read: |source| single(Some(cast::figure(source.app.collected.sizes().1))),
    },
    Metric {
        name: "fanal_span_metrics_failures_total",
        help: "Windows of metrics from spans that could not be collected; each is tried again.",
        kind: "counter",
        labels: "",
        read: |source| single(Some(cast::figure(source.app.collected.failures()))),
    },
    Metric {
        name: "fanal_remote_write_sent_samples_total",
        help: "Samples that the receiver of remote write took.",
        kind: "counter",
        labels: "",
        read: |source| sent(source, |counters| &counters.sent_samples),
    },
    Metric {
        name: "fanal_remote_write_dropped_samples_total",
        help: "Samples that the receiver of remote write refused, or that waited for it in vain.",
        kind: "counter",
        labels: "",
        read: |source| sent(source, |counters| &counters.dropped_samples),
    },
    Metric {
        name: "fanal_remote_write_failed_requests_total",
        help: "Requests of remote write that failed, those that were tried again included.",
        kind: "counter",
        labels: "",
        read: |source| sent(source, |counters| &counters.failed_requests),
    },
    Metric {
        name: "fanal_remote_write_queue_bytes",
        help: "Bytes of requests of remote write that wait.",
        kind: "gauge",
        labels: "",
        read: |source| sent(source, |counters| &counters.queue_bytes),
    },
    Metric {
        name: "fanal_http_requests_total",
        help: "Requests answered on the port of the UI, by route and status.",
        kind: "counter",
        labels: "route, status",
        read: |source| {
            let counts = source.app.http_counters.snapshot();
            let sample = |((route, status), count): ((String, u16), _)| {
                let count: super::http_counters::HttpCount = count;
                let status = Cow::from(status.to_string());
                let labels = vec![("route", Cow::from(route)), ("status", status)];
                Sample { labels, value: cast::figure(count.requests) }
            };
            counts.into_iter().map(sample).collect()
        },
    },
    Metric {
        name: "fanal_http_request_seconds_total",
        help: "Time until answers began, by route and status.",
        kind: "counter",
        labels: "route, status",
        read: |source| {
            let counts = source.app.http_counters.snapshot();
            let sample = |((route, status), count): ((String, u16), _)| {
                let count: super::http_counters::HttpCount = count;
                let status = Cow::from(status.to_string());
                let labels = vec![("route", Cow::from(route)), ("status", status)];
                Sample { labels, value: cast::figure(count.nanos) / 1e9 }
            };
            counts.into_iter().map(sample).collect()
        },
    },
    Metric {
        name: "fanal_process_resident_memory_bytes",
        help: "Memory of the process in RAM; Linux only.",
        kind: "gauge",
        labels: "",
        read: |_| single(process::resident_bytes().map(cast::figure)),
    },
    Metric {
        name: "fanal_process_cpu_seconds_total",
        help: "CPU time of the process since start, user and system; Linux only.",
        kind: "counter",
        labels: "",
        read: |_| single(process::cpu_seconds()),
    },
    Metric {
        name: "fanal_process_uptime_seconds",
        help: "Time since the server started.",
        kind: "gauge",
        labels: "",
        read: |source| single(Some(cast::figure(source.app.uptime_seconds()))),
    },
    Metric {
        name: "fanal_process_build_info",
        help: "Always 1; the label is the version of the binary.",
        kind: "gauge",
        labels: "version",
        read: |source| {
            let version = Cow::from(source.app.given.version.clone());
            vec![Sample { labels: vec![("version", version)], value: 1.0 }]
        },
    },
];

fn single(value: Option<f64>) -> Vec<Sample> {
    value.map(|value| Sample { labels: Vec::new(), value }).into_iter().collect()
}

fn stored(source: &Source<'_>, read: fn(&StoreStats) -> u64) -> Vec<Sample> {
    single(source.stats.map(|stats| cast::figure(read(stats))))
}

fn sampled(source: &Source<'_>, read: fn(&SamplingSnapshot) -> u64) -> Vec<Sample> {
    single(Some(cast::figure(read(&source.app.given.pipeline.sampling().snapshot()))))
}

/// Nothing where nothing is sent.
fn sent(source: &Source<'_>, read: fn(&RemoteWriteCounters) -> &AtomicU64) -> Vec<Sample> {
    let value = || cast::figure(read(&source.app.remote_write).load(Ordering::Relaxed));
    single(source.app.given.span_metrics.remote_write.url.is_some().then(value))
}

/// The page, with metrics from spans at its end. Without `stats` the store's metrics are absent.
pub(crate) fn page(app: &App, stats: Option<&StoreStats>, is_open_metrics: bool) -> String {
    let mut page = String::new();
    let snapshot = app.given.pipeline.snapshot();
    for metric in INGEST {
        let samples = metric.samples(&snapshot).into_iter().map(|sample| Sample {
            labels: sample.labels.into_iter().map(|(key, word)| (key, Cow::from(word))).collect(),
            value: cast::figure(sample.value),
        });
        let kind = metric.kind.as_str();
        let family = family(metric.name, kind, is_open_metrics);
        write_metric(&mut page, family, metric.name, metric.help, kind, samples.collect());
    }
    let source = Source { app, stats };
    for metric in TABLE {
        let family = family(metric.name, metric.kind, is_open_metrics);
        let samples = (metric.read)(&source);
        write_metric(&mut page, family, metric.name, metric.help, metric.kind, samples);
    }
    if app.given.span_metrics.is_on {
        prometheus::write(&mut page, &app.collected.totals(), is_open_metrics);
    }
    if is_open_metrics {
        page.push_str("# EOF\n");
    }
    page
}

/// What a metric is declared as: in OpenMetrics a counter without the ending that its samples have.
fn family<'a>(name: &'a str, kind: &str, is_open_metrics: bool) -> &'a str {
    if is_open_metrics && kind == "counter" { name.trim_end_matches("_total") } else { name }
}

fn write_metric(
    page: &mut String,
    family: &str,
    name: &str,
    help: &str,
    kind: &str,
    samples: Vec<Sample>,
) {
    if samples.is_empty() {
        return;
    }
    let _ = writeln!(page, "# HELP {family} {help}\n# TYPE {family} {kind}");
    for sample in samples {
        page.push_str(name);
        for (index, (key, value)) in sample.labels.iter().enumerate() {
            let open = if index == 0 { '{' } else { ',' };
            let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(page, "{open}{key}=\"{value}\"");
        }
        page.push_str(if sample.labels.is_empty() { "" } else { "}" });
        let _ = writeln!(page, " {}", sample.value);
    }
}

/// The reference page of all metrics, in Markdown.
pub fn metrics_reference() -> String {
    let mut page = String::from(
        "# Metrics\n\n\
         `GET /metrics` on the port of the UI answers these in Prometheus' text format. Counters count since start.\n\
         Metrics from spans stand on the same page: docs/span-metrics.md.\n\n\
         | metric | type | labels | meaning |\n|---|---|---|---|\n",
    );
    let ingest = INGEST
        .iter()
        .map(|metric| (metric.name, metric.kind.as_str(), ingest_labels(metric.name), metric.help));
    let own = TABLE.iter().map(|metric| (metric.name, metric.kind, metric.labels, metric.help));
    for (name, kind, labels, help) in ingest.chain(own) {
        let _ = writeln!(page, "| `{name}` | {kind} | {labels} | {help} |");
    }
    page
}

/// The pipeline's table tells labels only with values, so that the reference names them here.
fn ingest_labels(name: &str) -> &'static str {
    match name {
        "fanal_ingest_rejected_spans_total" => "receiver, reason",
        "fanal_ingest_rejected_requests_total" => "receiver, kind",
        "fanal_ingest_sender_dropped_spans_total" => "receiver, cause",
        _ if name.contains("_in_flight_") => "",
        _ => "receiver",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rule() {
        for metric in TABLE {
            let name = metric.name;
            let areas = [
                "span_metrics",
                "remote_write",
                "storage",
                "object_store",
                "sampling",
                "http",
                "process",
            ];
            let has_area = areas.iter().any(|area| name.starts_with(&format!("fanal_{area}_")));
            assert!(has_area, "{name}");
            assert_eq!(name.ends_with("_total"), metric.kind == "counter", "{name}");
            assert!(metrics_reference().contains(&format!("| `{name}` |")), "{name}");
        }
        for metric in INGEST {
            assert!(metrics_reference().contains(&format!("| `{}` |", metric.name)));
        }
    }

    #[test]
    fn samples_are_written_and_labels_escaped() {
        let mut page = String::new();
        let labels = vec![("route", Cow::from("a\"b\\c\n")), ("status", Cow::from("200"))];
        let samples =
            vec![Sample { labels, value: 3.0 }, Sample { labels: Vec::new(), value: 0.5 }];
        write_metric(&mut page, "m", "m", "Help.", "counter", samples);
        write_metric(&mut page, "none", "none", "Help.", "counter", Vec::new());
        assert_eq!(
            page,
            "# HELP m Help.\n# TYPE m counter\nm{route=\"a\\\"b\\\\c\\n\",status=\"200\"} 3\nm 0.5\n"
        );
    }
}
