//! Room on the disk: whether more spans may be taken, without taking what merges, catalogs and upkeep need to go on.
//!
//! Asked before a log file is made and before requests are decoded; looked at again by upkeep. Invariant: being short
//! and having room again are told to the log once each, whatever number of requests is refused between.

use crate::config::LocalConfig;
use crate::disk::Disk;
use fanal_storage::StoreError;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Room on the disk of a data folder.
#[derive(Debug)]
pub(crate) struct DiskRoom {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    reserve_bytes: u64,
    /// Free bytes beyond the reserve at which spans are taken again.
    resume_bytes: u64,
    is_short: AtomicBool,
}

impl DiskRoom {
    /// Room of the data folder.
    pub(crate) fn new(disk: Arc<dyn Disk>, config: &LocalConfig) -> Self {
        Self {
            disk,
            dir: config.data_dir.clone(),
            reserve_bytes: config.disk_reserve_bytes,
            resume_bytes: config.log_file_bytes,
            is_short: AtomicBool::new(false),
        }
    }

    /// Bytes that are free; a disk that does not tell has enough.
    pub(crate) fn free_bytes(&self) -> u64 {
        self.disk.free_bytes(&self.dir).unwrap_or(u64::MAX)
    }

    /// Whether so many bytes fit beside the reserve.
    pub(crate) fn has(&self, bytes: u64) -> bool {
        self.free_bytes() >= self.reserve_bytes.saturating_add(bytes)
    }

    /// Whether spans are refused until there is room.
    pub(crate) fn is_short(&self) -> bool {
        self.is_short.load(Ordering::Acquire)
    }

    /// Fails while spans are refused.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        if self.is_short() { Err(self.refusal()) } else { Ok(()) }
    }

    /// Fails where so many bytes do not fit beside the reserve; spans are refused from then on.
    pub(crate) fn claim(&self, bytes: u64) -> Result<(), StoreError> {
        if self.has(bytes) {
            return Ok(());
        }
        self.begin_refusing();
        Err(self.refusal())
    }

    /// Notes a failure that may mean that the disk is full.
    pub(crate) fn note(&self, error: &io::Error) {
        if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
            self.begin_refusing();
        }
    }

    /// Notes a failure of the store likewise.
    pub(crate) fn note_store(&self, error: &StoreError) {
        if let StoreError::Io { source, .. } = error {
            self.note(source);
        }
    }

    /// Refuses spans where something took of the reserve, and takes them again where there is room again.
    pub(crate) fn look(&self) {
        if !self.is_short() {
            if !self.has(0) {
                self.begin_refusing();
            }
        } else if self.has(self.resume_bytes) {
            self.is_short.store(false, Ordering::Release);
            tracing::info!(free_bytes = self.free_bytes(), "disk has room again; spans are taken");
        }
    }

    fn begin_refusing(&self) {
        if !self.is_short.swap(true, Ordering::AcqRel) {
            let (free_bytes, reserve_bytes) = (self.free_bytes(), self.reserve_bytes);
            tracing::error!(
                free_bytes,
                reserve_bytes,
                "disk is full; spans are refused until there is room, questions are answered"
            );
        }
    }

    fn refusal(&self) -> StoreError {
        let reserve = self.reserve_bytes;
        let found = match self.disk.free_bytes(&self.dir) {
            Ok(free) if free < u64::MAX => {
                format!("{free} bytes are free, {reserve} are kept in reserve")
            }
            _ => "a write found no room".to_owned(),
        };
        let message = format!("disk is full: {found}; free some or shorten retention");
        StoreError::Unavailable { message }
    }
}
