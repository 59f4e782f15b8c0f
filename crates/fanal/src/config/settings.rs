//! The table of settings: path, unit, default and words of each, and how its text is read.
//!
//! A new setting is one entry here and one field of [`Config`]; those of receivers follow from their list.

mod kafka;
mod questions;
mod sampling;
mod span_metrics;

use super::{Config, LogFormat, Ports};
use crate::sampling::StrategiesSource;
use fanal_local::tier::BucketConfig;
use fanal_local::{LocalConfig, TenantConfig};
use fanal_pipeline::PipelineConfig;
use fanal_receivers::{RECEIVERS, Receiver, ReceiversConfig};
use fanal_server::{
    QUESTION_DOORS, QuestionDoor, SpanMetricsSettings, TempoSettings, ZipkinSettings,
};
use fanal_storage::TenantId;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::LazyLock;
use std::time::Duration;

/// One setting.
#[derive(Clone, Copy)]
pub(crate) struct Setting {
    /// Dotted path in the file; the flag is `--` and the path with dashes, the variable `FANAL_` and the path in capitals.
    pub(crate) path: &'static str,
    /// What the value looks like, for help.
    pub(crate) value_name: &'static str,
    /// The default as a person would write it.
    pub(crate) default: &'static str,
    /// What it is for, with its unit.
    pub(crate) help: &'static str,
    apply: Apply,
}

/// How the text of a setting becomes part of the configuration.
#[derive(Clone, Copy)]
enum Apply {
    Text(fn(&mut Config, &str) -> Result<(), String>),
    /// The address of a receiver, or `off`.
    Door(&'static Receiver),
    /// The same of a door for questions.
    QuestionDoor(&'static QuestionDoor),
}

impl Setting {
    /// Reads a text into the configuration, or says what is wrong with it.
    pub(crate) fn apply(&self, config: &mut Config, text: &str) -> Result<(), String> {
        match self.apply {
            Apply::Text(apply) => apply(config, text),
            Apply::Door(receiver) => {
                config.receivers.addresses.insert(receiver.name, address_or_off(text)?);
                Ok(())
            }
            Apply::QuestionDoor(door) => {
                config.question_addresses.insert(door.name, address_or_off(text)?);
                Ok(())
            }
        }
    }

    fn of_door(receiver: &'static Receiver) -> Self {
        Self {
            path: receiver.setting,
            value_name: "HOST:PORT|off",
            default: receiver.default_address,
            help: receiver.description,
            apply: Apply::Door(receiver),
        }
    }

    fn of_question_door(door: &'static QuestionDoor) -> Self {
        Self {
            path: door.setting,
            value_name: "HOST:PORT|off",
            default: door.default_address,
            help: door.description,
            apply: Apply::QuestionDoor(door),
        }
    }

    /// The flag without its dashes.
    pub(crate) fn flag(&self) -> String {
        self.path.replace(['.', '_'], "-")
    }

    /// The environment variable.
    pub(crate) fn variable(&self) -> String {
        format!("FANAL_{}", self.path.replace('.', "_").to_uppercase())
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            ready_file: None,
            ports: Ports::Configured,
            log_format: LogFormat::Text,
            log_level: "info".to_owned(),
            ui_address: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 16686),
            receivers: ReceiversConfig::default(),
            question_addresses: QUESTION_DOORS
                .iter()
                .map(|door| (door.name, door.default_address.parse().ok()))
                .collect(),
            pipeline: PipelineConfig::default(),
            strategies: StrategiesSource::default(),
            storage: storage(),
            object_store: BucketConfig::default(),
            zipkin: ZipkinSettings::default(),
            tempo: TempoSettings::default(),
            span_metrics: SpanMetricsSettings::default(),
        }
    }
}

/// The storage's own defaults, and an archive that keeps its traces for good.
fn storage() -> LocalConfig {
    let kept = TenantConfig { retention_age_seconds: Some(0), retention_bytes_max: Some(0) };
    let mut storage = LocalConfig::new("fanal-data");
    storage.tenants.insert(TenantId::archive(), kept);
    storage
}

/// What stands in place of the address of a receiver that is not wanted.
const OFF: &str = "off";

