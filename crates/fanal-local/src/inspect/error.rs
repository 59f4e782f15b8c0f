//! Failures of looking at a data folder. What a check finds is no failure: it is its answer.

use fanal_base::ErrorKind;
use fanal_storage::StoreError;
use std::io;
use std::path::{Path, PathBuf};

/// Why a data folder was not looked at or not copied.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// There is no such folder.
    #[error("{} does not exist; name the folder that the server has as its data_dir", .path.display())]
    Missing {
        /// The folder.
        path: PathBuf,
    },
    /// The folder is not the engine's.
    #[error("{} is no data folder: it has no folder `tenants`; name the folder that the server has as its data_dir", .path.display())]
    NoStore {
        /// The folder.
        path: PathBuf,
    },
    /// The system does not let the user in.
    #[error("{} may not be read or written by this user; run as the user of the server", .path.display())]
    Forbidden {
        /// The file or folder.
        path: PathBuf,
    },
    /// A server has the folder open.
    #[error("{} is in use by a server; stop it first", .path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// The target of a copy has something in it.
    #[error("{} is not empty: it has {}; name a new or an empty folder", .path.display(), .name)]
    Occupied {
        /// The folder.
        path: PathBuf,
        /// A name in it.
        name: String,
    },
    /// The source of a copy lies in its target, or the target in the source.
    #[error("{} and {} lie in each other; name a folder outside", .from.display(), .to.display())]
    Nested {
        /// The source.
        from: PathBuf,
        /// The target.
        to: PathBuf,
    },
    /// What was to be restored does not check out.
    #[error("{} is damaged in {count} places, the first being {first}; nothing was restored: use another backup", .path.display())]
    Damaged {
        /// The folder.
        path: PathBuf,
        /// How many findings.
        count: usize,
        /// The first of them.
        first: String,
    },
    /// Blocks went away faster than they were copied.
    #[error("{} changed {attempts} times while it was copied; try again when less is merged", .path.display())]
    Restless {
        /// The folder.
        path: PathBuf,
        /// How often it was tried.
        attempts: u32,
    },
    /// The engine's own words.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl InspectError {
    /// How a caller reacts.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Missing { .. } => ErrorKind::NotFound,
            Self::NoStore { .. }
            | Self::Forbidden { .. }
            | Self::Occupied { .. }
            | Self::Nested { .. } => ErrorKind::Invalid,
            Self::InUse { .. } | Self::Restless { .. } => ErrorKind::Unavailable,
            Self::Damaged { .. } => ErrorKind::Corrupt,
            Self::Store(error) => error.kind(),
        }
    }
}

/// For `map_err` on file operations: names operation and path, and tells what a user may not do.
pub(super) fn io(operation: &str, path: &Path) -> impl FnOnce(io::Error) -> InspectError {
    let operation = format!("{operation} {}", path.display());
    let path = path.to_owned();
    move |source| match source.kind() {
        io::ErrorKind::PermissionDenied => InspectError::Forbidden { path },
        _ => InspectError::Store(StoreError::Io { operation, source }),
    }
}
