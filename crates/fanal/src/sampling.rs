//! Where strategies of sampling come from and go to: the operator's file or address, watched for changes, and the
//! probabilities of adaptive sampling, kept from one run to the next.
//!
//! Feeds the pipeline's strategies with bytes. A source that is bad at start is an error, for the defaults in its place
//! could flood the server; one that becomes bad later keeps the strategies before it.

use anyhow::{Context, bail};
use fanal_pipeline::Pipeline;
use fanal_pipeline::sampling::file::STRATEGIES_BYTES_MAX;
use http::StatusCode;
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Longest wait for an answer of an `http://` source.
const FETCH_TIMEOUT: Duration = Duration::from_secs(1);

/// Time between two looks whether the adaptive probabilities should be written.
const KEEP_INTERVAL: Duration = Duration::from_secs(60);

/// File of the adaptive probabilities in the data folder; it has the form of a strategies file.
const KEPT_NAME: &str = "sampling.json";

/// Where the strategies are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StrategiesSource {
    /// Path of a file, or an `http://` address; empty for none.
    pub(crate) place: String,
    /// Time between two looks at it. Default 10 s.
    pub(crate) reload: Duration,
}

impl Default for StrategiesSource {
    fn default() -> Self {
        Self { place: String::new(), reload: Duration::from_secs(10) }
    }
}

/// What a look at the source found.
type Found = Result<Vec<u8>, Miss>;

/// Why a look found nothing.
#[derive(Debug, PartialEq, Eq)]
struct Miss {
    words: String,
    /// Whether the source itself says that it will have strategies later.
    is_passing: bool,
}

/// Puts the strategies in force and starts what keeps them so. The data folder is there already.
pub(crate) async fn start(
    source: StrategiesSource,
    data_dir: &Path,
    pipeline: &Arc<Pipeline>,
    tasks: &mut JoinSet<()>,
    stopping: watch::Receiver<bool>,
) -> anyhow::Result<()> {
    if pipeline.sampling().is_adaptive() {
        let kept = data_dir.join(KEPT_NAME);
        restore(pipeline, &kept);
        tasks.spawn(keep(kept, Arc::clone(pipeline), stopping.clone()));
    }
    if !source.place.is_empty() {
        let found = source.look().await;
        let is_passing = found.as_ref().is_err_and(|miss| miss.is_passing);
        if let Err(problem) = load(&source, &found, pipeline)
            && !is_passing
        {
            bail!("{problem}; mend it, or start without --sampling-strategies-file");
        }
        tasks.spawn(follow(source, found, Arc::clone(pipeline), stopping));
    }
    Ok(())
}

/// Puts what was found in force, or tells in the log and on the status page why not.
fn load(source: &StrategiesSource, found: &Found, pipeline: &Pipeline) -> Result<(), String> {
    let place = &source.place;
    let loaded = match found {
        Ok(bytes) => pipeline.sampling().load_file(bytes).context("they stay as they were"),
        Err(miss) => Err(anyhow::Error::msg(miss.words.clone())),
    };
    match loaded {
        Ok(warnings) => {
            let services = pipeline.sampling().snapshot().file_services;
            tracing::info!(place, services, "sampling strategies loaded");
            warnings.iter().for_each(|warning| tracing::warn!(place, "sampling: {warning}"));
            Ok(())
        }
        Err(error) => {
            let problem = format!("sampling strategies of {place}: {error:#}");
            tracing::warn!("{problem}");
            pipeline.sampling().file_failed(problem.clone());
            Err(problem)
        }
    }
}

/// Looks again and again, until the signal.
async fn follow(
    source: StrategiesSource,
    mut last: Found,
    pipeline: Arc<Pipeline>,
    mut stopping: watch::Receiver<bool>,
) {
    while !waited_for_stop(source.reload, &mut stopping).await {
        let found = source.look().await;
        if found != last {
            // Told already.
            let _ = load(&source, &found, &pipeline);
            last = found;
        }
    }
}

impl StrategiesSource {
    async fn look(&self) -> Found {
        if self.place.starts_with("http://") {
            let fetched = tokio::time::timeout(FETCH_TIMEOUT, fetch(&self.place)).await;
            return fetched.unwrap_or_else(|_| {
                Err(miss(format!("no answer within {} s", FETCH_TIMEOUT.as_secs())))
            });
        }
        let path = PathBuf::from(&self.place);
        let read = tokio::task::spawn_blocking(move || read_file(&path)).await;
        read.unwrap_or_else(|error| Err(miss(error.to_string())))
    }
}

fn miss(words: impl Into<String>) -> Miss {
    Miss { words: words.into(), is_passing: false }
}

