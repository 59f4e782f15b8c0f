//! Questions to the server, timed from outside: one HTTP connection each, the answer read to its end.

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use super::report::{Goal, Report, Unit, percentile};
use super::server::Server;

/// Traces asked for by id.
const TRACES: usize = 1000;
/// Times that each other question is asked.
const ROUNDS: usize = 20;
/// How long an idle server is asked for comparison.
const MERGING: Duration = Duration::from_secs(10);
/// Spans a second that arrive at a server that merges while it is asked.
const MERGING_RATE: &str = "100000";
/// Leaves the machine to the server between two questions.
const BETWEEN_QUESTIONS: Duration = Duration::from_millis(20);

/// Asks for traces by id, spread over all that were acknowledged.
pub(super) fn trace_by_id(
    server: &Server,
    acknowledged: &Path,
    millions: &str,
    state: &str,
    report: &mut Report,
) -> Result<()> {
    let text = std::fs::read_to_string(acknowledged)?;
    let ids: Vec<&str> = text.lines().filter_map(|line| line.split(' ').next()).collect();
    let step = (ids.len() / TRACES).max(1);
    let mut times = Vec::new();
    for id in ids.iter().step_by(step).take(TRACES) {
        let path = format!("/fanal/v1/trace/{id}");
        let begun = Instant::now();
        let (status, body) = get(&server.ui, &path)?;
        times.push(begun.elapsed().as_secs_f64());
        ensure!(status == 200, "{path} answered {status}: {body}");
    }
    times.sort_unstable_by(f64::total_cmp);
    let name = |what: &str| format!("trace by id, {millions}, no time hint, {state}, {what}");
    let (p50, p99) = if state == "cold" {
        (Goal::None, Goal::AtMost(0.040))
    } else {
        (Goal::AtMost(0.002), Goal::AtMost(0.010))
    };
    report.row(name("p50"), percentile(&times, 50), Unit::Seconds, p50);
    report.row(name("p99"), percentile(&times, 99), Unit::Seconds, p99);
    Ok(())
}

/// Asks the searches that people ask; `scale` multiplies the goals for 10 M spans.
pub(super) fn searches(
    server: &Server,
    millions: &str,
    scale: f64,
    report: &mut Report,
) -> Result<()> {
    let service = service(server)?;
    let searches = [
        ("newest traces", String::new(), 0.020),
        ("a service", format!("service={service}"), 0.020),
        ("service, duration and one attribute", selective(&service), 0.020),
        ("one attribute", "tag=http.response.status_code%3D503".to_owned(), 0.050),
        ("a value of many that is nowhere", "tag=user.id%3Dnobody".to_owned(), 0.050),
        ("a duration that no span has", "min_duration=23h".to_owned(), 0.020),
    ];
    for (name, query, goal) in searches {
        let path = format!("/fanal/v1/search?{query}");
        let (took, answer) = median(server, &path)?;
        let found = answer["traces"].as_array().map_or(0, Vec::len);
        let name = format!("search, {millions}: {name} ({found} found), p50");
        report.row(name, took, Unit::Seconds, Goal::AtMost(goal * scale));
    }
    Ok(())
}

fn service(server: &Server) -> Result<String> {
    let services = get_json(&server.ui, "/fanal/v1/services")?;
    Ok(services["services"][0]["name"].as_str().context("no service")?.to_owned())
}

/// A search that finds nothing, so that whatever cannot be ruled out is scanned.
fn selective(service: &str) -> String {
    format!("service={service}&min_duration=500ms&tag=http.response.status_code%3E%3D500")
}

/// The selective search while the server is idle, and while spans arrive and are merged at a moderate rate.
pub(super) fn under_merge(server: &Server, report: &mut Report) -> Result<()> {
    // A range that the arriving spans are not in: both times ask for the same.
    let end = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_nanos();
    let path = format!("/fanal/v1/search?{}&end={end}", selective(&service(server)?));
    let mut idle = times_while(server, &path, || {
        std::thread::sleep(MERGING);
        Ok(())
    })?;
    let flags = ["--rate", MERGING_RATE, "--duration", "30s", "--seed", "3"];
    let mut busy = times_while(server, &path, || server.load(&flags).map(drop))?;
    for percent in [50, 95] {
        let [idle, busy] = [&mut idle, &mut busy].map(|times| {
            times.sort_unstable_by(f64::total_cmp);
            percentile(times, percent)
        });
        report.row(format!("selective search, idle, p{percent}"), idle, Unit::Seconds, Goal::None);
        let name =
            format!("the same while {MERGING_RATE} spans/s arrive and are merged, p{percent}");
        report.row(name, busy, Unit::Seconds, Goal::AtMost(2.0 * idle));
    }
    Ok(())
}

