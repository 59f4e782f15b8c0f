//! The log files of a tenant: which are sealed, which are spare, and how one becomes the other.
//!
//! The writer takes files from here and gives them back sealed; the merge releases them. A file carries its final
//! name (`NUMBER.log`) only once its header is durable, so that every file of that name has records or none.

use super::frame::{FileHeader, RECORDS_OFFSET};
use crate::config::LocalConfig;
use crate::disk::{Disk, DiskFile};
use crate::failure;
use crate::guard::lock;
use crate::room::DiskRoom;
use fanal_storage::StoreError;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// Log files of one tenant.
#[derive(Debug)]
pub(crate) struct LogFiles {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    file_bytes: u64,
    spare_files_max: usize,
    room: Arc<DiskRoom>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    sealed: Vec<SealedLog>,
    spares: Vec<PathBuf>,
    next_number: u64,
    active_bytes: u64,
}

/// A log file that gets no further record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SealedLog {
    /// Number of the file.
    pub number: u64,
    /// Sequence of its last record.
    pub last_sequence: u64,
    /// Bytes of records.
    pub used_bytes: u64,
    /// Bytes of the file.
    pub capacity: u64,
}

/// The file that records go to.
#[derive(Debug)]
pub(crate) struct ActiveLog {
    /// The file.
    pub file: Arc<dyn DiskFile>,
    /// What is known of it.
    pub log: SealedLog,
    /// Where the next record goes.
    pub offset: u64,
}

/// Name of a log file.
pub(crate) fn log_name(number: u64) -> String {
    format!("{number:016x}.log")
}

/// The number of a log file's name.
pub(crate) fn log_number(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".log")?;
    (digits.len() == 16).then(|| u64::from_str_radix(digits, 16).ok()).flatten()
}

impl LogFiles {
    /// Takes over a folder: `sealed` files are kept until released, spare ones are used again, drafts removed.
    pub(crate) fn open(
        disk: Arc<dyn Disk>,
        dir: PathBuf,
        config: &LocalConfig,
        room: Arc<DiskRoom>,
        sealed: Vec<SealedLog>,
    ) -> Result<Self, StoreError> {
        let mut state = State {
            next_number: sealed.iter().map(|log| log.number + 1).max().unwrap_or(1),
            sealed,
            ..State::default()
        };
        for name in disk.list(&dir).map_err(failure::io("listing", &dir))? {
            let path = dir.join(&name);
            let digits = name.rsplit_once('-').map(|(_, digits)| u64::from_str_radix(digits, 16));
            if let Some(Ok(number)) = digits {
                state.next_number = state.next_number.max(number + 1);
            }
            if log_number(&name).is_some() {
                continue;
            }
            let is_whole =
                || disk.open(&path).is_ok_and(|f| f.byte_length() == config.log_file_bytes);
            let is_spare = name.starts_with("spare-");
            if is_spare && state.spares.len() < config.log_spare_files_max && is_whole() {
                state.spares.push(path);
            } else if is_spare || name.starts_with("draft-") {
                disk.remove(&path).map_err(failure::io("removing", &path))?;
            }
        }
        Ok(Self {
            disk,
            dir,
            file_bytes: config.log_file_bytes.max(RECORDS_OFFSET),
            spare_files_max: config.log_spare_files_max,
            room,
            state: Mutex::new(state),
        })
    }

    /// A new file for records from `first_sequence` on, of at least `capacity_min` bytes.
    pub(crate) fn begin(
        &self,
        first_sequence: u64,
        capacity_min: u64,
    ) -> Result<ActiveLog, StoreError> {
        let capacity = self.file_bytes.max(capacity_min);
        let spare = self.spare_for(capacity)?;
        let number = {
            let mut state = lock(&self.state);
            state.next_number += 1;
            state.next_number - 1
        };
        let draft = spare.unwrap_or_else(|| self.dir.join(format!("draft-{number:016x}")));
        let header = FileHeader { file_number: number, first_sequence };
        let file = self.prepare(&draft, header, capacity).map_err(|error| {
            // A draft that stays behind is removed at the next start.
            self.disk.remove(&draft).ok();
            self.room.note(&error);
            failure::io("preparing log file", &draft)(error)
        })?;
        lock(&self.state).active_bytes = 0;
        let log = SealedLog { number, last_sequence: first_sequence - 1, used_bytes: 0, capacity };
        Ok(ActiveLog { file, log, offset: RECORDS_OFFSET })
    }

    /// A spare file where one fits. Fails where the disk has no room; its spare files are given back to it then.
    fn spare_for(&self, capacity: u64) -> Result<Option<PathBuf>, StoreError> {
        let fits = capacity == self.file_bytes;
        let spare = if fits { lock(&self.state).spares.pop() } else { None };
        let needed = if spare.is_some() { 0 } else { capacity };
        if self.room.has(needed) {
            return Ok(spare);
        }
        let spares = std::mem::take(&mut lock(&self.state).spares);
        for path in spares.into_iter().chain(spare) {
            if let Err(error) = self.disk.remove(&path) {
                tracing::warn!(path = %path.display(), %error, "spare log file stays behind");
            }
        }
        self.room.claim(capacity)?;
        Ok(None)
    }

    fn prepare(
        &self,
        draft: &Path,
        header: FileHeader,
        capacity: u64,
    ) -> std::io::Result<Arc<dyn DiskFile>> {
        let is_spare =
            draft.file_name().is_some_and(|name| name.to_string_lossy().starts_with("spare-"));
        let file = if is_spare {
            // Until its name as a spare is durable, a crash may bring back the name under which it held records.
            self.disk.sync_dir(&self.dir)?;
            self.disk.open(draft)?
        } else {
            let file = self.disk.create(draft)?;
            file.preallocate(capacity)?;
            file
        };
        file.write_all_at(&header.encode(), 0)?;
        file.sync_data()?;
        self.disk.rename(draft, &self.dir.join(log_name(header.file_number)))?;
        self.disk.sync_dir(&self.dir)?;
        Ok(file)
    }

    /// Notes how far the active file is filled.
    pub(crate) fn note_active(&self, used_bytes: u64) {
        lock(&self.state).active_bytes = used_bytes;
    }

    /// Gives back a file that gets no further record.
    pub(crate) fn seal(&self, log: SealedLog) {
        let mut state = lock(&self.state);
        state.active_bytes = 0;
        state.sealed.push(log);
    }

    /// Lets go of sealed files whose records are all in blocks. A file that does not go away is left for the next
    /// start, which skips its records.
    pub(crate) fn release(&self, merged_through: u64) {
        let released = {
            let mut state = lock(&self.state);
            let is_released = |log: &mut SealedLog| log.last_sequence <= merged_through;
            state.sealed.extract_if(.., is_released).collect::<Vec<_>>()
        };
        for log in released {
            let path = self.dir.join(log_name(log.number));
            let keeps = log.capacity == self.file_bytes
                && !self.room.is_short()
                && lock(&self.state).spares.len() < self.spare_files_max;
            let outcome = if keeps {
                let spare = self.dir.join(format!("spare-{:016x}", log.number));
                self.disk.rename(&path, &spare).map(|()| lock(&self.state).spares.push(spare))
            } else {
                self.disk.remove(&path)
            };
            if let Err(error) = outcome {
                tracing::warn!(path = %path.display(), %error, "released log file stays behind");
            }
        }
    }

    /// Bytes of records in files that are not released.
    pub(crate) fn used_bytes(&self) -> u64 {
        let state = lock(&self.state);
        state.active_bytes + state.sealed.iter().map(|log| log.used_bytes).sum::<u64>()
    }
}
