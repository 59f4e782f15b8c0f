//! `cargo xtask bench`: starts the release binary, loads it, asks it, and prints every figure with its goal.
//!
//! The figures of `docs/benchmarks.md` are this program's output. Everything runs on this machine: the load shares
//! its cores with the server, so rates are lower bounds and CPU a span is the figure to compare.

mod ask;
mod dialects;
mod report;
mod screen;
mod server;
mod traceql;

use anyhow::{Context, Result, bail};
use report::{Goal, Report, Unit};
use serde_json::Value;
use server::Server;
use std::path::{Path, PathBuf};

use crate::process::target_folder;
use crate::run::build_all;

/// Spans of the row on fresh size: fewer than a merge waits for.
const FRESH_SPANS: &str = "100000";

/// What to measure, and how much of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// Seconds of each short ingest row.
    seconds: u64,
    /// Seconds of the long ingest row; 0 leaves it out.
    long_seconds: u64,
    /// Spans of the rows that ask questions.
    spans: u64,
    /// Spans of the rows that ask many more; 0 leaves them out.
    large_spans: u64,
    /// Folder of recorded OTLP protobuf bodies for the size row.
    recordings: Option<PathBuf>,
    /// The one group of rows to measure; all where absent.
    only: Option<String>,
}

/// The groups of rows, in their order.
const GROUPS: [&str; 9] =
    ["idle", "grpc", "long", "http", "dialects", "acknowledged", "size", "screen", "questions"];
/// Measured only where it is asked for: the questions once more, on what the last run with questions left behind.
const AGAIN: &str = "again";
/// Those by TraceQL alone.
const TRACEQL: &str = "traceql";

