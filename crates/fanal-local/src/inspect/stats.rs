//! What the bytes of a data folder are spent on: by column, by attribute key, by service.
//!
//! Reads catalogs, directories and the column of resources, not the spans; works beside a running server.

use super::error::InspectError;
use super::folder::DataFolder;
use super::read_only::ReadOnlyDisk;
use crate::block::{Block, OpenBlock};
use crate::catalog::{Catalog, Place};
use crate::disk::Disk;
use crate::failure;
use crate::log::{self, log_number};
use crate::segment::{AttributeOwner, DictionaryId, Part, Segment, SegmentError, TextColumn};
use fanal_base::cast;
use fanal_model::{AttributeType, Resource};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Figures of a data folder.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StatsReport {
    /// Tenants by name.
    pub tenants: Vec<TenantStats>,
    /// Whether a server has the folder open.
    pub is_in_use: bool,
}

/// Figures of a tenant.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TenantStats {
    /// The tenant.
    pub name: String,
    /// Blocks of the catalog.
    pub blocks: u64,
    /// Their bytes.
    pub block_bytes: u64,
    /// Their spans.
    pub spans: u64,
    /// Earliest and latest start in blocks; `None` without spans.
    pub starts_unix_nanos: Option<(u64, u64)>,
    /// Of the blocks, those in the object store, which are not told apart below.
    pub remote_blocks: u64,
    /// Log files.
    pub log_files: u64,
    /// Bytes of log files, preallocated space included.
    pub log_file_bytes: u64,
    /// Records of the log that are in no block.
    pub log_records: u64,
    /// Their bytes.
    pub log_record_bytes: u64,
    /// Bytes of the blocks that merges wrote since the tenant exists.
    pub merged_bytes: u64,
    /// Bytes of the blocks that compaction wrote again since then.
    pub compacted_bytes: u64,
    /// Exact duplicates that merges and compaction left out since then.
    pub duplicate_spans: u64,
    /// Spans that retention dropped since then.
    pub expired_spans: u64,
    /// Bytes of the blocks that are here: what parts and keys come to.
    pub local_block_bytes: u64,
    /// Their spans.
    pub local_spans: u64,
    /// Bytes of blocks by what they are for, most first.
    pub parts: Vec<PartBytes>,
    /// Bytes of blocks by attribute key, most first.
    pub keys: Vec<KeyBytes>,
    /// Spans by service, most first.
    pub services: Vec<ServiceSpans>,
    /// Blocks that do not read, in words.
    pub warnings: Vec<String>,
}

/// Bytes of a column, or of something else that is not an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartBytes {
    /// What it is.
    pub name: String,
    /// Bytes, dictionary included.
    pub bytes: u64,
}

/// Bytes of an attribute key: what leaving it out would save.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyBytes {
    /// `span`, `event` or `link`.
    pub level: &'static str,
    /// The key; empty for all the keys that are too rare to have a column.
    pub key: String,
    /// Types of its values.
    pub types: Vec<&'static str>,
    /// Values.
    pub values: u64,
    /// Bytes, dictionaries included.
    pub bytes: u64,
}

/// Spans of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceSpans {
    /// The service.
    pub service: String,
    /// Spans in blocks.
    pub spans: u64,
}

/// Sums that grow from block to block.
#[derive(Debug, Default)]
struct Sums {
    parts: BTreeMap<String, u64>,
    keys: BTreeMap<(AttributeOwner, Box<str>), KeySums>,
    services: BTreeMap<String, u64>,
}

#[derive(Debug, Default)]
struct KeySums {
    types: BTreeSet<&'static str>,
    values: u64,
    bytes: u64,
}

/// Figures of a data folder.
pub fn stats(folder: &Path) -> Result<StatsReport, InspectError> {
    let folder = DataFolder::open(folder)?;
    let mut report = StatsReport { is_in_use: folder.is_in_use, ..StatsReport::default() };
    for tenant in &folder.tenants {
        let stats = tenant_stats(tenant.as_str(), &folder.tenant_dir(tenant))?;
        report.tenants.push(stats);
    }
    Ok(report)
}

fn tenant_stats(name: &str, dir: &Path) -> Result<TenantStats, InspectError> {
    let mut stats = TenantStats { name: name.to_owned(), ..TenantStats::default() };
    let catalog = Catalog::load(&ReadOnlyDisk, dir)?.unwrap_or_default();
    count_logs(&mut stats, &dir.join("log"), catalog.merged_through);
    stats.merged_bytes = catalog.written.merged_bytes;
    stats.compacted_bytes = catalog.written.compacted_bytes;
    stats.duplicate_spans = catalog.written.duplicate_rows;
    stats.expired_spans = catalog.written.expired_rows;
    let mut sums = Sums::default();
    for &meta in &catalog.blocks {
        stats.blocks += 1;
        stats.block_bytes += meta.bytes;
        stats.spans += meta.rows;
        let (earliest, latest) = stats.starts_unix_nanos.unwrap_or(meta.starts);
        stats.starts_unix_nanos = Some((earliest.min(meta.starts.0), latest.max(meta.starts.1)));
        if matches!(meta.place, Place::Remote { .. }) {
            stats.remote_blocks += 1;
            continue;
        }
        stats.local_block_bytes += meta.bytes;
        stats.local_spans += meta.rows;
        let block = Block::open(&ReadOnlyDisk, &dir.join("blocks"), meta);
        match block.readable() {
            Ok(open) => {
                if let Err(error) = sums.add(open, meta.bytes) {
                    stats.warnings.push(format!("services are not complete: {error}"));
                }
            }
            Err(warning) => stats.warnings.push(warning.to_owned()),
        }
    }
    sums.finish(&mut stats);
    Ok(stats)
}

