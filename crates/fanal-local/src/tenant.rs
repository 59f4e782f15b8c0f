//! A tenant: its folder, its log and head, its blocks; opening it, and committing appends to it.
//!
//! The store opens tenants and asks them; `background` drives them. Invariant: `view` shows every acknowledged span exactly once; its lock is
//! held for moments only, never while reading columns or files.

use crate::asking::Asking;
use crate::background::MergeWake;
use crate::backoff::Backoff;
use crate::block::{Block, block_name};
use crate::catalog::{BlockMeta, Catalog, Place, Written};
use crate::config::{LocalConfig, Retention};
use crate::disk::Disk;
use crate::failure;
use crate::guard::lock;
use crate::head::{self, HeadGauge, HeadPart};
use crate::log::{self, LogAppender, LogFiles, Record};
use crate::publish::Ledger;
use crate::queue::{CommitQueue, Pending};
use crate::room::DiskRoom;
use crate::segment::{self, EncodeOptions, Segment};
use crate::tier::{self, Tier, stub};
use crate::upkeep::Upkeep;
use crate::vocabulary::Vocabulary;
use fanal_base::{Clock, cast};
use fanal_model::{IndexedBatch, SpanBatchBuilder};
use fanal_storage::{Projection, RemoteStats, StoreError, StoreStats, TenantId};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

/// What questions read.
#[derive(Debug, Default)]
pub(crate) struct View {
    /// Spans that are in no block, in the order of the log.
    pub head: Vec<Arc<HeadPart>>,
    /// Blocks, by their last arrival.
    pub blocks: Arc<[Arc<Block>]>,
    /// Parts up to this record belong to a merge under way; 0 where there is none.
    pub taken_through: u64,
    /// What has been written up to now, as the catalog says it.
    pub written: Written,
}

/// A moment's view.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    /// As in [`View`].
    pub head: Vec<Arc<HeadPart>>,
    /// As in [`View`].
    pub blocks: Arc<[Arc<Block>]>,
    /// As in [`View`].
    pub written: Written,
}

/// One tenant.
#[derive(Debug)]
pub(crate) struct Tenant {
    pub name: TenantId,
    pub dir: PathBuf,
    pub config: Arc<LocalConfig>,
    /// How long its spans are kept.
    pub retention: Retention,
    pub clock: Arc<dyn Clock>,
    pub disk: Arc<dyn Disk>,
    pub room: Arc<DiskRoom>,
    pub head_gauge: HeadGauge,
    pub asking: Arc<Asking>,
    pub view: Mutex<View>,
    pub vocabulary: Mutex<Vocabulary>,
    pub queue: CommitQueue,
    pub log: Arc<LogFiles>,
    pub appender: Mutex<LogAppender>,
    pub ledger: Mutex<Ledger>,
    /// Held by the merge under way; there is at most one.
    pub merging: Mutex<()>,
    /// When the last merge ended, nanoseconds since the Unix epoch.
    pub merged_unix_nanos: AtomicU64,
    /// When a merge last came to its end with the head nearly full, nanoseconds since the Unix epoch.
    pub pressed_unix_nanos: AtomicU64,
    /// Held by whatever replaces, moves or drops blocks; at most one does.
    pub upkeep: Mutex<Upkeep>,
    /// Of merges.
    pub backoff: Mutex<Backoff>,
    /// Held by the mover's piece of work; there is at most one.
    pub moving: Mutex<()>,
    /// Where old blocks move, if anywhere.
    pub tier: Option<Arc<Tier>>,
    pub wake: MergeWake,
}

/// What all tenants of a store share.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    pub config: Arc<LocalConfig>,
    pub clock: Arc<dyn Clock>,
    pub disk: Arc<dyn Disk>,
    pub room: Arc<DiskRoom>,
    pub head_gauge: HeadGauge,
    pub asking: Arc<Asking>,
    pub tier: Option<Arc<Tier>>,
}

