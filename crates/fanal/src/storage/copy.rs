//! `fanal storage backup` and `restore`: copies data folders and tells what was copied.

use super::FolderArgs;
use super::words::{ProgressLine, bytes, counted};
use crate::cli::Output;
use fanal_local::inspect::{self, CopyReport, Transfer};
use serde_json::json;
use std::path::Path;

/// Copies the data folder to a new or empty folder.
pub(super) fn backup(args: &FolderArgs, to: &Path, is_copied: bool) -> anyhow::Result<()> {
    let mut line = ProgressLine::new("copying");
    let transfer = if is_copied { Transfer::Copy } else { Transfer::Link };
    let report =
        inspect::backup(&args.data_dir, to, transfer, &mut |progress| line.show(progress))?;
    drop(line);
    tell(args.output, "backed up", &args.data_dir, to, &report)
}

/// Checks a backup and copies it to the data folder, which is new or empty.
pub(super) fn restore(from: &Path, args: &FolderArgs) -> anyhow::Result<()> {
    let mut line = ProgressLine::new("restoring");
    let report = inspect::restore(from, &args.data_dir, &mut |progress| line.show(progress))?;
    drop(line);
    tell(args.output, "restored", from, &args.data_dir, &report)
}

fn tell(
    output: Output,
    done: &str,
    from: &Path,
    to: &Path,
    report: &CopyReport,
) -> anyhow::Result<()> {
    match output {
        Output::Text => print!("{}", text(done, from, to, report)),
        Output::Json => println!(
            "{}",
            json!({
                "from": from.display().to_string(),
                "to": to.display().to_string(),
                "tenants": report.tenants,
                "blocks": report.blocks,
                "linked_blocks": report.linked_blocks,
                "remote_blocks": report.remote_blocks,
                "block_bytes": report.block_bytes,
                "log_bytes": report.log_bytes,
                "warnings": report.warnings,
            })
        ),
    }
    if !report.warnings.is_empty() {
        anyhow::bail!(
            "the copy has what the folder had, and some of that is damaged; run `fanal storage check`"
        );
    }
    Ok(())
}

fn text(done: &str, from: &Path, to: &Path, report: &CopyReport) -> String {
    let mut text = format!(
        "{done} {} to {}: {}, {} ({}), {} of the log\n",
        from.display(),
        to.display(),
        counted(report.tenants, "tenant", "tenants"),
        counted(report.blocks, "block", "blocks"),
        bytes(report.block_bytes),
        bytes(report.log_bytes),
    );
    if report.linked_blocks > 0 {
        text.push_str(&format!(
            "{} are links to the same bytes; copy the backup to another disk, or use --copy\n",
            counted(report.linked_blocks, "block", "blocks")
        ));
    }
    if report.remote_blocks > 0 {
        text.push_str(&format!(
            "{} in the object store stay there; back up the bucket with its own means\n",
            counted(report.remote_blocks, "block", "blocks")
        ));
    }
    for warning in &report.warnings {
        text.push_str(&format!("warning: {warning}\n"));
    }
    text
}