/// Every setting, in the order of the reference page.
pub(crate) static SETTINGS: LazyLock<Vec<Setting>> = LazyLock::new(|| {
    let doors = RECEIVERS.iter().map(Setting::of_door);
    let doors = doors.chain(QUESTION_DOORS.iter().map(Setting::of_question_door));
    let before = BEFORE_DOORS.iter().copied();
    let behind = kafka::SETTINGS.iter().chain(BEHIND_DOORS);
    let behind =
        behind.chain(questions::SETTINGS).chain(span_metrics::SETTINGS).chain(sampling::SAMPLING);
    before.chain(doors).chain(behind.copied()).collect()
});

const BEFORE_DOORS: &[Setting] = &[
    Setting {
        path: "data_dir",
        value_name: "DIR",
        default: "fanal-data",
        help: "Folder that holds all spans; made when missing. One server at a time may use it",
        apply: Apply::Text(|config, text| {
            config.storage.data_dir = not_empty(text)?.into();
            Ok(())
        }),
    },
    Setting {
        path: "listen",
        value_name: "HOST",
        default: "127.0.0.1",
        help: "Address that all doors bind, unless a door has its own; 0.0.0.0 opens them to the network",
        apply: Apply::Text(|config, text| {
            let host: IpAddr = text.parse().map_err(|_| {
                format!("`{text}` is no IP address; write one such as 127.0.0.1 or 0.0.0.0")
            })?;
            config.ui_address.set_ip(host);
            config.doors_mut().for_each(|door| door.set_ip(host));
            Ok(())
        }),
    },
    Setting {
        path: "ports",
        value_name: "configured|ephemeral",
        default: "configured",
        help: "`ephemeral` lets the system choose every port; the ready file tells which",
        apply: Apply::Text(|config, text| {
            config.ports = match text {
                "configured" => Ports::Configured,
                "ephemeral" => Ports::Ephemeral,
                _ => return Err(format!("`{text}` is neither `configured` nor `ephemeral`")),
            };
            Ok(())
        }),
    },
    Setting {
        path: "ready_file",
        value_name: "FILE",
        default: "",
        help: "Written once every door is open: a JSON object with the address of each",
        apply: Apply::Text(|config, text| {
            config.ready_file = (!text.is_empty()).then(|| text.into());
            Ok(())
        }),
    },
    Setting {
        path: "ui.address",
        value_name: "HOST:PORT",
        default: "127.0.0.1:16686",
        help: "The UI, the native API and Jaeger's query API",
        apply: Apply::Text(|config, text| address(text).map(|value| config.ui_address = value)),
    },
];