impl Tenant {
    /// Opens a tenant's folder, new or known, and replays its log.
    pub(crate) fn open(shared: &Shared, name: TenantId, dir: PathBuf) -> Result<Self, StoreError> {
        let disk = &*shared.disk;
        let (log_dir, blocks_dir) = (dir.join("log"), dir.join("blocks"));
        let mut catalog = load_or_create(disk, &dir, &[&log_dir, &blocks_dir])?;
        remove_orphans(disk, &blocks_dir, &catalog.blocks)?;
        let open = |&meta: &BlockMeta| {
            let tier = shared.tier.as_ref();
            Arc::new(tier::open_block(disk, &blocks_dir, &name, meta, tier))
        };
        let opened: Vec<Arc<Block>> = catalog.blocks.iter().map(open).collect();
        let mut vocabulary = std::mem::take(&mut catalog.vocabulary);
        let mut parts = Vec::new();
        let replayed = log::replay(disk, &log_dir, catalog.merged_through, |record| {
            let part = replay_record(record, &shared.head_gauge)?;
            vocabulary.note_spans(&part.spans);
            parts.push(Arc::new(part));
            fuse_parts(&mut parts, &shared.head_gauge)
        })?;
        let sealed = replayed.files.clone();
        let log = LogFiles::open(
            Arc::clone(&shared.disk),
            log_dir,
            &shared.config,
            Arc::clone(&shared.room),
            sealed,
        )?;
        log.release(catalog.merged_through);
        let log = Arc::new(log);
        tracing::info!(
            tenant = name.as_str(),
            blocks = opened.len(),
            replayed_records = replayed.record_count,
            replayed_spans = head::row_count(&parts),
            "tenant is open"
        );
        let written = catalog.written;
        let view = View { head: parts, blocks: opened.into(), taken_through: 0, written };
        let appender = Mutex::new(LogAppender::new(Arc::clone(&log), replayed.last_sequence));
        Ok(Self {
            retention: shared.config.retention_of(&name),
            name,
            dir,
            config: Arc::clone(&shared.config),
            clock: Arc::clone(&shared.clock),
            disk: Arc::clone(&shared.disk),
            room: Arc::clone(&shared.room),
            head_gauge: shared.head_gauge.clone(),
            asking: Arc::clone(&shared.asking),
            view: Mutex::new(view),
            vocabulary: Mutex::new(vocabulary),
            queue: CommitQueue::default(),
            log,
            appender,
            ledger: Mutex::new(Ledger::new(&catalog)),
            merging: Mutex::new(()),
            merged_unix_nanos: AtomicU64::new(0),
            pressed_unix_nanos: AtomicU64::new(0),
            upkeep: Mutex::default(),
            backoff: Mutex::default(),
            moving: Mutex::new(()),
            tier: shared.tier.clone(),
            wake: MergeWake::default(),
        })
    }

    /// Folder of the blocks.
    pub(crate) fn blocks_dir(&self) -> PathBuf {
        self.dir.join("blocks")
    }

    /// Opens a block of this tenant, wherever it is.
    pub(crate) fn open_block(&self, meta: BlockMeta) -> Block {
        let dir = self.blocks_dir();
        tier::open_block(&*self.disk, &dir, &self.name, meta, self.tier.as_ref())
    }