/// One byte more than may be is enough to be refused.
fn read_file(path: &Path) -> Found {
    let mut bytes = Vec::new();
    let limit = fanal_base::cast::wide(STRATEGIES_BYTES_MAX) + 1;
    let read = std::fs::File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes));
    read.map(|_| bytes).map_err(|error| miss(format!("cannot be read: {error}")))
}

async fn fetch(url: &str) -> Found {
    let uri: http::Uri = url.parse().map_err(|error| miss(format!("is no address: {error}")))?;
    let authority = uri.authority().map(ToString::to_string).unwrap_or_default();
    let address =
        if authority.contains(':') { authority.clone() } else { format!("{authority}:80") };
    let failed = |error: &dyn std::error::Error| miss(format!("cannot be fetched: {error}"));
    let stream = tokio::net::TcpStream::connect(address).await.map_err(|error| failed(&error))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| failed(&error))?;
    hyper::rt::Executor::execute(&TokioExecutor::new(), connection);
    let target = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let request = http::Request::get(target)
        .header(http::header::HOST, authority)
        .body(Empty::<bytes::Bytes>::new())
        .map_err(|error| failed(&error))?;
    let response = sender.send_request(request).await.map_err(|error| failed(&error))?;
    let status = response.status();
    if status != StatusCode::OK {
        let is_passing = status == StatusCode::SERVICE_UNAVAILABLE;
        return Err(Miss { words: format!("the answer is {status}"), is_passing });
    }
    let body = Limited::new(response.into_body(), STRATEGIES_BYTES_MAX).collect().await;
    let body = body.map_err(|error| miss(format!("cannot be fetched: {error}")))?;
    Ok(body.to_bytes().to_vec())
}

/// Takes up the probabilities of the last run. Without them adaptive sampling begins anew, which costs it some minutes.
fn restore(pipeline: &Pipeline, kept: &Path) {
    let restored = match read_file(kept) {
        Ok(bytes) => pipeline.sampling().restore(&bytes).map_err(anyhow::Error::from),
        Err(_) if !kept.exists() => return,
        Err(miss) => Err(anyhow::Error::msg(miss.words)),
    };
    if let Err(error) = restored {
        tracing::warn!("adaptive sampling begins anew: {}: {error:#}", kept.display());
    }
}

/// Writes the adaptive probabilities where they have changed, until the signal and once more then.
async fn keep(kept: PathBuf, pipeline: Arc<Pipeline>, mut stopping: watch::Receiver<bool>) {
    let mut last = Vec::new();
    loop {
        let is_stopping = waited_for_stop(KEEP_INTERVAL, &mut stopping).await;
        let now = pipeline.sampling().probabilities().unwrap_or_default();
        if now != last {
            let (path, bytes) = (kept.clone(), now.clone());
            let written = tokio::task::spawn_blocking(move || replace_file(&path, &bytes)).await;
            match written.map_err(anyhow::Error::from).and_then(|written| Ok(written?)) {
                Ok(()) => last = now,
                Err(error) => tracing::warn!("{} was not written: {error}", kept.display()),
            }
        }
        if is_stopping {
            return;
        }
    }
}

