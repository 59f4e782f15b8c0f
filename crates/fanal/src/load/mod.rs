//! `fanal load`: sends generated traces to a server, as fast as asked, and says what came of it.
//!
//! Bodies of OTLP are patched copies of templates, so that the load costs little beside the server it shares the machine
//! with; those of other protocols are made one by one, which costs more.

mod bodies;
mod foreign;
mod grpc;
mod http;
mod pace;
mod process;
mod report;
mod udp;

pub(crate) use http::HttpSender;

use crate::cli::{LoadArgs, Output, Protocol};
use anyhow::Context;
use bodies::{Bodies, Body};
use fanal_query::parse_duration;
use pace::Pace;
use process::ProcessUse;
use report::{Outcome, Report};
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Longest time that a request may take before it counts as failed.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// Longest time without any acknowledgement before the load gives up.
const SILENCE_MAX: Duration = Duration::from_secs(10);
/// Wait before a refused or failed request is sent again, unless the server says how long.
const RETRY_AFTER: Duration = Duration::from_millis(100);

/// What a server said to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Durable, but for so many spans that were refused for good.
    Accepted { rejected_spans: u64 },
    /// Try again, after a while.
    Retry { after: Duration, why: String },
    /// Never.
    Refused { why: String },
}

/// One connection, or one stream of a connection.
#[derive(Debug, Clone)]
enum Sender {
    Grpc(grpc::GrpcSender),
    Http(http::HttpSender),
    Udp(udp::UdpSender),
}

/// Where a protocol is spoken.
#[derive(Debug, Clone, Copy)]
struct Route {
    /// The usual address.
    target: &'static str,
    transport: Transport,
}

#[derive(Debug, Clone, Copy)]
enum Transport {
    /// To a method.
    Grpc(&'static str),
    /// To a path, with a content type.
    Http(&'static str, &'static str),
    Udp,
}

impl Route {
    fn of(protocol: Protocol) -> Self {
        use Transport::{Grpc, Http, Udp};
        let (target, transport) = match protocol {
            Protocol::Grpc => ("127.0.0.1:4317", Grpc(grpc::OTLP_EXPORT)),
            Protocol::Http => ("127.0.0.1:4318", Http(http::OTLP_PATH, http::PROTOBUF)),
            Protocol::JaegerCompact => ("127.0.0.1:6831", Udp),
            Protocol::JaegerGrpc => ("127.0.0.1:14250", Grpc(grpc::JAEGER_POST_SPANS)),
            Protocol::ZipkinJson => ("127.0.0.1:9411", Http(http::ZIPKIN_PATH, http::JSON)),
            Protocol::ZipkinProtobuf => ("127.0.0.1:9411", Http(http::ZIPKIN_PATH, http::PROTOBUF)),
            Protocol::Datadog => ("127.0.0.1:8126", Http(http::DATADOG_PATH, http::MSGPACK)),
        };
        Self { target, transport }
    }
}

impl Sender {
    async fn connect(transport: Transport, target: &str) -> anyhow::Result<Self> {
        Ok(match transport {
            Transport::Grpc(method) => Self::Grpc(grpc::GrpcSender::connect(target, method).await?),
            Transport::Http(path, content_type) => {
                Self::Http(http::HttpSender::new(target, path, content_type))
            }
            Transport::Udp => Self::Udp(udp::UdpSender::connect(target).await?),
        })
    }

