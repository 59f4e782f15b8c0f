//! What a power loss leaves of a simulated disk.

use super::{Content, Names, SimulatedDisk, State, copy_sector};
use fanal_testkit::Random;
use std::sync::Arc;

/// What survives of that which was not synced.
#[derive(Debug)]
pub(crate) enum Survival<'a> {
    /// Nothing.
    Nothing,
    /// Everything, as when only the process ends.
    Everything,
    /// Some sectors of each file and the first few changes of each folder.
    Some(&'a mut Random),
}

impl SimulatedDisk {
    /// The disk after a power loss.
    pub(crate) fn after_power_loss(&self, mut survival: Survival<'_>) -> Self {
        self.state().after_power_loss(&mut survival)
    }
}

impl State {
    /// Keeps the disk as a power loss before this sync leaves it, where crashes are kept.
    pub(super) fn keep_crash(&mut self) {
        let Some((mut random, mut kept)) = self.crashes.take() else { return };
        kept.push(self.after_power_loss(&mut Survival::Some(&mut random)));
        self.crashes = Some((random, kept));
    }

    fn after_power_loss(&self, survival: &mut Survival<'_>) -> SimulatedDisk {
        let names = self.surviving_names(survival);
        let mut contents = Vec::new();
        let files = names.files.iter().map(|(path, &content)| {
            let bytes = self.contents[content].surviving(survival);
            let live = Arc::clone(&bytes);
            contents.push(Content { live, durable: bytes, ..Content::default() });
            (path.clone(), contents.len() - 1)
        });
        let files = files.collect();
        SimulatedDisk::with(Names { files, folders: names.folders }, contents)
    }

    fn surviving_names(&self, survival: &mut Survival<'_>) -> Names {
        let mut names = match survival {
            Survival::Everything => return self.names.clone(),
            _ => self.durable_names.clone(),
        };
        if let Survival::Some(random) = survival {
            for changes in self.unsynced_names.values() {
                let count = pick_count(random, changes.len());
                changes[..count].iter().for_each(|change| names.apply(change));
            }
        }
        let folders = names.folders.clone();
        let is_there =
            |path: &std::path::Path| path.ancestors().skip(1).all(|it| folders.contains(it));
        names.folders.retain(|path| is_there(path));
        names.files.retain(|path, _| is_there(path));
        names
    }
}

/// All, none, or any number between.
fn pick_count(random: &mut Random, count: usize) -> usize {
    match random.below(3) {
        0 => 0,
        1 => count,
        _ => random.index(count + 1),
    }
}

impl Content {
    fn surviving(&self, survival: &mut Survival<'_>) -> Arc<Vec<u8>> {
        let random = match survival {
            Survival::Nothing => return Arc::clone(&self.durable),
            Survival::Everything => return Arc::clone(&self.live),
            Survival::Some(_) if self.dirty.is_empty() => return Arc::clone(&self.durable),
            Survival::Some(random) => random,
        };
        // All, none, the first few, or any choice of sectors.
        let is_any = random.chance(0.3);
        let count = pick_count(random, self.dirty.len());
        let mut bytes = (*self.durable).clone();
        if random.chance(0.5) {
            bytes.resize(self.live.len(), 0);
        }
        for (number, &sector) in self.dirty.iter().enumerate() {
            let survives = if is_any { random.chance(0.5) } else { number < count };
            if survives {
                copy_sector(&self.live, &mut bytes, sector);
            }
        }
        Arc::new(bytes)
    }
}
