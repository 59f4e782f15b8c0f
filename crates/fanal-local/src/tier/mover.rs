//! The mover: brings old blocks of a tenant to the bucket, and removes from there what the catalog let go.
//!
//! Runs on one thread a tenant, or by steps. A move is: stub, upload, verification, catalog, removal of the local file.
//! Invariant: a crash between any two leaves a block that is whole where the catalog says it is, and a stub that leads
//! the next mover to whatever else there is.

use super::remote_object::RemoteObject;
use super::stub::{Stub, StubMeta, stub_name, stub_number};
use super::{BucketError, Tier, object_name};
use crate::block::{Block, OpenBlock, block_name};
use crate::catalog::{BlockMeta, Place};
use crate::failure;
use crate::guard::lock;
use crate::publish::Change;
use crate::segment::ReadAt;
use crate::tenant::Tenant;
use fanal_base::{ErrorKind, cast};
use fanal_storage::StoreError;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Bytes at the end of a block that are read back after an upload.
const VERIFIED_BYTES: u64 = 64;

impl Tenant {
    /// Does one piece of the tier's work: opens a block whose stub was lost, moves a block that is due, or removes an
    /// object that no block needs; false where there is nothing to do. A failure of one does not keep back the others; it
    /// is answered when nothing else can be done.
    pub(crate) fn move_once(&self) -> Result<bool, StoreError> {
        let Some(tier) = &self.tier else { return Ok(false) };
        let _moving = lock(&self.moving);
        let mut failed = None;
        for work in [Self::mend_one, Self::move_one, Self::remove_one] {
            match work(self, tier) {
                Ok(true) => return Ok(true),
                Ok(false) => {}
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(false), Err)
    }

    fn blocks(&self) -> Arc<[Arc<Block>]> {
        Arc::clone(&lock(&self.view).blocks)
    }

    fn move_one(&self, tier: &Arc<Tier>) -> Result<bool, StoreError> {
        let age_min = self.config.tier.after_seconds.saturating_mul(1_000_000_000);
        let now = self.clock.now_unix_nanos();
        let is_due = |meta: &BlockMeta| {
            meta.place == Place::Local && now.saturating_sub(meta.arrived.1) >= age_min
        };
        let blocks = self.blocks();
        let mut failed = None;
        for block in blocks.iter().filter(|block| is_due(&block.meta)) {
            // A damaged block stays where someone can look at it.
            let Ok(open) = block.readable() else { continue };
            match self.move_block(tier, block.meta, open) {
                Ok(()) => return Ok(true),
                Err(error) if error.kind() == ErrorKind::Unavailable => return Err(error),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(false), Err)
    }

    fn move_block(
        &self,
        tier: &Arc<Tier>,
        meta: BlockMeta,
        open: &OpenBlock,
    ) -> Result<(), StoreError> {
        let dir = self.blocks_dir();
        let path = dir.join(block_name(meta.number));
        let file = self.disk.open(&path).map_err(failure::io("opening", &path))?;
        let known = Stub::open(&*self.disk, &dir, meta.number).ok().map(|stub| stub.meta);
        let known = known.filter(|stub| stub.block_bytes == meta.bytes);
        let stub = known.unwrap_or_else(|| {
            StubMeta::of(meta.bytes, &open.segment.granule_bytes(), self.clock.now_unix_nanos())
        });
        let object = object_name(&self.name, meta.number, stub.stamp);
        let is_there = known.is_some() && tier.bucket.byte_length(&object) == Ok(meta.bytes);
        if known.is_none() {
            Stub::write(&*self.disk, &dir, meta.number, stub, &*file)?;
        }
        let failed = |error| moving(meta.number, error);
        if !is_there {
            tier.upload(&object, &*file).map_err(failed)?;
        }
        tier.verify(&object, &*file).map_err(failed)?;
        let place = Place::Remote { stamp: stub.stamp };
        if self.publish_moved(BlockMeta { place, ..meta })? {
            self.remove_block_files([meta.number].into_iter());
            let (tenant, block) = (self.name.as_str(), block_name(meta.number));
            tracing::info!(tenant, block, bytes = meta.bytes, "moved a block to the object store");
        }
        Ok(())
    }

    /// Makes a block that was uploaded one of the object store; false where it was replaced or dropped meanwhile.
    fn publish_moved(&self, meta: BlockMeta) -> Result<bool, StoreError> {
        let _upkeep = lock(&self.upkeep);
        let is_live = |block: &Arc<Block>| {
            block.meta.number == meta.number && block.meta.place == Place::Local
        };
        if !self.blocks().iter().any(is_live) {
            return Ok(false);
        }
        let block = self.open_block(meta);
        if let Err(message) = block.readable() {
            let object = stub_name(meta.number);
            return Err(StoreError::Corrupt { object, message: message.to_owned() });
        }
        self.publish(&Change { added: vec![Arc::new(block)], ..Change::default() })?;
        Ok(true)
    }

    /// Makes the stub of a block again that lost it, from the object.
    fn mend_one(&self, tier: &Arc<Tier>) -> Result<bool, StoreError> {
        let mut failed = None;
        for block in self.blocks().iter().filter(|block| block.readable().is_err()) {
            let Place::Remote { stamp } = block.meta.place else { continue };
            match self.mend(tier, block.meta, stamp) {
                Ok(()) => return Ok(true),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(false), Err)
    }

    fn mend(&self, tier: &Arc<Tier>, meta: BlockMeta, stamp: u64) -> Result<(), StoreError> {
        let BlockMeta { number, bytes, .. } = meta;
        let bucket = Arc::clone(&tier.bucket);
        let object = Arc::new(RemoteObject::new(bucket, &self.name, number, stamp, bytes));
        let source: Arc<dyn ReadAt> = object;
        let open = OpenBlock::from_source(&block_name(number), Arc::clone(&source))?;
        let stub = StubMeta::of(bytes, &open.segment.granule_bytes(), stamp);
        Stub::write(&*self.disk, &self.blocks_dir(), number, stub, &*source)?;
        let _upkeep = lock(&self.upkeep);
        let mended = Arc::new(self.open_block(meta));
        if let Err(message) = mended.readable() {
            let object = stub_name(number);
            return Err(StoreError::Corrupt { object, message: message.to_owned() });
        }
        let mut view = lock(&self.view);
        let again = |block: &Arc<Block>| {
            if block.meta == meta { Arc::clone(&mended) } else { Arc::clone(block) }
        };
        view.blocks = view.blocks.iter().map(again).collect();
        tracing::info!(block = block_name(number), "made a lost stub again");
        Ok(())
    }

    /// Removes one object that no block and no question needs, then its stub.
    fn remove_one(&self, tier: &Arc<Tier>) -> Result<bool, StoreError> {
        let dir = self.blocks_dir();
        let names = self.disk.list(&dir).map_err(failure::io("listing", &dir))?;
        // Read after the listing: a stub that is there belongs to a block of before.
        let live: BTreeSet<u64> = self.blocks().iter().map(|block| block.meta.number).collect();
        let stubs = names.iter().filter_map(|name| stub_number(name));
        for number in stubs.filter(|number| !live.contains(number)) {
            if let Ok(stub) = Stub::open(&*self.disk, &dir, number) {
                let object = object_name(&self.name, number, stub.meta.stamp);
                if tier.is_open(&object) {
                    continue;
                }
                tier.remove(&object).map_err(|error| removing(&object, error))?;
            }
            let path = dir.join(stub_name(number));
            self.disk.remove(&path).map_err(failure::io("removing", &path))?;
            return Ok(true);
        }
        Ok(false)
    }
}

fn moving(number: u64, error: BucketError) -> StoreError {
    in_words(&format!("moving block {} to the object store", block_name(number)), error)
}

fn removing(object: &str, error: BucketError) -> StoreError {
    in_words(&format!("removing {object} from the object store"), error)
}

fn in_words(operation: &str, error: BucketError) -> StoreError {
    match error.kind() {
        ErrorKind::Unavailable => {
            StoreError::Unavailable { message: format!("{operation} failed: {error}") }
        }
        _ => StoreError::Io { operation: operation.to_owned(), source: error.into() },
    }
}

impl Tier {
    fn upload(&self, object: &str, content: &dyn ReadAt) -> Result<(), BucketError> {
        let outcome = self.bucket.put(object, content);
        self.counters.add_requests(1, outcome.is_err());
        if outcome.is_ok() {
            self.counters.add_uploaded(content.byte_length());
        }
        outcome
    }

    /// Whether an object has the length of the local file, and can be read in ranges: its end is that of the file.
    fn verify(&self, object: &str, local: &dyn ReadAt) -> Result<(), BucketError> {
        let wrong =
            |message: String| BucketError::Wrong { bucket: self.bucket.name().to_owned(), message };
        let (wanted, found) = (local.byte_length(), self.bucket.byte_length(object)?);
        if found != wanted {
            return Err(wrong(format!("{object} has {found} bytes after writing {wanted}")));
        }
        let range = wanted.saturating_sub(VERIFIED_BYTES)..wanted;
        let mut end = vec![0; cast::size(range.end - range.start)];
        local
            .read_exact_at(&mut end, range.start)
            .map_err(|error| BucketError::Local { message: error.to_string() })?;
        let read = self.bucket.read(object, std::slice::from_ref(&range))?;
        if read.first().is_none_or(|bytes| **bytes != *end) {
            return Err(wrong(format!("{object} does not end as it was written")));
        }
        Ok(())
    }

    fn remove(&self, object: &str) -> Result<(), BucketError> {
        let outcome = self.bucket.remove(object);
        self.counters.add_requests(1, outcome.is_err());
        outcome
    }
}
