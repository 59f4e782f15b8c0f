//! A disk in memory that knows what is durable: it fails at a chosen step or now and then, is full, and loses power.
//!
//! Used by the crash tests and the simulation. Bytes are durable once their file was synced, names once their folder
//! was. Of the rest any choice of sectors, and for each folder the first few changes of names, may survive a power loss.
#![allow(dead_code, reason = "each test program uses a part")]

mod operations;
mod power;

use fanal_testkit::Random;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

pub(crate) use power::Survival;

/// Bytes that a write changes as a whole or not at all.
const SECTOR_BYTES: usize = 512;

/// What happens to steps: everything that changes the disk or makes a change durable.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// Every step works.
    None,
    /// After so many steps, one fails; later ones work.
    Once(u64),
    /// After so many steps, that one and all later ones fail, as in a machine that stops.
    From(u64),
    /// Each step fails with this probability, and each read with a tenth of it.
    Often(f64, Box<Random>),
}

/// A file's bytes.
#[derive(Debug, Clone, Default)]
struct Content {
    live: Arc<Vec<u8>>,
    durable: Arc<Vec<u8>>,
    /// Sectors written since the last sync.
    dirty: BTreeSet<usize>,
    /// Whether a sync failed: what was dirty then is on no disk, though it can be read, until it is written again.
    has_failed: bool,
}

impl Content {
    fn sync(&mut self) {
        if self.has_failed {
            let durable = Arc::make_mut(&mut self.durable);
            durable.resize(self.live.len(), 0);
            self.dirty.iter().for_each(|&sector| copy_sector(&self.live, durable, sector));
        } else {
            self.durable = Arc::clone(&self.live);
        }
        self.dirty.clear();
    }

    fn fail_sync(&mut self) {
        self.has_failed = true;
        self.dirty.clear();
    }
}

fn copy_sector(from: &[u8], to: &mut Vec<u8>, sector: usize) {
    let start = sector * SECTOR_BYTES;
    let end = (start + SECTOR_BYTES).min(from.len());
    if to.len() < end {
        to.resize(end, 0);
    }
    to[start..end].copy_from_slice(&from[start..end]);
}

/// A change of names in a folder.
#[derive(Debug, Clone)]
enum NameChange {
    Folder(PathBuf),
    Link(PathBuf, usize),
    Rename(PathBuf, PathBuf),
    Unlink(PathBuf),
}

/// Names of files with their contents, and folders.
#[derive(Debug, Clone, Default)]
struct Names {
    files: BTreeMap<PathBuf, usize>,
    folders: BTreeSet<PathBuf>,
}

/// Called before every step, with no lock held; steps of the hook itself call nothing.
type Hook = Box<dyn FnMut() + Send>;

struct State {
    names: Names,
    durable_names: Names,
    /// Changes of each folder since its last sync.
    unsynced_names: BTreeMap<PathBuf, Vec<NameChange>>,
    contents: Vec<Content>,
    steps: u64,
    fault: Fault,
    is_full: bool,
    refused_suffix: Option<&'static str>,
    hook: Option<Hook>,
    /// Where set, a disk after a power loss is kept from every sync point.
    crashes: Option<(Random, Vec<SimulatedDisk>)>,
    history: DefaultHasher,
}

/// The disk; clones are the same disk.
#[derive(Clone)]
pub(crate) struct SimulatedDisk(Arc<Mutex<State>>);

impl fmt::Debug for SimulatedDisk {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SimulatedDisk")
    }
}

impl Names {
    fn apply(&mut self, change: &NameChange) {
        match change {
            NameChange::Folder(path) => drop(self.folders.insert(path.clone())),
            NameChange::Link(path, content) => drop(self.files.insert(path.clone(), *content)),
            NameChange::Rename(from, to) => {
                if let Some(content) = self.files.remove(from) {
                    self.files.insert(to.clone(), content);
                }
            }
            NameChange::Unlink(path) => drop(self.files.remove(path)),
        }
    }
}

