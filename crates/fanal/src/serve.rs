//! `fanal serve`: builds the parts in order, opens the doors, waits for a signal, and closes everything so that
//! nothing acknowledged is lost and nothing in flight is cut.

use crate::allocator;
use crate::config::Config;
use crate::doors::{self, Opened, in_use};
use crate::open_files;
use crate::ready;
use crate::sampling;
use anyhow::Context;
use axum::Router;
use fanal_base::{Clock, SystemClock};
use fanal_local::tier::{Bucket, RemoteBucket};
use fanal_local::{Ground, LocalStore, RealDisk};
use fanal_pipeline::Pipeline;
use fanal_query::QueryService;
use fanal_receivers::{CONSUMERS, Door, RECEIVERS, Receiver, ReceiversConfig, otlp_http_router};
use fanal_server::{Consumer, Limits, Listener, QUESTION_DOORS, Questions, Readiness, ServerState};
use fanal_storage::SpanStore;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Something that runs beside the server until the signal, given where OTLP/HTTP listens.
pub(crate) type Companion = fn(&mut JoinSet<()>, SocketAddr, watch::Receiver<bool>);

/// Name of the UI port in the ready file and on the status page.
const UI_NAME: &str = "ui";
const UI_TITLE: &str = "This page and its API";

/// Runs the server until SIGTERM or SIGINT.
pub(crate) fn run(config: Config, companion: Option<Companion>) -> anyhow::Result<()> {
    open_files::raise_limit();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(config, companion))
}

