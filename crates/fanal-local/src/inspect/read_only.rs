//! The machine's file system without a way to write: what is looked at through it stays as it is.

use crate::disk::{Disk, DiskFile, DiskLock};
use crate::segment::ReadAt;
use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

/// A file system that refuses every change.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ReadOnlyDisk;

#[derive(Debug)]
struct ReadOnlyFile(File);

#[derive(Debug)]
struct HeldLock(#[expect(dead_code, reason = "held for its lock")] File);

impl DiskLock for HeldLock {}

fn refused<T>() -> io::Result<T> {
    Err(io::Error::new(io::ErrorKind::ReadOnlyFilesystem, "opened for looking only"))
}

impl Disk for ReadOnlyDisk {
    fn create_dir_all(&self, _: &Path) -> io::Result<()> {
        refused()
    }

    fn create(&self, _: &Path) -> io::Result<Arc<dyn DiskFile>> {
        refused()
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(ReadOnlyFile(File::open(path)?)))
    }

    fn rename(&self, _: &Path, _: &Path) -> io::Result<()> {
        refused()
    }

    fn remove(&self, _: &Path) -> io::Result<()> {
        refused()
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        crate::disk::RealDisk.list(dir)
    }

    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        refused()
    }

    /// Locks a file that exists; it is not made.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskLock>> {
        let file = File::open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Box::new(HeldLock(file))),
            Err(TryLockError::WouldBlock) => Err(io::ErrorKind::WouldBlock.into()),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

impl ReadAt for ReadOnlyFile {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.0.read_exact_at(buffer, offset)
    }

    fn byte_length(&self) -> u64 {
        self.0.metadata().map_or(0, |metadata| metadata.len())
    }
}

impl DiskFile for ReadOnlyFile {
    fn write_all_at(&self, _: &[u8], _: u64) -> io::Result<()> {
        refused()
    }

    fn preallocate(&self, _: u64) -> io::Result<()> {
        refused()
    }

    fn sync_data(&self) -> io::Result<()> {
        refused()
    }
}
