//! `cargo xtask bench`: starts the release binary, loads it, asks it, and prints every figure with its goal.
//!
//! The figures of `docs/benchmarks.md` are this program's output. Everything runs on this machine: the load shares
//! its cores with the server, so rates are lower bounds and CPU a span is the figure to compare.

mod ask;
mod report;
mod server;

use anyhow::{Context, Result, bail};
use report::{Report, milliseconds};
use serde_json::Value;
use server::Server;
use std::path::{Path, PathBuf};

use crate::process::target_folder;
use crate::run::build_all;

/// What to measure, and how much of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// Seconds of each ingest row.
    seconds: u64,
    /// Spans of the rows that ask questions.
    spans: u64,
    /// Folder of recorded OTLP protobuf bodies for the size row.
    recordings: Option<PathBuf>,
}

impl Options {
    /// Reads `[--seconds N] [--spans N] [--recordings DIR]`.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self> {
        let mut options = Self { seconds: 30, spans: 10_000_000, recordings: None };
        let mut rest = arguments.iter();
        while let Some(flag) = rest.next() {
            let value = rest.next().with_context(|| format!("{flag} needs a value"))?;
            match flag.as_str() {
                "--seconds" => options.seconds = value.parse().context("--seconds is a number")?,
                "--spans" => options.spans = value.parse().context("--spans is a number")?,
                "--recordings" => options.recordings = Some(value.into()),
                _ => bail!("unexpected `{flag}`: expected --seconds, --spans or --recordings"),
            }
        }
        Ok(options)
    }
}

/// Measures everything and prints the table.
pub(crate) fn run(options: &Options) -> Result<()> {
    let binary = build_all()?;
    let folder = target_folder().join("bench");
    let mut report = Report::default();
    for protocol in ["grpc", "http"] {
        ingest(&binary, &folder, protocol, options.seconds, &mut report)?;
    }
    acknowledgement(&binary, &folder, options.seconds, &mut report)?;
    if let Some(recordings) = &options.recordings {
        recorded_size(&binary, &folder, recordings, &mut report)?;
    }
    questions(&binary, &folder, options.spans, &mut report)?;
    println!("\n{}", report.to_markdown());
    Ok(())
}

fn ingest(
    binary: &Path,
    folder: &Path,
    protocol: &str,
    seconds: u64,
    report: &mut Report,
) -> Result<()> {
    let server = Server::start_empty(binary, folder, &[])?;
    if protocol == "grpc" {
        report.row("memory, idle and empty", "≤ 50 MB", megabytes(server.resident_bytes()?));
    }
    let duration = format!("{seconds}s");
    let result = server.load(&["--protocol", protocol, "--duration", &duration])?;
    let name = |what: &str| format!("ingest over {protocol}, {seconds} s: {what}");
    let goal = if protocol == "grpc" { "goal ≥ 0.85 M" } else { "" };
    report.row(
        name("spans/s, client on the same 2 cores"),
        goal,
        count(&result, "spans_per_second")?,
    );
    let cpu = number(&result, "server_cpu_micros_per_span")?;
    report.row(name("server CPU"), "≤ 5 µs (goal 2.5)", format!("{cpu:.2} µs a span"));
    let acknowledged = milliseconds(number(&result, "acknowledged_p99_nanos")?);
    report.row(name("acknowledged in, p99, 32 in flight"), "", acknowledged);
    let peak = number(&result, "server_resident_bytes_peak")?;
    report.row(name("memory, most"), "≤ 512 MB", megabytes(peak));
    let refused = count(&result, "retries")?;
    report.row(name("requests told to retry"), "", refused);
    server.stop()
}

fn acknowledgement(binary: &Path, folder: &Path, seconds: u64, report: &mut Report) -> Result<()> {
    let rows = [("1", "1", "≤ 50 ms (goal 20)"), ("4", "32", "≤ 400 ms (goal 150)")];
    for (connections, in_flight, goal) in rows {
        let server = Server::start_empty(binary, folder, &[])?;
        let duration = format!("{seconds}s");
        let flags =
            ["--connections", connections, "--in-flight", in_flight, "--duration", &duration];
        let result = server.load(&flags)?;
        let requests = connections.parse::<u64>()? * in_flight.parse::<u64>()?;
        for percentile in ["p50", "p99"] {
            let took = number(&result, &format!("acknowledged_{percentile}_nanos"))?;
            let goal = if percentile == "p99" { goal } else { "" };
            report.row(
                format!("acknowledged in, {requests} in flight, {percentile}"),
                goal,
                milliseconds(took),
            );
        }
        server.stop()?;
    }
    Ok(())
}

fn recorded_size(
    binary: &Path,
    folder: &Path,
    recordings: &Path,
    report: &mut Report,
) -> Result<()> {
    let server = Server::start_empty(binary, folder, &["--storage-merge-after-seconds", "1"])?;
    let mut bodies: Vec<PathBuf> = std::fs::read_dir(recordings)
        .with_context(|| format!("cannot read {}", recordings.display()))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|ending| ending == "bin"))
        .collect();
    bodies.sort();
    for path in &bodies {
        let body = std::fs::read(path)?;
        let status = ask::post_otlp(&server.otlp_http, &body)?;
        anyhow::ensure!(status == 200, "{}: answered {status}", path.display());
    }
    let status = server.wait_until_merged()?;
    let spans = number(&status, "spans")?;
    let bytes = number(&status, "block_bytes")?;
    report.row(
        format!("recorded demo data, {spans:.0} spans in {} bodies, merged", bodies.len()),
        "≤ 40 B",
        format!("{:.1} B a span", bytes / spans),
    );
    server.stop()
}

fn questions(binary: &Path, folder: &Path, spans: u64, report: &mut Report) -> Result<()> {
    let acknowledged = folder.with_extension("acknowledged");
    // Missing is as good as removed.
    drop(std::fs::remove_file(&acknowledged));
    let server = Server::start_empty(binary, folder, &["--storage-merge-after-seconds", "5"])?;
    let wanted = spans.to_string();
    let file = acknowledged.to_string_lossy();
    let flags =
        ["--spans", &wanted, "--duration", "3600s", "--spread", "24h", "--acknowledged", &file];
    server.load(&flags)?;
    let status = server.wait_until_merged()?;
    let stored = number(&status, "spans")?;
    let size = format!("{:.1} B a span", number(&status, "block_bytes")? / stored);
    let millions = format!("{:.1} M spans", stored / 1e6);
    report.row(
        format!("stored size, {millions}, every index included, merged"),
        "≤ 40 B (goal 28)",
        size,
    );
    let blocks = count(&status, "blocks")?;
    server.stop()?;
    let (server, took) = Server::restart(binary, folder)?;
    report.row(
        format!("start-up to ready, {millions} in {blocks} blocks"),
        "≤ 5 s at 100 M (goal 1)",
        milliseconds(took * 1e9),
    );
    report.row(format!("memory, idle, {millions}"), "", megabytes(server.resident_bytes()?));
    ask::trace_by_id(&server, &acknowledged, &millions, report)?;
    ask::searches(&server, &millions, report)?;
    report.row("memory after the questions", "", megabytes(server.resident_bytes()?));
    server.stop()
}

fn number(object: &Value, name: &str) -> Result<f64> {
    object[name].as_f64().with_context(|| format!("`{name}` is missing in {object}"))
}

fn count(object: &Value, name: &str) -> Result<String> {
    Ok(format!("{:.0}", number(object, name)?))
}

fn megabytes(bytes: f64) -> String {
    format!("{:.0} MB", bytes / 1e6)
}