    /// What a question that begins now reads.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let view = lock(&self.view);
        let (head, blocks) = (view.head.clone(), Arc::clone(&view.blocks));
        Snapshot { head, blocks, written: view.written }
    }

    /// Makes a group of appends durable and visible, then answers them.
    pub(crate) fn commit(&self, group: Vec<Pending>) {
        let mut batches = Vec::with_capacity(group.len());
        let mut waiting = Vec::with_capacity(group.len());
        for pending in group {
            batches.push(pending.spans);
            waiting.push((pending.permit, pending.reply));
        }
        let outcome = self.commit_spans(batches);
        for (permit, reply) in waiting {
            drop(permit);
            // An asker that went away needs no answer.
            drop(reply.send(outcome.as_ref().map_err(again).copied()));
        }
        self.fuse_head();
    }

    fn commit_spans(&self, batches: Vec<IndexedBatch>) -> Result<(), StoreError> {
        let arrived = self.clock.now_unix_nanos();
        let batches = coalesce(batches)?;
        let bodies = batches
            .iter()
            .map(|spans| segment::encode(spans.batch(), EncodeOptions::LOG))
            .collect::<Result<Vec<_>, _>>()
            .map_err(failure::segment("log record"))?;
        let first = lock(&self.appender).append(arrived, &bodies)?;
        for (sequence, spans) in (first..).zip(batches) {
            lock(&self.vocabulary).note_spans(&spans);
            let part =
                HeadPart::new((sequence, sequence), (arrived, arrived), spans, &self.head_gauge);
            lock(&self.view).head.push(Arc::new(part));
        }
        Ok(())
    }

    /// Fuses small parts at the end of the head.
    fn fuse_head(&self) {
        let run = {
            let view = lock(&self.view);
            head::fusible(&view.head, view.taken_through).to_vec()
        };
        let Some(first) = run.first().map(|part| part.sequences.0) else { return };
        let fused = match HeadPart::fuse(&run, &self.head_gauge) {
            Ok(fused) => Arc::new(fused),
            Err(error) => {
                tracing::error!(%error, "parts of the head were not fused");
                return;
            }
        };
        let mut view = lock(&self.view);
        let is_taken = view.taken_through >= first;
        if let Some(place) = view.head.iter().position(|part| part.sequences.0 == first)
            && !is_taken
        {
            view.head.splice(place..place + run.len(), [fused]);
        }
    }
}

/// The same failure for one more asker.
fn again(error: &StoreError) -> StoreError {
    match error {
        StoreError::Invalid { message } => StoreError::Invalid { message: message.clone() },
        StoreError::Unavailable { message } => StoreError::Unavailable { message: message.clone() },
        other => StoreError::Unavailable { message: failure::chain(other) },
    }
}

/// Small batches as one; large ones stay as they are, because copying rows costs more than the dictionaries that
/// larger records would share.
fn coalesce(batches: Vec<IndexedBatch>) -> Result<Vec<IndexedBatch>, StoreError> {
    let (small, mut all): (Vec<_>, Vec<_>) =
        batches.into_iter().partition(|batch| batch.len() < head::FUSE_ROWS_MAX);
    if small.len() <= 1 {
        all.extend(small);
        return Ok(all);
    }
    let mut builder = SpanBatchBuilder::default();
    small.iter().for_each(|batch| builder.append_batch(batch));
    let fused = IndexedBatch::new(Arc::new(builder.finish()))
        .map_err(|error| StoreError::Invalid { message: error.to_string() })?;
    all.push(fused);
    Ok(all)
}

/// The catalog of a folder; a folder without one gets an empty one before anything else, so that a lost catalog is
/// told from a new tenant.
fn load_or_create(
    disk: &dyn Disk,
    dir: &Path,
    subfolders: &[&Path],
) -> Result<Catalog, StoreError> {
    disk.create_dir_all(dir).map_err(failure::io("creating", dir))?;
    let known = Catalog::load(disk, dir)?;
    for subfolder in subfolders {
        disk.create_dir_all(subfolder).map_err(failure::io("creating", subfolder))?;
        let files = disk.list(subfolder).map_err(failure::io("listing", subfolder))?;
        if known.is_none() && !files.is_empty() {
            return Err(StoreError::Corrupt {
                object: dir.display().to_string(),
                message: "it has spans but no catalog; restore the folder from a backup".to_owned(),
            });
        }
    }
    // Before a new catalog, so that a folder with a catalog is durable itself; and before a known one is relied upon:
    // whoever wrote it may have ended before its name was durable.
    for folder in dir.ancestors().take(3) {
        disk.sync_dir(folder).map_err(failure::io("syncing", folder))?;
    }
    if let Some(catalog) = known {
        return Ok(catalog);
    }
    let catalog = Catalog { next_block: 1, ..Catalog::default() };
    catalog.store(disk, dir)?;
    Ok(catalog)
}

