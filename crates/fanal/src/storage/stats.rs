//! `fanal storage stats`: prints what the bytes of a data folder are spent on.

use super::FolderArgs;
use super::words::{bytes, count, counted, percent};
use crate::ask::show_time;
use crate::cli::Output;
use fanal_base::cast;
use fanal_local::inspect::{self, KeyBytes, StatsReport, TenantStats};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Columns of a full bar.
const BAR: u64 = 24;
/// A key that takes at least this share, in percent, is worth a hint.
const HINT_PERCENT: f64 = 5.0;

/// Prints figures of a data folder, at most `top` lines a table, 0 for all.
pub(super) fn run(args: &FolderArgs, top: usize) -> anyhow::Result<()> {
    let report = inspect::stats(&args.data_dir)?;
    match args.output {
        Output::Text => print!("{}", text(&report, if top == 0 { usize::MAX } else { top })),
        Output::Json => println!("{}", answer(&report)),
    }
    Ok(())
}

fn text(report: &StatsReport, top: usize) -> String {
    let mut text = String::new();
    for tenant in &report.tenants {
        tenant_text(&mut text, tenant, top);
    }
    if report.tenants.is_empty() {
        text.push_str("the folder has no tenant yet\n");
    }
    text
}

fn per_span(bytes: u64, spans: u64) -> f64 {
    if spans == 0 { 0.0 } else { cast::figure(bytes) / cast::figure(spans) }
}

fn tenant_text(text: &mut String, tenant: &TenantStats, top: usize) {
    let (spans, whole) = (tenant.local_spans, tenant.local_block_bytes);
    head_text(text, tenant);
    for warning in &tenant.warnings {
        let _ = writeln!(text, "  incomplete: {warning}");
    }
    if whole == 0 {
        text.push_str(
            "\n  nothing is merged into blocks yet, so there is nothing to tell apart\n\n",
        );
        return;
    }
    let keys: u64 = tenant.keys.iter().map(|key| key.bytes).sum();
    heading(text, "COLUMN");
    let attributes = ("attributes (below)".to_owned(), keys);
    let mut parts: Vec<(String, u64)> =
        tenant.parts.iter().map(|part| (part.name.clone(), part.bytes)).collect();
    parts.push(attributes);
    parts.sort_by_key(|part| std::cmp::Reverse(part.1));
    lines(text, &parts, top, spans, whole);
    heading(text, "ATTRIBUTE");
    let named: Vec<(String, u64)> =
        tenant.keys.iter().map(|key| (key_name(key), key.bytes)).collect();
    lines(text, &named, top, spans, whole);
    for (name, saved) in &named {
        let share = percent(*saved, whole);
        if share >= HINT_PERCENT {
            let _ = writeln!(text, "  dropping {name} saves {share:.0} %");
        }
    }
    let _ = writeln!(text, "\n  {:<44} {:>14} {:>8}", "SERVICE", "SPANS", "SHARE");
    for service in tenant.services.iter().take(top) {
        let share = percent(service.spans, spans);
        let name = shortened(&service.service);
        let _ = writeln!(text, "  {name:<44} {:>14} {share:>6.1} %", count(service.spans));
    }
    told_rest(text, tenant.services.len(), top);
    text.push('\n');
}

/// What there is in all.
fn head_text(text: &mut String, tenant: &TenantStats) {
    let _ = writeln!(
        text,
        "tenant {}\n  blocks   {} with {}, {}, {:.1} bytes a span",
        tenant.name,
        counted(tenant.blocks, "block", "blocks"),
        counted(tenant.spans, "span", "spans"),
        bytes(tenant.block_bytes),
        per_span(tenant.block_bytes, tenant.spans)
    );
    if tenant.remote_blocks > 0 {
        let remote = counted(tenant.remote_blocks, "block", "blocks");
        let _ = writeln!(text, "  remote   {remote} in the object store, not told apart below");
    }
    if let Some((earliest, latest)) = tenant.starts_unix_nanos {
        let _ = writeln!(text, "  from     {} to {}", show_time(earliest), show_time(latest));
    }
    let _ = writeln!(
        text,
        "  log      {} that are in no block yet, {}; {} of {}",
        counted(tenant.log_records, "record", "records"),
        bytes(tenant.log_record_bytes),
        counted(tenant.log_files, "file", "files"),
        bytes(tenant.log_file_bytes)
    );
    if let Some(amplification) = amplification(tenant) {
        let _ = writeln!(
            text,
            "  written  {} by merges, {} again by compaction: {amplification:.2} times",
            bytes(tenant.merged_bytes),
            bytes(tenant.compacted_bytes),
        );
    }
    let gone = [(tenant.duplicate_spans, "as duplicates"), (tenant.expired_spans, "by retention")];
    for (spans, why) in gone.into_iter().filter(|(spans, _)| *spans > 0) {
        let _ = writeln!(text, "  dropped  {} {why}", counted(spans, "span", "spans"));
    }
}

