//! Checks, figures and copies of data folders: every flipped bit is found, and a copy made under load is whole.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use fanal_base::{ManualClock, cast};
use fanal_local::inspect::{
    self, CheckReport, InspectError, Progress, Severity, Transfer, backup, restore,
};
use fanal_local::{LocalConfig, LocalStore, RealDisk};
use fanal_model::{SpanBatch, SpanBatchBuilder, TraceId};
use fanal_storage::{Projection, SpanStore, TenantId};
use fanal_testkit::{Generator, GeneratorConfig, push_into};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

fn open(folder: &Path) -> LocalStore {
    let config = LocalConfig {
        log_file_bytes: 64 << 10,
        block_rows: 200,
        granule_rows: 32,
        ..LocalConfig::new(folder)
    };
    LocalStore::open(config, Arc::new(ManualClock::at(1)), Arc::new(RealDisk)).expect("opens")
}

fn tenant() -> TenantId {
    TenantId::default_tenant()
}

fn batch(generator: &mut Generator, traces: u64) -> SpanBatch {
    let mut builder = SpanBatchBuilder::default();
    for number in 0..traces {
        let spans = generator.next_trace(1_760_000_000_000_000_000 + number).spans;
        push_into(&spans[..spans.len().min(20)], &mut builder);
    }
    builder.finish()
}

/// A folder with two blocks and some log records.
async fn small_folder(folder: &Path) {
    let store = open(folder);
    let mut generator = Generator::new(GeneratorConfig::default(), 3);
    for _ in 0..2 {
        store.append(&tenant(), batch(&mut generator, 6)).await.expect("kept");
        store.merge_now().expect("merges");
    }
    for _ in 0..3 {
        store.append(&tenant(), batch(&mut generator, 1)).await.expect("kept");
    }
}

fn check(folder: &Path) -> CheckReport {
    inspect::check(folder, &mut |_: &Progress<'_>| {}).expect("is a data folder")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("lists") {
        let path = entry.expect("lists").path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// Bytes of a file that mean something: padding, preallocated space and spare files do not.
fn meaning(path: &Path, bytes: &[u8]) -> Vec<usize> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).expect("named");
    if name.starts_with("spare-") || name == "LOCK" {
        return Vec::new();
    }
    if path.extension().is_none_or(|extension| extension != "log") {
        return (0..bytes.len()).collect();
    }
    let mut places: Vec<usize> = (0..40).collect();
    let mut record = 512;
    while bytes[record..].starts_with(b"FREC") {
        let length = bytes[record + 16..record + 20].try_into().map_or(0, u32::from_le_bytes);
        let end = record + 40 + cast::index(length);
        places.extend(record..end);
        record = end.next_multiple_of(512);
    }
    places
}

#[tokio::test]
async fn every_flipped_bit_is_found() {
    let folder = tempfile::tempdir().expect("temp folder");
    small_folder(folder.path()).await;
    let report = check(folder.path());
    let [found] = &*report.tenants else { panic!("one tenant") };
    assert_eq!((found.blocks, found.log_records, &*found.findings), (2, 3, &[][..]));
    let mut flips = 0;
    for path in files(folder.path()) {
        let bytes = fs::read(&path).expect("reads");
        // A prime step, so that the flips fall everywhere.
        for place in meaning(&path, &bytes).into_iter().step_by(37) {
            let mut damaged = bytes.clone();
            damaged[place] ^= 1 << (place % 8);
            fs::write(&path, &damaged).expect("writes");
            let report = check(folder.path());
            let found = report.count(Severity::Damage) + report.count(Severity::Warning);
            assert!(found > 0, "byte {place} of {}", path.display());
            flips += 1;
        }
        fs::write(&path, &bytes).expect("writes");
    }
    assert!(flips > 500, "{flips} flips");
    assert_eq!(check(folder.path()), report);
}

