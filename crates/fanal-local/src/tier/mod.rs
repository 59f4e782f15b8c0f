//! The object-store tier: blocks older than a limit live in a bucket, and a stub of each stays here.
//!
//! The mover puts them there, questions read them back in pages through a bounded cache. Invariant: at every instant
//! each block is whole in the folder of blocks or whole and verified in the bucket, and the catalog says where; a bucket
//! that is slow or gone costs time and completeness of answers, never spans.

mod bucket;
mod cache;
mod config;
mod connect;
mod counters;
mod health;
mod memory;
mod mover;
mod remote;
mod remote_block;
pub(crate) mod remote_object;
pub(crate) mod stub;

pub use bucket::{Bucket, BucketError};
pub use config::{BucketConfig, TierConfig};
pub use memory::{BucketCall, Fate, MemoryBucket};
pub use remote::RemoteBucket;

use crate::block::{Block, OpenBlock, block_name};
use crate::catalog::{BlockMeta, Place};
use crate::disk::{Disk, DiskFile};
use crate::guard::lock;
use bytes::Bytes;
use cache::PageCache;
use counters::Counters;
use fanal_base::{Clock, cast};
use fanal_storage::{RemoteStats, StoreError, TenantId};
use health::Health;
use remote_block::RemoteBlock;
use std::collections::BTreeMap;
use std::error::Error;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use stub::Stub;

/// Name of the cache's file in the data folder.
const CACHE_NAME: &str = "CACHE";

/// What all tenants share of the tier.
#[derive(Debug)]
pub(crate) struct Tier {
    /// Where blocks move to.
    pub bucket: Arc<dyn Bucket>,
    cache: PageCache,
    health: Health,
    pub counters: Counters,
    next_file: AtomicU64,
    /// Objects of open blocks, with the number of those.
    open: Mutex<BTreeMap<String, usize>>,
}

impl Tier {
    /// A tier with an empty cache. A cache that cannot be made is told to the log and done without.
    pub(crate) fn new(
        bucket: Arc<dyn Bucket>,
        config: &TierConfig,
        clock: Arc<dyn Clock>,
        disk: &dyn Disk,
        data_dir: &Path,
    ) -> Self {
        let path = data_dir.join(CACHE_NAME);
        let file: Option<Arc<dyn DiskFile>> = match disk.create(&path) {
            Ok(file) => Some(file),
            Err(error) => {
                let path = path.display();
                tracing::warn!(%path, %error, "no cache for the object store: reads go there each time");
                None
            }
        };
        let cache = PageCache::new(file, config.cache_bytes_max);
        tracing::info!(bucket = bucket.name(), "old blocks move to the object store");
        Self {
            bucket,
            cache,
            health: Health::new(clock),
            counters: Counters::default(),
            next_file: AtomicU64::new(0),
            open: Mutex::default(),
        }
    }

    /// What it holds of some blocks, and what it did since the process started for all.
    pub(crate) fn stats(&self, blocks: impl Iterator<Item = BlockMeta>) -> RemoteStats {
        let mut stats = self.counters.now();
        for block in blocks.filter(|block| block.place != Place::Local) {
            stats.blocks += 1;
            stats.bytes += block.bytes;
        }
        stats.cache_bytes = self.cache.bytes();
        stats
    }

    /// Opens a block that moved, by its stub; asks nothing of the bucket.
    pub(crate) fn open(
        self: &Arc<Self>,
        disk: &dyn Disk,
        dir: &Path,
        tenant: &TenantId,
        number: u64,
    ) -> Result<RemoteBlock, StoreError> {
        let stub = Stub::open(disk, dir, number)?;
        let object = object_name(tenant, number, stub.meta.stamp);
        let file = self.next_file.fetch_add(1, Ordering::Relaxed);
        Ok(RemoteBlock::new(Arc::clone(self), object, stub, file))
    }

    /// Whether a question may still read an object.
    fn is_open(&self, object: &str) -> bool {
        lock(&self.open).contains_key(object)
    }

    /// Reads ranges of an object for a question.
    fn read(&self, object: &str, ranges: &[Range<u64>]) -> io::Result<Vec<Bytes>> {
        let answer = self.health.ask(|| {
            let answer = self.bucket.read(object, ranges);
            self.counters.add_requests(ranges.len(), answer.is_err());
            answer
        })?;
        let bytes: usize = answer.iter().map(Bytes::len).sum();
        self.counters.add_downloaded(cast::wide(bytes));
        Ok(answer)
    }

    /// Lets calls under way and later ones fail soon.
    pub(crate) fn close(&self) {
        self.bucket.close();
    }
}

/// Name of the object of a block. The stamp keeps two stores apart that use one folder of a bucket by mistake.
pub(crate) fn object_name(tenant: &TenantId, number: u64, stamp: u64) -> String {
    format!("{}/{number:016x}-{stamp:016x}.block", tenant.as_str())
}

/// Opens a block, wherever it is. One that does not open is told to the log and to everyone who asks.
pub(crate) fn open_block(
    disk: &dyn Disk,
    dir: &Path,
    tenant: &TenantId,
    meta: BlockMeta,
    tier: Option<&Arc<Tier>>,
) -> Block {
    if meta.place == Place::Local {
        return Block::open(disk, dir, meta);
    }
    let none = || StoreError::Unavailable {
        message: "it is in an object store, but none is configured".to_owned(),
    };
    let opened = tier.ok_or_else(none).and_then(|tier| {
        let remote = tier.open(disk, dir, tenant, meta.number)?;
        OpenBlock::from_source(&block_name(meta.number), Arc::new(remote))
    });
    Block::new(meta, opened)
}

/// The failure of a bucket that is behind an error.
pub(crate) fn bucket_failure<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a BucketError> {
    if let Some(found) = error.downcast_ref::<BucketError>() {
        return Some(found);
    }
    // An error of the system hides what it was made from behind its words.
    let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    match inner {
        Some(inner) => bucket_failure(inner),
        None => error.source().and_then(bucket_failure),
    }
}
