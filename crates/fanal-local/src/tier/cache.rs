//! The local cache of the object store: pages of blocks in one file of bounded size.
//!
//! Filled and read by [`super::remote_block::RemoteBlock`]. Empty after every start. Invariant: a page is answered only if it is the one
//! that was put there, which its checksum tells; whatever goes wrong is a miss.

use crate::disk::DiskFile;
use crate::guard::lock;
use fanal_base::cast;
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use std::sync::{Arc, Mutex};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Bytes of a page; the last one of a block may be shorter.
pub(crate) const PAGE_BYTES: usize = 64 << 10;

/// A page of an open block: its number in the process, and the place of the page in the block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct PageKey {
    /// Number that no other open block of this process has.
    pub file: u64,
    /// Number of the page in the block.
    pub page: u64,
}

/// The cache.
#[derive(Debug)]
pub(crate) struct PageCache {
    file: Option<Arc<dyn DiskFile>>,
    slots_max: usize,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    places: HashMap<PageKey, usize, RandomState>,
    slots: Vec<Slot>,
    free: Vec<usize>,
    /// Where the next look for a page to give up begins.
    hand: usize,
}

/// A page's worth of the file.
#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    /// What is there; `None` while it is written and after that failed.
    page: Option<Page>,
    /// Whether it was asked for since the hand last came by.
    is_used: bool,
}

#[derive(Debug, Clone, Copy)]
struct Page {
    key: PageKey,
    length: usize,
    checksum: u64,
}

fn checksum(key: PageKey, bytes: &[u8]) -> u64 {
    xxh3_64_with_seed(bytes, key.file.rotate_left(32) ^ key.page)
}

fn offset(slot: usize) -> u64 {
    cast::wide(slot) * cast::wide(PAGE_BYTES)
}

impl PageCache {
    /// A cache in a file that is its own; without a file nothing is kept.
    pub(crate) fn new(file: Option<Arc<dyn DiskFile>>, bytes_max: u64) -> Self {
        let slots_max = cast::size(bytes_max) / PAGE_BYTES;
        Self { file, slots_max, inner: Mutex::default() }
    }

    /// A page, where it is known.
    pub(crate) fn get(&self, key: PageKey) -> Option<Vec<u8>> {
        let file = self.file.as_ref()?;
        let (slot, page) = {
            let mut inner = lock(&self.inner);
            let slot = *inner.places.get(&key)?;
            let found = inner.slots.get_mut(slot)?;
            found.is_used = true;
            (slot, found.page?)
        };
        let mut bytes = vec![0; page.length];
        // Meanwhile the slot may have got another page: the checksum tells.
        let read = file.read_exact_at(&mut bytes, offset(slot));
        if read.is_ok() && checksum(key, &bytes) == page.checksum {
            return Some(bytes);
        }
        lock(&self.inner).forget(key);
        None
    }

    /// Whether a page is known.
    pub(crate) fn has(&self, key: PageKey) -> bool {
        lock(&self.inner).places.contains_key(&key)
    }

    /// Keeps a page, in place of one that was not asked for lately.
    pub(crate) fn put(&self, key: PageKey, bytes: &[u8]) {
        let Some(file) = &self.file else { return };
        let Some(slot) = lock(&self.inner).take_slot(self.slots_max) else { return };
        let written = file.write_all_at(bytes, offset(slot));
        let mut inner = lock(&self.inner);
        match written {
            Ok(()) => inner.keep(slot, key, bytes),
            Err(error) => {
                tracing::debug!(%error, "a page was not cached");
                inner.free.push(slot);
            }
        }
    }

    /// Bytes of pages that are kept.
    pub(crate) fn bytes(&self) -> u64 {
        let inner = lock(&self.inner);
        offset(inner.slots.len() - inner.free.len())
    }
}

impl Inner {
    /// A slot for a new page, which nobody else gets until it is kept or freed.
    fn take_slot(&mut self, slots_max: usize) -> Option<usize> {
        if let Some(slot) = self.free.pop() {
            return Some(slot);
        }
        if self.slots.len() < slots_max {
            self.slots.push(Slot::default());
            return Some(self.slots.len() - 1);
        }
        // Twice around: the first time forgives those that were used.
        for _ in 0..self.slots.len() * 2 {
            let place = self.hand;
            self.hand = (place + 1) % self.slots.len();
            let slot = self.slots.get_mut(place)?;
            match slot.page {
                Some(_) if slot.is_used => slot.is_used = false,
                Some(page) => {
                    slot.page = None;
                    self.places.remove(&page.key);
                    return Some(place);
                }
                None => {}
            }
        }
        None
    }

    fn keep(&mut self, place: usize, key: PageKey, bytes: &[u8]) {
        self.forget(key);
        if let Some(slot) = self.slots.get_mut(place) {
            let page = Page { key, length: bytes.len(), checksum: checksum(key, bytes) };
            *slot = Slot { page: Some(page), is_used: false };
            self.places.insert(key, place);
        }
    }

    fn forget(&mut self, key: PageKey) {
        if let Some(place) = self.places.remove(&key)
            && let Some(slot) = self.slots.get_mut(place)
        {
            slot.page = None;
            self.free.push(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::{Disk, RealDisk};

    fn key(page: u64) -> PageKey {
        PageKey { file: 7, page }
    }

    fn content(page: u64) -> Vec<u8> {
        page.to_le_bytes().repeat(PAGE_BYTES / 8 - cast::size(page % 3))
    }

    #[test]
    fn pages_come_back_and_the_file_stays_within_its_limit() {
        let folder = tempfile::tempdir().expect("temp folder");
        let file = RealDisk.create(&folder.path().join("cache")).expect("file");
        let cache = PageCache::new(Some(Arc::clone(&file)), offset(4) + 100);
        for page in 0..20 {
            cache.put(key(page), &content(page));
            // Asked for again and again, it outlives the others.
            assert_eq!(cache.get(key(0)), Some(content(0)), "{page}");
        }
        assert_eq!(cache.bytes(), offset(4));
        assert!(file.byte_length() <= offset(4), "{}", file.byte_length());
        let kept: Vec<u64> = (0..20).filter(|&page| cache.has(key(page))).collect();
        assert_eq!(kept.len(), 4, "{kept:?}");
        for page in kept {
            assert_eq!(cache.get(key(page)), Some(content(page)), "{page}");
        }
        cache.put(key(19), &content(18));
        assert_eq!(cache.get(key(19)), Some(content(18)), "the newer one");
    }

    #[test]
    fn a_damaged_page_is_a_miss() {
        let folder = tempfile::tempdir().expect("temp folder");
        let file = RealDisk.create(&folder.path().join("cache")).expect("file");
        let cache = PageCache::new(Some(Arc::clone(&file)), offset(4));
        cache.put(key(1), &content(1));
        file.write_all_at(&[99], 10).expect("damage");
        assert_eq!(cache.get(key(1)), None);
        assert!(!cache.has(key(1)));
        cache.put(key(1), &content(1));
        assert_eq!(cache.get(key(1)), Some(content(1)));
    }

    #[test]
    fn without_room_nothing_is_kept() {
        for cache in [PageCache::new(None, 1 << 30), PageCache::new(None, 0)] {
            cache.put(key(1), &content(1));
            assert_eq!(cache.get(key(1)), None);
            assert_eq!(cache.bytes(), 0);
        }
    }
}
