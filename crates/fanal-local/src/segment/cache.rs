//! Decoded dictionaries, shapes, classes, fixed values and the summary of resources of one open segment, up to a limit.

use super::classes::Classes;
use super::fixed::FixedValues;
use super::reader::Shapes;
use super::resources::ResourceSummary;
use super::{AttributeOwner, DictionaryId};
use fanal_model::BytesTable;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes kept for one segment. What would exceed it empties the cache first.
const CACHE_BYTES_MAX: usize = 8 << 20;

/// Bytes from which on a table is large: few questions want it, and it is let go of first. Classes, shapes and most
/// dictionaries are far below.
const LARGE_BYTES: usize = 32 << 10;

/// Counts the uses of all caches, so that they can be put in order.
static USES: AtomicU64 = AtomicU64::new(1);

/// What is kept.
#[derive(Debug, Default)]
pub(super) struct Cache {
    inner: Mutex<Inner>,
    /// Number of its last use.
    used: AtomicU64,
}

#[derive(Debug, Default)]
struct Inner {
    dictionaries: HashMap<DictionaryId, Arc<BytesTable>>,
    shapes: HashMap<AttributeOwner, Shapes>,
    classes: Option<Arc<Classes>>,
    fixed: HashMap<u32, Arc<FixedValues>>,
    resources: Option<Arc<ResourceSummary>>,
    bytes: usize,
}

impl Cache {
    /// What is kept, for a question.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.used.store(USES.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        self.look()
    }

    fn look(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn dictionary(&self, id: DictionaryId) -> Option<Arc<BytesTable>> {
        self.lock().dictionaries.get(&id).cloned()
    }

    pub(super) fn keep_dictionary(&self, id: DictionaryId, table: &Arc<BytesTable>) {
        let mut inner = self.lock();
        inner.make_room(table.memory_bytes());
        inner.dictionaries.insert(id, Arc::clone(table));
    }

    pub(super) fn resource_summary(&self) -> Option<Arc<ResourceSummary>> {
        self.lock().resources.clone()
    }

    pub(super) fn keep_resource_summary(&self, summary: &Arc<ResourceSummary>) {
        let mut inner = self.lock();
        inner.make_room(summary.memory_bytes());
        inner.resources = Some(Arc::clone(summary));
    }

    pub(super) fn shapes(&self, owner: AttributeOwner) -> Option<Shapes> {
        self.lock().shapes.get(&owner).cloned()
    }

    pub(super) fn keep_shapes(&self, owner: AttributeOwner, shapes: &Shapes) {
        let bytes = shapes.iter().map(|shape| 16 + shape.len() * 4).sum();
        let mut inner = self.lock();
        inner.make_room(bytes);
        inner.shapes.insert(owner, Arc::clone(shapes));
    }

    pub(super) fn classes(&self) -> Option<Arc<Classes>> {
        self.lock().classes.clone()
    }

    pub(super) fn keep_classes(&self, classes: &Arc<Classes>) {
        let mut inner = self.lock();
        inner.make_room(classes.memory_bytes());
        inner.classes = Some(Arc::clone(classes));
    }

    pub(super) fn fixed(&self, column: u32) -> Option<Arc<FixedValues>> {
        self.lock().fixed.get(&column).cloned()
    }

    pub(super) fn keep_fixed(&self, column: u32, fixed: &Arc<FixedValues>) {
        let mut inner = self.lock();
        inner.make_room(fixed.memory_bytes());
        inner.fixed.insert(column, Arc::clone(fixed));
    }

    /// Bytes kept, and the number of the last use: the greater, the later.
    pub(super) fn usage(&self) -> (usize, u64) {
        (self.look().bytes, self.used.load(Ordering::Relaxed))
    }

    /// Lets go of large tables.
    pub(super) fn release_large(&self) {
        let inner = &mut *self.look();
        let mut released = 0;
        let mut is_small = |bytes: usize| {
            released += if bytes < LARGE_BYTES { 0 } else { bytes };
            bytes < LARGE_BYTES
        };
        inner.dictionaries.retain(|_, table| is_small(table.memory_bytes()));
        inner.fixed.retain(|_, values| is_small(values.memory_bytes()));
        inner.bytes = inner.bytes.saturating_sub(released);
    }

    /// Lets go of everything.
    pub(super) fn clear(&self) {
        *self.look() = Inner::default();
    }
}

impl Inner {
    fn make_room(&mut self, bytes: usize) {
        if self.bytes + bytes > CACHE_BYTES_MAX {
            *self = Self::default();
        }
        self.bytes += bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(bytes: usize) -> Arc<BytesTable> {
        Arc::new(BytesTable { ends: Vec::new(), bytes: vec![b'x'; bytes] })
    }

    #[test]
    fn large_tables_go_first_and_uses_are_in_order() {
        let (first, second) = (Cache::default(), Cache::default());
        let [small, large] =
            [0, 1].map(|column| DictionaryId::Attribute(AttributeOwner::Span, column));
        for cache in [&first, &second] {
            cache.keep_dictionary(small, &table(100));
            cache.keep_dictionary(large, &table(LARGE_BYTES));
        }
        assert!(first.usage().1 < second.usage().1);
        assert!(first.dictionary(large).is_some());
        assert!(first.usage().1 > second.usage().1, "a use counts");
        let used = first.usage().1;
        first.release_large();
        assert_eq!(first.usage(), (100, used), "letting go is no use");
        assert!(first.dictionary(small).is_some() && first.dictionary(large).is_none());
        first.clear();
        assert!(first.dictionary(small).is_none() && first.usage().0 == 0);
    }
}
