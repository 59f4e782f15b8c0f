//! A large trace on a screen: the browser's own measurement, run beside the UI's checks.

use anyhow::{Context, Result};
use std::path::Path;
use std::process::Command;

use super::number;
use super::report::{Goal, Report, Unit};
use super::server::Server;
use crate::prepare;
use crate::process::{self, repository};

/// Spans of the trace.
const SPANS: &str = "100000";

/// Sends a trace of 100,000 spans and has a browser show and scroll it.
pub(super) fn large_trace(binary: &Path, folder: &Path, report: &mut Report) -> Result<()> {
    let chromium = prepare::chromium()?;
    prepare::node_packages(&repository().join("ui"))?;
    let server = Server::start_empty(binary, folder, &[])?;
    let text = process::output(
        Command::new("node")
            .arg("e2e/large-trace.mjs")
            .arg(SPANS)
            .current_dir(repository().join("ui"))
            .env("FANAL_CHROMIUM", chromium)
            .env("FANAL_UI", format!("http://{}", server.ui))
            .env("FANAL_OTLP_HTTP", format!("http://{}", server.otlp_http)),
    )?;
    let result = serde_json::from_str(&text).with_context(|| format!("not a report: {text}"))?;
    let name = |what: &str| format!("a trace of {SPANS} spans in the browser: {what}");
    let first = number(&result, "first_rows_seconds")?;
    report.row(name("first rows"), first, Unit::Seconds, Goal::AtMost(1.0));
    let frames = number(&result, "frames_per_second")?;
    report.row(name("scrolling"), frames, Unit::FramesPerSecond, Goal::AtLeast(59.0));
    server.stop()
}
