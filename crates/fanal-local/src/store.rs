//! `LocalStore`: the embedded engine. Keeps the tenants, bounds what goes on at once, and moves work
//! off the caller's async threads.
//!
//! Invariant: an append is answered only once the log of its tenant has it durably. What it answers as a `SpanStore` is in
//! `store/answers.rs`.

mod answers;

use crate::background::Step;
use crate::config::LocalConfig;
use crate::disk::{Disk, DiskLock};
use crate::export::Export;
use crate::failure::{self, overloaded, stopping, unavailable};
use crate::ground::Ground;
use crate::guard::lock;
use crate::head::{self, HeadGauge};
use crate::lookup;
use crate::priority;
use crate::queue::Pending;
use crate::room::DiskRoom;
use crate::search::question::Question;
use crate::tenant::{Shared, Snapshot, Tenant};
use crate::tier::Tier;
use crate::upkeep::Pause;
use fanal_base::{ByteBudget, Clock, cast};
use fanal_model::{IndexedBatch, SpanBatch};
use fanal_storage::{ExportSpans, ReadyPieces, SpanPieces, StoreError, TenantId};
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{Semaphore, oneshot};

pub(crate) const LOCK_NAME: &str = "LOCK";
pub(crate) const TENANTS_NAME: &str = "tenants";
/// Time between two looks at whether upkeep is due.
const UPKEEP_LOOK: Duration = Duration::from_secs(1);

/// The embedded engine. Dropping it stops its threads; everything acknowledged is durable without a shutdown.
#[derive(Debug)]
pub struct LocalStore {
    engine: Arc<Engine>,
}

#[derive(Debug)]
struct Engine {
    shared: Shared,
    pending: ByteBudget,
    questions: Arc<Semaphore>,
    tenants: Mutex<BTreeMap<TenantId, Arc<Tenant>>>,
    /// Held while a tenant is opened, so that none is opened twice.
    opening: Mutex<()>,
    /// Whether the caller drives the work of the background, instead of threads.
    is_stepped: bool,
    threads: Mutex<Vec<JoinHandle<()>>>,
    is_stopped: AtomicBool,
    upkeep_pause: Pause,
    /// Let go last, when every thread has ended.
    disk_lock: Mutex<Option<Box<dyn DiskLock>>>,
}

impl LocalStore {
    /// Opens a data folder, new or known: reads catalogs, replays logs, starts the threads of every tenant.
    ///
    /// Fails with `Unavailable` where another process has the folder open, and with `Corrupt` where stored bytes do not
    /// check out and going on would lose spans.
    pub fn open(
        config: LocalConfig,
        clock: Arc<dyn Clock>,
        disk: Arc<dyn Disk>,
    ) -> Result<Self, StoreError> {
        Self::open_on(config, Ground { clock, disk, bucket: None, is_stepped: false })
    }

    /// Opens as [`LocalStore::open`] does, but starts no thread and needs no runtime: appends wait until the caller takes
    /// a [`Step::Commit`], and questions are answered where they are asked. So a test decides what happens when, and
    /// the same calls give the same run.
    pub fn open_stepped(
        config: LocalConfig,
        clock: Arc<dyn Clock>,
        disk: Arc<dyn Disk>,
    ) -> Result<Self, StoreError> {
        Self::open_on(config, Ground { clock, disk, bucket: None, is_stepped: true })
    }

    /// Does one piece of a tenant's background work; false where there is nothing to do.
    pub fn step(&self, tenant: &TenantId, step: Step) -> Result<bool, StoreError> {
        self.engine.known_tenant(tenant).map_or(Ok(false), |tenant| tenant.step(step))
    }