const BEHIND_DOORS: &[Setting] = &[
    Setting {
        path: "ingest.request_bytes_max",
        value_name: "BYTES",
        default: "64MiB",
        help: "Largest request at any door, on the wire and after decompression",
        apply: Apply::Text(|config, text| {
            bytes(text, 1 << 10, 1 << 30)
                .map(|value| config.receivers.requests.request_bytes_max = value)
        }),
    },
    Setting {
        path: "ingest.in_flight_bytes_max",
        value_name: "BYTES",
        default: "72MiB",
        help: "Request bytes being decoded or stored at one time; beyond, senders are told to retry",
        apply: Apply::Text(|config, text| {
            bytes(text, 1 << 20, 1 << 40).map(|value| config.pipeline.in_flight_bytes_max = value)
        }),
    },
    Setting {
        path: "storage.head_bytes_max",
        value_name: "BYTES",
        default: "96MiB",
        help: "Memory of spans that are durable but not merged yet; beyond, senders are told to retry",
        apply: Apply::Text(|config, text| {
            bytes(text, 1 << 20, 1 << 40).map(|value| config.storage.head_bytes_max = value)
        }),
    },
    Setting {
        path: "storage.block_rows",
        value_name: "SPANS",
        default: "524288",
        help: "Spans of a block, roughly",
        apply: Apply::Text(|config, text| {
            number(text, 64, 1 << 22).map(|value| config.storage.block_rows = value)
        }),
    },
    Setting {
        path: "storage.commit_window_micros",
        value_name: "MICROSECONDS",
        default: "2000",
        help: "Longest time that a request waits for others to share its disk sync, microseconds, at most 5000",
        apply: Apply::Text(|config, text| {
            number(text, 0, 5_000).map(|value| {
                config.storage.commit_window_micros = fanal_base::cast::wide(value);
            })
        }),
    },
    Setting {
        path: "storage.merge_after_seconds",
        value_name: "SECONDS",
        default: "600",
        help: "Oldest that spans get before they are merged into a block, seconds",
        apply: Apply::Text(|config, text| {
            number(text, 1, 86_400).map(|value| {
                config.storage.merge_after_seconds = fanal_base::cast::wide(value);
            })
        }),
    },
    Setting {
        path: "storage.question_bytes_max",
        value_name: "BYTES",
        default: "256MiB",
        help: "Memory that one question may hold for its answer; beyond, it answers in part or is refused",
        apply: Apply::Text(|config, text| {
            bytes(text, 1 << 20, 1 << 40).map(|value| config.storage.question_bytes_max = value)
        }),
    },
    Setting {
        path: "storage.disk_reserve_bytes",
        value_name: "BYTES",
        default: "128MiB",
        help: "Bytes of the disk that spans may not take, so that merges go on when it is full; senders are told to retry then",
        apply: Apply::Text(|config, text| {
            bytes(text, 1 << 20, 1 << 40).map(|value| {
                config.storage.disk_reserve_bytes = fanal_base::cast::wide(value);
            })
        }),
    },
    Setting {
        path: "retention.age_seconds",
        value_name: "SECONDS",
        default: "1209600",
        help: "Spans are dropped when they arrived longer ago than this, seconds; 0 keeps them whatever their age; the default is 14 days",
        apply: Apply::Text(|config, text| {
            retention_age(text).map(|value| config.storage.retention.age_seconds = value)
        }),
    },
    Setting {
        path: "retention.bytes_max",
        value_name: "BYTES",
        default: "0",
        help: "The oldest spans are dropped while a tenant takes more than this, log and blocks; 0 is no limit",
        apply: Apply::Text(|config, text| {
            retention_bytes(text).map(|value| config.storage.retention.bytes_max = value)
        }),
    },
    Setting {
        path: "object_store.url",
        value_name: "URL",
        default: "",
        help: "Where old blocks move: s3://BUCKET/FOLDER, gs://BUCKET/FOLDER, az://CONTAINER/FOLDER or file:///FOLDER",
        apply: Apply::Text(|config, text| {
            text.clone_into(&mut config.object_store.url);
            Ok(())
        }),
    },
    Setting {
        path: "object_store.after_seconds",
        value_name: "SECONDS",
        default: "86400",
        help: "Age at which a block moves to the object store, counted from the arrival of its last span, seconds",
        apply: Apply::Text(|config, text| {
            number(text, 0, 1 << 32).map(|value| {
                config.storage.tier.after_seconds = fanal_base::cast::wide(value);
            })
        }),
    },
    Setting {
        path: "object_store.cache_bytes_max",
        value_name: "BYTES",
        default: "1GiB",
        help: "Size of the file in the data folder that caches what was read from the object store",
        apply: Apply::Text(|config, text| {
            bytes(text, 0, 1 << 50).map(|value| {
                config.storage.tier.cache_bytes_max = fanal_base::cast::wide(value);
            })
        }),
    },
    Setting {
        path: "object_store.timeout_seconds",
        value_name: "SECONDS",
        default: "10",
        help: "Longest time that one read from the object store may take before the answer goes without it, seconds",
        apply: Apply::Text(|config, text| {
            number(text, 1, 3600).map(|value| {
                config.object_store.timeout_seconds = fanal_base::cast::wide(value);
            })
        }),
    },
    Setting {
        path: "otlp.cors_allowed_origins",
        value_name: "ORIGINS",
        default: "",
        help: "Origins of web pages that may send from a browser to OTLP/HTTP, separated by commas; `*` for any",
        apply: Apply::Text(|config, text| {
            let origins = text.split(',').map(str::trim).filter(|origin| !origin.is_empty());
            config.receivers.otlp.cors_allowed_origins = origins.map(str::to_owned).collect();
            Ok(())
        }),
    },
    Setting {
        path: "drain_timeout_seconds",
        value_name: "SECONDS",
        default: "15",
        help: "Longest time that requests in flight get to finish after SIGTERM, seconds",
        apply: Apply::Text(|config, text| {
            number(text, 0, 3600).map(|value| {
                config.receivers.listen.drain_timeout =
                    Duration::from_secs(fanal_base::cast::wide(value));
            })
        }),
    },
    Setting {
        path: "log.format",
        value_name: "text|json",
        default: "text",
        help: "Form of the log lines on stderr",
        apply: Apply::Text(|config, text| {
            config.log_format = match text {
                "text" => LogFormat::Text,
                "json" => LogFormat::Json,
                _ => return Err(format!("`{text}` is neither `text` nor `json`")),
            };
            Ok(())
        }),
    },
    Setting {
        path: "log.level",
        value_name: "LEVEL",
        default: "info",
        help: "Least severe level that is logged: error, warn, info, debug or trace",
        apply: Apply::Text(|config, text| {
            if !["error", "warn", "info", "debug", "trace"].contains(&text) {
                return Err(format!("`{text}` is none of error, warn, info, debug, trace"));
            }
            text.clone_into(&mut config.log_level);
            Ok(())
        }),
    },
];