fn count_logs(stats: &mut TenantStats, dir: &Path, merged_through: u64) {
    for name in ReadOnlyDisk.list(dir).unwrap_or_default() {
        if log_number(&name).is_some() {
            stats.log_files += 1;
            let bytes = ReadOnlyDisk.open(&dir.join(name)).map_or(0, |file| file.byte_length());
            stats.log_file_bytes += bytes;
        }
    }
    let scanned = log::scan(&ReadOnlyDisk, dir, merged_through, |record| {
        stats.log_records += 1;
        stats.log_record_bytes += cast::wide(record.body.len());
        Ok(())
    });
    if let Err(error) = scanned {
        stats.warnings.push(failure::chain(&error));
    }
}

impl Sums {
    fn add(&mut self, open: &OpenBlock, block_bytes: u64) -> Result<(), SegmentError> {
        let segment = &open.segment;
        let index_bytes = block_bytes.saturating_sub(segment.byte_length());
        *self.parts.entry("trace index".to_owned()).or_default() += index_bytes;
        for (part, bytes) in segment.bytes_by_part() {
            self.add_part(&part, bytes);
        }
        for granule in segment.granules() {
            for stats in granule.attributes() {
                let columns = segment.attribute_columns(stats.owner);
                if let Some(meta) = columns.get(cast::index(stats.column)) {
                    let sums = self.keys.entry((stats.owner, meta.key.clone())).or_default();
                    sums.values += u64::from(stats.count);
                }
            }
        }
        self.add_services(segment)
    }

    fn add_part(&mut self, part: &Part, bytes: u64) {
        match part {
            Part::Attribute(owner, key, kind) | Part::AttributeDictionary(owner, key, kind) => {
                let sums = self.keys.entry((*owner, key.clone())).or_default();
                sums.bytes += bytes;
                sums.types.insert(kind.map_or("rare keys", type_name));
            }
            Part::Shapes(owner) => {
                *self.parts.entry(format!("{} shapes", level(*owner))).or_default() += bytes;
            }
            _ => {
                let name = part.column().map_or_else(|| part.to_string(), str::to_owned);
                *self.parts.entry(name).or_default() += bytes;
            }
        }
    }

    fn add_services(&mut self, segment: &Segment) -> Result<(), SegmentError> {
        let resources = segment.dictionary(DictionaryId::Text(TextColumn::Resources))?;
        let mut counts = vec![0_u64; resources.as_ref().map_or(0, |table| table.len())];
        for granule in 0..segment.granules().len() {
            for code in segment.resource_codes(granule)? {
                if let Some(count) = counts.get_mut(cast::index(code)) {
                    *count += 1;
                }
            }
        }
        let entries = resources.iter().flat_map(|table| table.iter()).zip(counts);
        for (entry, spans) in entries.filter(|(_, spans)| *spans > 0) {
            let resource = Resource::decode(entry).unwrap_or_default();
            *self.services.entry(resource.service_name().to_owned()).or_default() += spans;
        }
        Ok(())
    }

    fn finish(self, stats: &mut TenantStats) {
        let parts = self.parts.into_iter().map(|(name, bytes)| PartBytes { name, bytes });
        stats.parts = parts.collect();
        stats.parts.sort_by_key(|part| std::cmp::Reverse(part.bytes));
        let keys = self.keys.into_iter().map(|((owner, key), sums)| KeyBytes {
            level: level(owner),
            key: key.into(),
            types: sums.types.into_iter().collect(),
            values: sums.values,
            bytes: sums.bytes,
        });
        stats.keys = keys.collect();
        stats.keys.sort_by_key(|key| std::cmp::Reverse(key.bytes));
        let services = self.services.into_iter();
        stats.services = services.map(|(service, spans)| ServiceSpans { service, spans }).collect();
        stats.services.sort_by_key(|service| std::cmp::Reverse(service.spans));
    }
}

fn level(owner: AttributeOwner) -> &'static str {
    match owner {
        AttributeOwner::Span => "span",
        AttributeOwner::Event => "event",
        AttributeOwner::Link => "link",
    }
}

fn type_name(kind: AttributeType) -> &'static str {
    match kind {
        AttributeType::Empty => "empty",
        AttributeType::String => "string",
        AttributeType::Bool => "bool",
        AttributeType::Int => "int",
        AttributeType::Float => "float",
        AttributeType::Bytes => "bytes",
        AttributeType::Array => "array",
        AttributeType::Map => "map",
    }
}