    /// Opens on everything that a store can stand on; see [`LocalStore::open`] and [`LocalStore::open_stepped`]. Nothing is
    /// asked of the bucket.
    pub fn open_on(config: LocalConfig, ground: Ground) -> Result<Self, StoreError> {
        let Ground { clock, disk, bucket, is_stepped } = ground;
        let tenants_dir = config.data_dir.join(TENANTS_NAME);
        disk.create_dir_all(&tenants_dir).map_err(failure::io("creating", &tenants_dir))?;
        let lock_path = config.data_dir.join(LOCK_NAME);
        let disk_lock = disk.lock(&lock_path).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => StoreError::Unavailable {
                message: format!(
                    "{} is in use by another process; stop it or choose another data folder",
                    config.data_dir.display()
                ),
            },
            _ => failure::io("locking", &lock_path)(error),
        })?;
        let names = disk.list(&tenants_dir).map_err(failure::io("listing", &tenants_dir))?;
        let tier = bucket.map(|bucket| {
            let (tier, data_dir) = (&config.tier, &config.data_dir);
            Arc::new(Tier::new(bucket, tier, Arc::clone(&clock), &*disk, data_dir))
        });
        let engine = Engine {
            pending: ByteBudget::new(config.pending_bytes_max),
            questions: Arc::new(Semaphore::new(config.questions_at_once_max.max(1))),
            tenants: Mutex::new(BTreeMap::new()),
            opening: Mutex::new(()),
            is_stepped,
            threads: Mutex::new(Vec::new()),
            is_stopped: AtomicBool::new(false),
            upkeep_pause: Pause::default(),
            disk_lock: Mutex::new(Some(disk_lock)),
            shared: Shared {
                room: Arc::new(DiskRoom::new(Arc::clone(&disk), &config)),
                config: Arc::new(config),
                clock,
                disk,
                head_gauge: HeadGauge::default(),
                asking: Arc::default(),
                tier,
            },
        };
        let store = Self { engine: Arc::new(engine) };
        for name in names {
            match TenantId::parse(&name) {
                Some(tenant) => drop(store.engine.open_tenant(&tenant)?),
                None => tracing::warn!(name, "folder is no tenant's; it is left alone"),
            }
        }
        if !is_stepped {
            let engine = Arc::clone(&store.engine);
            store.engine.spawn("fanal-upkeep", move || engine.run_upkeep())?;
        }
        let data_dir = store.engine.shared.config.data_dir.display();
        tracing::info!(%data_dir, "embedded engine is open");
        Ok(store)
    }

    /// Merges everything that is in the heads of all tenants into blocks, and compacts. Appends and questions go on.
    pub fn merge_now(&self) -> Result<(), StoreError> {
        let tenants: Vec<_> = lock(&self.engine.tenants).values().cloned().collect();
        tenants.iter().try_for_each(|tenant| tenant.merge_all())
    }

    /// Moves every block of all tenants that is due to the object store, and removes from there what no block needs.
    /// Appends and questions go on.
    pub fn move_now(&self) -> Result<(), StoreError> {
        let tenants: Vec<_> = lock(&self.engine.tenants).values().cloned().collect();
        tenants.iter().try_for_each(|tenant| {
            while tenant.move_once()? {}
            Ok(())
        })
    }
}

impl Drop for LocalStore {
    fn drop(&mut self) {
        self.engine.stop();
    }
}

impl Engine {
    fn known_tenant(&self, name: &TenantId) -> Option<Arc<Tenant>> {
        lock(&self.tenants).get(name).cloned()
    }

    /// The tenant, opened with its threads running unless the caller takes the steps.
    fn open_tenant(&self, name: &TenantId) -> Result<Arc<Tenant>, StoreError> {
        let _opening = lock(&self.opening);
        if let Some(tenant) = self.known_tenant(name) {
            return Ok(tenant);
        }
        self.check_running()?;
        let tenants_max = self.shared.config.tenants_max;
        let count = lock(&self.tenants).len() + 1;
        let dir = self.tenant_dir(name);
        if count > tenants_max {
            return Err(StoreError::Overloaded {
                limit: "tenants_max",
                observed: cast::wide(count),
                allowed: cast::wide(tenants_max),
            });
        }
        let tenant = Arc::new(Tenant::open(&self.shared, name.clone(), dir)?);
        if !self.is_stepped {
            let (commits, merges) = (Arc::clone(&tenant), Arc::clone(&tenant));
            self.spawn("fanal-commit", move || commits.run_commits())?;
            self.spawn("fanal-merge", move || merges.run_merges())?;
            if self.shared.tier.is_some() {
                let moves = Arc::clone(&tenant);
                self.spawn("fanal-move", move || moves.run_moves())?;
            }
        }
        lock(&self.tenants).insert(name.clone(), Arc::clone(&tenant));
        Ok(tenant)
    }

    fn tenant_dir(&self, name: &TenantId) -> PathBuf {
        self.shared.config.data_dir.join(TENANTS_NAME).join(name.as_str())
    }

    fn spawn(&self, name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), StoreError> {
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(work);
        let failed = |source| StoreError::Io { operation: format!("starting {name}"), source };
        lock(&self.threads).push(thread.map_err(failed)?);
        Ok(())
    }

    fn check_running(&self) -> Result<(), StoreError> {
        if self.is_stopped.load(Ordering::Acquire) {
            return Err(stopping());
        }
        Ok(())
    }

    /// Fails where a batch of so many bytes has no room now, or never has.
    fn check_room(&self, bytes: usize) -> Result<(), StoreError> {
        let config = &self.shared.config;
        let bytes_max = config.head_bytes_max.min(config.pending_bytes_max);
        if bytes > bytes_max {
            let message =
                format!("batch of {bytes} bytes exceeds {bytes_max}; send smaller batches");
            return Err(StoreError::Invalid { message });
        }
        self.shared.room.check()?;
        let held = self.shared.head_gauge.bytes().saturating_add(self.pending.used_bytes());
        let observed = held.saturating_add(bytes);
        if observed > config.head_bytes_max {
            return Err(overloaded("head_bytes_max", observed, config.head_bytes_max));
        }
        let observed = self.pending.used_bytes().saturating_add(bytes);
        if observed > self.pending.bytes_max() {
            return Err(overloaded("pending_bytes_max", observed, self.pending.bytes_max()));
        }
        Ok(())
    }

