//! Settings of metrics from spans and of remote write.

use super::{Apply, OFF, Setting, number};
use fanal_server::RemoteWriteSettings;
use std::time::Duration;

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        path: "metrics.spans",
        value_name: "on|off",
        default: "on",
        help: "Whether rates, errors and durations of spans and the service graph are collected for /metrics and remote write",
        apply: Apply::Text(|config, text| {
            config.span_metrics.is_on = match text {
                "on" => true,
                OFF => false,
                _ => return Err(format!("`{text}` is neither `on` nor `off`")),
            };
            Ok(())
        }),
    },
    Setting {
        path: "metrics.span_keys_max",
        value_name: "COUNT",
        default: "2000",
        help: "Most series of spans, and of calls between services, of each of these metrics; others share one with the label metric_overflow",
        apply: Apply::Text(|config, text| {
            number(text, 1, 100_000).map(|value| config.span_metrics.keys_max = value)
        }),
    },
    Setting {
        path: "metrics.remote_write_url",
        value_name: "URL",
        default: "",
        help: "Where metrics from spans are sent by Prometheus' remote write 1.0, such as http://prometheus:9090/api/v1/write",
        apply: Apply::Text(|config, text| {
            let url = RemoteWriteSettings::read_url(text)?;
            config.span_metrics.remote_write.url = url;
            Ok(())
        }),
    },
    Setting {
        path: "metrics.remote_write_headers",
        value_name: "NAME: VALUE;...",
        default: "",
        help: "Headers of each request of remote write, such as Authorization: Bearer TOKEN",
        apply: Apply::Text(|config, text| {
            config.span_metrics.remote_write.headers = RemoteWriteSettings::read_headers(text)?;
            Ok(())
        }),
    },
    Setting {
        path: "metrics.remote_write_interval_seconds",
        value_name: "SECONDS",
        default: "15",
        help: "Time between two samples that are sent, seconds",
        apply: Apply::Text(|config, text| {
            number(text, 1, 3600).map(|value| {
                let seconds = fanal_base::cast::wide(value);
                config.span_metrics.remote_write.interval = Duration::from_secs(seconds);
            })
        }),
    },
];
