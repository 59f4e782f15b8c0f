//! `fanal aggregate`: asks a running server for numbers over spans, and prints a line for each group.

use crate::ask::show_duration;
use crate::cli::{AggregateArgs, Output};
use crate::client::{Client, query_string};
use anyhow::Context;
use fanal_base::{Clock, SystemClock};
use fanal_query::parse_duration;
use serde::Deserialize;
use std::fmt::Write as _;

#[derive(Debug, Deserialize)]
struct Answer {
    by: Vec<String>,
    groups: Vec<Group>,
    spans: u64,
    warnings: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Group {
    values: Vec<Option<Typed>>,
    spans: u64,
    buckets: Vec<Bucket>,
}

#[derive(Debug, Deserialize)]
struct Typed {
    #[serde(default)]
    value: serde_json::Value,
}

#[derive(Debug, Deserialize)]
struct Bucket {
    spans: u64,
    durations: Option<Durations>,
}

#[derive(Debug, Deserialize)]
struct Durations {
    sum_nanos: String,
    max_nanos: String,
}

/// Answers `fanal aggregate` as text for stdout.
pub(crate) async fn aggregate(args: &AggregateArgs) -> anyhow::Result<String> {
    let start = match &args.since {
        Some(text) => {
            let nanos =
                parse_duration(text).map_err(|error| anyhow::anyhow!("--since: {error}"))?;
            Some(SystemClock.now_unix_nanos().saturating_sub(nanos).to_string())
        }
        None => None,
    };
    let limit = args.limit.to_string();
    let mut parameters = vec![("limit", limit.as_str()), ("measure", "duration")];
    let optional = [
        ("service", &args.service),
        ("operation", &args.operation),
        ("status", &args.status),
        ("step", &args.step),
        ("start", &start),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            parameters.push((name, value));
        }
    }
    parameters.extend(args.tags.iter().map(|tag| ("tag", tag.as_str())));
    parameters.extend(args.by.iter().map(|key| ("by", key.as_str())));
    let path = format!("/fanal/v1/aggregate{}", query_string(&parameters));
    let body = Client::new(&args.server)?.get(&path).await?;
    if args.output == Output::Json {
        return Ok(format!("{}\n", String::from_utf8_lossy(&body)));
    }
    let answer: Answer =
        serde_json::from_slice(&body).context("the server's answer is not an aggregate")?;
    Ok(show(answer))
}

/// Groups by their number of spans, the largest first.
fn show(mut answer: Answer) -> String {
    answer.groups.sort_by_key(|group| std::cmp::Reverse(group.spans));
    let keys = answer.by.join(", ");
    let mut text = format!("{:>12}  {:>9}  {:>9}  {:>9}  {keys}\n", "SPANS", "MEAN", "MAX", "PEAK");
    for group in &answer.groups {
        let durations = || group.buckets.iter().filter_map(|bucket| bucket.durations.as_ref());
        let sum: u128 = durations().filter_map(|it| it.sum_nanos.parse::<u128>().ok()).sum();
        let mean = u64::try_from(sum / u128::from(group.spans.max(1))).unwrap_or(u64::MAX);
        let max = durations().filter_map(|it| it.max_nanos.parse().ok()).max().unwrap_or(0);
        let peak = group.buckets.iter().map(|bucket| bucket.spans).max().unwrap_or(0);
        let values: Vec<String> =
            group.values.iter().map(|value| show_value(value.as_ref())).collect();
        let _ = writeln!(
            text,
            "{:>12}  {:>9}  {:>9}  {peak:>9}  {}",
            group.spans,
            show_duration(mean),
            show_duration(max),
            values.join(", ")
        );
    }
    let _ = writeln!(text, "{:>12}  in all", answer.spans);
    for warning in &answer.warnings {
        let _ = writeln!(text, "incomplete: {warning}");
    }
    text
}

fn show_value(value: Option<&Typed>) -> String {
    match value {
        None => "(none)".to_owned(),
        Some(Typed { value: serde_json::Value::String(text) }) => text.clone(),
        Some(Typed { value }) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_printed_largest_first() {
        let answer = serde_json::json!({
            "by": ["service", "span.n"], "spans": 12, "warnings": ["w"],
            "groups": [
                {"values": [{"type": "string", "value": "a"}, null], "spans": 2,
                 "buckets": [{"spans": 2, "durations": {"sum_nanos": "3000", "max_nanos": "2000"}}]},
                {"values": [{"type": "string", "value": "b"}, {"type": "empty"}], "spans": 10,
                 "buckets": [{"spans": 4}, {"spans": 6}]},
            ],
        });
        let text = show(serde_json::from_value(answer).expect("an answer"));
        let lines: Vec<Vec<&str>> =
            text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[1], ["10", "0", "ns", "0", "ns", "6", "b,", "null"]);
        assert_eq!(lines[2], ["2", "1.50", "µs", "2.00", "µs", "2", "a,", "(none)"]);
        assert_eq!((&*lines[3].join(" "), &*lines[4].join(" ")), ("12 in all", "incomplete: w"));
    }
}
