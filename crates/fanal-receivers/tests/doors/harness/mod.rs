//! What the tests of receivers share: a door on port 0 in front of a store that does as told, request bodies,
//! and a plain HTTP/1 client.

pub(crate) mod client;
pub(crate) mod payload;
pub(crate) mod store;

use fanal_base::ManualClock;
use fanal_pipeline::{Pipeline, PipelineConfig, ReceiverSnapshot};
use fanal_receivers::{Drained, RECEIVERS, ReceiversConfig, Serve};
use std::net::SocketAddr;
use std::sync::Arc;
use store::ScriptedStore;
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A receiver that serves.
pub(crate) struct Door {
    pub(crate) address: SocketAddr,
    pub(crate) store: Arc<ScriptedStore>,
    pub(crate) pipeline: Arc<Pipeline>,
    name: &'static str,
    stop: watch::Sender<bool>,
    serving: JoinHandle<Drained>,
}

impl Door {
    /// A receiver of the registry with its defaults.
    pub(crate) async fn open(name: &str) -> Self {
        Self::configured(name, PipelineConfig::default(), ReceiversConfig::default()).await
    }

    pub(crate) async fn configured(
        name: &str,
        pipeline: PipelineConfig,
        config: ReceiversConfig,
    ) -> Self {
        let store = Arc::new(ScriptedStore::default());
        let clock = Arc::new(ManualClock::at(1_000));
        let pipeline = Arc::new(Pipeline::new(Arc::clone(&store) as _, pipeline, clock));
        Self::at(name, store, pipeline, config).await
    }

    /// A receiver into the pipeline of another one.
    pub(crate) async fn beside(other: &Self, name: &str) -> Self {
        let (store, pipeline) = (Arc::clone(&other.store), Arc::clone(&other.pipeline));
        Self::at(name, store, pipeline, ReceiversConfig::default()).await
    }

    async fn at(
        name: &str,
        store: Arc<ScriptedStore>,
        pipeline: Arc<Pipeline>,
        config: ReceiversConfig,
    ) -> Self {
        let receiver = RECEIVERS.iter().find(|one| one.name == name).expect("registered");
        let (stop, shutdown) = watch::channel(false);
        let config = Arc::new(config);
        let door = fanal_receivers::Door {
            pipeline: Arc::clone(&pipeline),
            config,
            beside: axum::Router::new(),
            shutdown,
        };
        let (address, serving) = match receiver.serve {
            Serve::Tcp(serve) => {
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
                (listener.local_addr().expect("bound"), serve(listener, door))
            }
            Serve::Udp(serve) => {
                let socket = UdpSocket::bind("127.0.0.1:0").await.expect("binds");
                (socket.local_addr().expect("bound"), serve(socket, door))
            }
        };
        let serving = tokio::spawn(serving);
        Self { address, store, pipeline, name: receiver.name, stop, serving }
    }

    /// Counters of the receiver.
    pub(crate) fn counters(&self) -> ReceiverSnapshot {
        let snapshot = self.pipeline.snapshot();
        snapshot.receivers.into_iter().find(|one| one.receiver == self.name).expect("registered")
    }

    /// How many requests were refused for `kind`.
    pub(crate) fn refused(&self, kind: &str) -> u64 {
        let counters = self.counters().rejected_requests;
        counters.iter().find(|(name, _)| *name == kind).expect("a kind").1
    }

    /// The newest refusal.
    pub(crate) fn last_refusal(&self) -> String {
        self.pipeline.snapshot().recent_rejections.first().expect("one").message.clone()
    }

    /// Says stop, without waiting.
    pub(crate) fn begin_stop(&self) {
        self.stop.send_replace(true);
    }

    /// Says stop and waits until everything is answered.
    pub(crate) async fn stop(self) -> Drained {
        self.begin_stop();
        self.serving.await.expect("no panic")
    }
}