/// The seconds of a question that is asked again and again while something goes on.
fn times_while(
    server: &Server,
    path: &str,
    goes_on: impl FnOnce() -> Result<()> + Send,
) -> Result<Vec<f64>> {
    let mut times = Vec::new();
    std::thread::scope(|scope| {
        let other = scope.spawn(goes_on);
        while !other.is_finished() {
            let begun = Instant::now();
            get_json(&server.ui, path)?;
            times.push(begun.elapsed().as_secs_f64());
            std::thread::sleep(BETWEEN_QUESTIONS);
        }
        other.join().map_err(|_| anyhow!("the other side panicked"))??;
        Ok(times)
    })
}

/// Counts all spans by one key and by three.
pub(super) fn rates(
    server: &Server,
    millions: &str,
    stored: f64,
    report: &mut Report,
) -> Result<()> {
    let rates = [
        ("service", "by=resource.service.name", 200e6),
        ("service, name and status", "by=resource.service.name&by=name&by=status", 100e6),
    ];
    for (name, query, goal) in rates {
        let path = format!("/fanal/v1/aggregate?limit=10000&{query}");
        let (took, _) = median(server, &path)?;
        let name = format!("rate by {name}, {millions}");
        report.row(name, stored / took, Unit::SpansPerSecond, Goal::AtLeast(goal));
    }
    Ok(())
}

/// Counts the calls between services over all that is stored, by Zipkin's rule.
pub(super) fn dependencies(
    server: &Server,
    millions: &str,
    stored: f64,
    report: &mut Report,
) -> Result<()> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_millis();
    let path = format!("/api/v2/dependencies?endTs={now}&lookback={now}");
    let (took, answer) = median_at(server.address("zipkin"), &path)?;
    let links = answer.as_array().map_or(0, Vec::len);
    ensure!(links > 0, "no service calls another");
    let name = format!("service dependencies by Zipkin's rule, {millions} ({links} links)");
    report.row(name, stored / took, Unit::SpansPerSecond, Goal::None);
    Ok(())
}

/// The median time of a question in seconds, and its last answer.
fn median(server: &Server, path: &str) -> Result<(f64, Value)> {
    median_at(&server.ui, path)
}

fn median_at(address: &str, path: &str) -> Result<(f64, Value)> {
    let mut times = Vec::new();
    let mut answer = Value::Null;
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        answer = get_json(address, path)?;
        times.push(begun.elapsed().as_secs_f64());
    }
    times.sort_unstable_by(f64::total_cmp);
    Ok((percentile(&times, 50), answer))
}

/// The JSON of an answer 200.
pub(super) fn get_json(address: &str, path: &str) -> Result<Value> {
    let (status, body) = get(address, path)?;
    ensure!(status == 200, "{path} answered {status}: {body}");
    serde_json::from_str(&body).with_context(|| format!("{path} answered no JSON"))
}

/// Status and JSON of the answer to a body of JSON.
pub(super) fn post_json(address: &str, path: &str, body: &Value) -> Result<(u16, Value)> {
    let body = body.to_string();
    let head = format!(
        "POST {path} HTTP/1.0\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let (status, answer) = exchange(address, &head, body.as_bytes())?;
    let answer = serde_json::from_str(&answer);
    Ok((status, answer.with_context(|| format!("{path} answered {status} without JSON"))?))
}

fn get(address: &str, path: &str) -> Result<(u16, String)> {
    let head = format!("GET {path} HTTP/1.0\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    exchange(address, &head, &[])
}

/// Posts a body of OTLP protobuf and answers the status.
pub(super) fn post_otlp(address: &str, body: &[u8]) -> Result<u16> {
    let head = format!(
        "POST /v1/traces HTTP/1.0\r\nHost: {address}\r\nContent-Type: application/x-protobuf\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    exchange(address, &head, body).map(|(status, _)| status)
}

fn exchange(address: &str, head: &str, body: &[u8]) -> Result<(u16, String)> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.write_all(&[head.as_bytes(), body].concat())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let text = String::from_utf8_lossy(&answer);
    let (head, body) =
        text.split_once("\r\n\r\n").context("an answer without an end of its head")?;
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    Ok((status.with_context(|| format!("no status in {head}"))?, body.to_owned()))
}
