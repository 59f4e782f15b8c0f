//! The check of a data folder: every catalog, block and log record of every tenant, with what is wrong in words.
//!
//! Called by `fanal storage check` and before a restore. Beside a running server it checks catalog and blocks, which do not
//! change; the log does, and is left out.

use super::check_block::check_block;
use super::check_log::check_log;
use super::error::InspectError;
use super::folder::DataFolder;
use super::read_only::ReadOnlyDisk;
use super::{Finding, Progress, Severity, Watch};
use crate::block::{Block, block_name};
use crate::catalog::{BlockMeta, CATALOG_NAME, Catalog, Place};
use crate::disk::Disk;
use crate::failure;
use crate::tier::stub::stub_name;
use crate::vocabulary::Vocabulary;
use fanal_storage::TenantId;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What to do about damage.
pub(super) const RESTORE: &str =
    "restore the folder from a backup; until then answers leave it out and say so";

/// What a check found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// Tenants by name.
    pub tenants: Vec<TenantCheck>,
    /// Whether a server had the folder open, so that logs were left out.
    pub is_in_use: bool,
}

/// What a check found in the folder of a tenant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TenantCheck {
    /// The tenant.
    pub name: String,
    /// Blocks that were read.
    pub blocks: u64,
    /// Their bytes.
    pub block_bytes: u64,
    /// Spans read from them.
    pub block_spans: u64,
    /// Further blocks, which are in the object store and were not read.
    pub remote_blocks: u64,
    /// Records of the log that are in no block.
    pub log_records: u64,
    /// Spans read from them.
    pub log_spans: u64,
    /// What was found.
    pub findings: Vec<Finding>,
}

impl CheckReport {
    /// Findings of a severity.
    pub fn count(&self, severity: Severity) -> usize {
        let findings = self.tenants.iter().flat_map(|tenant| &tenant.findings);
        findings.filter(|finding| finding.severity == severity).count()
    }
}

/// What the check of one tenant collects.
#[derive(Debug)]
pub(super) struct Checking {
    pub(super) dir: PathBuf,
    pub(super) report: TenantCheck,
    /// Services and operations of the spans that were read.
    pub(super) met: Vocabulary,
}

impl Checking {
    fn new(folder: &DataFolder, tenant: &TenantId) -> Self {
        let report = TenantCheck { name: tenant.as_str().to_owned(), ..TenantCheck::default() };
        Self { dir: folder.tenant_dir(tenant), report, met: Vocabulary::default() }
    }

    pub(super) fn find(
        &mut self,
        severity: Severity,
        object: impl Into<String>,
        found: impl Into<String>,
        advice: &'static str,
    ) {
        let (object, found) = (object.into(), found.into());
        self.report.findings.push(Finding { severity, object, found, advice });
    }

    pub(super) fn damage(&mut self, object: &str, found: impl Into<String>) {
        self.find(Severity::Damage, object, found, RESTORE);
    }
}

/// Checks a data folder. Fails only where there is nothing to check; damage is in the report.
pub fn check(folder: &Path, watch: Watch<'_>) -> Result<CheckReport, InspectError> {
    let folder = DataFolder::open(folder)?;
    let mut report = CheckReport { is_in_use: folder.is_in_use, ..CheckReport::default() };
    for tenant in &folder.tenants {
        let mut checking = Checking::new(&folder, tenant);
        check_tenant(&mut checking, folder.is_in_use, watch);
        report.tenants.push(checking.report);
    }
    Ok(report)
}

fn check_tenant(checking: &mut Checking, is_in_use: bool, watch: Watch<'_>) {
    let Some(catalog) = read_catalog(checking) else { return };
    let total_bytes = catalog.blocks.iter().map(|block| block.bytes).sum();
    let mut done_bytes = 0;
    let blocks_dir = checking.dir.join("blocks");
    check_numbers(checking, &catalog);
    for &meta in &catalog.blocks {
        let object = format!("blocks/{}", block_name(meta.number));
        if matches!(meta.place, Place::Remote { .. }) {
            checking.report.remote_blocks += 1;
            continue;
        }
        watch(&Progress { object: &object, done_bytes, total_bytes });
        let block = Block::open(&ReadOnlyDisk, &blocks_dir, meta);
        if block.readable().is_err() && is_in_use && is_gone(checking, meta) {
            checking.find(
                Severity::Note,
                object,
                "was merged into another block while it was checked",
                "check again to see that one",
            );
            continue;
        }
        checking.report.blocks += 1;
        checking.report.block_bytes += meta.bytes;
        check_block(checking, &object, &block, &mut |bytes| {
            let done_bytes = done_bytes + bytes.min(meta.bytes);
            watch(&Progress { object: &object, done_bytes, total_bytes });
        });
        done_bytes += meta.bytes;
    }
    watch(&Progress { object: "log", done_bytes, total_bytes });
    check_vocabulary(checking, &catalog.vocabulary);
    if !is_in_use {
        check_names(checking, &catalog.blocks);
        check_log(checking, catalog.merged_through);
    }
}

