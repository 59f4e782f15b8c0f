//! `fanal storage check`: prints what the check of a data folder found.

use super::FolderArgs;
use super::words::{ProgressLine, bytes, counted};
use crate::cli::Output;
use fanal_local::inspect::{self, CheckReport, Severity};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Runs the check and prints its report. Fails where something is damaged.
pub(super) fn run(args: &FolderArgs) -> anyhow::Result<()> {
    let mut line = ProgressLine::new("checking");
    let report = inspect::check(&args.data_dir, &mut |progress| line.show(progress))?;
    drop(line);
    match args.output {
        Output::Text => print!("{}", text(&report)),
        Output::Json => println!("{}", answer(&report)),
    }
    let damaged = report.count(Severity::Damage);
    if damaged > 0 {
        let found = counted(fanal_base::cast::wide(damaged), "finding", "findings");
        anyhow::bail!("{} is damaged: {found}", args.data_dir.display());
    }
    Ok(())
}

fn text(report: &CheckReport) -> String {
    let mut text = String::new();
    for tenant in &report.tenants {
        let _ = writeln!(
            text,
            "tenant {}: {} in {} ({}), {} in {} of the log",
            tenant.name,
            counted(tenant.block_spans, "span", "spans"),
            counted(tenant.blocks, "block", "blocks"),
            bytes(tenant.block_bytes),
            counted(tenant.log_spans, "span", "spans"),
            counted(tenant.log_records, "record", "records"),
        );
        if tenant.remote_blocks > 0 {
            let remote = counted(tenant.remote_blocks, "block", "blocks");
            let _ = writeln!(text, "  {remote} in the object store were not read");
        }
        for finding in &tenant.findings {
            let _ = writeln!(
                text,
                "  {:<8} {}: {}\n           → {}",
                finding.severity.as_str(),
                finding.object,
                finding.found,
                finding.advice
            );
        }
    }
    if report.tenants.is_empty() {
        text.push_str("the folder has no tenant yet\n");
    }
    if report.is_in_use {
        text.push_str(
            "a server uses the folder: its log was left out; stop the server to check all\n",
        );
    }
    let damaged = report.count(Severity::Damage);
    let warned = report.count(Severity::Warning);
    match (damaged, warned) {
        (0, 0) => text.push_str("everything checks out\n"),
        (0, _) => text.push_str("nothing is certainly damaged; see the warnings\n"),
        _ => {}
    }
    text
}

fn answer(report: &CheckReport) -> Value {
    let tenants: Vec<Value> = report
        .tenants
        .iter()
        .map(|tenant| {
            let findings: Vec<Value> = tenant
                .findings
                .iter()
                .map(|finding| {
                    json!({
                        "severity": finding.severity.as_str(),
                        "object": finding.object,
                        "found": finding.found,
                        "advice": finding.advice,
                    })
                })
                .collect();
            json!({
                "name": tenant.name,
                "blocks": tenant.blocks,
                "block_bytes": tenant.block_bytes,
                "block_spans": tenant.block_spans,
                "remote_blocks": tenant.remote_blocks,
                "log_records": tenant.log_records,
                "log_spans": tenant.log_spans,
                "findings": findings,
            })
        })
        .collect();
    json!({
        "tenants": tenants,
        "is_in_use": report.is_in_use,
        "damaged": report.count(Severity::Damage),
        "warnings": report.count(Severity::Warning),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use fanal_local::inspect::{Finding, TenantCheck};

    #[test]
    fn damage_is_named_with_what_to_do() {
        let finding = Finding {
            severity: Severity::Damage,
            object: "blocks/7".to_owned(),
            found: "checksum differs".to_owned(),
            advice: "restore",
        };
        let tenant =
            TenantCheck { name: "a".to_owned(), findings: vec![finding], ..TenantCheck::default() };
        let report = CheckReport { tenants: vec![tenant], is_in_use: true };
        let shown = text(&report);
        assert!(
            shown.contains("damage   blocks/7: checksum differs\n           → restore"),
            "{shown}"
        );
        assert!(shown.contains("its log was left out") && !shown.contains("checks out"), "{shown}");
        assert_eq!(answer(&report)["tenants"][0]["findings"][0]["severity"], "damage");
        assert!(text(&CheckReport::default()).contains("everything checks out"));
    }
}