impl SimulatedDisk {
    pub(crate) fn new() -> Self {
        let mut names = Names::default();
        names.folders.extend(Path::new("/data").ancestors().map(Path::to_owned));
        Self::with(names, Vec::new())
    }

    fn with(names: Names, contents: Vec<Content>) -> Self {
        Self(Arc::new(Mutex::new(State {
            durable_names: names.clone(),
            names,
            unsynced_names: BTreeMap::new(),
            contents,
            steps: 0,
            fault: Fault::None,
            is_full: false,
            refused_suffix: None,
            hook: None,
            crashes: None,
            history: DefaultHasher::new(),
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

    /// Whether there is room for new bytes.
    pub(crate) fn set_full(&self, is_full: bool) {
        self.state().is_full = is_full;
    }

    /// Makes no file whose name ends so, until told otherwise.
    pub(crate) fn refuse(&self, suffix: Option<&'static str>) {
        self.state().refused_suffix = suffix;
    }

    /// Calls this before every step, until told otherwise.
    pub(crate) fn set_hook(&self, hook: Option<Hook>) {
        self.state().hook = hook;
    }

    /// Keeps a disk after a power loss at every sync point from now on.
    pub(crate) fn keep_crashes(&self, random: Random) {
        self.state().crashes = Some((random, Vec::new()));
    }

    /// The disks that were kept since this was asked last.
    pub(crate) fn take_crashes(&self) -> Vec<Self> {
        self.state().crashes.as_mut().map(|(_, kept)| std::mem::take(kept)).unwrap_or_default()
    }

    /// How many disks were kept since this was asked last.
    pub(crate) fn crash_count(&self) -> usize {
        self.state().crashes.as_ref().map_or(0, |(_, kept)| kept.len())
    }

    /// Steps since the fault was set.
    pub(crate) fn steps(&self) -> u64 {
        self.state().steps
    }

    /// A number that is the same for the same steps with the same bytes in the same order.
    pub(crate) fn history(&self) -> u64 {
        self.state().history.finish()
    }

    /// The bytes of the only file whose name ends so.
    pub(crate) fn edit(&self, suffix: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.state();
        let found: Vec<usize> = state
            .names
            .files
            .iter()
            .filter(|(path, _)| path.to_string_lossy().ends_with(suffix))
            .map(|(_, &content)| content)
            .collect();
        assert_eq!(found.len(), 1, "files that end with {suffix}");
        change(Arc::make_mut(&mut state.contents[found[0]].live));
    }

    /// Runs the hook, counts a step and fails it where told.
    fn step(&self, what: &impl Hash) -> (MutexGuard<'_, State>, io::Result<()>) {
        let hook = self.state().hook.take();
        if let Some(mut hook) = hook {
            hook();
            self.state().hook = Some(hook);
        }
        let mut state = self.state();
        state.steps += 1;
        what.hash(&mut state.history);
        let steps = state.steps;
        let fails = match &mut state.fault {
            Fault::None => false,
            Fault::Once(after) => steps == *after + 1,
            Fault::From(after) => steps > *after,
            Fault::Often(probability, random) => random.chance(*probability),
        };
        let outcome = if fails { Err(io::Error::other("simulated failure")) } else { Ok(()) };
        (state, outcome)
    }
}

impl State {
    fn check_read(&mut self) -> io::Result<()> {
        let fails = match &mut self.fault {
            Fault::Often(probability, random) => random.chance(*probability / 10.0),
            _ => false,
        };
        if fails { Err(io::Error::other("simulated failure to read")) } else { Ok(()) }
    }

    fn check_room(&self) -> io::Result<()> {
        if self.is_full { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn change_name(&mut self, folder: &Path, change: NameChange) {
        self.names.apply(&change);
        self.unsynced_names.entry(folder.to_owned()).or_default().push(change);
    }
}
