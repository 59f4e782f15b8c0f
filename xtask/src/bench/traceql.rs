//! Rows about TraceQL: searches and metrics over everything that is stored, through the native API.

use super::ask::post_json;
use super::report::{Goal, Report, Unit, percentile};
use super::server::Server;
use anyhow::{Result, ensure};
use serde_json::{Value, json};
use std::time::{Duration, Instant, SystemTime};

/// Times that each question is asked.
const ROUNDS: usize = 5;

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

/// Questions that nobody should ask: each must end with an error that says what to change, or with an answer that says that
/// something is missing. The last two say what is repeated in place of `@`, and how often.
const HOSTILE: [(&str, &str, &str, usize); 12] = [
    ("10,000 conditions", r#"{ @ span.user.id = "u" }"#, "name = \"a\" || ", 10_000),
    ("2,000 conditions", r#"{ @ span.user.id = "u" }"#, "span.user.id = \"a\" || ", 2_000),
    ("2,000 filters", "@ { }", "{ name = \"a\" } >> ", 2_000),
    ("60 structural operators", "@ { }", "{ kind = server } >> ", 60),
    ("5,000 parentheses", "{ @ }", "(", 5_000),
    ("a pattern that backtracks elsewhere", r#"{ span.url.path =~ "@$" }"#, "(a+)+", 30),
    ("a pattern that unfolds", r#"{ span.url.path =~ "@" }"#, "((a{1,100}){1,100}){1,100}", 1),
    ("by() on unique values", "{ } | rate() by (span.user.id)@", "", 0),
    ("by() on unique values, structure", "{ } >> { } | rate() by (.user.id, .url.full)@", "", 0),
    ("by() on span ids", "{ } | rate() by (span:id)@", "", 0),
    ("compare() of everything", "{ } | compare({ status = error })@", "", 0),
    ("arithmetic on every span", "{ span.thread.id * 2 = 3 } | rate()@", "", 0),
];

/// Spans a second that arrive meanwhile.
const ARRIVING: &str = "20000";

/// Asks all; `scale` multiplies the goals for 10 M spans.
pub(super) fn all(server: &Server, millions: &str, scale: f64, report: &mut Report) -> Result<()> {
    let searches = SEARCHES.map(|(name, query, goal)| ("search", name, query, Some(goal)));
    let metrics = METRICS.map(|(name, query, goal)| ("metrics", name, query, goal));
    for (kind, name, query, goal) in searches.into_iter().chain(metrics) {
        server.forget_peak()?;
        let (took, answer) = median(server, kind, query)?;
        let found = answer["traces"].as_array().or(answer["series"].as_array()).map_or(0, Vec::len);
        let peak = server.peak_bytes()? / 1e6;
        let name = format!("TraceQL, {millions}: {name} ({found} found; memory {peak:.0} MB), p50");
        let goal = goal.map_or(Goal::None, |goal| Goal::AtMost(goal * scale));
        report.row(name, took, Unit::Seconds, goal);
    }
    Ok(())
}

/// Asks what is hostile, while spans arrive.
pub(super) fn hostile(server: &Server, millions: &str, report: &mut Report) -> Result<()> {
    let is_over = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let arriving = scope.spawn(|| {
            let mut refused = 0.0;
            // Each round has a seed of its own: the same traces again would grow without end.
            let mut seed = 1_000;
            while !is_over.load(std::sync::atomic::Ordering::Relaxed) {
                seed += 1;
                let text = seed.to_string();
                let flags = ["--rate", ARRIVING, "--duration", "5s", "--seed", &text];
                let loaded = server.load(&flags)?;
                refused += super::number(&loaded, "given_up_spans")?;
            }
            anyhow::Ok(refused)
        });
        let outcome = HOSTILE.iter().try_for_each(|(name, pattern, repeated, count)| {
            let query = pattern.replace('@', &repeated.repeat(*count));
            hostile_one(server, millions, name, &query, report)
        });
        is_over.store(true, std::sync::atomic::Ordering::Relaxed);
        let refused = arriving.join().map_err(|_| anyhow::anyhow!("the load panicked"))??;
        let name = format!("hostile TraceQL, {millions}: spans refused of {ARRIVING} a second");
        report.row(name, refused, Unit::Count, Goal::AtMost(0.0));
        outcome
    })
}

fn hostile_one(
    server: &Server,
    millions: &str,
    name: &str,
    query: &str,
    report: &mut Report,
) -> Result<()> {
    server.forget_peak()?;
    let begun = Instant::now();
    let kind = if query.contains(" | ") { "metrics" } else { "search" };
    let (status, answer) = ask(server, kind, query)?;
    let took = begun.elapsed().as_secs_f64();
    let told = match (status, answer["complete"].as_bool()) {
        (200, Some(true)) => "whole answer",
        (200, _) => "partial answer, told",
        (400..500, _) => "refused",
        _ => "ended at a limit",
    };
    println!("{}", answer["error"]["message"].as_str().unwrap_or_default());
    let peak = server.peak_bytes()?;
    let name =
        format!("hostile TraceQL, {millions}: {name}: {told} after {took:.2} s; memory, most");
    report.row(name, peak, Unit::Bytes, Goal::AtMost(512e6));
    Ok(())
}

fn median(server: &Server, kind: &str, query: &str) -> Result<(f64, Value)> {
    let (mut times, mut answer) = (Vec::new(), Value::Null);
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        let status;
        (status, answer) = ask(server, kind, query)?;
        times.push(begun.elapsed().as_secs_f64());
        ensure!(status == 200, "{query} answered {status}: {answer}");
        // Generated data has many values of some attributes, of which compare() says that it leaves some out.
        let is_whole = answer["complete"] == json!(true) || query.contains("compare(");
        ensure!(is_whole, "{query}: {}", answer["warnings"]);
    }
    times.sort_unstable_by(f64::total_cmp);
    Ok((percentile(&times, 50), answer))
}

fn ask(server: &Server, kind: &str, query: &str) -> Result<(u16, Value)> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    let nanos = |time: Duration| time.as_nanos().to_string();
    let (start, end) = (nanos(now.saturating_sub(RANGE)), nanos(now + AHEAD));
    let mut body = json!({ "query": query, "start": start, "end": end });
    if query.contains("compare(") {
        // As Grafana asks: the whole range is one bucket.
        body["step"] = json!(format!("{}s", (RANGE + AHEAD).as_secs()));
    }
    post_json(&server.ui, &format!("/fanal/v1/traceql/{kind}"), &body)
}
