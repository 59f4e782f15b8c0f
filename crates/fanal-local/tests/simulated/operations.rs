//! The operations of a simulated disk.

use super::{Content, NameChange, SECTOR_BYTES, SimulatedDisk};
use fanal_base::cast;
use fanal_local::segment::ReadAt;
use fanal_local::{Disk, DiskFile, DiskLock};
use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// Room on a disk that is not full.
const FREE_BYTES: u64 = 1 << 40;

#[derive(Debug)]
struct SimulatedFile {
    disk: SimulatedDisk,
    content: usize,
}

#[derive(Debug)]
struct NoLock;

impl DiskLock for NoLock {}

fn folder(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

impl Disk for SimulatedDisk {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        let (mut state, outcome) = self.step(&("create folder", dir));
        outcome?;
        let missing: Vec<_> =
            dir.ancestors().filter(|it| !state.names.folders.contains(*it)).collect();
        if !missing.is_empty() {
            state.check_room()?;
        }
        for path in missing.into_iter().rev() {
            state.change_name(folder(path), NameChange::Folder(path.to_owned()));
        }
        Ok(())
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let (mut state, outcome) = self.step(&("create", path));
        outcome?;
        state.check_room()?;
        let name = path.to_string_lossy();
        if state.refused_suffix.is_some_and(|suffix| name.ends_with(suffix)) {
            return Err(io::Error::other("simulated refusal"));
        }
        if !state.names.folders.contains(folder(path)) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let content = state.contents.len();
        state.contents.push(Content::default());
        state.change_name(folder(path), NameChange::Link(path.to_owned(), content));
        Ok(Arc::new(SimulatedFile { disk: self.clone(), content }))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.state();
        state.check_read()?;
        let content = *state.names.files.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(Arc::new(SimulatedFile { disk: self.clone(), content }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let (mut state, outcome) = self.step(&("rename", from, to));
        outcome?;
        if !state.names.files.contains_key(from) {
            return Err(io::ErrorKind::NotFound.into());
        }
        assert_eq!(folder(from), folder(to), "renames stay in their folder");
        state.change_name(folder(from), NameChange::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let (mut state, outcome) = self.step(&("remove", path));
        outcome?;
        if !state.names.files.contains_key(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        state.change_name(folder(path), NameChange::Unlink(path.to_owned()));
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut state = self.state();
        state.check_read()?;
        if !state.names.folders.contains(dir) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let below = state.names.files.keys().chain(&state.names.folders);
        let below = below.filter(|path| path.parent() == Some(dir));
        let names: BTreeSet<String> = below
            .filter_map(|path| path.file_name())
            .map(|name| name.to_string_lossy().into_owned())
            .collect();
        Ok(names.into_iter().collect())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let (mut state, outcome) = self.step(&("sync folder", dir));
        state.keep_crash();
        outcome?;
        for change in state.unsynced_names.remove(dir).unwrap_or_default() {
            state.durable_names.apply(&change);
        }
        Ok(())
    }

    fn free_bytes(&self, _: &Path) -> io::Result<u64> {
        Ok(if self.state().is_full { 0 } else { FREE_BYTES })
    }

    fn lock(&self, _: &Path) -> io::Result<Box<dyn DiskLock>> {
        Ok(Box::new(NoLock))
    }
}

impl ReadAt for SimulatedFile {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        state.check_read()?;
        state.contents[self.content].live.read_exact_at(buffer, offset)
    }

    fn byte_length(&self) -> u64 {
        self.disk.state().contents[self.content].live.byte_length()
    }
}

impl DiskFile for SimulatedFile {
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let (mut state, mut outcome) = self.disk.step(&("write", offset, bytes));
        let offset = cast::size(offset);
        let room = state.check_room();
        let content = &mut state.contents[self.content];
        // A write that fails has got half of its way.
        let mut written = if outcome.is_ok() { bytes } else { &bytes[..bytes.len() / 2] };
        if room.is_err() && offset + written.len() > content.live.len() {
            written = &written[..content.live.len().saturating_sub(offset)];
            outcome = room;
        }
        if written.is_empty() {
            return outcome;
        }
        let end = offset + written.len();
        let live = Arc::make_mut(&mut content.live);
        if live.len() < end {
            live.resize(end, 0);
        }
        live[offset..end].copy_from_slice(written);
        content.dirty.extend(offset / SECTOR_BYTES..end.div_ceil(SECTOR_BYTES));
        outcome
    }

    fn preallocate(&self, length: u64) -> io::Result<()> {
        let (mut state, outcome) = self.disk.step(&("preallocate", length));
        outcome?;
        state.check_room()?;
        let length = cast::size(length);
        let content = &mut state.contents[self.content];
        let before = content.live.len().min(length);
        Arc::make_mut(&mut content.live).resize(length, 0);
        content.dirty.extend(before / SECTOR_BYTES..length.div_ceil(SECTOR_BYTES));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let (mut state, outcome) = self.disk.step(&"sync");
        state.keep_crash();
        let content = &mut state.contents[self.content];
        if outcome.is_ok() {
            content.sync();
        } else {
            content.fail_sync();
        }
        outcome
    }
}