#[tokio::test]
async fn missing_files_are_found() {
    let folder = tempfile::tempdir().expect("temp folder");
    small_folder(folder.path()).await;
    for path in files(folder.path()) {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).expect("named");
        let is_block = path.extension().is_some_and(|extension| extension == "block");
        let is_needed = is_block || name == "CATALOG";
        let aside = folder.path().join("aside");
        fs::rename(&path, &aside).expect("moves");
        let report = check(folder.path());
        assert_eq!(report.count(Severity::Damage) > 0, is_needed, "{name}: {report:?}");
        fs::rename(&aside, &path).expect("moves back");
    }
    let orphan = folder.path().join("tenants/default/blocks/00000000000000ff.block");
    fs::write(orphan, b"half").expect("writes");
    assert_eq!(check(folder.path()).count(Severity::Note), 1);
}

#[tokio::test]
async fn a_damaged_record_before_others_is_no_torn_end() {
    let folder = tempfile::tempdir().expect("temp folder");
    small_folder(folder.path()).await;
    let log =
        files(folder.path()).into_iter().find(|path| path.extension().is_some_and(|e| e == "log"));
    let log = log.expect("a log file");
    let bytes = fs::read(&log).expect("reads");
    let places: Vec<usize> = (512..bytes.len()).step_by(512).collect();
    let records: Vec<usize> =
        places.into_iter().filter(|&place| bytes[place..].starts_with(b"FREC")).collect();
    let severity = |place: usize| {
        let mut damaged = bytes.clone();
        damaged[place] ^= 1;
        fs::write(&log, &damaged).expect("writes");
        let report = check(folder.path());
        report.tenants[0].findings.iter().map(|finding| finding.severity).max()
    };
    let last = *records.last().expect("records");
    // The clock stands still in this test, so that all records seem to be of one write.
    assert_eq!(severity(last + 60), Some(Severity::Warning));
    // A wrong magic alone cannot be a torn write.
    assert_eq!(severity(last), Some(Severity::Damage));
}

#[tokio::test]
async fn figures_come_to_the_bytes_of_the_blocks() {
    let folder = tempfile::tempdir().expect("temp folder");
    small_folder(folder.path()).await;
    let report = inspect::stats(folder.path()).expect("figures");
    let [stats] = &*report.tenants else { panic!("one tenant") };
    let parts: u64 = stats.parts.iter().map(|part| part.bytes).sum();
    let keys: u64 = stats.keys.iter().map(|key| key.bytes).sum();
    assert_eq!(parts + keys, stats.block_bytes);
    let services: u64 = stats.services.iter().map(|service| service.spans).sum();
    assert_eq!(services, stats.spans);
    assert!(stats.keys.iter().any(|key| key.level == "event" && key.values > 0));
    assert!(stats.warnings.is_empty() && !report.is_in_use);
}

/// Traces of three spans each, numbered from 1.
fn numbered(number: u64) -> SpanBatch {
    let mut generator = Generator::new(GeneratorConfig::clean(), number);
    let mut batch = batch(&mut generator, 1);
    for id in &mut batch.trace_ids {
        *id = trace_id(number);
    }
    batch
}

