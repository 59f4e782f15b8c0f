//! What a span costs that comes in an older dialect.

use super::number;
use super::report::{Goal, Report, Unit};
use super::server::Server;
use anyhow::{Result, ensure};
use std::path::Path;
use std::time::{Duration, Instant};

/// Spans a second over UDP: fewer than the server can take, so that the system drops none.
const DATAGRAM_RATE: &str = "50000";

/// Longest wait for what was sent and not answered.
const SETTLED_MAX: Duration = Duration::from_secs(5);

/// What to call it, the door, and the flags of the load.
const DIALECTS: [(&str, &str, &[&str]); 5] = [
    (
        "Jaeger compact over UDP, 50000 spans/s",
        "jaeger_compact",
        &["--protocol", "jaeger-compact", "--rate", DATAGRAM_RATE, "--connections", "1"],
    ),
    ("Jaeger over gRPC", "jaeger_grpc", &["--protocol", "jaeger-grpc"]),
    ("Zipkin JSON", "zipkin", &["--protocol", "zipkin-json"]),
    ("Zipkin protobuf", "zipkin", &["--protocol", "zipkin-protobuf"]),
    ("Datadog v0.5", "datadog", &["--protocol", "datadog"]),
];

/// CPU of the server a span, and the rate beside a client that makes every message anew.
pub(super) fn ingest(
    binary: &Path,
    folder: &Path,
    seconds: u64,
    report: &mut Report,
) -> Result<()> {
    let duration = format!("{seconds}s");
    for (name, door, flags) in DIALECTS {
        let server = Server::start_empty(binary, folder, &[])?;
        let flags: Vec<&str> = [flags, &["--duration", &duration]].concat();
        let result = server.load_door(door, &flags)?;
        let sent = number(&result, "spans")?;
        let refused = number(&result, "refused_spans")? + number(&result, "rejected_spans")?;
        ensure!(refused == 0.0, "{name}: {refused} spans were refused: {result}");
        let taken = settled(&server, sent)?;
        let cpu = number(&result, "server_cpu_micros_per_span")? * sent / 1e6;
        let row = format!("ingest of {name}: CPU of the server a span, merges included");
        report.row(row, cpu / taken, Unit::Seconds, Goal::None);
        if door == "jaeger_compact" {
            let row = format!("ingest of {name}: spans lost on the way");
            report.row(row, sent - taken, Unit::Count, Goal::AtMost(0.0));
        } else {
            let rate = number(&result, "spans_per_second")?;
            let row = format!("ingest of {name}: rate, client on the same cores");
            report.row(row, rate, Unit::SpansPerSecond, Goal::None);
        }
        server.stop()?;
    }
    Ok(())
}

/// Spans that were accepted once all were, or at the end of the wait.
fn settled(server: &Server, sent: f64) -> Result<f64> {
    let begun = Instant::now();
    loop {
        let taken = server.accepted_spans()?;
        if taken >= sent || begun.elapsed() > SETTLED_MAX {
            return Ok(taken);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}
