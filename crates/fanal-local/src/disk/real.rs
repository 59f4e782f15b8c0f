//! The machine's file system.

use super::{Disk, DiskFile, DiskLock};
use crate::segment::ReadAt;
use fanal_base::cast;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

/// Bytes of zeros written at a time.
const ZEROS_BYTES: usize = 1 << 20;

/// The machine's file system.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealDisk;

#[derive(Debug)]
struct RealFile(File);

#[derive(Debug)]
struct RealLock(#[expect(dead_code, reason = "held for its lock")] File);

impl DiskLock for RealLock {}

impl Disk for RealDisk {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        fs::create_dir_all(dir)
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)?;
        Ok(Arc::new(RealFile(file)))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(RealFile(OpenOptions::new().read(true).write(true).open(path)?)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut names = fs::read_dir(dir)?
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect::<io::Result<Vec<_>>>()?;
        names.sort_unstable();
        Ok(names)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }

    fn free_bytes(&self, dir: &Path) -> io::Result<u64> {
        let system = rustix::fs::statvfs(dir)?;
        Ok(system.f_bavail.saturating_mul(system.f_frsize))
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskLock>> {
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Box::new(RealLock(file))),
            Err(TryLockError::WouldBlock) => Err(io::ErrorKind::WouldBlock.into()),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

impl ReadAt for RealFile {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.0.read_exact_at(buffer, offset)
    }

    fn byte_length(&self) -> u64 {
        self.0.metadata().map_or(0, |metadata| metadata.len())
    }
}

impl DiskFile for RealFile {
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn preallocate(&self, length: u64) -> io::Result<()> {
        let zeros = vec![0; ZEROS_BYTES.min(cast::size(length))];
        let mut offset = 0;
        while offset < length {
            let step = zeros.len().min(cast::size(length - offset));
            self.0.write_all_at(&zeros[..step], offset)?;
            offset += cast::wide(step);
        }
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_preallocated_with_zeros_and_overwritten() {
        let folder = tempfile::tempdir().expect("temp folder");
        let disk = RealDisk;
        let path = folder.path().join("a");
        let file = disk.create(&path).expect("create");
        let length = cast::wide(ZEROS_BYTES) + 7;
        file.preallocate(length).expect("preallocate");
        file.write_all_at(b"xyz", 4).expect("write");
        file.sync_data().expect("sync");
        disk.sync_dir(folder.path()).expect("sync folder");
        let file = disk.open(&path).expect("open");
        assert_eq!(file.byte_length(), length);
        let mut bytes = [1; 9];
        file.read_exact_at(&mut bytes, 0).expect("read");
        assert_eq!(&bytes, b"\0\0\0\0xyz\0\0");
        assert_eq!(disk.list(folder.path()).expect("list"), ["a"]);
        let free_bytes = disk.free_bytes(folder.path()).expect("known");
        assert!(free_bytes > 0 && free_bytes < 1 << 60, "{free_bytes}");
    }

    #[test]
    fn a_lock_is_held_once() {
        let folder = tempfile::tempdir().expect("temp folder");
        let path = folder.path().join("LOCK");
        let held = RealDisk.lock(&path).expect("free");
        let refused = RealDisk.lock(&path).expect_err("held");
        assert_eq!(refused.kind(), io::ErrorKind::WouldBlock);
        drop(held);
        RealDisk.lock(&path).expect("free again");
    }
}