fn read_catalog(checking: &mut Checking) -> Option<Catalog> {
    match Catalog::load(&ReadOnlyDisk, &checking.dir) {
        Ok(Some(catalog)) => Some(catalog),
        Ok(None) => {
            let has_files = ["log", "blocks"].iter().any(|name| {
                ReadOnlyDisk.list(&checking.dir.join(name)).is_ok_and(|names| !names.is_empty())
            });
            if has_files {
                let found = "is missing, but there are spans";
                checking.find(Severity::Damage, CATALOG_NAME, found, "restore from a backup");
            }
            None
        }
        Err(error) => {
            let found = failure::chain(&error);
            checking.find(Severity::Damage, CATALOG_NAME, found, "restore from a backup");
            None
        }
    }
}

/// Whether the catalog of now no longer has a block.
fn is_gone(checking: &Checking, meta: BlockMeta) -> bool {
    let now = Catalog::load(&ReadOnlyDisk, &checking.dir);
    now.is_ok_and(|now| now.is_some_and(|catalog| !catalog.blocks.contains(&meta)))
}

fn check_numbers(checking: &mut Checking, catalog: &Catalog) {
    let mut numbers = BTreeSet::new();
    for block in &catalog.blocks {
        let name = block_name(block.number);
        if !numbers.insert(block.number) {
            checking.damage(CATALOG_NAME, format!("names {name} twice"));
        }
    }
}

/// Services and operations of all blocks must be in the catalog, as far as its limits let them.
fn check_vocabulary(checking: &mut Checking, listed: &Vocabulary) {
    if listed.is_full() {
        return;
    }
    for (service, operations) in checking.met.clone().entries() {
        let missing = match listed.kinds_of(service) {
            None => Some(format!("does not list the service `{service}`")),
            Some(known) => operations.iter().find_map(|(name, kinds)| {
                let has = known.get(*name).is_some_and(|listed| listed & kinds == *kinds);
                (!has).then(|| format!("does not list `{name}` of the service `{service}`"))
            }),
        };
        if let Some(found) = missing {
            checking.damage(CATALOG_NAME, found);
        }
    }
}

/// Files that no catalog names.
fn check_names(checking: &mut Checking, blocks: &[BlockMeta]) {
    let files = |block: &BlockMeta| [block_name(block.number), stub_name(block.number)];
    let known: BTreeSet<String> = blocks.iter().flat_map(files).collect();
    for name in ReadOnlyDisk.list(&checking.dir.join("blocks")).unwrap_or_default() {
        if !known.contains(&name) {
            checking.find(
                Severity::Note,
                format!("blocks/{name}"),
                "is not in the catalog: left by a merge that did not finish",
                "nothing: the next start removes it",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::RealDisk;
    use crate::{LocalConfig, LocalStore};
    use fanal_base::ManualClock;
    use fanal_model::{SpanBatchBuilder, TraceId};
    use fanal_storage::SpanStore;
    use fanal_testkit::{Generator, GeneratorConfig, push_into};
    use std::sync::Arc;

    async fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("temp folder");
        let config = LocalConfig::new(folder.path());
        let store = LocalStore::open(config, Arc::new(ManualClock::at(1)), Arc::new(RealDisk));
        let store = store.expect("opens");
        let mut generator = Generator::new(GeneratorConfig::default(), 5);
        for number in 0..2 {
            let mut builder = SpanBatchBuilder::default();
            push_into(
                &generator.next_trace(1_760_000_000_000_000_000 + number).spans,
                &mut builder,
            );
            let tenant = TenantId::default_tenant();
            store.append(&tenant, builder.finish()).await.expect("kept");
            store.merge_now().expect("merges");
        }
        folder
    }

    #[tokio::test]
    async fn a_catalog_that_is_not_true_is_found() {
        let folder = folder().await;
        let dir = folder.path().join("tenants/default");
        let catalog = Catalog::load(&RealDisk, &dir).expect("reads").expect("is there");
        let test = |name: &str, change: fn(&mut Catalog), expect: &str| {
            let mut changed = catalog.clone();
            change(&mut changed);
            changed.store(&RealDisk, &dir).expect("stores");
            let report = check(folder.path(), &mut |_| {}).expect("checks");
            let found: Vec<&str> =
                report.tenants[0].findings.iter().map(|it| it.found.as_str()).collect();
            let is_told = found.iter().any(|found| found.contains(expect));
            assert!(is_told || expect.is_empty() && found.is_empty(), "{name}: {found:?}");
        };
        test("true", |_| {}, "");
        test("spans", |it| it.blocks[0].rows += 1, "the catalog says");
        test("traces", |it| it.blocks[0].traces += 1, "the catalog says");
        test("start", |it| it.blocks[0].starts.0 += 1, "times of its spans");
        test("end", |it| it.blocks[0].latest_end += 1, "times of its spans");
        test("newest", |it| it.blocks[0].newest_trace = TraceId([1; 16]), "times of its spans");
        test("twice", |it| it.blocks[1].number = it.blocks[0].number, "twice");
        test("names", |it| it.vocabulary = Vocabulary::default(), "does not list the service");
        test("fewer", |it| it.blocks.truncate(1), "is not in the catalog");
    }

    #[tokio::test]
    async fn a_block_under_the_name_of_another_is_found() {
        let folder = folder().await;
        let blocks = folder.path().join("tenants/default/blocks");
        let names = RealDisk.list(&blocks).expect("lists");
        std::fs::copy(blocks.join(&names[0]), blocks.join(&names[1])).expect("copies");
        let report = check(folder.path(), &mut |_| {}).expect("checks");
        assert!(report.count(Severity::Damage) > 0, "{report:?}");
    }
}
