//! A disk in memory that knows what is durable, fails at a chosen step, and can lose power.
//!
//! Used by the crash tests. Files and names are durable once synced; on a power loss the rest is lost or, at the test's
//! choice, happens to have survived.

use fanal_local::segment::ReadAt;
use fanal_local::{Disk, DiskFile, DiskLock};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

/// What happens to steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Every step works.
    None,
    /// After so many steps, one fails; later ones work.
    Once(u64),
    /// After so many steps, that one and all later ones fail, as in a machine that stops.
    From(u64),
}

#[derive(Debug, Default)]
struct Content {
    live: Vec<u8>,
    durable: Vec<u8>,
}

#[derive(Debug)]
struct State {
    names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
    contents: Vec<Content>,
    folders: BTreeSet<PathBuf>,
    steps: u64,
    fault: Fault,
    refused_suffix: Option<&'static str>,
}

/// The disk; clones are the same disk.
#[derive(Debug, Clone)]
pub(crate) struct SimulatedDisk(Arc<Mutex<State>>);

#[derive(Debug)]
struct SimulatedFile {
    disk: SimulatedDisk,
    content: usize,
}

#[derive(Debug)]
struct NoLock;

impl DiskLock for NoLock {}

impl SimulatedDisk {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(State {
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            contents: Vec::new(),
            folders: BTreeSet::new(),
            steps: 0,
            fault: Fault::None,
            refused_suffix: None,
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no test panics while holding it")
    }

    /// Counts steps from now on, and fails as told.
    pub(crate) fn set_fault(&self, fault: Fault) {
        let mut state = self.state();
        state.steps = 0;
        state.fault = fault;
    }

    /// Makes no file whose name ends so, until told otherwise.
    pub(crate) fn refuse(&self, suffix: Option<&'static str>) {
        self.state().refused_suffix = suffix;
    }

    /// Steps since the fault was set.
    pub(crate) fn steps(&self) -> u64 {
        self.state().steps
    }

    /// The disk after a power loss: with what was synced, or with everything that was written.
    pub(crate) fn after_power_loss(&self, keeps_unsynced: bool) -> Self {
        let copy = Self::new();
        {
            let state = self.state();
            let mut new = copy.state();
            let names = if keeps_unsynced { &state.names } else { &state.durable_names };
            for (path, &content) in names {
                let content = &state.contents[content];
                let bytes =
                    if keeps_unsynced { content.live.clone() } else { content.durable.clone() };
                let number = new.contents.len();
                new.contents.push(Content { live: bytes.clone(), durable: bytes });
                new.names.insert(path.clone(), number);
                new.durable_names.insert(path.clone(), number);
            }
            new.folders.clone_from(&state.folders);
        }
        copy
    }

    /// The bytes of the only file whose name ends so.
    pub(crate) fn edit(&self, suffix: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.state();
        let found: Vec<usize> = state
            .names
            .iter()
            .filter(|(path, _)| path.to_string_lossy().ends_with(suffix))
            .map(|(_, &content)| content)
            .collect();
        assert_eq!(found.len(), 1, "files that end with {suffix}");
        change(&mut state.contents[found[0]].live);
    }
}

impl State {
    fn step(&mut self) -> io::Result<()> {
        self.steps += 1;
        let fails = match self.fault {
            Fault::None => false,
            Fault::Once(after) => self.steps == after + 1,
            Fault::From(after) => self.steps > after,
        };
        if fails { Err(io::Error::other("simulated failure")) } else { Ok(()) }
    }
}

impl Disk for SimulatedDisk {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.step()?;
        state.folders.extend(dir.ancestors().map(Path::to_owned));
        Ok(())
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.state();
        state.step()?;
        let name = path.to_string_lossy();
        if state.refused_suffix.is_some_and(|suffix| name.ends_with(suffix)) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let content = state.contents.len();
        state.contents.push(Content::default());
        state.names.insert(path.to_owned(), content);
        Ok(Arc::new(SimulatedFile { disk: self.clone(), content }))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let state = self.state();
        let content = *state.names.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(Arc::new(SimulatedFile { disk: self.clone(), content }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.step()?;
        let content = state.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
        state.names.insert(to.to_owned(), content);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.step()?;
        state.names.remove(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let state = self.state();
        if !state.folders.contains(dir) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let below = state.names.keys().chain(&state.folders);
        let below = below.filter(|path| path.parent() == Some(dir));
        let names: BTreeSet<String> = below
            .filter_map(|path| path.file_name())
            .map(|name| name.to_string_lossy().into_owned())
            .collect();
        Ok(names.into_iter().collect())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.step()?;
        let is_in = |path: &PathBuf| path.parent() == Some(dir);
        state.durable_names.retain(|path, _| !is_in(path));
        let live: Vec<_> = state
            .names
            .iter()
            .filter(|(path, _)| is_in(path))
            .map(|(path, &content)| (path.clone(), content))
            .collect();
        state.durable_names.extend(live);
        Ok(())
    }

    fn lock(&self, _: &Path) -> io::Result<Box<dyn DiskLock>> {
        Ok(Box::new(NoLock))
    }
}

impl ReadAt for SimulatedFile {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.disk.state().contents[self.content].live.read_exact_at(buffer, offset)
    }

    fn byte_length(&self) -> u64 {
        self.disk.state().contents[self.content].live.byte_length()
    }
}

impl DiskFile for SimulatedFile {
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        let outcome = state.step();
        // A write that fails has got half of its way.
        let written = if outcome.is_ok() { bytes } else { &bytes[..bytes.len() / 2] };
        let live = &mut state.contents[self.content].live;
        let offset = usize::try_from(offset).expect("small files");
        if live.len() < offset + written.len() {
            live.resize(offset + written.len(), 0);
        }
        live[offset..offset + written.len()].copy_from_slice(written);
        outcome
    }

    fn preallocate(&self, length: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        state.step()?;
        let length = usize::try_from(length).expect("small files");
        state.contents[self.content].live.resize(length, 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.disk.state();
        state.step()?;
        let content = &mut state.contents[self.content];
        content.durable.clone_from(&content.live);
        Ok(())
    }
}
