//! `fanal import`: sends files of traces to a running server, piece by piece, and says what came of them.
//!
//! A file is told by its content and decoded here; its spans go as OTLP, as those of any client would. Invariant: a piece
//! is behind us only once the server called it durable; what it cannot take now is sent again.

mod bodies;
mod progress;
mod report;

use crate::cli::{ImportArgs, Output};
use crate::client::Client;
use crate::load::{Answer, HttpSender};
use anyhow::{Context, bail};
use bodies::{Message, Messages};
use progress::ImportProgress;
use report::Report;
use std::path::Path;
use std::time::Duration;
use tokio::time::Instant;

/// Longest time without an acknowledgement before a file is given up.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// Longest time that one request may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// What became of all files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Every span is stored.
    Whole,
    /// Every file was read to its end, and spans in them were refused.
    SomeRejected,
    /// A file was not read, or not to its end.
    Failed,
}

/// Runs the command; prints a report for each file as soon as it is done.
pub(crate) async fn run(args: &ImportArgs) -> anyhow::Result<Outcome> {
    let client = Client::new(&args.to)?;
    client.get("/fanal/v1/status").await?;
    let mut sender = HttpSender::below(client.authority(), client.base_path());
    let mut outcome = Outcome::Whole;
    for file in &args.files {
        let name = if is_standard_input(file) {
            "standard input".to_owned()
        } else {
            file.display().to_string()
        };
        let (mut report, failure) = import_file(file, &mut sender).await;
        (report.name, report.ui) = (name.clone(), client.address());
        if failure.is_none() || report.tally.accepted_spans > 0 {
            match args.output {
                Output::Text => print!("{}", report.to_text()),
                Output::Json => print!("{}", report.to_json()),
            }
        }
        if let Some(failure) = failure {
            eprintln!("error: {name}: {failure:#}");
            outcome = Outcome::Failed;
        } else if outcome == Outcome::Whole && report.rejected_spans() > 0 {
            outcome = Outcome::SomeRejected;
        }
    }
    Ok(outcome)
}

fn is_standard_input(file: &Path) -> bool {
    file == Path::new("-")
}

/// What came of a file, and why it was not read to its end.
async fn import_file(file: &Path, sender: &mut HttpSender) -> (Report, Option<anyhow::Error>) {
    let mut report = Report::default();
    let mut messages = match Messages::open(file) {
        Ok(messages) => messages,
        Err(error) => return (report, Some(error)),
    };
    let mut progress = ImportProgress::new(messages.total_bytes());
    while let Some(message) = messages.next().await {
        match message {
            Message::Format(format) => report.format = Some(format),
            Message::Piece { part, bodies } => {
                let mut refused_spans = 0;
                for body in bodies {
                    match send(sender, body).await {
                        Ok(rejected) => refused_spans += rejected,
                        Err(error) => {
                            let stored = report.tally.accepted_spans;
                            let told = format!("stopped after {stored} stored spans");
                            return (report, Some(error.context(told)));
                        }
                    }
                }
                report.tally.add(part);
                report.tally.take_back(refused_spans);
                report.refused_spans += refused_spans;
                progress.show(messages.read_bytes(), report.tally.accepted_spans);
            }
        }
    }
    drop(progress);
    let failure = messages.finish().await.err();
    (report, failure)
}

/// Sends until the body is acknowledged; gives how many of its spans were refused.
async fn send(sender: &mut HttpSender, body: bytes::Bytes) -> anyhow::Result<u64> {
    let began = Instant::now();
    loop {
        let sent = tokio::time::timeout(REQUEST_TIMEOUT, sender.send(body.clone())).await;
        let (after, why) = match sent {
            Ok(Answer::Accepted { rejected_spans }) => return Ok(rejected_spans),
            Ok(Answer::Refused { why }) => bail!("the server refused spans for good: {why}"),
            Ok(Answer::Retry { after, why }) => (after, why),
            Err(_) => (Duration::ZERO, format!("no answer within {} s", REQUEST_TIMEOUT.as_secs())),
        };
        if began.elapsed() > SILENCE_MAX {
            let seconds = SILENCE_MAX.as_secs();
            let advice = "import the file again when it does; what is stored is not stored twice";
            return Err(anyhow::anyhow!(why))
                .with_context(|| format!("the server took nothing for {seconds} s; {advice}"));
        }
        tokio::time::sleep(after).await;
    }
}
