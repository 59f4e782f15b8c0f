//! The check of a tenant's log: every record that is in no block, how each file ends, and the sequences between files.

use super::Severity;
use super::check::Checking;
use super::check_segment::{check_dictionaries, check_granule};
use super::read_only::ReadOnlyDisk;
use crate::failure;
use crate::log::{self, LogEnd, LogScan, Record, log_name};
use crate::segment::{Segment, SegmentError};
use fanal_base::cast;
use fanal_storage::Projection;
use std::sync::Arc;

/// Checks the log behind `merged_through`.
pub(super) fn check_log(checking: &mut Checking, merged_through: u64) {
    let dir = checking.dir.join("log");
    let outcome = log::scan(&ReadOnlyDisk, &dir, merged_through, |record| {
        check_record(checking, record);
        Ok(())
    });
    match outcome {
        Ok(scans) => check_files(checking, &scans, merged_through),
        Err(error) => checking.find(
            Severity::Damage,
            "log",
            failure::chain(&error),
            "the server does not start with it: restore from a backup, or move the file away and lose its spans",
        ),
    }
}

fn check_record(checking: &mut Checking, record: Record) {
    let object = format!("log, record {}", record.sequence);
    checking.report.log_records += 1;
    match read_record(record.body) {
        Ok((rows, found)) => {
            checking.report.log_spans += rows;
            for found in found {
                checking.damage(&object, found);
            }
        }
        Err(error) => checking.damage(&object, failure::chain(&error)),
    }
}

/// Spans of a record, and what is wrong with it.
fn read_record(body: Vec<u8>) -> Result<(u64, Vec<String>), SegmentError> {
    let segment = Segment::open(Arc::new(body))?;
    let mut found = check_dictionaries(&segment);
    let mut rows = 0;
    for granule in 0..segment.granules().len() {
        let batch = segment.read_batch(granule..granule + 1, Projection::Full)?;
        batch.validate()?;
        found.extend(check_granule(&segment, granule, &batch, 0..batch.len())?);
        rows += cast::wide(batch.len());
    }
    Ok((rows, found))
}

fn check_files(checking: &mut Checking, scans: &[LogScan], merged_through: u64) {
    for (position, scan) in scans.iter().enumerate() {
        let object = format!("log/{}", log_name(scan.number));
        let wanted = scan.last_sequence + 1;
        match scan.end {
            LogEnd::Clean => {}
            LogEnd::Torn => checking.find(
                Severity::Warning,
                &*object,
                format!("ends in record {wanted}, which is not whole"),
                "nothing after a crash: it was never acknowledged. Without one it is damage: restore from a backup",
            ),
            LogEnd::Broken => checking.find(
                Severity::Damage,
                &*object,
                format!("record {wanted} is damaged; it and those behind it are lost to the next start"),
                "restore from a backup",
            ),
        }
        let Some(next) = scans.get(position + 1) else { break };
        let is_needed = next.first_sequence > merged_through + 1;
        if is_needed && wanted < next.first_sequence && scan.end == LogEnd::Clean {
            checking.find(
                Severity::Warning,
                object,
                format!("records {wanted} to {} are not there", next.first_sequence - 1),
                "nothing after a failed write, which was refused. Without one it is damage: restore from a backup",
            );
        }
    }
}
