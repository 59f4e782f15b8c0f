//! Rows about TraceQL: searches and metrics over everything that is stored, through the native API.

use super::ask::{ROUNDS, post_json};
use super::report::{Goal, Report, Unit, percentile};
use super::server::Server;
use anyhow::{Result, ensure};
use serde_json::{Value, json};
use std::time::{Duration, Instant, SystemTime};

/// How far back generated spans lie, with room on both sides.
const RANGE: Duration = Duration::from_secs(25 * 3600);
const AHEAD: Duration = Duration::from_secs(3600);

/// Searches, each with the goal for 10 M spans in seconds.
const SEARCHES: [(&str, &str, f64); 7] = [
    (
        "selective",
        r#"{ resource.service.name = "checkout" && span.http.response.status_code >= 500 && duration > 500ms }"#,
        0.020,
    ),
    ("any attribute", "{ .http.response.status_code = 503 }", 0.050),
    ("an attribute that no span has so", r#"{ .user.id = "nobody" }"#, 0.050),
    ("regex on URL", r#"{ span.url.path =~ ".*/none/[0-9]+" }"#, 0.300),
    ("roots", "{ nestedSetParent < 0 }", 0.050),
    ("structure", "{ kind = server } >> { status = error }", 0.300),
    (
        "structure that no trace has",
        "{ status = error } >> { kind = producer && duration > 23h }",
        0.300,
    ),
];

/// Metrics queries likewise.
const METRICS: [(&str, &str, Option<f64>); 9] = [
    ("rate() by one key", "{ } | rate() by (resource.service.name)", Some(0.050)),
    ("rate() by three keys", "{ } | rate() by (resource.service.name, name, status)", Some(0.100)),
    ("quantile_over_time", "{ } | quantile_over_time(duration, .5, .9, .99)", None),
    ("histogram_over_time", "{ } | histogram_over_time(duration)", None),
    ("rate() by an attribute without scope", "{ } | rate() by (.http.route)", None),
    ("avg_over_time of an attribute", "{ } | avg_over_time(span.http.response.body.size)", None),
    ("rate() of a structure", "{ kind = server } >> { status = error } | rate()", None),
    (
        "rate() of groups that an aggregate keeps",
        "{ } | by(resource.service.name) | count() > 2 | rate()",
        None,
    ),
    ("compare()", "{ nestedSetParent < 0 } | compare({ status = error })", Some(1.0)),
];

/// Asks all; `scale` multiplies the goals for 10 M spans.
pub(super) fn all(server: &Server, millions: &str, scale: f64, report: &mut Report) -> Result<()> {
    let mut most = server.resident_bytes()?;
    for (name, query, goal) in SEARCHES {
        let (took, answer) = median(server, "search", query)?;
        let found = answer["traces"].as_array().map_or(0, Vec::len);
        let name = format!("TraceQL, {millions}: {name} ({found} found), p50");
        report.row(name, took, Unit::Seconds, Goal::AtMost(goal * scale));
        most = most.max(server.resident_bytes()?);
    }
    for (name, query, goal) in METRICS {
        let (took, answer) = median(server, "metrics", query)?;
        let series = answer["series"].as_array().map_or(0, Vec::len);
        let name = format!("TraceQL, {millions}: {name} ({series} series), p50");
        let goal = goal.map_or(Goal::None, |goal| Goal::AtMost(goal * scale));
        report.row(name, took, Unit::Seconds, goal);
        let after = server.resident_bytes()?;
        most = most.max(after);
        report.row(format!("memory after it, {millions}"), after, Unit::Bytes, Goal::None);
    }
    report.row(
        format!("memory, most between TraceQL questions, {millions}"),
        most,
        Unit::Bytes,
        Goal::AtMost(512e6),
    );
    Ok(())
}

fn median(server: &Server, kind: &str, query: &str) -> Result<(f64, Value)> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    let nanos = |time: Duration| time.as_nanos().to_string();
    let (start, end) = (nanos(now.saturating_sub(RANGE)), nanos(now + AHEAD));
    let body = json!({ "query": query, "start": start, "end": end });
    let (mut times, mut answer) = (Vec::new(), Value::Null);
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        answer = post_json(&server.ui, &format!("/fanal/v1/traceql/{kind}"), &body)?;
        times.push(begun.elapsed().as_secs_f64());
        // Most of the generated data has many values of some attributes, of which compare() says that it leaves some out.
        let is_whole = answer["complete"] == json!(true) || query.contains("compare(");
        ensure!(is_whole, "{query}: {}", answer["warnings"]);
    }
    times.sort_unstable_by(f64::total_cmp);
    Ok((percentile(&times, 50), answer))
}