/// Whoever reads it meanwhile, or behind a crash, finds the old content or the new.
fn replace_file(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let new = path.with_extension("json.new");
    let mut file = std::fs::File::create(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(new, path)
}

/// Waits so long, or until the signal; true for the signal.
async fn waited_for_stop(wait: Duration, stopping: &mut watch::Receiver<bool>) -> bool {
    tokio::select! {
        // An error means that nobody is left to say stop, which is a stop as well.
        _ = stopping.wait_for(|is_stopping| *is_stopping) => true,
        () = tokio::time::sleep(wait) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fanal_base::ManualClock;
    use fanal_pipeline::{AdaptiveConfig, PipelineConfig, SamplingConfig};
    use fanal_storage::MemoryStore;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    fn pipeline(target_spans_per_second: f64) -> Arc<Pipeline> {
        let adaptive = AdaptiveConfig::with_target(target_spans_per_second);
        let sampling = SamplingConfig { adaptive, ..SamplingConfig::default() };
        let config = PipelineConfig { sampling, ..PipelineConfig::default() };
        let clock = Arc::new(ManualClock::at(1));
        Arc::new(Pipeline::new(Arc::new(MemoryStore::default()), config, clock))
    }

    fn file(rate: u32) -> String {
        let strategy = format!(r#"{{"service": "shop", "type": "ratelimiting", "param": {rate}}}"#);
        format!(r#"{{"service_strategies": [{strategy}]}}"#)
    }

    fn problem(pipeline: &Pipeline) -> Option<String> {
        pipeline.sampling().snapshot().file_problem
    }

    /// Waits until the watcher has seen what is there now.
    async fn until(pipeline: &Pipeline, holds: impl Fn(&Pipeline) -> bool) {
        while !holds(pipeline) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    #[tokio::test]
    async fn a_file_is_followed_and_a_bad_one_keeps_the_strategies() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("strategies.json");
        let place = path.display().to_string();
        let source = StrategiesSource { place: place.clone(), reload: Duration::from_millis(1) };
        let (pipeline, mut tasks) = (pipeline(0.0), JoinSet::new());
        let (stop, stopping) = watch::channel(false);
        let start = async |tasks: &mut JoinSet<()>| {
            start(source.clone(), folder.path(), &pipeline, tasks, stopping.clone()).await
        };
        let missing = start(&mut tasks).await.expect_err("not there").to_string();
        assert!(missing.contains(&place) && missing.contains("cannot be read"), "{missing}");
        std::fs::write(&path, "{").expect("writes");
        let broken = start(&mut tasks).await.expect_err("broken").to_string();
        assert!(broken.contains("no JSON of Jaeger's form: EOF"), "{broken}");
        std::fs::write(&path, file(5)).expect("writes");
        start(&mut tasks).await.expect("starts");
        let told = |rate: u16| {
            let kind = fanal_pipeline::sampling::strategy::StrategyKind::RateLimiting(rate);
            move |pipeline: &Pipeline| pipeline.sampling().strategy("shop").kind == kind
        };
        assert!(told(5)(&pipeline) && problem(&pipeline).is_none());
        replace_file(&path, file(6).as_bytes()).expect("writes");
        until(&pipeline, told(6)).await;
        replace_file(&path, b"[]").expect("writes");
        until(&pipeline, |pipeline| problem(pipeline).is_some()).await;
        std::fs::remove_file(&path).expect("removes");
        until(&pipeline, |pipeline| problem(pipeline).is_some_and(|it| it.contains("cannot")))
            .await;
        assert!(told(6)(&pipeline));
        // The file before the bad one is as good as a new one.
        replace_file(&path, file(6).as_bytes()).expect("writes");
        until(&pipeline, |pipeline| problem(pipeline).is_none()).await;
        stop.send_replace(true);
        tasks.join_all().await;
    }

    /// Answers one request each with a status and a body, in turn.
    async fn answers(answers: &'static [(&'static str, &'static str)]) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let address = listener.local_addr().expect("bound");
        tokio::spawn(async move {
            for (status, body) in answers {
                let (mut stream, _) = listener.accept().await.expect("accepts");
                let mut request = vec![0; 4096];
                let length = stream.read(&mut request).await.expect("reads");
                assert!(request[..length].starts_with(b"GET /strategies?x=1 HTTP/1.1\r\n"));
                let length = body.len();
                let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n{body}");
                stream.write_all(answer.as_bytes()).await.expect("writes");
            }
        });
        format!("http://{address}/strategies?x=1")
    }

    #[tokio::test]
    async fn an_address_is_asked() {
        let place = answers(&[("503 Wait", "x"), ("404 No", "x"), ("200 OK", "{}")]).await;
        let source = StrategiesSource { place, reload: Duration::from_secs(1) };
        let words = "the answer is 503 Service Unavailable".to_owned();
        assert_eq!(source.look().await, Err(Miss { words, is_passing: true }));
        assert_eq!(source.look().await, Err(miss("the answer is 404 Not Found")));
        assert_eq!(source.look().await, Ok(b"{}".to_vec()));
        let gone = source.look().await.expect_err("nobody listens any more");
        assert!(gone.words.starts_with("cannot be fetched") && !gone.is_passing, "{gone:?}");
    }

    #[tokio::test]
    async fn probabilities_are_kept_over_a_restart() {
        let folder = tempfile::tempdir().expect("a folder");
        let known = br#"{"service_strategies": [{"service": "shop", "type": "probabilistic", "param": 0.001,
            "operation_strategies": [{"operation": "pay", "type": "probabilistic", "param": 0.5}]}]}"#;
        let run = async |first: Option<&[u8]>| {
            let (pipeline, mut tasks) = (pipeline(1.0), JoinSet::new());
            let (stop, stopping) = watch::channel(false);
            let none = StrategiesSource::default();
            start(none, folder.path(), &pipeline, &mut tasks, stopping).await.expect("starts");
            if let Some(bytes) = first {
                pipeline.sampling().restore(bytes).expect("reads");
            }
            stop.send_replace(true);
            tasks.join_all().await;
            pipeline.sampling().strategy("shop").operations.expect("by operation").list
        };
        let learnt = vec![("pay".to_owned(), 0.5)];
        assert_eq!(run(Some(known)).await, learnt);
        assert_eq!(run(None).await, learnt);
        std::fs::write(folder.path().join(KEPT_NAME), "torn").expect("writes");
        assert_eq!(run(None).await, []);
    }
}
