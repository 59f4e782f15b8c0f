//! Copying a data folder as a whole, for backups and for restoring them; the source may be in use.
//!
//! The order makes a copy consistent. Log files first, then the catalog, then the blocks that it names. A record that was
//! acknowledged before the copy began is either at or below the catalog's *merged through*, so in a block, or its file
//! was not released until the catalog was read, so it was copied whole: files are reused only after a catalog released
//! them. What was acknowledged meanwhile is there up to some record. A block that went away is looked up in the next catalog.
//! Catalogs are written last: the engine refuses a folder that has spans but no catalog, so that no half copy opens.

use super::check::check;
use super::error::{self, InspectError};
use super::folder::DataFolder;
use super::read_only::ReadOnlyDisk;
use super::{Progress, Severity, Watch};
use crate::block::{Block, block_name};
use crate::catalog::{BlockMeta, Catalog, Place};
use crate::disk::{Disk, RealDisk};
use crate::log::{self, LogEnd, log_name, log_number};
use crate::store::{LOCK_NAME, TENANTS_NAME};
use crate::tier::stub::stub_name;
use fanal_base::cast;
use fanal_storage::StoreError;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// How often blocks that went away are looked up in a newer catalog.
const ATTEMPTS_MAX: u32 = 50;
/// Bytes copied at a time.
const COPY_BYTES: usize = 1 << 20;
/// Names that an empty folder may have.
const EMPTY_NAMES: [&str; 2] = [LOCK_NAME, "lost+found"];

/// How blocks come into a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transfer {
    /// As second names of the same files where the file system can, which costs neither time nor space. Blocks never
    /// change, but a disk that fails takes both.
    Link,
    /// As files of their own.
    Copy,
}

/// What was copied.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CopyReport {
    /// Tenants.
    pub tenants: u64,
    /// Blocks.
    pub blocks: u64,
    /// Of these, blocks that are second names of the same files.
    pub linked_blocks: u64,
    /// Further blocks, of which stubs were copied: the object store is not part of the folder.
    pub remote_blocks: u64,
    /// Bytes of all blocks that were copied.
    pub block_bytes: u64,
    /// Bytes of log files.
    pub log_bytes: u64,
    /// What is wrong with the source, and so with the copy.
    pub warnings: Vec<String>,
}

/// Copies a data folder, whether a server uses it or not, to a new or empty one.
pub fn backup(
    from: &Path,
    to: &Path,
    transfer: Transfer,
    watch: Watch<'_>,
) -> Result<CopyReport, InspectError> {
    let source = DataFolder::open(from)?;
    copy_folder(&source, to, transfer, watch)
}

/// Checks a backup and makes a new or empty folder the same. After a failure the target holds nothing that opens.
pub fn restore(from: &Path, to: &Path, watch: Watch<'_>) -> Result<CopyReport, InspectError> {
    check_apart(from, to)?;
    check_empty(to)?;
    let report = check(from, watch)?;
    let is_damage = |severity| severity == Severity::Damage;
    let first = report.tenants.iter().find_map(|tenant| {
        let finding = tenant.findings.iter().find(|finding| is_damage(finding.severity))?;
        Some(format!("tenant {}, {}: {}", tenant.name, finding.object, finding.found))
    });
    if let Some(first) = first {
        let count = report.count(Severity::Damage);
        return Err(InspectError::Damaged { path: from.to_owned(), count, first });
    }
    let source = DataFolder::open(from)?;
    if source.is_in_use {
        return Err(InspectError::InUse { path: from.to_owned() });
    }
    copy_folder(&source, to, Transfer::Copy, watch)
}

fn check_apart(from: &Path, to: &Path) -> Result<(), InspectError> {
    let real = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let above = to.ancestors().find(|above| above.exists()).map_or_else(PathBuf::new, real);
    let (source, target) = (real(from), real(to));
    if above.starts_with(&source) || source.starts_with(&target) {
        return Err(InspectError::Nested { from: from.to_owned(), to: to.to_owned() });
    }
    Ok(())
}

fn check_empty(to: &Path) -> Result<(), InspectError> {
    let names = match RealDisk.list(to) {
        Ok(names) => names,
        Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(error::io("listing", to)(source)),
    };
    match names.into_iter().find(|name| !EMPTY_NAMES.contains(&name.as_str())) {
        Some(name) => Err(InspectError::Occupied { path: to.to_owned(), name }),
        None => Ok(()),
    }
}