fn not_empty(text: &str) -> Result<&str, String> {
    if text.is_empty() { Err("must not be empty".to_owned()) } else { Ok(text) }
}

fn address_or_off(text: &str) -> Result<Option<SocketAddr>, String> {
    if text == OFF { Ok(None) } else { address(text).map(Some) }
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        format!(
            "`{text}` is no address; write HOST:PORT with an IP address, such as 127.0.0.1:4317"
        )
    })
}

/// Ages up to ten thousand days.
pub(super) fn retention_age(text: &str) -> Result<u64, String> {
    number(text, 0, 864_000_000).map(fanal_base::cast::wide)
}

/// Bytes up to a pebibyte.
pub(super) fn retention_bytes(text: &str) -> Result<u64, String> {
    bytes(text, 0, 1 << 50).map(fanal_base::cast::wide)
}

fn number(text: &str, least: usize, most: usize) -> Result<usize, String> {
    let value: usize = text.parse().map_err(|_| format!("`{text}` is no whole number"))?;
    if (least..=most).contains(&value) {
        Ok(value)
    } else {
        Err(format!("{value} is outside {least} to {most}"))
    }
}

fn bytes(text: &str, least: usize, most: usize) -> Result<usize, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match &text[digits.len()..] {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        unit => return Err(format!("`{unit}` is no unit; write B, KiB, MiB, GiB or TiB")),
    };
    let count: usize = digits.trim_end().parse().map_err(|_| {
        format!("`{text}` is no size; write a whole number with a unit, as in 64MiB")
    })?;
    let value = count.checked_mul(factor).filter(|value| (least..=most).contains(value));
    value.ok_or_else(|| format!("{text} is outside {least} to {most} bytes"))
}

/// The reference page, in Markdown.
pub(crate) fn reference() -> String {
    let mut page = String::from(
        "# Configuration\n\n\
         Fanal needs none. Where a default does not fit, set it in a TOML file (`fanal serve --config FILE`),\n\
         in the environment, or by a flag; flags win over the environment, the environment over the file.\n\
         Unknown settings are refused, and all problems are reported at once. A dot in a path is a table of the\n\
         file: `otlp.grpc_address` is `grpc_address` under `[otlp]`.\n\n\
         This page is generated by `cargo xtask gen`.\n\n\
         | setting | flag | variable | default | what it is |\n|---|---|---|---|---|\n",
    );
    for setting in SETTINGS.iter() {
        let default = if setting.default.is_empty() { "none" } else { setting.default };
        let help = setting.help.replace('|', "\\|");
        page.push_str(&format!(
            "| `{}` | `--{}` | `{}` | `{default}` | {help} |\n",
            setting.path,
            setting.flag(),
            setting.variable(),
        ));
    }
    page.push_str(&super::tenants::reference());
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_of_the_table_are_those_of_the_code() {
        let mut config = Config::default();
        for setting in SETTINGS.iter() {
            setting.apply(&mut config, setting.default).expect(setting.path);
        }
        assert_eq!(config, Config::default());
    }

    #[test]
    fn sizes_have_units_and_bounds() {
        let check = |input: &str, expect: Result<usize, &str>| {
            assert_eq!(
                bytes(input, 10, 1 << 20).as_ref().map_err(String::as_str),
                expect.as_ref().map_err(|e| *e)
            );
        };
        check("64KiB", Ok(65536));
        check("64 KiB", Ok(65536));
        check("10", Ok(10));
        check("9", Err("9 is outside 10 to 1048576 bytes"));
        check("64kb", Err("`kb` is no unit; write B, KiB, MiB, GiB or TiB"));
        check("MiB", Err("`MiB` is no size; write a whole number with a unit, as in 64MiB"));
    }
}
