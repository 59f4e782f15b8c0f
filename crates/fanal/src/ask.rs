//! `fanal query` and `fanal trace`: asks a running server and prints what a person at a terminal wants to see.

use crate::cli::{Conditions, Output, QueryArgs, QueryOutput, TraceArgs};
use crate::client::{Client, query_string};
use crate::traceql;
use anyhow::Context;
use fanal_base::{Clock, SystemClock};
use fanal_query::parse_duration;
use serde::Deserialize;
use std::fmt::Write as _;

#[derive(Debug, Deserialize)]
struct SearchAnswer {
    traces: Vec<TraceLine>,
    next_cursor: Option<String>,
    warnings: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct TraceLine {
    trace_id: String,
    start_unix_nano: String,
    duration_nanos: String,
    root_service: Option<String>,
    root_name: Option<String>,
    span_count: u64,
    error_count: u64,
    services: Vec<serde_json::Value>,
}

/// Answers `fanal query` as text for stdout.
pub(crate) async fn query(args: &QueryArgs) -> anyhow::Result<String> {
    if let Some(query) = &args.query {
        return traceql::query(args, query).await;
    }
    anyhow::ensure!(
        args.output != QueryOutput::Csv,
        "comma-separated values are written of TraceQL queries; write one, as in `fanal query '{{ status = error }}' --output csv`"
    );
    let limit = args.limit.to_string();
    let start = start_parameter(&args.conditions)?;
    let mut parameters = vec![("limit", limit.as_str())];
    parameters.extend(condition_parameters(&args.conditions));
    for (name, value) in [("start", &start), ("cursor", &args.cursor)] {
        parameters.extend(value.as_deref().map(|value| (name, value)));
    }
    let path = format!("/fanal/v1/search{}", query_string(&parameters));
    let body = Client::new(&args.server)?.get(&path).await?;
    if args.output == QueryOutput::Json {
        return Ok(format!("{}\n", String::from_utf8_lossy(&body)));
    }
    let answer =
        serde_json::from_slice(&body).context("the server's answer is not a search answer")?;
    Ok(show_search(&answer))
}

/// The parameters that conditions are for the native API.
pub(crate) fn condition_parameters(conditions: &Conditions) -> Vec<(&'static str, &str)> {
    let optional = [
        ("service", &conditions.service),
        ("operation", &conditions.operation),
        ("status", &conditions.status),
        ("min_duration", &conditions.min_duration),
        ("max_duration", &conditions.max_duration),
    ];
    let named = optional.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?)));
    named.chain(conditions.tags.iter().map(|tag| ("tag", tag.as_str()))).collect()
}

/// The earliest start that `--since` means now.
pub(crate) fn start_parameter(conditions: &Conditions) -> anyhow::Result<Option<String>> {
    let Some(text) = &conditions.since else { return Ok(None) };
    let nanos = parse_duration(text).map_err(|error| anyhow::anyhow!("--since: {error}"))?;
    Ok(Some(SystemClock.now_unix_nanos().saturating_sub(nanos).to_string()))
}

fn show_search(answer: &SearchAnswer) -> String {
    if answer.traces.is_empty() {
        return "no trace matches; widen the time range or drop a condition\n".to_owned();
    }
    let mut text = format!(
        "{:<32}  {:<24}  {:>9}  {:>6}  {:>6}  {:>8}  ROOT\n",
        "TRACE", "START", "DURATION", "SPANS", "ERRORS", "SERVICES"
    );
    for trace in &answer.traces {
        let root = match (&trace.root_service, &trace.root_name) {
            (Some(service), Some(name)) => format!("{service}: {name}"),
            _ => "(root not received)".to_owned(),
        };
        let _ = writeln!(
            text,
            "{:<32}  {:<24}  {:>9}  {:>6}  {:>6}  {:>8}  {root}",
            trace.trace_id,
            show_time(trace.start_unix_nano.parse().unwrap_or_default()),
            show_duration(trace.duration_nanos.parse().unwrap_or_default()),
            trace.span_count,
            trace.error_count,
            trace.services.len(),
        );
    }
    for warning in &answer.warnings {
        let _ = writeln!(text, "incomplete: {warning}");
    }
    if let Some(cursor) = &answer.next_cursor {
        let _ = writeln!(text, "more: --cursor {cursor}");
    }
    text
}