fn copy_folder(
    source: &DataFolder,
    to: &Path,
    transfer: Transfer,
    watch: Watch<'_>,
) -> Result<CopyReport, InspectError> {
    check_apart(&source.path, to)?;
    check_empty(to)?;
    let is_new = !to.exists();
    fs::create_dir_all(to).map_err(error::io("creating", to))?;
    let lock_path = to.join(LOCK_NAME);
    let lock = RealDisk.lock(&lock_path).map_err(|source| match source.kind() {
        io::ErrorKind::WouldBlock => InspectError::InUse { path: to.to_owned() },
        _ => error::io("locking", &lock_path)(source),
    })?;
    let outcome = copy_tenants(source, to, transfer, watch);
    drop(lock);
    if outcome.is_err() {
        // What stays behind has no catalog and does not open.
        let made = if is_new { to.to_owned() } else { to.join(TENANTS_NAME) };
        fs::remove_dir_all(made).ok();
    }
    outcome
}

fn copy_tenants(
    source: &DataFolder,
    to: &Path,
    transfer: Transfer,
    watch: Watch<'_>,
) -> Result<CopyReport, InspectError> {
    let mut report = CopyReport::default();
    let mut catalogs = Vec::new();
    let tenants_dir = to.join(TENANTS_NAME);
    fs::create_dir_all(&tenants_dir).map_err(error::io("creating", &tenants_dir))?;
    for tenant in &source.tenants {
        let mut copying = TenantCopy {
            from: source.tenant_dir(tenant),
            to: tenants_dir.join(tenant.as_str()),
            is_in_use: source.is_in_use,
            transfer,
            report: &mut report,
        };
        if let Some(catalog) = copying.run(watch)? {
            catalogs.push((catalog, tenants_dir.join(tenant.as_str())));
        }
        report.tenants += 1;
    }
    for (_, dir) in &catalogs {
        sync(&[dir])?;
    }
    sync(&[&tenants_dir, to])?;
    for (catalog, dir) in catalogs {
        catalog.store(&RealDisk, &dir)?;
    }
    Ok(report)
}

fn sync(dirs: &[&Path]) -> Result<(), InspectError> {
    dirs.iter().try_for_each(|dir| RealDisk.sync_dir(dir).map_err(error::io("syncing", dir)))
}

struct TenantCopy<'a> {
    from: PathBuf,
    to: PathBuf,
    is_in_use: bool,
    transfer: Transfer,
    report: &'a mut CopyReport,
}

