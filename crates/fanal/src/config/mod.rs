//! Configuration of the server: one table of settings, read from a TOML file, `FANAL_*` variables and flags.
//!
//! Later sources win: file, then environment, then flags. Every problem of every source is reported at once, with
//! its place and the fix. The reference page and the flags' help follow from the table in [`settings`].

mod read;
mod settings;
mod tenants;

pub(crate) use read::{Source, read};
pub(crate) use settings::{SETTINGS, reference};

use crate::sampling::StrategiesSource;
use fanal_local::LocalConfig;
use fanal_local::tier::BucketConfig;
use fanal_pipeline::PipelineConfig;
use fanal_receivers::ReceiversConfig;
use fanal_server::{SpanMetricsSettings, TempoSettings, ZipkinSettings};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For a terminal.
    Text,
    /// One JSON object a line.
    Json,
}

/// Which ports are bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ports {
    /// Those of the settings.
    Configured,
    /// Port 0 everywhere: the system chooses; see the ready file.
    Ephemeral,
}

/// Everything the server can be told. The parts' own structs live beside the parts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Config {
    pub(crate) ready_file: Option<PathBuf>,
    pub(crate) ports: Ports,
    pub(crate) log_format: LogFormat,
    pub(crate) log_level: String,
    pub(crate) ui_address: SocketAddr,
    pub(crate) receivers: ReceiversConfig,
    /// Where each door for questions listens, by its name; `None` where it is off.
    pub(crate) question_addresses: BTreeMap<&'static str, Option<SocketAddr>>,
    pub(crate) pipeline: PipelineConfig,
    pub(crate) strategies: StrategiesSource,
    pub(crate) storage: LocalConfig,
    pub(crate) object_store: BucketConfig,
    pub(crate) zipkin: ZipkinSettings,
    pub(crate) tempo: TempoSettings,
    pub(crate) span_metrics: SpanMetricsSettings,
}

impl Config {
    /// Every door that is on, beside the UI's.
    pub(crate) fn doors_mut(&mut self) -> impl Iterator<Item = &mut SocketAddr> {
        let receivers = self.receivers.addresses.values_mut();
        receivers.chain(self.question_addresses.values_mut()).flatten()
    }
}
