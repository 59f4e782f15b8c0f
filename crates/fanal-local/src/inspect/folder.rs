//! A data folder that is looked at: its tenants, and whether a server has it open.
//!
//! Holds the folder's lock where it is free, so that no server starts meanwhile.

use super::error::{self, InspectError};
use super::read_only::ReadOnlyDisk;
use crate::disk::{Disk, DiskLock};
use crate::store::{LOCK_NAME, TENANTS_NAME};
use fanal_storage::TenantId;
use std::io;
use std::path::{Path, PathBuf};

/// An open data folder.
#[derive(Debug)]
pub(super) struct DataFolder {
    /// Its path.
    pub(super) path: PathBuf,
    /// Tenants by name.
    pub(super) tenants: Vec<TenantId>,
    /// Whether another process has it open.
    pub(super) is_in_use: bool,
    _lock: Option<Box<dyn DiskLock>>,
}

impl DataFolder {
    /// Opens a folder that is there, locked where nobody else has it.
    pub(super) fn open(path: &Path) -> Result<Self, InspectError> {
        let tenants_dir = path.join(TENANTS_NAME);
        let names = ReadOnlyDisk.list(&tenants_dir).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound if !path.exists() => {
                InspectError::Missing { path: path.to_owned() }
            }
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
                InspectError::NoStore { path: path.to_owned() }
            }
            _ => error::io("listing", &tenants_dir)(source),
        })?;
        let lock_path = path.join(LOCK_NAME);
        let (is_in_use, lock) = match ReadOnlyDisk.lock(&lock_path) {
            Ok(lock) => (false, Some(lock)),
            Err(source) if source.kind() == io::ErrorKind::WouldBlock => (true, None),
            // A copy made by other means may lack it.
            Err(source) if source.kind() == io::ErrorKind::NotFound => (false, None),
            Err(source) => return Err(error::io("locking", &lock_path)(source)),
        };
        let tenants = names.iter().filter_map(|name| TenantId::parse(name)).collect();
        Ok(Self { path: path.to_owned(), tenants, is_in_use, _lock: lock })
    }

    /// Folder of a tenant.
    pub(super) fn tenant_dir(&self, tenant: &TenantId) -> PathBuf {
        self.path.join(TENANTS_NAME).join(tenant.as_str())
    }
}