    async fn append(self: &Arc<Self>, name: &TenantId, batch: SpanBatch) -> Result<(), StoreError> {
        self.check_running()?;
        if batch.is_empty() {
            return Ok(());
        }
        let invalid =
            |error: fanal_model::InvalidBatch| StoreError::Invalid { message: error.to_string() };
        // The one check on the way in: a batch that does not hold together must not reach the log.
        let spans = IndexedBatch::validated(batch).map_err(invalid)?;
        let bytes = head::memory_bytes(spans.batch());
        self.check_room(bytes)?;
        let permit = self.pending.try_draw(bytes).ok_or_else(|| {
            let observed = self.pending.used_bytes().saturating_add(bytes);
            overloaded("pending_bytes_max", observed, self.pending.bytes_max())
        })?;
        let tenant = match self.known_tenant(name) {
            Some(tenant) => tenant,
            None => {
                let (engine, name) = (Arc::clone(self), name.clone());
                let opened = self.blocking(move || engine.open_tenant(&name)).await;
                opened.map_err(unavailable)?
            }
        };
        let (reply, outcome) = oneshot::channel();
        if !tenant.queue.push(Pending { spans, permit, reply }) {
            return Err(stopping());
        }
        outcome.await.unwrap_or_else(|_| Err(stopping()))
    }

    /// Answers a question about a tenant on a thread that may block; an unknown tenant has nothing.
    async fn ask<T: Default + Send + 'static>(
        self: &Arc<Self>,
        name: &TenantId,
        answer: impl FnOnce(&Tenant, &Snapshot, &Question) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let Some(tenant) = self.known_tenant(name) else { return Ok(T::default()) };
        let questions = Arc::clone(&self.questions);
        let permit = questions.acquire_owned().await.map_err(|_| stopping())?;
        let config = &self.shared.config;
        let threads_max = if self.is_stepped { 1 } else { config.scan_threads_max };
        let (question, _asker) = Question::new(config.question_bytes_max, threads_max);
        // Where the asker goes away while this waits, `_asker` is dropped, and the work ends soon.
        self.blocking(move || {
            let _asked = tenant.asking.begin();
            let snapshot = tenant.snapshot();
            let answer = answer(&tenant, &snapshot, &question);
            lookup::trim_dictionaries(&snapshot.blocks, tenant.config.dictionary_cache_bytes_max);
            drop(permit);
            answer
        })
        .await
    }

    /// Begins an export, which counts as a question until its last piece.
    async fn export(
        self: &Arc<Self>,
        name: &TenantId,
        request: ExportSpans,
    ) -> Result<Box<dyn SpanPieces>, StoreError> {
        let Some(tenant) = self.known_tenant(name) else {
            return Ok(Box::new(ReadyPieces::default()));
        };
        let questions = Arc::clone(&self.questions);
        let permit = questions.acquire_owned().await.map_err(|_| stopping())?;
        let config = Arc::clone(&self.shared.config);
        let (question, _asker) = Question::new(config.question_bytes_max, config.scan_threads_max);
        self.blocking(move || {
            let export = Export::begin(tenant.snapshot(), &request, &config, &question, permit)?;
            Ok(Box::new(export) as Box<dyn SpanPieces>)
        })
        .await
    }

    /// Runs work on a thread that may block; in place where the caller takes the steps.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        if self.is_stepped {
            return work();
        }
        tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
            Err(StoreError::Unavailable { message: format!("a task of the engine ended: {error}") })
        })
    }

    /// The upkeep thread: looks after the tenants in turn, until nothing is due, once in a while.
    fn run_upkeep(&self) {
        priority::lower();
        loop {
            self.shared.room.look();
            let tenants: Vec<_> = lock(&self.tenants).values().cloned().collect();
            for tenant in tenants {
                while let Some(rest) = tenant.keep_up()
                    && self.upkeep_pause.rest(rest)
                {}
            }
            if !self.upkeep_pause.rest(UPKEEP_LOOK) {
                return;
            }
        }
    }

    /// Answers everyone who waits, ends all threads, lets go of the folder.
    fn stop(&self) {
        self.is_stopped.store(true, Ordering::Release);
        self.upkeep_pause.end();
        let _opening = lock(&self.opening);
        lock(&self.tenants).values().for_each(|tenant| tenant.stop());
        if let Some(tier) = &self.shared.tier {
            tier.close();
        }
        let threads = std::mem::take(&mut *lock(&self.threads));
        if self.is_stepped {
            // Without a commit thread, what waits is committed here.
            lock(&self.tenants).values().for_each(|tenant| while tenant.commit_waiting() {});
        }
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a thread of the engine had panicked");
            }
        }
        drop(lock(&self.disk_lock).take());
    }
}