#[derive(Debug, Deserialize)]
struct Skeleton {
    trace_id: String,
    start_unix_nano: String,
    duration_nanos: String,
    span_count: u64,
    error_count: u64,
    services: Vec<NamedService>,
    names: Vec<String>,
    columns: Columns,
    warnings: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct NamedService {
    name: String,
}

#[derive(Debug, Deserialize)]
struct Columns {
    depth: Vec<usize>,
    start: Vec<u64>,
    duration: Vec<u64>,
    service: Vec<usize>,
    name: Vec<usize>,
    status: Vec<u8>,
    flags: Vec<u8>,
}

/// Answers `fanal trace` as text for stdout.
pub(crate) async fn trace(args: &TraceArgs) -> anyhow::Result<String> {
    let client = Client::new(&args.server)?;
    let id = &args.id;
    anyhow::ensure!(
        id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'),
        "`{id}` is no trace id; write 1 to 32 hex digits"
    );
    if args.output == Output::Json {
        let body = client.get(&format!("/fanal/v1/trace/{id}/otlp")).await?;
        return Ok(format!("{}\n", String::from_utf8_lossy(&body)));
    }
    let body = client.get(&format!("/fanal/v1/trace/{id}")).await?;
    let skeleton = serde_json::from_slice(&body).context("the server's answer is not a trace")?;
    Ok(show_trace(&skeleton))
}

fn show_trace(trace: &Skeleton) -> String {
    /// Width of the bar that shows when a span ran.
    const BAR: u64 = 40;
    let total = trace.duration_nanos.parse::<u64>().unwrap_or_default().max(1);
    let mut text = format!(
        "{}  {}  {}  {} spans  {} errors\n",
        trace.trace_id,
        show_time(trace.start_unix_nano.parse().unwrap_or_default()),
        show_duration(total),
        trace.span_count,
        trace.error_count,
    );
    for warning in &trace.warnings {
        let _ = writeln!(text, "note: {warning}");
    }
    let columns = &trace.columns;
    for row in 0..columns.depth.len() {
        let scale = |nanos: u64| {
            let cells = u128::from(nanos) * u128::from(BAR) / u128::from(total);
            usize::try_from(cells).unwrap_or(usize::MAX).min(40)
        };
        let before = scale(columns.start[row]).min(39);
        let length = scale(columns.duration[row]).clamp(1, 40 - before);
        let bar = format!("{}{}", " ".repeat(before), "█".repeat(length));
        let service = trace.services.get(columns.service[row]).map_or("", |s| s.name.as_str());
        let name = trace.names.get(columns.name[row]).map_or("", String::as_str);
        let label = if columns.flags[row] & 1 == 1 {
            format!("(missing span {name})")
        } else {
            format!("{service}: {name}")
        };
        let error = if columns.status[row] == 2 { " ⚠" } else { "" };
        let indent = "  ".repeat(columns.depth[row].min(20));
        let duration = show_duration(columns.duration[row]);
        let _ = writeln!(text, "{bar:<40}│{duration:>9}  {indent}{label}{error}");
    }
    text
}

/// A duration in the unit that leaves at most three digits before the point.
pub(crate) fn show_duration(nanos: u64) -> String {
    let (unit, divisor) = match nanos {
        0..1_000 => return format!("{nanos} ns"),
        1_000..1_000_000 => ("µs", 1_000),
        1_000_000..1_000_000_000 => ("ms", 1_000_000),
        _ => ("s", 1_000_000_000),
    };
    let (whole, rest) = (nanos / divisor, nanos % divisor);
    match whole {
        0..10 => format!("{whole}.{:02} {unit}", rest * 100 / divisor),
        10..100 => format!("{whole}.{} {unit}", rest * 10 / divisor),
        _ => format!("{whole} {unit}"),
    }
}

/// A time in UTC, to the millisecond.
pub(crate) fn show_time(unix_nanos: u64) -> String {
    let seconds = unix_nanos / 1_000_000_000;
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Days to a civil date, counted in 400-year cycles from 0000-03-01.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_index + 2) / 5 + 1;
    let month = if month_index < 10 { month_index + 3 } else { month_index - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:03}Z",
        second / 3600,
        second / 60 % 60,
        second % 60,
        unix_nanos / 1_000_000 % 1000
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_durations_read_well() {
        assert_eq!(show_time(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(show_time(1_709_208_000_123_456_789), "2024-02-29T12:00:00.123Z");
        assert_eq!(show_time(1_767_225_599_000_000_000), "2025-12-31T23:59:59.000Z");
        let check = |nanos: u64, expect: &str| assert_eq!(show_duration(nanos), expect);
        check(999, "999 ns");
        check(1_820_000_000, "1.82 s");
        check(12_345_678, "12.3 ms");
        check(412_000, "412 µs");
    }

    #[test]
    fn an_empty_answer_says_what_to_do() {
        let answer = SearchAnswer { traces: Vec::new(), next_cursor: None, warnings: Vec::new() };
        assert!(show_search(&answer).starts_with("no trace matches"));
    }
}