    async fn send(&mut self, body: bytes::Bytes) -> Answer {
        let sent = async {
            match self {
                Self::Grpc(sender) => sender.send(body).await,
                Self::Http(sender) => sender.send(body).await,
                Self::Udp(sender) => sender.send(&body).await,
            }
        };
        tokio::time::timeout(REQUEST_TIMEOUT, sent).await.unwrap_or_else(|_| Answer::Retry {
            after: RETRY_AFTER,
            why: format!("no answer within {} s", REQUEST_TIMEOUT.as_secs()),
        })
    }
}

/// What all senders share.
struct Shared {
    bodies: Bodies,
    pace: Pace,
    deadline: Instant,
    spans_max: u64,
    acknowledged: Option<Mutex<std::fs::File>>,
    last_answer: Mutex<Instant>,
}

/// Runs the load and answers its report for stdout.
pub(crate) async fn run(args: &LoadArgs) -> anyhow::Result<String> {
    let length = parse_duration(&args.duration)
        .map_err(|error| anyhow::anyhow!("--duration: {error}"))
        .map(Duration::from_nanos)?;
    anyhow::ensure!(args.connections > 0, "--connections must be at least 1");
    anyhow::ensure!(args.in_flight > 0, "--in-flight must be at least 1");
    let route = Route::of(args.protocol);
    let target = args.target.clone().unwrap_or_else(|| route.target.to_owned());
    let bodies = Bodies::new(args)?;
    let acknowledged = match &args.acknowledged {
        Some(path) => {
            let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
            Some(Mutex::new(file.with_context(|| format!("cannot open {}", path.display()))?))
        }
        None => None,
    };
    let first = Sender::connect(route.transport, &target).await?;
    let before = args.pid.map(ProcessUse::read).transpose()?;
    let start = Instant::now();
    let shared = Arc::new(Shared {
        bodies,
        pace: Pace::new(args.rate),
        deadline: start + length,
        spans_max: args.spans.unwrap_or(u64::MAX),
        acknowledged,
        last_answer: Mutex::new(start),
    });
    let mut tasks = tokio::task::JoinSet::new();
    for connection in 0..args.connections {
        let sender = if connection == 0 {
            first.clone()
        } else {
            Sender::connect(route.transport, &target).await?
        };
        for _ in 0..args.in_flight {
            tasks.spawn(send_loop(Arc::clone(&shared), sender.clone()));
        }
    }
    let mut report = Report::default();
    while let Some(outcome) = tasks.join_next().await {
        report.add(outcome?);
    }
    report.elapsed = start.elapsed();
    if let (Some(pid), Some(before)) = (args.pid, before) {
        // A server that died meanwhile has no use to tell.
        report.server = ProcessUse::read(pid).ok().map(|after| after.since(&before));
    }
    Ok(match args.output {
        Output::Text => report.to_text(),
        Output::Json => report.to_json(),
    })
}

async fn send_loop(shared: Arc<Shared>, mut sender: Sender) -> Outcome {
    let mut outcome = Outcome::default();
    while Instant::now() < shared.deadline {
        let Some(body) = shared.bodies.next(shared.spans_max) else { break };
        shared.pace.wait(body.span_count).await;
        if !send_one(&shared, &mut sender, &body, &mut outcome).await {
            break;
        }
    }
    outcome
}

/// Sends until the body is acknowledged or refused for good; false when the server is gone for too long.
async fn send_one(
    shared: &Shared,
    sender: &mut Sender,
    body: &Body,
    outcome: &mut Outcome,
) -> bool {
    loop {
        let sent_at = Instant::now();
        let answer = sender.send(body.bytes.clone()).await;
        match answer {
            Answer::Accepted { rejected_spans } => {
                outcome.acknowledged(body, rejected_spans, sent_at.elapsed());
                if let Some(file) = &shared.acknowledged {
                    note_acknowledged(file, body);
                }
                *shared.last_answer.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
                return true;
            }
            Answer::Refused { why } => {
                outcome.refused(body, &why);
                return true;
            }
            Answer::Retry { after, why } => {
                outcome.retried(&why);
                let last = *shared.last_answer.lock().unwrap_or_else(PoisonError::into_inner);
                if last.elapsed() > SILENCE_MAX {
                    outcome.given_up(body);
                    return false;
                }
                tokio::time::sleep(after).await;
            }
        }
    }
}

/// One write a request, so that a line is there as soon as the acknowledgement is.
fn note_acknowledged(file: &Mutex<std::fs::File>, body: &Body) {
    let lines: String =
        body.traces.iter().map(|(trace_id, spans)| format!("{trace_id} {spans}\n")).collect();
    let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
    if let Err(error) = file.write_all(lines.as_bytes()) {
        tracing::error!("cannot note an acknowledgement: {error}");
    }
}