fn trace_id(number: u64) -> TraceId {
    TraceId(u128::from(number).to_be_bytes())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_under_load_is_whole() {
    let folder = tempfile::tempdir().expect("temp folder");
    let store = Arc::new(open(&folder.path().join("data")));
    let (begun, kept) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let is_over = Arc::new(AtomicBool::new(false));
    let load = {
        let (store, begun, kept) = (Arc::clone(&store), Arc::clone(&begun), Arc::clone(&kept));
        let is_over = Arc::clone(&is_over);
        tokio::spawn(async move {
            for number in 1.. {
                if is_over.load(Ordering::Acquire) {
                    return;
                }
                begun.store(number, Ordering::Release);
                store.append(&tenant(), numbered(number)).await.expect("kept");
                kept.store(number, Ordering::Release);
            }
        })
    };
    for round in 0..6_u64 {
        while kept.load(Ordering::Acquire) < (round + 1) * 60 {
            tokio::task::yield_now().await;
        }
        let before = kept.load(Ordering::Acquire);
        let to = folder.path().join(format!("backup-{round}"));
        let transfer = if round % 2 == 0 { Transfer::Link } else { Transfer::Copy };
        let (from, target) = (folder.path().join("data"), to.clone());
        let copied = tokio::task::spawn_blocking(move || {
            backup(&from, &target, transfer, &mut |_: &Progress<'_>| {})
        });
        let copied = copied.await.expect("runs").expect("copies");
        assert_eq!(copied.warnings, Vec::<String>::new());
        let after = begun.load(Ordering::Acquire);
        assert_eq!(check(&to).tenants[0].findings, []);
        let copy = open(&to);
        let ids: Vec<TraceId> = (1..=after).map(trace_id).collect();
        let traces = copy.traces(&tenant(), &ids, Projection::Summary).await.expect("answers");
        let present: Vec<TraceId> = traces.iter().map(|trace| trace.trace_id).collect();
        assert!(cast::wide(present.len()) >= before, "{} of {before}", present.len());
        assert_eq!(present, ids[..present.len()], "a beginning of what was sent");
        for (number, trace) in (1..).zip(&traces) {
            assert_eq!(trace.spans.len(), numbered(number).len(), "trace {number}");
        }
    }
    is_over.store(true, Ordering::Release);
    load.await.expect("ends");
}

#[tokio::test]
async fn a_restored_folder_is_the_same() {
    let folder = tempfile::tempdir().expect("temp folder");
    let [data, copy, again] = ["data", "copy", "again"].map(|name| folder.path().join(name));
    small_folder(&data).await;
    let mut watch = |_: &Progress<'_>| {};
    backup(&data, &copy, Transfer::Link, &mut watch).expect("copies");
    restore(&copy, &again, &mut watch).expect("restores");
    let (expected, found) = (check(&data), check(&again));
    assert_eq!(found, expected);
    let store = open(&again);
    let spans = expected.tenants[0].block_spans + expected.tenants[0].log_spans;
    assert_eq!(store.stats(&tenant()).await.expect("answers").spans, spans);
}

#[tokio::test]
async fn what_must_not_be_copied_is_refused() {
    let folder = tempfile::tempdir().expect("temp folder");
    let [data, copy, target] = ["data", "copy", "target"].map(|name| folder.path().join(name));
    let mut watch = |_: &Progress<'_>| {};
    let missing = backup(&data, &copy, Transfer::Link, &mut watch).expect_err("nothing there");
    assert!(matches!(missing, InspectError::Missing { .. }), "{missing}");
    small_folder(&data).await;
    let no_store = backup(folder.path(), &copy, Transfer::Link, &mut watch).expect_err("above");
    assert!(matches!(no_store, InspectError::NoStore { .. }), "{no_store}");
    let inside = backup(&data, &data.join("copy"), Transfer::Link, &mut watch);
    assert!(matches!(inside, Err(InspectError::Nested { .. })), "{inside:?}");
    backup(&data, &copy, Transfer::Copy, &mut watch).expect("copies");
    let occupied = backup(&data, &copy, Transfer::Link, &mut watch).expect_err("has spans");
    assert!(matches!(occupied, InspectError::Occupied { .. }), "{occupied}");
    let store = open(&copy);
    let in_use = restore(&copy, &target, &mut watch).expect_err("a store has it open");
    assert!(matches!(in_use, InspectError::InUse { .. }), "{in_use}");
    drop(store);
    let block =
        files(&copy).into_iter().find(|path| path.extension().is_some_and(|e| e == "block"));
    let block = block.expect("a block");
    let mut bytes = fs::read(&block).expect("reads");
    bytes[100] ^= 1;
    fs::write(&block, bytes).expect("writes");
    let damaged = restore(&copy, &target, &mut watch).expect_err("damaged");
    assert!(matches!(damaged, InspectError::Damaged { count: 1.., .. }), "{damaged}");
    assert!(!target.exists(), "nothing is left of a refused restore");
}
