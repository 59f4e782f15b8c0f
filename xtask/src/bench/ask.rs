//! Questions to the server, timed from outside: one HTTP connection each, the answer read to its end.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Instant;

use super::report::{Report, milliseconds, percentile};
use super::server::Server;

/// Traces asked for by id.
const TRACES: usize = 1000;
/// Times that each search is asked.
const SEARCHES: usize = 20;

/// Asks for traces by id, spread over all that were acknowledged.
pub(super) fn trace_by_id(
    server: &Server,
    acknowledged: &Path,
    millions: &str,
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
        times.push(begun.elapsed().as_secs_f64() * 1e9);
        ensure!(status == 200, "{path} answered {status}: {body}");
    }
    times.sort_unstable_by(f64::total_cmp);
    let name = |what: &str| format!("trace by id over HTTP, {millions}, no time hint, {what}");
    report.row(name("p50"), "goal 2 ms", milliseconds(percentile(&times, 50)));
    report.row(name("p99"), "≤ 50 ms (goal 10)", milliseconds(percentile(&times, 99)));
    Ok(())
}

/// Asks the searches that people ask.
pub(super) fn searches(server: &Server, millions: &str, report: &mut Report) -> Result<()> {
    let services = get_json(&server.ui, "/fanal/v1/services")?;
    let service = services["services"][0]["name"].as_str().context("no service")?;
    let selective =
        format!("service={service}&min_duration=500ms&tag=http.response.status_code%3E%3D500");
    let searches = [
        ("newest traces", String::new(), ""),
        ("a service", format!("service={service}"), "≤ 200 ms"),
        ("service, duration and one attribute", selective, "≤ 200 ms (goal 20)"),
        ("one attribute alone", "tag=http.response.status_code%3D503".to_owned(), "(goal 50)"),
        ("a high-cardinality attribute", "tag=user.id%3Dnobody".to_owned(), "(goal 50)"),
        ("nothing matches", "min_duration=23h".to_owned(), ""),
    ];
    for (name, query, goal) in searches {
        let mut times = Vec::new();
        let mut found = 0;
        for _ in 0..SEARCHES {
            let begun = Instant::now();
            let answer = get_json(&server.ui, &format!("/fanal/v1/search?{query}"))?;
            times.push(begun.elapsed().as_secs_f64() * 1e9);
            found = answer["traces"].as_array().map_or(0, Vec::len);
        }
        times.sort_unstable_by(f64::total_cmp);
        let name = format!("search, {millions}: {name} ({found} found), p50");
        report.row(name, goal, milliseconds(percentile(&times, 50)));
    }
    Ok(())
}

/// The JSON of an answer 200.
pub(super) fn get_json(address: &str, path: &str) -> Result<Value> {
    let (status, body) = get(address, path)?;
    ensure!(status == 200, "{path} answered {status}: {body}");
    serde_json::from_str(&body).with_context(|| format!("{path} answered no JSON"))
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