impl Options {
    /// Reads the flags, each with a value.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self> {
        let mut options = Self {
            seconds: 60,
            long_seconds: 600,
            spans: 10_000_000,
            large_spans: 100_000_000,
            recordings: None,
            only: None,
        };
        let mut rest = arguments.iter();
        while let Some(flag) = rest.next() {
            let value = rest.next().with_context(|| format!("{flag} needs a value"))?;
            let number = || value.parse().with_context(|| format!("{flag} takes a whole number"));
            match flag.as_str() {
                "--seconds" => options.seconds = number()?,
                "--long-seconds" => options.long_seconds = number()?,
                "--spans" => options.spans = number()?,
                "--large-spans" => options.large_spans = number()?,
                "--recordings" => options.recordings = Some(value.into()),
                "--only"
                    if [GROUPS.as_slice(), &[AGAIN, TRACEQL]]
                        .concat()
                        .contains(&value.as_str()) =>
                {
                    options.only = Some(value.clone());
                }
                "--only" => {
                    bail!(
                        "there is no group `{value}`: expected one of {GROUPS:?}, `{AGAIN}` or `{TRACEQL}`"
                    )
                }
                _ => bail!(
                    "unexpected `{flag}`: expected --seconds, --long-seconds, --spans, --large-spans, --recordings or --only"
                ),
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
    let groups = options.only.as_deref().map_or_else(|| GROUPS.to_vec(), |only| vec![only]);
    for group in groups {
        measure(group, &binary, &folder, options, &mut report)?;
    }
    println!("\n{}", report.to_markdown());
    Ok(())
}

fn measure(
    group: &str,
    binary: &Path,
    folder: &Path,
    options: &Options,
    report: &mut Report,
) -> Result<()> {
    match group {
        "idle" => idle(binary, folder, report),
        "grpc" => ingest(binary, folder, "grpc", options.seconds, 0.85e6, report),
        "long" if options.long_seconds == 0 => Ok(()),
        "long" => ingest(binary, folder, "grpc", options.long_seconds, 0.65e6, report),
        "http" => ingest(binary, folder, "http", options.seconds, 0.0, report),
        "dialects" => dialects::ingest(binary, folder, options.seconds, report),
        "acknowledged" => acknowledgement(binary, folder, options.seconds, report),
        AGAIN | TRACEQL => again(binary, folder, group == TRACEQL, report),
        "size" => {
            fresh_size(binary, folder, report)?;
            match &options.recordings {
                Some(recordings) => recorded_size(binary, folder, recordings, report),
                None => Ok(()),
            }
        }
        "screen" => screen::large_trace(binary, folder, report),
        _ => questions(binary, folder, options, report),
    }
}

fn idle(binary: &Path, folder: &Path, report: &mut Report) -> Result<()> {
    let server = Server::start_empty(binary, folder, &[])?;
    let idle = server.resident_bytes()?;
    report.row("memory, idle and empty", idle, Unit::Bytes, Goal::AtMost(50e6));
    server.stop()
}

fn ingest(
    binary: &Path,
    folder: &Path,
    protocol: &str,
    seconds: u64,
    rate_goal: f64,
    report: &mut Report,
) -> Result<()> {
    let server = Server::start_empty(binary, folder, &[])?;
    let duration = format!("{seconds}s");
    let result = server.load(&["--protocol", protocol, "--duration", &duration])?;
    let name = |what: &str| format!("ingest over {protocol}, {seconds} s: {what}");
    let rate = number(&result, "spans_per_second")?;
    let goal = if rate_goal > 0.0 { Goal::AtLeast(rate_goal) } else { Goal::None };
    report.row(name("rate, client on the same cores"), rate, Unit::SpansPerSecond, goal);
    let cost = number(&result, "server_cpu_micros_per_span")? / 1e6;
    let goal = Goal::AtMost(2.5e-6);
    report.row(name("CPU of the server a span, merges included"), cost, Unit::Seconds, goal);
    let acknowledged = number(&result, "acknowledged_p99_nanos")? / 1e9;
    report.row(name("acknowledged, 32 in flight, p99"), acknowledged, Unit::Seconds, Goal::None);
    let peak = number(&result, "server_resident_bytes_peak")?;
    report.row(name("memory, most"), peak, Unit::Bytes, Goal::AtMost(512e6));
    let refused = number(&result, "retries")?;
    report.row(name("requests told to retry"), refused, Unit::Count, Goal::None);
    server.stop()
}

fn acknowledgement(binary: &Path, folder: &Path, seconds: u64, report: &mut Report) -> Result<()> {
    for (connections, in_flight, goal) in [(1_u64, 1_u64, 0.020), (4, 32, 0.150)] {
        let server = Server::start_empty(binary, folder, &[])?;
        let (duration, connections_text) = (format!("{seconds}s"), connections.to_string());
        let in_flight_text = in_flight.to_string();
        let result = server.load(&[
            "--connections",
            &connections_text,
            "--in-flight",
            &in_flight_text,
            "--duration",
            &duration,
        ])?;
        for (percentile, goal) in [("p50", Goal::None), ("p99", Goal::AtMost(goal))] {
            let took = number(&result, &format!("acknowledged_{percentile}_nanos"))? / 1e9;
            let requests = connections * in_flight;
            let name = format!("acknowledged, {requests} in flight, {percentile}");
            report.row(name, took, Unit::Seconds, goal);
        }
        server.stop()?;
    }
    Ok(())
}

/// Size on the log, before any merge.
fn fresh_size(binary: &Path, folder: &Path, report: &mut Report) -> Result<()> {
    let server = Server::start_empty(binary, folder, &[])?;
    server.load(&["--spans", FRESH_SPANS, "--duration", "600s"])?;
    let status = server.status()?;
    let bytes = number(&status, "disk_bytes")? - number(&status, "block_bytes")?;
    let spans = number(&status, "head_spans")?;
    report.row("stored a span, fresh", bytes / spans, Unit::BytesPerSpan, Goal::AtMost(36.0));
    server.stop()
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
    let name = format!("stored a span, {spans:.0} recorded spans of a demo shop, merged");
    let bytes = number(&status, "block_bytes")?;
    report.row(name, bytes / spans, Unit::BytesPerSpan, Goal::None);
    server.stop()
}

/// Loads spans, asks everything, loads many more, and asks again.
fn questions(binary: &Path, folder: &Path, options: &Options, report: &mut Report) -> Result<()> {
    let acknowledged = folder.with_extension("acknowledged");
    // Missing is as good as removed.
    drop(std::fs::remove_file(&acknowledged));
    let server = Server::start_empty(binary, folder, &["--storage-merge-after-seconds", "5"])?;
    let mut stored = load_spans(server, options.spans, 1, &acknowledged, report)?;
    asked(binary, folder, stored, &acknowledged, 1.0, report)?;
    let (server, _) = Server::restart(binary, folder, &[])?;
    ask::under_merge(&server, report)?;
    server.stop()?;
    if options.large_spans > options.spans {
        let flags = ["--storage-merge-after-seconds", "5"];
        let (server, _) = Server::restart(binary, folder, &flags)?;
        let more = options.large_spans.saturating_sub(options.spans);
        stored = load_spans(server, more, 2, &acknowledged, report)?;
        asked(binary, folder, stored, &acknowledged, 10.0, report)?;
    }
    Ok(())
}

/// Asks everything of the spans that are stored already.
fn again(binary: &Path, folder: &Path, is_traceql: bool, report: &mut Report) -> Result<()> {
    let (server, _) = Server::restart(binary, folder, &[])?;
    let stored = number(&server.status()?, "spans")?;
    let scale = (stored / 10e6).round().max(1.0);
    if is_traceql {
        traceql::all(&server, &millions(stored), scale, report)?;
        traceql::hostile(&server, &millions(stored), report)?;
        return server.stop();
    }
    server.stop()?;
    asked(binary, folder, stored, &folder.with_extension("acknowledged"), scale, report)
}

/// Sends spans, waits until they are merged, stops the server, and answers how many it has.
fn load_spans(
    server: Server,
    spans: u64,
    seed: u64,
    acknowledged: &Path,
    report: &mut Report,
) -> Result<f64> {
    let (wanted, seed) = (spans.to_string(), seed.to_string());
    let file = acknowledged.to_string_lossy();
    server.load(&[
        "--spans",
        &wanted,
        "--seed",
        &seed,
        "--duration",
        "7200s",
        "--spread",
        "24h",
        "--acknowledged",
        &file,
    ])?;
    let status = server.wait_until_merged()?;
    let stored = number(&status, "spans")?;
    let name =
        format!("stored a span, {} generated, every index included, merged", millions(stored));
    let bytes = number(&status, "block_bytes")?;
    report.row(name, bytes / stored, Unit::BytesPerSpan, Goal::AtMost(28.0));
    server.stop()?;
    Ok(stored)
}

/// Starts on what is stored and asks everything; times may be `scale` times those for 10 M spans.
fn asked(
    binary: &Path,
    folder: &Path,
    stored: f64,
    acknowledged: &Path,
    scale: f64,
    report: &mut Report,
) -> Result<()> {
    let millions = millions(stored);
    server::forget_cached_pages(folder)?;
    let (server, took) = Server::restart(binary, folder, &[])?;
    let name = format!("start-up to ready, {millions}");
    report.row(name, took, Unit::Seconds, Goal::AtMost(1.0));
    let idle = server.resident_bytes()?;
    report.row(format!("memory, idle, {millions}"), idle, Unit::Bytes, Goal::None);
    ask::trace_by_id(&server, acknowledged, &millions, "cold", report)?;
    ask::trace_by_id(&server, acknowledged, &millions, "warm", report)?;
    ask::searches(&server, &millions, scale, report)?;
    ask::rates(&server, &millions, stored, report)?;
    ask::dependencies(&server, &millions, stored, report)?;
    traceql::all(&server, &millions, scale, report)?;
    let after = server.resident_bytes()?;
    let name = format!("memory after the questions, {millions}");
    report.row(name, after, Unit::Bytes, Goal::AtMost(512e6));
    server.stop()
}

fn millions(spans: f64) -> String {
    format!("{:.1} M spans", spans / 1e6)
}

fn number(object: &Value, name: &str) -> Result<f64> {
    object[name].as_f64().with_context(|| format!("`{name}` is missing in {object}"))
}
