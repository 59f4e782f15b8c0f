//! The engine's only way to the file system, so that tests can fail and crash it at every step.
//!
//! Used by log, blocks and catalog. [`RealDisk`] is the machine's; it promises what POSIX promises: a write is durable
//! once its file, and a name once its folder, was synced.

mod real;

pub use real::RealDisk;

use crate::segment::ReadAt;
use std::any::Any;
use std::fmt::Debug;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// A file system.
pub trait Disk: Send + Sync + Debug {
    /// Makes a folder and those above it; an existing one is fine.
    fn create_dir_all(&self, dir: &Path) -> io::Result<()>;

    /// Makes an empty file, in place of one of that name, for reading and writing.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;

    /// Opens an existing file for reading and writing.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;

    /// Gives a file another name in one atomic step, in place of a file of that name.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Names in a folder, sorted.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;

    /// Makes names of a folder durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Bytes that files in a folder may still take. A disk that cannot tell answers that it has enough.
    fn free_bytes(&self, dir: &Path) -> io::Result<u64> {
        let _ = dir;
        Ok(u64::MAX)
    }

    /// Takes a lock that no other process (and no other engine in this one) can hold, until the answer is dropped.
    /// Fails with [`io::ErrorKind::WouldBlock`] where it is held.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskLock>>;
}

/// A held lock.
pub trait DiskLock: Any + Send + Sync + Debug {}

/// An open file.
pub trait DiskFile: ReadAt {
    /// Writes all bytes from `offset` on.
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Fills the file with zeros up to `length`, so that later writes change no metadata.
    fn preallocate(&self, length: u64) -> io::Result<()>;

    /// Makes all bytes written so far durable. After a failure nothing is known of them.
    fn sync_data(&self) -> io::Result<()>;
}
