//! What a store stands on: time, the disk and the object store, so that tests can give it others.

use crate::disk::Disk;
use crate::tier::Bucket;
use fanal_base::Clock;
use std::sync::Arc;

/// What a store stands on.
#[derive(Debug)]
pub struct Ground {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// The file system of the data folder.
    pub disk: Arc<dyn Disk>,
    /// Where old blocks move, if anywhere.
    pub bucket: Option<Arc<dyn Bucket>>,
    /// Whether the caller takes every step, as [`crate::LocalStore::open_stepped`] tells.
    pub is_stepped: bool,
}