/// Removes files that the catalog does not name, but stubs, which the mover looks after.
fn remove_orphans(disk: &dyn Disk, dir: &Path, blocks: &[BlockMeta]) -> Result<(), StoreError> {
    let local = blocks.iter().filter(|block| block.place == Place::Local);
    let names: BTreeSet<String> = local.map(|block| block_name(block.number)).collect();
    for name in disk.list(dir).map_err(failure::io("listing", dir))? {
        if !names.contains(&name) && stub::stub_number(&name).is_none() {
            let path = dir.join(&name);
            disk.remove(&path).map_err(failure::io("removing", &path))?;
            tracing::info!(path = %path.display(), "removed a file that is no block");
        }
    }
    Ok(())
}

fn replay_record(record: Record, gauge: &HeadGauge) -> Result<HeadPart, StoreError> {
    let object = format!("log record {}", record.sequence);
    let segment = Segment::open(Arc::new(record.body)).map_err(failure::segment(&object))?;
    let granules = 0..segment.granules().len();
    let batch =
        segment.read_batch(granules, Projection::Full).map_err(failure::segment(&object))?;
    let spans = IndexedBatch::new(Arc::new(batch))
        .map_err(|error| StoreError::Corrupt { object, message: error.to_string() })?;
    let sequences = (record.sequence, record.sequence);
    let arrived = (record.arrived_unix_nanos, record.arrived_unix_nanos);
    Ok(HeadPart::new(sequences, arrived, spans, gauge))
}

fn fuse_parts(parts: &mut Vec<Arc<HeadPart>>, gauge: &HeadGauge) -> Result<(), StoreError> {
    let run = head::fusible(parts, 0);
    let count = run.len();
    if count > 0 {
        let fused = HeadPart::fuse(run, gauge).map_err(|error| StoreError::Corrupt {
            object: "log".to_owned(),
            message: error.to_string(),
        })?;
        parts.truncate(parts.len() - count);
        parts.push(Arc::new(fused));
    }
    Ok(())
}

impl Tenant {
    /// What it holds at a moment.
    pub(crate) fn stats(&self, snapshot: &Snapshot) -> StoreStats {
        let head_spans = head::row_count(&snapshot.head);
        let written = snapshot.written;
        StoreStats {
            spans: head_spans + snapshot.block_rows(),
            head_spans,
            head_bytes: snapshot.head_bytes(),
            blocks: cast::wide(snapshot.blocks.len()),
            block_bytes: snapshot.block_bytes(),
            log_bytes: self.log.used_bytes(),
            remote: self.tier.as_ref().map_or_else(RemoteStats::default, |tier| {
                tier.stats(snapshot.blocks.iter().map(|block| block.meta))
            }),
            newest_trace: snapshot.newest_trace(),
            merged_spans: written.merged_rows,
            merged_bytes: written.merged_bytes,
            compacted_spans: written.compacted_rows,
            compacted_bytes: written.compacted_bytes,
            duplicate_spans: written.duplicate_rows,
            expired_spans: written.expired_rows,
            disk_free_bytes: self.room.free_bytes(),
            is_disk_full: self.room.is_short(),
        }
    }
}

impl Snapshot {
    /// Spans in blocks, by the catalog.
    pub(crate) fn block_rows(&self) -> u64 {
        self.blocks.iter().map(|block| block.meta.rows).sum()
    }

    /// Bytes of blocks on disk, by the catalog.
    pub(crate) fn block_bytes(&self) -> u64 {
        let local = self.blocks.iter().filter(|block| block.meta.place == Place::Local);
        local.map(|block| block.meta.bytes).sum()
    }

    /// Bytes of the head.
    pub(crate) fn head_bytes(&self) -> u64 {
        self.head.iter().map(|part| cast::wide(part.bytes())).sum()
    }
}
