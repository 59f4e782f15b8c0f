//! Decoded dictionaries, shapes, classes, fixed values and the summary of resources of one open segment, up to a limit.

use super::classes::Classes;
use super::fixed::FixedValues;
use super::reader::Shapes;
use super::resources::ResourceSummary;
use super::{AttributeOwner, DictionaryId};
use fanal_model::BytesTable;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes kept for one segment. What would exceed it empties the cache first.
const CACHE_BYTES_MAX: usize = 8 << 20;

/// What is kept.
#[derive(Debug, Default)]
pub(super) struct Cache {
    inner: Mutex<Inner>,
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
    fn lock(&self) -> MutexGuard<'_, Inner> {
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

    pub(super) fn bytes(&self) -> usize {
        self.lock().bytes
    }

    pub(super) fn clear(&self) {
        *self.lock() = Inner::default();
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