/// How often the bytes of blocks were written.
fn amplification(tenant: &TenantStats) -> Option<f64> {
    let all = tenant.merged_bytes.saturating_add(tenant.compacted_bytes);
    (tenant.merged_bytes > 0).then(|| cast::figure(all) / cast::figure(tenant.merged_bytes))
}

fn heading(text: &mut String, what: &str) {
    let _ = writeln!(text, "\n  {what:<44} {:>10} {:>8} {:>8}", "BYTES", "A SPAN", "SHARE");
}

fn lines(text: &mut String, named: &[(String, u64)], top: usize, spans: u64, whole: u64) {
    for (name, size) in named.iter().take(top) {
        let _ = writeln!(
            text,
            "  {:<44} {:>10} {:>8.2} {:>6.1} %  {}",
            shortened(name),
            bytes(*size),
            per_span(*size, spans),
            percent(*size, whole),
            bar(*size, whole)
        );
    }
    told_rest(text, named.len(), top);
}

fn told_rest(text: &mut String, count: usize, top: usize) {
    if count > top {
        let _ = writeln!(text, "  … and {} more; --top 0 shows all", count - top);
    }
}

fn key_name(key: &KeyBytes) -> String {
    if key.key.is_empty() {
        return format!("{}: rare keys", key.level);
    }
    match key.level {
        "span" => key.key.clone(),
        level => format!("{level}: {}", key.key),
    }
}

/// A name that fits its column.
fn shortened(name: &str) -> String {
    const WIDTH: usize = 44;
    if name.chars().count() <= WIDTH {
        return name.to_owned();
    }
    name.chars().take(WIDTH - 1).chain(['…']).collect()
}

/// A bar in eighths of a character.
fn bar(part: u64, whole: u64) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = u128::from(part) * u128::from(BAR) * 8 / u128::from(whole.max(1));
    let eighths = usize::try_from(eighths).unwrap_or(usize::MAX).min(cast::size(BAR) * 8);
    format!("{}{}", "█".repeat(eighths / 8), EIGHTHS[eighths % 8])
}

fn answer(report: &StatsReport) -> Value {
    let tenants: Vec<Value> = report.tenants.iter().map(tenant_answer).collect();
    json!({ "tenants": tenants, "is_in_use": report.is_in_use })
}

fn tenant_answer(tenant: &TenantStats) -> Value {
    let keys = tenant.keys.iter().map(|key| {
        json!({
            "level": key.level,
            "key": key.key,
            "types": key.types,
            "values": key.values,
            "bytes": key.bytes,
            "share": percent(key.bytes, tenant.local_block_bytes) / 100.0,
        })
    });
    let parts = tenant.parts.iter().map(|part| json!({ "name": part.name, "bytes": part.bytes }));
    let services = tenant.services.iter();
    let services = services.map(|it| json!({ "service": it.service, "spans": it.spans }));
    let moment = |pick: fn((u64, u64)) -> u64| {
        tenant.starts_unix_nanos.map(|starts| pick(starts).to_string())
    };
    json!({
        "name": tenant.name,
        "blocks": tenant.blocks,
        "block_bytes": tenant.block_bytes,
        "spans": tenant.spans,
        "bytes_per_span": per_span(tenant.block_bytes, tenant.spans),
        "earliest_start_unix_nano": moment(|starts| starts.0),
        "latest_start_unix_nano": moment(|starts| starts.1),
        "log_files": tenant.log_files,
        "log_file_bytes": tenant.log_file_bytes,
        "log_records": tenant.log_records,
        "log_record_bytes": tenant.log_record_bytes,
        "remote_blocks": tenant.remote_blocks,
        "local_block_bytes": tenant.local_block_bytes,
        "merged_bytes": tenant.merged_bytes,
        "compacted_bytes": tenant.compacted_bytes,
        "write_amplification": amplification(tenant),
        "duplicate_spans": tenant.duplicate_spans,
        "expired_spans": tenant.expired_spans,
        "columns": parts.collect::<Vec<_>>(),
        "attributes": keys.collect::<Vec<_>>(),
        "services": services.collect::<Vec<_>>(),
        "warnings": tenant.warnings,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_and_names_fit() {
        assert_eq!(bar(0, 10), "");
        assert_eq!(bar(10, 10), "█".repeat(24));
        assert_eq!(bar(1, 16), "█▌");
        assert_eq!(bar(1, 0), "█".repeat(24));
        assert_eq!(shortened(&"ü".repeat(50)).chars().count(), 44);
    }

    #[test]
    fn large_keys_get_a_hint() {
        let key = |name: &str, bytes| KeyBytes {
            level: "span",
            key: name.to_owned(),
            types: vec!["string"],
            values: 4,
            bytes,
        };
        let tenant = TenantStats {
            name: "a".to_owned(),
            blocks: 1,
            local_block_bytes: 1000,
            local_spans: 4,
            keys: vec![key("http.url", 140), key("small", 10)],
            ..TenantStats::default()
        };
        let shown = text(&StatsReport { tenants: vec![tenant], is_in_use: false }, 1);
        assert!(shown.contains("dropping http.url saves 14 %"), "{shown}");
        assert!(shown.contains("… and 1 more") && !shown.contains("dropping small"), "{shown}");
    }
}