impl TenantCopy<'_> {
    /// Copies everything but the catalog, which is answered; `None` for a tenant that has none, and so no spans.
    fn run(&mut self, watch: Watch<'_>) -> Result<Option<Catalog>, InspectError> {
        for name in ["blocks", "log"] {
            let dir = self.to.join(name);
            fs::create_dir_all(&dir).map_err(error::io("creating", &dir))?;
        }
        let logs = self.copy_logs()?;
        let Some(catalog) = self.copy_blocks(watch)? else {
            if logs.is_empty() {
                return Ok(None);
            }
            return Err(InspectError::Store(StoreError::Corrupt {
                object: self.from.display().to_string(),
                message: "it has spans but no catalog".to_owned(),
            }));
        };
        self.settle_logs(logs, catalog.merged_through)?;
        sync(&[&self.to.join("blocks"), &self.to.join("log")])?;
        Ok(Some(catalog))
    }

    /// Copies the log files that are there, and answers their numbers.
    fn copy_logs(&mut self) -> Result<Vec<u64>, InspectError> {
        let (from, to) = (self.from.join("log"), self.to.join("log"));
        let names = ReadOnlyDisk.list(&from).unwrap_or_default();
        let mut copied = Vec::new();
        for number in names.iter().filter_map(|name| log_number(name)) {
            let name = log_name(number);
            if copy_file(&from.join(&name), &to.join(&name))?.is_some() {
                copied.push(number);
            }
        }
        copied.sort_unstable();
        Ok(copied)
    }

    /// Copies the blocks of a catalog, which is answered.
    fn copy_blocks(&mut self, watch: Watch<'_>) -> Result<Option<Catalog>, InspectError> {
        let mut have: Vec<(BlockMeta, bool)> = Vec::new();
        for _ in 0..ATTEMPTS_MAX {
            let Some(catalog) = Catalog::load(&ReadOnlyDisk, &self.from)? else { return Ok(None) };
            let (kept, dropped): (Vec<_>, Vec<_>) =
                have.into_iter().partition(|(meta, _)| catalog.blocks.contains(meta));
            have = kept;
            for (meta, _) in dropped {
                let path = self.to.join("blocks").join(file_name(meta));
                fs::remove_file(&path).map_err(error::io("removing", &path))?;
            }
            if self.copy_missing(&catalog.blocks, &mut have, watch)? {
                let is_remote = |(meta, _): &(BlockMeta, bool)| meta.place != Place::Local;
                self.report.remote_blocks +=
                    cast::wide(have.extract_if(.., |it| is_remote(it)).count());
                self.report.blocks += cast::wide(have.len());
                self.report.linked_blocks +=
                    cast::wide(have.iter().filter(|(_, is_link)| *is_link).count());
                self.report.block_bytes += have.iter().map(|(meta, _)| meta.bytes).sum::<u64>();
                return Ok(Some(catalog));
            }
        }
        Err(InspectError::Restless { path: self.from.clone(), attempts: ATTEMPTS_MAX })
    }

    /// Copies blocks that are not there yet; false where one went away.
    fn copy_missing(
        &mut self,
        blocks: &[BlockMeta],
        have: &mut Vec<(BlockMeta, bool)>,
        watch: Watch<'_>,
    ) -> Result<bool, InspectError> {
        let total_bytes = blocks.iter().map(|meta| meta.bytes).sum();
        let mut done_bytes = 0;
        for &meta in blocks {
            let name = file_name(meta);
            watch(&Progress { object: &name, done_bytes, total_bytes });
            done_bytes += meta.bytes;
            if have.iter().any(|(known, _)| *known == meta) {
                continue;
            }
            let (from, to) =
                (self.from.join("blocks").join(&name), self.to.join("blocks").join(&name));
            let is_link = self.transfer == Transfer::Link && fs::hard_link(&from, &to).is_ok();
            if !is_link && copy_file(&from, &to)?.is_none() {
                if self.is_in_use {
                    return Ok(false);
                }
                let message = "the catalog names it, but it is missing".to_owned();
                let object = from.display().to_string();
                return Err(InspectError::Store(StoreError::Corrupt { object, message }));
            }
            have.push((meta, is_link));
            if meta.place != Place::Local {
                continue;
            }
            let copy = Block::open(&ReadOnlyDisk, &self.to.join("blocks"), meta);
            if let Err(warning) = copy.readable() {
                self.report.warnings.push(warning.to_owned());
            }
        }
        Ok(true)
    }

    /// Drops log files whose records are all in blocks, and what a running server had not written whole.
    fn settle_logs(&mut self, mut logs: Vec<u64>, merged_through: u64) -> Result<(), InspectError> {
        let dir = self.to.join("log");
        if self.is_in_use {
            // A file that was reused while it was copied had been released, and so had those before it.
            let reused =
                logs.iter().rposition(|&number| !log::is_named(&ReadOnlyDisk, &dir, number));
            for number in logs.drain(..reused.map_or(0, |last| last + 1)) {
                remove(&dir.join(log_name(number)))?;
            }
        }
        let scans = log::scan(&ReadOnlyDisk, &dir, merged_through, |_| Ok(()))?;
        for (position, scan) in scans.iter().enumerate() {
            let path = dir.join(log_name(scan.number));
            let next = scans.get(position + 1);
            if next.is_some_and(|next| next.first_sequence <= merged_through + 1) {
                remove(&path)?;
                continue;
            }
            let whole_bytes = log::RECORDS_OFFSET + scan.used_bytes;
            match scan.end {
                LogEnd::Broken => self.report.warnings.push(format!(
                    "log file {} is damaged behind record {}; check the folder",
                    scan.number, scan.last_sequence
                )),
                LogEnd::Torn if !self.is_in_use => {}
                LogEnd::Clean | LogEnd::Torn => {
                    let shorten = || {
                        let file = File::options().write(true).open(&path)?;
                        file.set_len(whole_bytes)?;
                        file.sync_all()
                    };
                    shorten().map_err(error::io("shortening", &path))?;
                }
            }
            self.report.log_bytes += scan.used_bytes;
        }
        Ok(())
    }
}

/// The file that the folder has of a block: of one in the object store, its stub.
fn file_name(meta: BlockMeta) -> String {
    match meta.place {
        Place::Local => block_name(meta.number),
        Place::Remote { .. } => stub_name(meta.number),
    }
}

fn remove(path: &Path) -> Result<(), InspectError> {
    fs::remove_file(path).map_err(error::io("removing", path))
}

/// Copies and syncs a file, and answers its bytes; `None` where it is not there.
fn copy_file(from: &Path, to: &Path) -> Result<Option<u64>, InspectError> {
    let mut source = match File::open(from) {
        Ok(file) => file,
        Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(error::io("opening", from)(source)),
    };
    // Never over a file that is there: it may be a link to a block in use.
    let created = File::options().write(true).create_new(true).open(to);
    let mut target = created.map_err(error::io("creating", to))?;
    let mut buffer = vec![0; COPY_BYTES];
    let mut bytes = 0;
    loop {
        let count = source.read(&mut buffer).map_err(error::io("reading", from))?;
        let Some(read) = buffer.get(..count).filter(|read| !read.is_empty()) else { break };
        target.write_all(read).map_err(error::io("writing", to))?;
        bytes += cast::wide(count);
    }
    target.sync_all().map_err(error::io("syncing", to))?;
    Ok(Some(bytes))
}