/// Every address listened on, by name; the UI's first.
type Addresses = Vec<(&'static str, SocketAddr)>;

async fn serve(config: Config, companion: Option<Companion>) -> anyhow::Result<()> {
    let mut signals = Signals::new()?;
    let (ui, doors) = open_doors(&config).await?;
    let mut addresses: Addresses = vec![(UI_NAME, ui.local_addr()?)];
    for opened in &doors {
        addresses.push((opened.name(), opened.local_addr()?));
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let store = open_store(&config, &clock)?;
    let pipeline =
        Arc::new(Pipeline::new(Arc::clone(&store), config.pipeline.clone(), Arc::clone(&clock)));
    let (stop, stopping) = watch::channel(false);
    let mut tasks = JoinSet::new();
    let (strategies, data_dir) = (config.strategies.clone(), &config.storage.data_dir);
    sampling::start(strategies, data_dir, &pipeline, &mut tasks, stopping.clone()).await?;
    let readiness = Readiness::default();
    let state = ServerState {
        query: QueryService::new(Arc::clone(&store)),
        pipeline: Arc::clone(&pipeline),
        clock,
        readiness: readiness.clone(),
        listeners: addresses.iter().map(listener_entry).collect(),
        consumers: consumer_entries(&config.receivers),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        limits: Limits::default(),
        zipkin: config.zipkin.clone(),
        tempo: config.tempo.clone(),
        span_metrics: config.span_metrics.clone(),
    };
    // Pages of the UI send their test trace to the port that they came from.
    let same_origin = otlp_http_router(Arc::clone(&pipeline), &config.receivers);
    let questions = Questions::new(state);
    let router = questions.router().merge(same_origin);
    let (stop_ui, ui_stopping) = watch::channel(false);
    let ui_server = tokio::spawn(fanal_server::serve(ui, router, ui_stopping));
    let memory_watch = tokio::spawn(allocator::watch());
    let receivers = Arc::new(config.receivers.clone());
    let beside = Router::new();
    let door = Door { pipeline, config: receivers, beside, shutdown: stopping.clone() };
    tasks.spawn(questions.clone().collect_span_metrics(stopping.clone()));
    start_doors(&mut tasks, doors, &door, &questions);
    if let (Some(start), Some(otlp_http)) = (companion, address_of(&addresses, "otlp_http")) {
        start(&mut tasks, otlp_http, stopping);
    }
    readiness.set(true);
    if let Some(path) = &config.ready_file {
        ready::write(path, &addresses)?;
    }
    tracing::info!("ready; open http://{} in a browser", addresses[0].1);
    signals.next().await;
    tracing::info!(
        "stopping: requests in flight are finished first; a second signal stops at once"
    );
    readiness.set(false);
    let closed = async {
        stop.send_replace(true);
        while tasks.join_next().await.is_some() {}
        let flushed = store.shutdown().await;
        stop_ui.send_replace(true);
        drop(ui_server.await);
        memory_watch.abort();
        flushed
    };
    tokio::select! {
        flushed = closed => flushed.context("storage did not close cleanly")?,
        () = signals.next() => tracing::warn!("stopped at once; acknowledged spans are in the log"),
    }
    tracing::info!("stopped");
    Ok(())
}

/// Binds every address before anything else is done, so that a port in use is told at once.
async fn open_doors(config: &Config) -> anyhow::Result<(TcpListener, Vec<Opened>)> {
    let ui = TcpListener::bind(config.ui_address).await;
    let ui = ui.with_context(|| in_use(UI_NAME, "--ui-address", config.ui_address))?;
    Ok((ui, doors::open(config).await?))
}

/// Starts the doors that were opened, and the consumers that are on.
fn start_doors(tasks: &mut JoinSet<()>, doors: Vec<Opened>, door: &Door, questions: &Questions) {
    for opened in doors {
        let door = Door { beside: beside(opened.name(), questions), ..door.clone() };
        tasks.spawn(opened.serve(door, questions.clone()));
    }
    for consumer in CONSUMERS.iter().filter(|one| (one.origin)(&door.config).is_some()) {
        let serving = (consumer.serve)(door.clone());
        tasks.spawn(async {
            // How many were cut is in the log already.
            let _ = serving.await;
        });
    }
}

fn open_store(config: &Config, clock: &Arc<dyn Clock>) -> anyhow::Result<Arc<dyn SpanStore>> {
    let data_dir = config.storage.data_dir.display();
    let bucket = RemoteBucket::open(&config.object_store).map_err(anyhow::Error::msg)?;
    let ground = Ground {
        clock: Arc::clone(clock),
        disk: Arc::new(RealDisk),
        bucket: bucket.map(|bucket| Arc::new(bucket) as Arc<dyn Bucket>),
        is_stepped: false,
    };
    let store = LocalStore::open_on(config.storage.clone(), ground)
        .with_context(|| format!("cannot open the data folder {data_dir}"))?;
    Ok(Arc::new(store))
}

/// Zipkin is asked on the port that it is sent to.
fn beside(receiver: &str, questions: &Questions) -> Router {
    if receiver == "zipkin" { questions.zipkin_router() } else { Router::new() }
}

/// What a door takes or answers, in a few words.
fn title(name: &str) -> &'static str {
    let receiver = RECEIVERS.iter().find(|receiver| receiver.name == name).map(Receiver::title);
    let questions = QUESTION_DOORS.iter().find(|door| door.name == name);
    let answers = questions.and_then(|door| door.description.split(" (").next());
    receiver.or(answers).unwrap_or(UI_TITLE)
}

fn listener_entry((name, address): &(&str, SocketAddr)) -> Listener {
    Listener {
        name: (*name).to_owned(),
        title: title(name).to_owned(),
        address: address.to_string(),
    }
}

fn consumer_entries(config: &ReceiversConfig) -> Vec<Consumer> {
    let entries = CONSUMERS.iter().filter_map(|consumer| {
        let origin = (consumer.origin)(config)?;
        Some(Consumer { name: consumer.name.to_owned(), origin })
    });
    entries.collect()
}

fn address_of(addresses: &[(&str, SocketAddr)], name: &str) -> Option<SocketAddr> {
    addresses.iter().find(|(known, _)| *known == name).map(|(_, address)| *address)
}

/// SIGTERM and SIGINT.
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> anyhow::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
